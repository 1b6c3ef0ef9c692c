//! [`FreeList`]: the ids that no CPU has, and what each id is.
//!
//! # Words
//! Of each id:
//!
//! | word | the id is | written by |
//! | --- | --- | --- |
//! | below `MAX_IDS`, or `END` | free: the next one of the list, if it is in the list | whoever has it |
//! | `TAKEN` | in use, by number | whoever has it |
//! | `HELD` | in use, by a guard | the guard |
//!
//! `head` is the first id of the list, or `END`, and a tag that each change raises.
//!
//! # Invariants
//! - F1: an id is in one place: in the list, in somebody's hands, on one stack, or in
//!   use. Who has it is alone in writing its word; but what is `TAKEN` anybody may make
//!   free, by a compare-exchange, and then has it.
//! - F2: while `head` does not change, the list does not. So a compare-exchange that
//!   meets the head that the walk began at takes what the walk found. A head comes back
//!   after 2^32 changes; nobody is that slow.
//! - F3: a walk may read the word of an id that is out of the list already. Then it
//!   follows a number that means nothing, but below the length, and F2 turns it away.
//!
//! # Orderings
//! - A list's words: the compare-exchange of a push is a Release, the load of `head`
//!   before a walk an Acquire. Each change is a read-modify-write, so the head that a
//!   walk begins at carries all pushes before it.
//! - An id, from the push to the pop: the same two.
//!
//! Nothing waits, nothing allocates: it may be used in a signal handler.

use core::fmt;

use percpu_core::__raw::mutated;
use percpu_core::atomic::{AtomicU32, AtomicU64, Ordering};

/// No next one.
const END: u32 = u32::MAX;
const TAKEN: u32 = u32::MAX - 1;
const HELD: u32 = u32::MAX - 2;

/// The most ids there can be.
pub(crate) const MAX_IDS: usize = 1 << 31;

/// All ids, and a list of the free ones among them that no CPU has.
pub struct FreeList {
    words: Box<[AtomicU32]>,
    /// Tag, first id.
    head: AtomicU64,
}

fn head(tag: u32, first: u32) -> u64 {
    u64::from(tag) << 32 | u64::from(first)
}

impl FreeList {
    /// The ids below `ids`, at most `MAX_IDS`, all of them in the list.
    pub fn new(ids: usize) -> Self {
        let next = |id: usize| if id + 1 < ids { id as u32 + 1 } else { END };
        Self {
            words: (0..ids).map(|id| AtomicU32::new(next(id))).collect(),
            head: AtomicU64::new(head(0, if ids == 0 { END } else { 0 })),
        }
    }

    /// How many ids there are.
    #[inline]
    pub fn count(&self) -> usize {
        self.words.len()
    }

    /// Takes ids out, as many as `out` has room for or the list has; how many.
    pub fn pop(&self, out: &mut [u32]) -> usize {
        // Acquire: pairs with the Release of `push`.
        let acquire = |mutation| match mutated(mutation) {
            true => Ordering::Relaxed,
            false => Ordering::Acquire,
        };
        let mut seen = self.head.load(acquire("ids_pop_relaxed"));
        loop {
            let Some((found, rest)) = self.walk(seen as u32, out) else {
                // Not a load, which may return the old one for a while.
                seen = self.head.fetch_add(0, acquire("ids_look_again_relaxed"));
                continue;
            };
            if found == 0 {
                return 0;
            }
            // Relaxed: as a read-modify-write it passes on the Releases before it. If it
            // fails, Acquire as above.
            let new = head(next_tag(seen), rest);
            let again = acquire("ids_pop_again_relaxed");
            match self.head.compare_exchange_weak(seen, new, Ordering::Relaxed, again) {
                Ok(_) => return found,
                Err(now) => seen = now,
            }
        }
    }

    /// From `id` on: how many went into `out`, and which one is next; `None` if the
    /// list has changed.
    fn walk(&self, mut id: u32, out: &mut [u32]) -> Option<(usize, u32)> {
        let mut found = 0;
        while id != END && found < out.len() {
            out[found] = id;
            found += 1;
            // Relaxed: ordered by `head`; else F3.
            id = self.words.get(id as usize)?.load(Ordering::Relaxed);
        }
        (id == END || (id as usize) < self.count()).then_some((found, id))
    }

    /// Puts free ids in front of the list, whose words are the caller's to write.
    pub fn push(&self, ids: &[u32]) {
        let (Some(&first), Some(&last)) = (ids.first(), ids.last()) else { return };
        for pair in ids.windows(2) {
            self.word(pair[0]).store(pair[1], Ordering::Relaxed);
        }
        // Relaxed: nothing is read through it.
        let mut seen = self.head.load(Ordering::Relaxed);
        loop {
            self.word(last).store(seen as u32, Ordering::Relaxed);
            // Release: pairs with the Acquire of `pop`.
            let pushed = match mutated("ids_push_relaxed") {
                true => Ordering::Relaxed,
                false => Ordering::Release,
            };
            let new = head(next_tag(seen), first);
            match self.head.compare_exchange_weak(seen, new, pushed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }

    /// Marks an id as a guard's; the caller has it.
    #[inline(always)]
    pub fn hold(&self, id: u32) {
        self.word(id).store(HELD, Ordering::Relaxed);
    }

    /// Marks an id as in use by its number; the caller has it.
    #[inline(always)]
    pub fn take(&self, id: u32) {
        self.word(id).store(TAKEN, Ordering::Relaxed);
    }

    /// Marks a guard's id as free: it is the caller's, to push.
    #[inline(always)]
    pub fn let_go(&self, id: u32) {
        self.word(id).store(END, Ordering::Relaxed);
    }

    /// As [`let_go`](Self::let_go), of an id that is in use by its number; `false` if it
    /// is not.
    pub fn give_up(&self, id: u32) -> bool {
        let Some(word) = self.words.get(id as usize) else { return false };
        if mutated("ids_give_up_in_two_steps") {
            let taken = word.load(Ordering::Relaxed) == TAKEN;
            word.store(END, Ordering::Relaxed);
            return taken;
        }
        // Relaxed: it only says who of several gave it up.
        word.compare_exchange(TAKEN, END, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Whether an id was in use a moment ago.
    pub fn is_used(&self, id: u32) -> bool {
        let word = |word: &AtomicU32| word.load(Ordering::Relaxed);
        self.words.get(id as usize).map(word).is_some_and(|word| word == TAKEN || word == HELD)
    }

    #[inline(always)]
    fn word(&self, id: u32) -> &AtomicU32 {
        &self.words[id as usize]
    }
}

fn next_tag(seen: u64) -> u32 {
    let tag = (seen >> 32) as u32;
    if mutated("ids_no_tag") { tag } else { tag.wrapping_add(1) }
}

impl fmt::Debug for FreeList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FreeList").field("ids", &self.count()).finish_non_exhaustive()
    }
}
