//! [`State`]: who may do what with a slot whose guards are counted.
//!
//! # Why
//! A guard may be sent to another thread and live as long as it likes, so readers are
//! counted in the slot, and whoever comes last does what is left to do. Everything that
//! has to be decided in one step is in one word:
//!
//! ```text
//!  63        32 31        4    3    2    0
//! | generation |  references | kept | life |
//! ```
//!
//! # Life
//! | life | who may touch the value | a key of this generation finds it |
//! | --- | --- | --- |
//! | free | whoever was given the slot, or nobody | no |
//! | creating | its one creator | no |
//! | discarded | its one creator, who clears it at the end | no |
//! | present | who has a reference, to read | yes |
//! | removed | who has a reference, to read; the last one clears | no |
//! | taken | who has a reference, to read; then the taker | no |
//! | clearing | whoever clears it | no |
//!
//! ```text
//!  free ---------------- publish --------------> present --- mark, no references ---> clearing
//!   | \-- begin --> creating --- finish ------>/  |   \---- mark ------> removed ------^ |
//!   |                  \-- mark --> discarded ----|------------- finish ---------------^ |
//!   |                                             \--- take --> taken ---(no references) |
//!   ^-------------------------- free: generation + 1 -------------------------|----------/
//! ```
//!
//! # Invariants
//! - S1: free, creating, discarded and clearing have no references, or, of a creator
//!   that becomes a reader, one that begins with the step.
//! - S2: references are gained in present only, so in removed and taken the number
//!   only falls, and one release sees it become 0.
//! - S3: the step out of clearing, and out of taken without references, is made by
//!   one thread; it changes the generation, so no key of before finds the slot again
//!   until generations have gone round.
//! - S4: nobody touches the slot after its release or its `free`, but who was told to.
//!
//! # Orderings
//! - The value, to readers: `publish`, `finish` Release, [`acquire`](State::acquire)
//!   Acquire. Steps between them are read-modify-writes, which keep that.
//! - The readers' reads, to who clears or takes: [`release`](State::release) Release;
//!   whoever finds no references left Acquire.
//! - From one life to the next: `free` Release, and Acquire in whatever hands slots out.

// Public for models alone.
#![cfg_attr(not(percpu_loom), allow(unreachable_pub))]

use percpu_core::__raw::mutated;
use percpu_core::atomic::{AtomicU64, Ordering, acquire};

const LIFE: u64 = 0b111;
const FREE: u64 = 0;
const CREATING: u64 = 1;
const DISCARDED: u64 = 2;
const PRESENT: u64 = 3;
const REMOVED: u64 = 4;
const TAKEN: u64 = 5;
const CLEARING: u64 = 6;

/// A value stays in the slot while it is free.
const KEPT: u64 = 1 << 3;

const REFERENCE: u64 = 1 << 4;
const REFERENCES: u64 = 0xffff_fff0;
const GENERATION: u32 = 32;

/// What came of taking a value out of reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Marked {
    /// It was out of reach before, or never there.
    Absent,
    /// Somebody has it still, who clears it.
    Deferred,
    /// It is the caller's, who clears it.
    Yours,
}

/// Generation, references and life of a slot, in one word: 0 is a free slot without a
/// value, of generation 0.
#[derive(Clone, Copy, Debug)]
pub struct State<'a>(pub &'a AtomicU64);

