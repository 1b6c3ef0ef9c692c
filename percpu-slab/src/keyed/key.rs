//! [`Key`]: which slot, and which of its values.

use core::fmt;
use core::num::{NonZeroU32, NonZeroU64};

/// Names a value in a [`Slab`](crate::Slab): a slot's index, and which of the slot's
/// values, one after the other, is meant.
///
/// 64 bits, never 0, so an `Option<Key>` is no larger; the generation is the upper half.
/// A key never names another value than the one it was made for: a slot whose
/// 2<sup>32</sup> generations are used up is not used again.
///
/// ```
/// use percpu_slab::{Key, Slab};
/// let slab = Slab::new()?;
/// let key = slab.insert("one")?;
/// // Fits where a C interface has room for a number: `epoll_data`, `user_data`.
/// let token: u64 = key.into();
/// assert_eq!(Key::try_from(token), Ok(key));
/// assert_eq!(size_of::<Option<Key>>(), 8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(into = "u64", try_from = "u64"))]
pub struct Key(
    /// INVARIANT: the lower half is not 0.
    NonZeroU64,
);

impl Key {
    #[inline(always)]
    pub(crate) fn new(index: NonZeroU32, generation: u32) -> Self {
        let generation = u64::from(generation) << u32::BITS;
        Self(NonZeroU64::from(index) | generation)
    }

    /// The slot's index: less than 2<sup>32</sup>, and dense, from a small number on.
    #[inline]
    pub fn index(self) -> u32 {
        // The lower half.
        self.0.get() as u32
    }

    /// Which of the slot's values.
    #[inline]
    pub fn generation(self) -> u32 {
        (self.0.get() >> u32::BITS) as u32
    }

    /// The key as a number.
    #[inline]
    pub fn to_u64(self) -> u64 {
        self.0.get()
    }

    /// The key that was this number; `None` if none can have been.
    #[inline]
    pub fn from_u64(bits: u64) -> Option<Self> {
        let index = NonZeroU32::new(bits as u32)?;
        Some(Self::new(index, (bits >> u32::BITS) as u32))
    }
}

impl From<Key> for u64 {
    #[inline]
    fn from(key: Key) -> Self {
        key.to_u64()
    }
}

impl TryFrom<u64> for Key {
    type Error = NotAKey;

    #[inline]
    fn try_from(bits: u64) -> Result<Self, NotAKey> {
        Self::from_u64(bits).ok_or(NotAKey(bits))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

impl fmt::Display for Key {
    /// Index and generation, as in `17v3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}v{}", self.index(), self.generation())
    }
}

/// A number that no [`Key`] can have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAKey(u64);

impl fmt::Display for NotAKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x} was never a key: its lower half is 0", self.0)
    }
}

impl core::error::Error for NotAKey {}
