//! Statics of a run, for the engine with one thread: loom's macro.

#[doc(hidden)]
#[macro_export]
macro_rules! __plain_lazy_static {
    ($($vis:vis static ref $NAME:ident: $T:ty = $initial:expr;)*) => {$(
        #[derive(Debug)]
        $vis struct $NAME;
        impl ::core::ops::Deref for $NAME {
            type Target = $T;
            fn deref(&self) -> &$T {
                static LAZY: $crate::__private::Lazy<$T> =
                    $crate::__private::Lazy::new(|| $initial);
                LAZY.get()
            }
        }
    )*};
}
