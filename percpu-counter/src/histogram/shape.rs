//! [`Shape`]: which bucket a value falls into. Pure arithmetic.
//!
//! ```text
//!   low 1, 1 digit: 2^5 is the first power of two from 2 * 10^1 on
//!
//!   value    0 .. 31    32 .. 63    64 .. 127    128 .. 255   ...
//!   bucket   0 .. 31    32 .. 47    48 .. 63      64 .. 79
//!   width       1          2           4             8
//! ```
//!
//! The first 2^5 buckets are as wide as the greatest power of two in `low`; from
//! there on each power of two is cut into 2^4 equal buckets, so that they get twice
//! as wide when the values get twice as large. This is the arithmetic of
//! HdrHistogram, bucket by bucket.

use std::fmt;
use std::num::NonZeroU64;
use std::ops::RangeInclusive;

use super::shape_error::ShapeError;

/// Range and precision of a histogram: which values share a bucket.
///
/// The parameters mean what they mean for HdrHistogram, and the buckets are the same.
/// A constant can hold one, and then a mistake in it is found by the compiler.
///
/// ```
/// use percpu_counter::histogram::Shape;
/// const NANOSECONDS_TO_A_MINUTE: Shape = match Shape::new(1, 60_000_000_000, 2) {
///     Ok(shape) => shape,
///     Err(_) => panic!("not a shape"),
/// };
/// assert_eq!(NANOSECONDS_TO_A_MINUTE.buckets(), 3840);
/// assert_eq!(NANOSECONDS_TO_A_MINUTE.equivalent(100), 100..=100);
/// assert_eq!(NANOSECONDS_TO_A_MINUTE.equivalent(10_000), 9984..=10_047);
/// ```
///
/// # Memory
/// 8 bytes a bucket on every CPU; a row may have 32 KiB unless
/// `percpu_core::Config::minimum_unit` says more. Bytes a row for a lowest value of 1:
///
/// | highest | 0 digits | 1 digit | 2 digits | 3 digits |
/// | --- | --- | --- | --- | --- |
/// | 1,000 | 88 | 896 | 4,096 | 16,384 |
/// | 1,000,000 (ms in a quarter of an hour) | 168 | 2,176 | 14,336 | 90,112 |
/// | 60,000,000,000 (ns in a minute) | 296 | 4,224 | 30,720 | 221,184 |
/// | `u64::MAX` | 520 | 7,808 | 59,392 | 450,560 |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    low: u64,
    high: u64,
    digits: u8,
    /// Bits of a value that its bucket does not tell, in the first rows.
    unit: u8,
    /// 2^half buckets make a row; the first two rows have buckets of equal width.
    half: u8,
    /// The first value of the second row, and its power of two.
    second_row: NonZeroU64,
    start: u8,
    buckets: usize,
}

impl Shape {
    /// Values from `low` to `high`, told apart by `digits` decimal digits.
    ///
    /// `low` is the least difference that matters; smaller values are recorded, and
    /// those below the greatest power of two in `low` share the first bucket. `digits`
    /// is 0 to 5: with 2, values up to 200 x `low` are told apart, and from there on
    /// values that differ by more than 1 %.
    ///
    /// # Errors
    /// If `low` is 0, `high` is below `2 * low`, `digits` is above 5, or so many digits
    /// of `low` need more than 63 bits.
    pub const fn new(low: u64, high: u64, digits: u8) -> Result<Self, ShapeError> {
        if low == 0 {
            return Err(ShapeError::LowIsZero);
        }
        if high / 2 < low {
            return Err(ShapeError::HighBelowTwiceLow { low, high });
        }
        if digits > 5 {
            return Err(ShapeError::Digits { digits });
        }
        // Steps of one unit are told apart up to 2 * 10^digits units, which takes two
        // rows of at least 10^digits buckets.
        let half = 10_u32.pow(digits as u32).next_power_of_two().ilog2() as u8;
        let unit = low.ilog2() as u8;
        if unit + half + 1 > 63 {
            return Err(ShapeError::TooFine { low, digits });
        }
        let start = unit + half;
        // A power of two; never refused.
        let Some(second_row) = NonZeroU64::new(1 << start) else {
            return Err(ShapeError::LowIsZero);
        };
        let last_row = (high | second_row.get()).ilog2() - start as u32 + 1;
        let buckets = (last_row as usize + 1) << half;
        Ok(Self { low, high, digits, unit, half, second_row, start, buckets })
    }

    /// The lowest discernible value, as asked for.
    pub const fn low(self) -> u64 {
        self.low
    }

    /// The highest value, as asked for.
    pub const fn high(self) -> u64 {
        self.high
    }

    /// Decimal digits, as asked for.
    pub const fn digits(self) -> u8 {
        self.digits
    }

    /// The highest value that has a bucket, [`high`](Self::high) or above: the end of the
    /// last power of two that is cut into buckets.
    pub const fn limit(self) -> u64 {
        *self.values(self.buckets - 1).end()
    }

    /// How many buckets there are.
    pub const fn buckets(self) -> usize {
        self.buckets
    }

