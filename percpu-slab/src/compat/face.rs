//! What all guards do alike.

/// The key, the value, and what the value can: of a guard around `inner`.
macro_rules! guard {
    ($guard:ty, [$($generics:tt)*], $value:ident: [$($bounds:tt)*]) => {
        impl<$($generics)*> $guard
        where
            $value: $($bounds)*
        {
            /// The key that this was got by.
            pub fn key(&self) -> usize {
                self.inner.key()
            }
        }

        impl<$($generics)*> ::core::ops::Deref for $guard
        where
            $value: $($bounds)*
        {
            type Target = $value;

            #[inline]
            fn deref(&self) -> &$value {
                &self.inner
            }
        }

        impl<$($generics)*> ::core::fmt::Debug for $guard
        where
            $value: ::core::fmt::Debug + $($bounds)*
        {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                self.inner.fmt(f)
            }
        }

        impl<$($generics)*> PartialEq<$value> for $guard
        where
            $value: PartialEq<$value> + $($bounds)*
        {
            fn eq(&self, other: &$value) -> bool {
                **self == *other
            }
        }
    };
}

pub(super) use guard;
