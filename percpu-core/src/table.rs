//! The table that the fast path reads, and its twin for concurrency ids.
//!
//! Entry `cpu` holds what must be added to a per-CPU pointer to reach the copy
//! of that CPU, or zero. One test for zero answers three questions at once: is
//! this CPU's unit not active yet, has this thread no rseq (its `cpu_id` is -1,
//! and 65,535 is an entry too), is the CPU not possible. Before that,
//! `rseq_offset` says whether there are sections at all. The table is all zeroes in
//! the image, so entries that are never used never cost a page.
//!
//! ```text
//!   rseq_offset | aborts | inject[..] | bases[0] | bases[1] | ... | bases[65535]
//! ```
//!
//! A process indexed by concurrency id leaves [`TABLE`] as it is, so that the fast
//! path is closed to every thread, and uses [`CID_TABLE`] on the cold path: the
//! same, with an entry for each concurrency id (`Index::Cid`). Its sections test the
//! sign of `cpu_id` too, as a thread without rseq has 0 for its concurrency id.
//!
//! Who writes: `rseq_offset` once, before any entry; an entry once, from zero
//! to its final value, by the thread that activated the unit (Release; readers
//! use the value as an address, and that dependency is what orders them).

#[cfg(percpu_inject)]
use core::sync::atomic::AtomicU32;
use core::sync::atomic::{AtomicIsize, AtomicU64, AtomicUsize};

#[cfg(percpu_inject)]
use crate::broken::SECTIONS;
#[cfg(all(percpu_inject, percpu_rseq))]
use crate::broken::section;
use crate::index::Index;

/// `cpu_id` is read as 16 bits, so that -1 and -2 (not registered) land on
/// entries that stay zero.
pub(crate) const ENTRIES: usize = 1 << 16;

/// How many numbered injection points a section may have: the last lies behind it.
pub(crate) const POINTS: usize = if cfg!(percpu_inject) { 4 } else { 3 };

#[repr(C, align(64))]
pub(crate) struct CpuTable {
    /// Where `struct rseq` lies from the thread pointer, for every thread; 0
    /// until that is known, and for ever in portable mode and in the table of the
    /// other index: the sections test it before they store through it.
    pub(crate) rseq_offset: AtomicIsize,
    /// Sections that the kernel aborted, counted by their abort handlers.
    pub(crate) aborts: AtomicU64,
    /// Delay at each injection point, in loop turns (`--cfg percpu_inject`).
    pub(crate) inject: [AtomicU64; POINTS],
    /// What is broken in each section (`broken.rs`), a bit each.
    #[cfg(percpu_inject)]
    pub(crate) broken: [AtomicU32; SECTIONS.len()],
    pub(crate) bases: [AtomicUsize; ENTRIES],
}

// What the sections address.
#[cfg(percpu_rseq)]
impl CpuTable {
    pub(crate) const ABORTS: usize = core::mem::offset_of!(CpuTable, aborts);
    pub(crate) const INJECT: usize = core::mem::offset_of!(CpuTable, inject);
    pub(crate) const BASES: usize = core::mem::offset_of!(CpuTable, bases);

    /// Where the section called `name` finds what is broken in it.
    #[cfg(percpu_inject)]
    pub(crate) const fn broken(name: &str) -> usize {
        let Some(number) = section(name) else { panic!("no such section") };
        core::mem::offset_of!(CpuTable, broken) + 4 * number
    }
    /// Nowhere: nothing can be broken.
    #[cfg(not(percpu_inject))]
    pub(crate) const fn broken(_: &str) -> usize {
        0
    }
}

impl CpuTable {
    const fn new() -> Self {
        Self {
            rseq_offset: AtomicIsize::new(0),
            aborts: AtomicU64::new(0),
            inject: [const { AtomicU64::new(0) }; POINTS],
            #[cfg(percpu_inject)]
            broken: [const { AtomicU32::new(0) }; SECTIONS.len()],
            bases: [const { AtomicUsize::new(0) }; ENTRIES],
        }
    }

    /// The table of this process, if it goes by `index`.
    #[inline(always)]
    pub(crate) fn of(index: Index) -> &'static Self {
        match index {
            Index::Cpu => &TABLE,
            Index::Cid => &CID_TABLE,
        }
    }
}

/// The bases by CPU.
pub(crate) static TABLE: CpuTable = CpuTable::new();
/// The bases by concurrency id.
pub(crate) static CID_TABLE: CpuTable = CpuTable::new();