    /// How much more than a value the highest one of its bucket is, at most, in parts
    /// of the value: at most `10^-digits`. What is told of a histogram exceeds what
    /// was recorded by less than this, or by less than [`low`](Self::low).
    ///
    /// ```
    /// # use percpu_counter::histogram::Shape;
    /// assert_eq!(Shape::new(1, 1_000, 2)?.relative_error(), 1.0 / 128.0);
    /// # Ok::<(), percpu_counter::histogram::ShapeError>(())
    /// ```
    pub const fn relative_error(self) -> f64 {
        1.0 / (1_u32 << self.half) as f64
    }

    /// Bytes that the buckets take on a CPU.
    pub const fn row_bytes(self) -> usize {
        self.buckets * size_of::<u64>()
    }

    /// The bucket of a value; `None` above [`limit`](Self::limit).
    pub const fn index_of(self, value: u64) -> Option<usize> {
        let index = self.index(value);
        if index < self.buckets { Some(index) } else { None }
    }

    /// The values of a bucket; `None` if there is no such bucket.
    pub const fn values_of(self, index: usize) -> Option<RangeInclusive<u64>> {
        if index < self.buckets { Some(self.values(index)) } else { None }
    }

    /// The values that share a bucket with `value`, or would, above
    /// [`limit`](Self::limit).
    pub const fn equivalent(self, value: u64) -> RangeInclusive<u64> {
        self.values(self.index(value))
    }

    /// As [`index_of`](Self::index_of), for any value, also where no bucket is.
    #[inline(always)]
    pub(super) const fn index(&self, value: u64) -> usize {
        // Not zero, so that one instruction counts the bits.
        let power = match NonZeroU64::new(value | self.second_row.get()) {
            Some(value) => value.ilog2(),
            None => 0,
        };
        let row = power - self.start as u32;
        ((row as usize) << self.half) + (value >> (power - self.half as u32)) as usize
    }

    /// As [`values_of`](Self::values_of), for any index of a `u64`.
    pub(super) const fn values(&self, index: usize) -> RangeInclusive<u64> {
        // The second row is as wide as the first.
        let row = (index >> self.half).saturating_sub(1);
        let width = row as u32 + self.unit as u32;
        let first = ((index - (row << self.half)) as u64) << width;
        first..=first | ((1 << width) - 1)
    }

    /// The most digits with which this range takes at most so many bytes a CPU.
    pub(super) fn digits_within(self, bytes: usize) -> Option<u8> {
        (0..self.digits).rev().find(|&digits| {
            Self::new(self.low, self.high, digits).is_ok_and(|shape| shape.row_bytes() <= bytes)
        })
    }

    /// The highest value with which these digits take at most so many bytes a CPU.
    pub(super) fn high_within(self, bytes: usize) -> Option<u64> {
        let rows = (bytes / size_of::<u64>()).min(self.buckets) >> self.half;
        let high = *self.values((rows << self.half).checked_sub(1)?).end();
        Self::new(self.low, high, self.digits)
            .is_ok_and(|shape| shape.row_bytes() <= bytes)
            .then_some(high)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { low, high, digits, .. } = self;
        write!(f, "range {low} to {high}, digits {digits}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "slow, and plain arithmetic")]
    fn buckets_follow_each_other_without_gap() {
        for digits in 0..=3 {
            for (low, high) in [(1, 2), (1, 100_000), (7, 1 << 40), (1_000, u64::MAX)] {
                let shape = Shape::new(low, high, digits).unwrap();
                let mut next = Some(0);
                for index in 0..shape.buckets() {
                    let values = shape.values_of(index).unwrap();
                    assert_eq!(Some(*values.start()), next, "{index} in {shape}");
                    for value in [*values.start(), *values.end()] {
                        assert_eq!(shape.index_of(value), Some(index), "{value} in {shape}");
                        assert_eq!(shape.equivalent(value), values);
                    }
                    next = values.end().checked_add(1);
                }
                assert_eq!(next.map_or(u64::MAX, |next| next - 1), shape.limit());
                assert!(shape.limit() >= high);
                let over = next.map(|next| shape.index_of(next));
                assert!(matches!(over, None | Some(None)), "{over:?}");
                assert_eq!(shape.values_of(shape.buckets()), None);
            }
        }
    }

    /// The table in the documentation of `Shape`, and of the limits of a row.
    #[test]
    fn rows_take_what_the_documentation_says() {
        let table = [
            (1_000, [88, 896, 4_096, 16_384]),
            (1_000_000, [168, 2_176, 14_336, 90_112]),
            (60_000_000_000, [296, 4_224, 30_720, 221_184]),
            (u64::MAX, [520, 7_808, 59_392, 450_560]),
        ];
        for (high, rows) in table {
            let bytes = [0, 1, 2, 3].map(|digits| Shape::new(1, high, digits).unwrap().row_bytes());
            assert_eq!(bytes, rows, "up to {high}");
        }
    }

    #[test]
    fn a_shape_is_as_exact_as_its_digits() {
        for digits in 0..=5 {
            let shape = Shape::new(1, 1 << 30, digits).unwrap();
            let share = 10_f64.powi(-i32::from(digits));
            assert!(shape.relative_error() <= share && shape.relative_error() > share / 2.0);
            // One unit is told apart up to twice the digits.
            let apart = 2 * 10_u64.pow(digits.into());
            assert_eq!(shape.equivalent(apart - 1), apart - 1..=apart - 1);
        }
    }
}