impl State<'_> {
    /// The generation; of use to who has the slot, as others may change it.
    pub fn generation(self) -> u32 {
        (self.0.load(Ordering::Relaxed) >> GENERATION) as u32
    }

    /// Whether a value was kept; for who was given the slot.
    pub fn is_kept(self) -> bool {
        self.0.load(Ordering::Relaxed) & KEPT != 0
    }

    /// Whether there is a value that has to be dropped with the slot; for who has the
    /// slab to itself.
    pub fn is_occupied(self) -> bool {
        // Guards that are left were leaked.
        let word = self.0.load(Ordering::Relaxed);
        word & KEPT != 0 || matches!(word & LIFE, PRESENT | REMOVED | TAKEN)
    }

    /// Whether a key may find the value; for who has the slab to itself.
    pub fn is_present(self) -> bool {
        self.0.load(Ordering::Relaxed) & LIFE == PRESENT
    }

    /// Whether a key of this generation finds a value now.
    #[inline]
    pub fn has(self, generation: u32, mask: u32) -> bool {
        // Relaxed: a moment later it may be gone in any case.
        is(self.0.load(Ordering::Relaxed), PRESENT, generation, mask)
    }

    /// From free to present, by whoever was given the slot and wrote the value.
    #[inline]
    pub fn publish(self) {
        let word = self.0.load(Ordering::Relaxed);
        debug_assert_eq!(word & LIFE, FREE);
        let order = if mutated("compat_publish_relaxed") {
            Ordering::Relaxed
        } else {
            // Release: the value is there for who acquires.
            Ordering::Release
        };
        self.0.store(word | PRESENT, order);
    }

    /// From free to creating, by whoever was given the slot and wrote a value.
    #[inline]
    pub fn begin(self) {
        let word = self.0.load(Ordering::Relaxed);
        debug_assert_eq!(word & LIFE, FREE);
        // Relaxed: nobody else looks at the value yet. A reader with an old key may
        // look at the word; what it compares, the generation, stays as it was.
        self.0.store(word | KEPT | CREATING, Ordering::Relaxed);
    }

    /// From creating to present, without a reference or with one for the creator.
    ///
    /// `false` if it was discarded meanwhile: without a reference it is the caller's to
    /// clear now, and with one that of who releases it.
    #[inline]
    pub fn finish(self, reference: bool) -> bool {
        let references = if reference { REFERENCE } else { 0 };
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let (next, present) = match word & LIFE {
                CREATING => (PRESENT, true),
                _ if mutated("compat_finish_forgets") => (PRESENT, true),
                _ if reference => (REMOVED, false),
                _ => (CLEARING, false),
            };
            let next = word & !LIFE | next | references;
            let order = if mutated("compat_finish_relaxed") {
                Ordering::Relaxed
            } else {
                // Release: what the creator wrote is there for who acquires, or clears.
                // Acquire: who discarded it comes before who clears.
                Ordering::AcqRel
            };
            match self.0.compare_exchange(word, next, order, Ordering::Relaxed) {
                Ok(_) => return present,
                Err(now) => word = now,
            }
        }
    }

    /// Gains a reference if the value is present in this generation, of which `mask`
    /// says the bits that count, and has not too many.
    #[inline]
    pub fn acquire(self, generation: u32, mask: u32) -> bool {
        let order = if mutated("compat_acquire_relaxed") {
            Ordering::Relaxed
        } else {
            // Acquire: partner is `publish` or `finish`; the value is there.
            Ordering::Acquire
        };
        // Relaxed: the compare-exchange decides.
        let mut word = self.0.load(Ordering::Relaxed);
        while is(word, PRESENT, generation, mask)
            || mutated("compat_acquire_removed") && is(word, REMOVED, generation, mask)
        {
            if word & REFERENCES == REFERENCES {
                return false;
            }
            match self.0.compare_exchange(word, word + REFERENCE, order, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// Gives a reference up; `true` if the caller clears the value.
    #[inline]
    pub fn release(self) -> bool {
        let order = if mutated("compat_release_relaxed") {
            Ordering::Relaxed
        } else {
            // Release: what was read comes before the value's end, whoever brings it.
            Ordering::Release
        };
        let word = self.0.fetch_sub(REFERENCE, order);
        debug_assert!(word & REFERENCES != 0);
        if word & (LIFE | REFERENCES) != REMOVED | REFERENCE {
            return false;
        }
        if !mutated("compat_last_no_acquire") {
            // Acquire: all who released before, and who removed it.
            acquire(|order| self.0.load(order));
        }
        // S2: nobody gains a reference any more, so this is the last one. The life
        // stays removed, which is as good as clearing without references.
        true
    }

    /// Takes the value out of reach, for good.
    #[inline]
    pub fn mark(self, generation: u32, mask: u32) -> Marked {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let (next, marked) = if is(word, PRESENT, generation, mask) {
                match word & REFERENCES {
                    0 => (CLEARING, Marked::Yours),
                    _ => (REMOVED, Marked::Deferred),
                }
            } else if is(word, CREATING, generation, mask) {
                (DISCARDED, Marked::Deferred)
            } else {
                return Marked::Absent;
            };
            let order = if mutated("compat_mark_relaxed") {
                Ordering::Relaxed
            } else {
                // Acquire: all readers are done. Release: this comes before the value's
                // end, whoever brings it.
                Ordering::AcqRel
            };
            let next = word & !LIFE | next;
            match self.0.compare_exchange(word, next, order, Ordering::Relaxed) {
                Ok(_) => return marked,
                Err(now) => word = now,
            }
        }
    }

    /// Takes the value out of reach for the caller, who has it as soon as it is
    /// [`alone`](Self::is_alone); `false` if it is out of reach.
    #[inline]
    pub fn take(self, generation: u32, mask: u32) -> bool {
        let mut word = self.0.load(Ordering::Relaxed);
        while is(word, PRESENT, generation, mask) {
            // Relaxed: the caller looks whether it is alone before anything else.
            let next = word & !LIFE | TAKEN;
            match self.0.compare_exchange(word, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// Whether nobody has a reference any more; for the taker.
    #[inline]
    pub fn is_alone(self) -> bool {
        let order = if mutated("compat_alone_relaxed") {
            Ordering::Relaxed
        } else {
            // Acquire: partner is `release`; all reads, and the value, are before.
            Ordering::Acquire
        };
        self.0.load(order) & REFERENCES == 0 || mutated("compat_take_does_not_wait")
    }

    /// Ends the life of a value, by whoever had it to itself; with `kept`, the value
    /// stays for the next one. The caller then gives the slot back.
    #[inline]
    pub fn free(self, kept: bool) {
        let word = self.0.load(Ordering::Relaxed);
        debug_assert_eq!(word & REFERENCES, 0);
        let mut generation = (word >> GENERATION) as u32;
        if !mutated("compat_same_generation") {
            generation = generation.wrapping_add(1);
        }
        let kept = if kept { KEPT } else { 0 };
        // Release: partner is whatever hands the slot out next. (That is a magazine, which
        // orders what comes before by itself: made Relaxed, no model missed it.)
        self.0.store(u64::from(generation) << GENERATION | kept, Ordering::Release);
    }
}

/// Whether the word tells this life in this generation.
#[inline]
fn is(word: u64, life: u64, generation: u32, mask: u32) -> bool {
    let same = ((word >> GENERATION) as u32 ^ generation) & mask == 0;
    word & LIFE == life && same
}
