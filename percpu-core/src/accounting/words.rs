//! The words of an allocator: per-CPU ones where that is possible at once, else
//! atomics of its own.
//!
//! The core's own static serves one allocator, the first that counts once per-CPU
//! memory is there: for a program's global allocator that is the first allocation
//! after `init`. Another one counts in its own atomics.
//!
//! `model/words.rs` is its twin on loom's pretend machine.
//!
//! # Safety
//!
//! Makes the place of the core's own words.

#![allow(unsafe_code)]

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize};

use super::count::{COUNTS, Count};
use crate::area::section::OWN_WORDS;
use crate::atomic::{AtomicU64, Ordering};
use crate::element::Element;
use crate::home::Source;
use crate::index::Index;
use crate::ops::{self, IntWord, Word};
use crate::place::Place;
use crate::process::{self, Admission};

const _: () = assert!(COUNTS <= OWN_WORDS);

#[derive(Debug)]
pub(super) struct Words {
    /// INVARIANT: `UNKNOWN`, `NONE` or the pointer of the core's own words.
    pointer: AtomicUsize,
    /// How many units there are, as a power of two, rounded up. Written before `pointer`.
    units_log2: AtomicU32,
    shared: Shared,
}

/// On lines of their own: the pointer before is read by everyone.
#[derive(Debug)]
#[repr(align(64))]
struct Shared([AtomicU64; COUNTS]);

type Own = [AtomicU64; OWN_WORDS];

/// Per-CPU memory was not there yet.
const UNKNOWN: usize = 0;
/// Another allocator has the words. No pointer: those of words are multiples of 8.
const NONE: usize = 1;

/// Whether an allocator has the core's own words.
static TAKEN: AtomicBool = AtomicBool::new(false);

impl Words {
    pub(super) const fn new() -> Self {
        Self {
            pointer: AtomicUsize::new(UNKNOWN),
            units_log2: AtomicU32::new(0),
            shared: Shared([const { AtomicU64::new(0) }; COUNTS]),
        }
    }

    #[inline(always)]
    fn own(&self) -> Option<Place<'static, Own>> {
        // Acquire: as in `Home::place`; partner: the Release in `find`.
        match self.pointer.load(Ordering::Acquire) {
            UNKNOWN | NONE => None,
            // SAFETY: the core's own static: initialised in every active unit before
            // there is a process, and never given back or borrowed mutably.
            pointer => Some(unsafe { Place::new(pointer) }),
        }
    }

    /// The words, taken if per-CPU memory is there and nobody else has them.
    fn find(&self) -> Option<Place<'static, Own>> {
        if self.pointer.load(Ordering::Relaxed) == UNKNOWN {
            let process = process::existing()?;
            // Relaxed: decides who takes them, publishes nothing. A thread that comes
            // second may write `NONE` before the first, of the same allocator, writes
            // the pointer, but not after it.
            if TAKEN.swap(true, Ordering::Relaxed) {
                let (seen, none) = (Ordering::Relaxed, Ordering::Relaxed);
                let _ = self.pointer.compare_exchange(UNKNOWN, NONE, seen, none);
            } else {
                let log2 = process.units.count().next_power_of_two().trailing_zeros();
                self.units_log2.store(log2, Ordering::Relaxed);
                // Release: partner in `own`.
                self.pointer.store(process.own_words, Ordering::Release);
            }
        }
        self.own()
    }

    /// Adds one.
    #[inline(always)]
    pub(super) fn inc(&self, count: Count) {
        match self.own() {
            Some(own) if ops::inc(own.element(count as usize), Index::Cpu) => {}
            _ => self.cold(count, 1),
        }
    }

    /// Adds `n`.
    #[inline(always)]
    pub(super) fn add(&self, count: Count, n: u64) {
        match self.own() {
            Some(own) if ops::add(own.element(count as usize), n, Index::Cpu) => {}
            _ => self.cold(count, n),
        }
    }

    #[cold]
    #[inline(never)]
    fn cold(&self, count: Count, n: u64) {
        let added = self.find().and_then(|own| {
            attempt(
                own.element(count as usize),
                |at, by| ops::add(at, n, by).then_some(()),
                |word| {
                    IntWord::add(word, n);
                },
            )
        });
        if added.is_none() {
            // Relaxed: a count.
            self.shared.0[count as usize].fetch_add(n, Ordering::Relaxed);
        }
    }

    /// Replaces the value of this CPU by what `change` makes of it; `None`, with
    /// nothing done, if that is nothing, or if this thread has no word. Else the
    /// value that was replaced.
    #[inline(always)]
    pub(super) fn update(&self, count: Count, change: impl Fn(u64) -> Option<u64>) -> Option<u64> {
        let word = self.own()?.element(count as usize);
        let mut old = run(word, |at, by| ops::here(at, by).map(Word::get), Word::get)?;
        loop {
            let new = change(old)?;
            let outcome = run(
                word,
                |at, by| ops::compare_exchange(at, old, new, by),
                |word| word.exchange_if(old, new),
            )?;
            match outcome {
                Ok(_) => return Some(old),
                // Another CPU's by now, or changed since.
                Err(found) => old = found,
            }
        }
    }

    /// The wrapping sum over all units, and what was counted without them.
    pub(super) fn sum(&self, count: Count) -> u64 {
        let on_units = self.own().map_or(0, |own| {
            let place = own.element(count as usize);
            // Zero in a unit that nobody has used.
            Element { place, source: Source::Zeroed }.sum()
        });
        on_units.wrapping_add(self.not_on_units(count))
    }

    /// What was counted in shared atomics.
    pub(super) fn not_on_units(&self, count: Count) -> u64 {
        self.shared.0[count as usize].load(Ordering::Relaxed)
    }

    /// How many units there are, as a power of two; `None` if this has no words on them.
    #[inline(always)]
    pub(super) fn units_log2(&self) -> Option<u32> {
        self.own().map(|_| self.units_log2.load(Ordering::Relaxed))
    }
}

/// Runs the section, or tries to open its way.
#[inline(always)]
fn run<R>(
    at: Place<'static, AtomicU64>,
    section: impl Fn(Place<'static, AtomicU64>, Index) -> Option<R>,
    atomic: impl Fn(&AtomicU64) -> R,
) -> Option<R> {
    match section(at, Index::Cpu) {
        Some(result) => Some(result),
        None => attempt(at, section, atomic),
    }
}

/// As `word.rs`' cold path, but once, and by `try_admit`.
#[cold]
#[inline(never)]
fn attempt<R>(
    at: Place<'static, AtomicU64>,
    section: impl Fn(Place<'static, AtomicU64>, Index) -> Option<R>,
    atomic: impl Fn(&AtomicU64) -> R,
) -> Option<R> {
    // What a process by concurrency id does each time.
    if let Some(result) = section(at, Index::Cid) {
        return Some(result);
    }
    match process::try_admit(at)? {
        Admission::Atomic(word) => Some(atomic(word)),
        Admission::Retry => section(at, Index::Cpu).or_else(|| section(at, Index::Cid)),
    }
}
