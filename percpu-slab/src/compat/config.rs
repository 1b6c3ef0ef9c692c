//! [`Config`]: what a user of sharded-slab may choose, and what it means here.

use core::fmt;
use core::marker::PhantomData;

/// What may be chosen for a [`Slab`](super::Slab) or a [`Pool`](super::Pool).
///
/// The constants are those of sharded-slab, so that an implementation for it compiles
/// here. Only [`RESERVED_BITS`](Self::RESERVED_BITS) does something: slots are not
/// divided among threads here, and pages come as they are needed, so there is nothing
/// that the others could limit.
///
/// ```
/// use percpu_slab::compat::{Config, Slab};
///
/// struct Tagged;
/// impl Config for Tagged {
///     const RESERVED_BITS: usize = 8;
/// }
/// let slab = Slab::new_with_config::<Tagged>();
/// let key = slab.insert("eight bits are mine").unwrap();
/// assert_eq!(key >> (usize::BITS - 8), 0);
/// ```
pub trait Config: Sized {
    /// Accepted, and without effect: any number of threads may use a slab.
    const MAX_THREADS: usize = DefaultConfig::MAX_THREADS;

    /// Accepted, and without effect: there are as many pages as are needed.
    const MAX_PAGES: usize = DefaultConfig::MAX_PAGES;

    /// Accepted, and without effect: pages have a size of their own.
    const INITIAL_PAGE_SIZE: usize = DefaultConfig::INITIAL_PAGE_SIZE;

    /// How many of the highest bits of a key are 0, and of no account in a key that
    /// is passed in.
    ///
    /// They are taken from the generation, and from the number of values if more than
    /// 12 are reserved of 64, or any of 32.
    const RESERVED_BITS: usize = 0;
}

/// The configuration unless another one is named.
#[derive(Clone, Copy)]
pub struct DefaultConfig {
    _not_made_elsewhere: (),
}

impl Config for DefaultConfig {
    const MAX_THREADS: usize = if usize::BITS >= 64 { 4096 } else { 128 };
    const MAX_PAGES: usize = usize::BITS as usize / 2;
    const INITIAL_PAGE_SIZE: usize = 32;
}

impl fmt::Debug for DefaultConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Keys::<Self>::describe().fmt(f)
    }
}

/// How a key is made of an index and a generation.
///
/// ```text
///  | reserved: 0 | generation | index |
/// ```
pub(super) struct Keys<C>(PhantomData<fn() -> C>);

impl<C: Config> Keys<C> {
    /// Bits of a key that are not reserved.
    pub(super) const USED: usize = (usize::BITS as usize).saturating_sub(C::RESERVED_BITS);

    /// Five of eight, so that both parts shrink with the key; 32 are enough.
    const INDEX: usize = if Self::USED * 5 / 8 < 32 { Self::USED * 5 / 8 } else { 32 };

    /// The bits of a generation that a key has.
    pub(super) const GENERATIONS: u32 = mask(Self::USED - Self::INDEX) as u32;

    /// How many values there may be.
    pub(super) const INDICES: u64 = mask(Self::INDEX) + 1;

    /// Fails for keys in which there is no room.
    ///
    /// # Panics
    /// If fewer than 16 bits are left.
    pub(super) fn check() {
        assert!(
            Self::USED >= 16,
            "RESERVED_BITS is {}, but at least 16 of {} bits are needed for keys",
            C::RESERVED_BITS,
            usize::BITS
        );
    }

    #[inline]
    pub(super) fn key(index: u32, generation: u32) -> usize {
        let generation = u64::from(generation & Self::GENERATIONS);
        (generation << Self::INDEX | u64::from(index)) as usize
    }

    #[inline]
    pub(super) fn index(key: usize) -> u32 {
        (key as u64 & mask(Self::INDEX)) as u32
    }

    #[inline]
    pub(super) fn generation(key: usize) -> u32 {
        (key as u64 >> Self::INDEX) as u32 & Self::GENERATIONS
    }

    /// For `Debug`.
    pub(super) fn describe() -> impl fmt::Debug {
        Description {
            name: core::any::type_name::<C>(),
            reserved_bits: C::RESERVED_BITS,
            index_bits: Self::INDEX,
            generation_bits: Self::USED - Self::INDEX,
        }
    }
}

/// The lowest so many bits.
const fn mask(bits: usize) -> u64 {
    (1 << bits) - 1
}

struct Description {
    name: &'static str,
    reserved_bits: usize,
    index_bits: usize,
    generation_bits: usize,
}

impl fmt::Debug for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(self.name)
            .field("reserved_bits", &self.reserved_bits)
            .field("index_bits", &self.index_bits)
            .field("generation_bits", &self.generation_bits)
            .finish()
    }
}
