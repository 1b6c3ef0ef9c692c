//! [`Builder`]: range and digits, and what they cost.

use super::error::BuildError;
use super::footprint::Footprint;
use super::record::Histogram;
use super::shape::Shape;

/// Builds a [`Histogram`]; both range and digits must be given, as they decide what it
/// costs.
///
/// ```
/// use percpu_counter::Histogram;
/// use percpu_counter::histogram::BuildError;
///
/// let builder = Histogram::builder().range(1, 60_000_000_000).digits(2);
/// assert_eq!(builder.footprint()?.per_cpu(), 30_720);
/// builder.build()?.record(1_500_000)?;
///
/// let error = builder.digits(3).build().unwrap_err();
/// let fits = BuildError::TooLarge {
///     bytes: 221_184,
///     max: 32_768,
///     digits: Some(2),
///     high: Some(8_191),
/// };
/// assert_eq!(error, fits);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "builds nothing by itself"]
pub struct Builder {
    range: Option<(u64, u64)>,
    digits: Option<u8>,
}

impl Histogram {
    /// Range and digits are to be chosen.
    pub const fn builder() -> Builder {
        Builder { range: None, digits: None }
    }
}

impl Builder {
    /// Values from `low`, the least difference that matters, to `high`.
    pub const fn range(mut self, low: u64, high: u64) -> Self {
        self.range = Some((low, high));
        self
    }

    /// Decimal digits by which values are told apart, 0 to 5.
    pub const fn digits(mut self, digits: u8) -> Self {
        self.digits = Some(digits);
        self
    }

    /// The shape that was chosen.
    ///
    /// # Errors
    /// [`BuildError::NoRange`], [`BuildError::NoDigits`], or what [`Shape::new`] says.
    pub fn shape(self) -> Result<Shape, BuildError> {
        let (low, high) = self.range.ok_or(BuildError::NoRange)?;
        let digits = self.digits.ok_or(BuildError::NoDigits)?;
        Ok(Shape::new(low, high, digits)?)
    }

    /// The memory that it would take on this machine, whether it fits or not.
    ///
    /// # Errors
    /// As [`shape`](Self::shape); [`BuildError::Memory`] if per-CPU memory cannot be set
    /// up.
    pub fn footprint(self) -> Result<Footprint, BuildError> {
        Ok(Footprint::of(self.shape()?)?)
    }

    /// An empty histogram.
    ///
    /// # Errors
    /// As [`shape`](Self::shape) and [`Histogram::new`].
    pub fn build(self) -> Result<Histogram, BuildError> {
        Histogram::new(self.shape()?)
    }
}
