//! [`CounterFields`]: structs whose fields are all counters.

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
