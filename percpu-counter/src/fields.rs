//! [`counter_set!`](crate::counter_set): structs whose fields are all counters.

/// A struct of `u64` counters: what [`counter_set!`](crate::counter_set) declares.
///
/// ```
/// use percpu_counter::{CounterFields, counter_set};
/// counter_set! { struct Stats { packets, bytes } }
/// let seen = Stats { packets: 2, bytes: 30 }.plus(Stats::ZERO);
/// assert_eq!(seen.fields().collect::<Vec<_>>(), [("packets", 2), ("bytes", 30)]);
/// ```
pub trait CounterFields: Copy + Send + Sync + 'static {
    /// All fields zero.
    const ZERO: Self;

    /// Field by field, wrapping.
    #[must_use]
    fn plus(self, other: Self) -> Self;

    /// Each field's name and value, in the order of their declaration.
    fn fields(self) -> impl Iterator<Item = (&'static str, u64)>;
}

/// Declares structs whose fields are all `u64` counters, for
/// [`CounterSet`](crate::CounterSet).
///
/// Fields are as visible as the struct. Each struct is `Copy`, `Debug`, `Default`,
/// `Eq` and [`CounterFields`].
///
/// ```
/// use percpu_counter::{counter, counter_set};
///
/// counter_set! {
///     /// What a connection did.
///     pub struct Traffic {
///         /// Packets that came.
///         packets,
///         /// Bytes in them.
///         bytes,
///     }
/// }
/// counter! { static TRAFFIC: CounterSet<Traffic>; }
///
/// TRAFFIC.with(|t| { t.packets += 1; t.bytes += 64; });
/// assert_eq!(TRAFFIC.snapshot()?.total(), Traffic { packets: 1, bytes: 64 });
/// # Ok::<(), percpu_counter::Error>(())
/// ```
#[macro_export]
macro_rules! counter_set {
    ($(
        $(#[$meta:meta])*
        $vis:vis struct $Name:ident { $($(#[$about:meta])* $field:ident),+ $(,)? }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        $vis struct $Name { $($(#[$about])* $vis $field: u64),+ }

        impl $crate::CounterFields for $Name {
            const ZERO: Self = Self { $($field: 0),+ };

            fn plus(self, other: Self) -> Self {
                Self { $($field: self.$field.wrapping_add(other.$field)),+ }
            }

            fn fields(self) -> impl ::core::iter::Iterator<Item = (&'static str, u64)> {
                [$((stringify!($field), self.$field)),+].into_iter()
            }
        }
    )*};
}
