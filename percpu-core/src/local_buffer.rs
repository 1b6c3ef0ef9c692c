//! [`LocalBuffer`]: records on each unit, last in, first out.
//!
//! ```text
//!   gate: length │ slot 0 │ slot 1 │ .. │ slot N - 1
//!         stop   └── full ─────────┘└── free ───────┘
//! ```
//! A push copies its record into the first free slot and commits the length; a
//! pop copies the last full slot out and commits the length. What an aborted
//! section copied counts for nothing. Draining: `drain.rs`. Where there are no
//! sections, `gate.rs` says who may come in.
//!
//! # Invariants
//! - B1: the length is at most `N`, and slots below it hold a `T`.
//! - B2: slots are touched by sections of the unit's CPU, by who has stopped it,
//!   or, without sections, by who holds the gate's lock; nobody else.
//!
//! # Safety
//! Copies bytes into and out of slots by B1 and B2.

#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::fmt;
use core::mem::{MaybeUninit, offset_of};

use crate::atomic::Ordering;
use crate::copies::Copies;
use crate::drain;
use crate::error::Error;
use crate::ops::{self, Gate, Shape};
use crate::unit::Unit;
use crate::word::run_at;
use crate::zeroable::Zeroable;

/// Up to `N` records on each unit, last in, first out.
///
/// Put it into [`percpu!`](crate::percpu) or [`PerCpu`](crate::PerCpu); the
/// methods are on the handle. A record of any size goes in and comes out whole,
/// by one commit. For records of a word and for batches there are cheaper ways.
///
/// An operation never waits. While a drain empties this CPU's buffer, or, in
/// portable mode, another thread is inside it, `push` hands the record back and
/// `pop` finds nothing.
///
/// ```
/// use percpu_core::{LocalBuffer, percpu};
///
/// #[derive(Clone, Copy)]
/// struct Event { at: u64, what: [u8; 20] }
///
/// percpu! { static EVENTS: LocalBuffer<Event, 64> = LocalBuffer::new(); }
///
/// if EVENTS.push(Event { at: 7, what: [0; 20] }).is_err() {
///     EVENTS.drain(|_unit, event| println!("{}", event.at))?;
/// }
/// # Ok::<(), percpu_core::Error>(())
/// ```
/// Records without a size are refused:
/// ```compile_fail,E0080
/// percpu_core::percpu! {
///     static NOTHING: percpu_core::LocalBuffer<(), 4> = percpu_core::LocalBuffer::new();
/// }
/// ```
#[repr(C)]
pub struct LocalBuffer<T, const N: usize> {
    // First: the sections find it there.
    gate: Gate,
    slots: UnsafeCell<[Slot<T>; N]>,
}

/// Room for a record, in whole words.
#[repr(C, align(8))]
struct Slot<T>(MaybeUninit<T>);

// SAFETY: through a shared buffer records go in and come out whole, from any
// thread (B2); no reference to what is inside is given.
unsafe impl<T: Send, const N: usize> Sync for LocalBuffer<T, N> {}

// SAFETY: an open gate, length 0; slots above the length may hold anything.
unsafe impl<T, const N: usize> Zeroable for LocalBuffer<T, N> {
    #[cfg(percpu_loom)]
    fn zero() -> Self {
        Self::new()
    }
}

impl<T, const N: usize> LocalBuffer<T, N> {
    /// The sections copy at least one word.
    const SHAPE: Shape = {
        assert!(N > 0 && size_of::<T>() > 0, "nothing to buffer");
        Shape { items: offset_of!(Self, slots), stride: size_of::<Slot<T>>(), capacity: N }
    };

    /// An empty buffer.
    #[cfg(not(percpu_loom))]
    pub const fn new() -> Self {
        _ = Self::SHAPE;
        let slots = UnsafeCell::new([const { Slot(MaybeUninit::uninit()) }; N]);
        Self { gate: Gate::new(), slots }
    }

    /// An empty buffer.
    #[cfg(percpu_loom)]
    pub fn new() -> Self {
        _ = Self::SHAPE;
        let slots = UnsafeCell::new([const { Slot(MaybeUninit::uninit()) }; N]);
        Self { gate: Gate::new(), slots }
    }

    /// How many records there were a moment ago.
    pub fn len(&self) -> usize {
        self.gate.peek()
    }

    /// Whether there was none a moment ago.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many there may be.
    pub const fn capacity(&self) -> usize {
        N
    }

    /// A slot of this copy.
    fn slot(&self, index: usize) -> *mut T {
        self.slots.get().cast::<Slot<T>>().wrapping_add(index).cast()
    }
}

impl<T: Copy, const N: usize> LocalBuffer<T, N> {
    /// `push` without sections. The lock orders it; relaxed inside.
    fn push_alone(&self, record: T) -> bool {
        let pushed = self.gate.try_alone(|| {
            let length = self.gate.word.load(Ordering::Relaxed);
            if length == N {
                return false;
            }
            // SAFETY: a slot of this copy (B1), the lock's holder's (B2).
            unsafe { self.slot(length).write(record) };
            self.gate.word.store(length + 1, Ordering::Relaxed);
            true
        });
        pushed == Some(true)
    }

    /// `pop` without sections. The lock orders it; relaxed inside.
    fn pop_alone(&self) -> Option<T> {
        let popped = self.gate.try_alone(|| {
            let last = self.gate.word.load(Ordering::Relaxed).checked_sub(1)?;
            // SAFETY: a full slot of this copy (B1), the lock's holder's (B2).
            let record = unsafe { self.slot(last).read() };
            self.gate.word.store(last, Ordering::Relaxed);
            Some(record)
        });
        popped.flatten()
    }
}

impl<T: Copy + Send, const N: usize> Copies<LocalBuffer<T, N>> {
    /// Puts a record into this CPU's buffer.
    ///
    /// # Errors
    /// The record, if the buffer is full, or at this moment being drained or, in
    /// portable mode, used by another thread.
    ///
    /// # Panics
    /// On first use, if the system refuses memory.
    ///
    /// # Performance
    /// A section that copies eight bytes at a time; no locked instruction. A
    /// large record makes a long section, which is more often aborted.
    #[inline]
    pub fn push(&self, record: T) -> Result<(), T> {
        let slot = Slot(MaybeUninit::new(record));
        let bytes = (&raw const slot).cast();
        let pushed = run_at(
            self.home.resolved(),
            // SAFETY: `LocalBuffer` is `repr(C)`, begins with its gate and has
            // the slots of its shape; the rest is B1, B2 and the local slot.
            |at, by| unsafe { ops::buffer_push(at, bytes, LocalBuffer::<T, N>::SHAPE, by) },
            |buffer| buffer.push_alone(record),
        );
        if pushed { Ok(()) } else { Err(record) }
    }

    /// Takes the record that was put last into this CPU's buffer; `None` if it
    /// is empty, or, as for [`push`](Self::push), busy.
    ///
    /// # Panics
    /// On first use, if the system refuses memory.
    ///
    /// # Performance
    /// As [`push`](Self::push).
    #[inline]
    pub fn pop(&self) -> Option<T> {
        run_at(
            self.home.resolved(),
            |at, by| {
                let mut slot = Slot(MaybeUninit::<T>::uninit());
                let bytes = (&raw mut slot).cast();
                // SAFETY: as in `push`.
                let popped = unsafe { ops::buffer_pop(at, bytes, LocalBuffer::<T, N>::SHAPE, by) }?;
                // SAFETY: a whole record was copied out of a full slot (B1).
                Some(popped.then(|| unsafe { slot.0.assume_init() }))
            },
            LocalBuffer::pop_alone,
        )
    }

    /// Empties the buffer of one unit, from any CPU, and hands each record to
    /// `f`, the oldest first. Returns how many there were. Every record whose
    /// push has returned, and is ordered before, is among them if nobody popped
    /// it.
    ///
    /// `f` runs with the buffer open again. Not for signal handlers.
    ///
    /// # Errors
    /// [`Error::FenceRefused`]; nothing was taken.
    ///
    /// # Performance
    /// Unless it is empty, an allocation for all records and a fence, see
    /// [`fence::unit`](crate::fence::unit).
    pub fn drain_on(&self, unit: Unit, f: impl FnMut(T)) -> Result<usize, Error> {
        let buffer = self.on(unit).get();
        if buffer.is_empty() {
            return Ok(0);
        }
        let mut records = Vec::with_capacity(N);
        drain::stopped(&buffer.gate, unit, || {
            // SAFETY: full slots of this copy (B1), which nobody else touches
            // while it is stopped (B2).
            records.extend((0..buffer.len()).map(|index| unsafe { buffer.slot(index).read() }));
            buffer.gate.word.store(0, Ordering::Relaxed);
        })?;
        let count = records.len();
        records.into_iter().for_each(f);
        Ok(count)
    }

    /// As [`drain_on`](Self::drain_on), for each unit that was ever used.
    ///
    /// # Errors
    /// As that; units before the one that failed are empty.
    pub fn drain(&self, mut f: impl FnMut(Unit, T)) -> Result<usize, Error> {
        Unit::all_active()?.map(|unit| self.drain_on(unit, |record| f(unit, record))).sum()
    }
}

impl<T, const N: usize> Default for LocalBuffer<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, const N: usize> fmt::Debug for LocalBuffer<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalBuffer").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(all(test, percpu_linux))]
mod tests {
    use core::sync::atomic::AtomicBool;

    use super::*;
    use crate::per_cpu::PerCpu;

    /// The kernel's rseq selftest with two lists: while threads use whichever is
    /// open on their CPU, one is closed, that CPU is fenced, and from then on the
    /// closed one stands still there.
    #[test]
    fn the_buffer_that_went_out_of_use_stands_still_after_the_fence() {
        let buffers = [(); 2].map(|()| PerCpu::<LocalBuffer<[u64; 4], 8>>::zeroed().unwrap());
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for n in 0..4_usize {
                let (buffers, over) = (&buffers, &over);
                scope.spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        // Neither full nor empty most of the time: both sections work.
                        for _ in 0..5 {
                            let first = buffers[n % 2].push([7; 4]);
                            let _ = first.or_else(|record| buffers[1 - n % 2].push(record));
                        }
                        for buffer in buffers.iter().cycle().take(6) {
                            assert!(buffer.pop().is_none_or(|record| record == [7; 4]));
                        }
                    }
                });
            }
            let mut moved = [false; 2];
            // Nothing may panic before the threads are told that it is over.
            let mut restless = None;
            // Until the other threads have been seen at work: on a busy machine that
            // takes a while.
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
            'rounds: for round in 0.. {
                if round >= 2_000 && (moved == [true; 2] || deadline < std::time::Instant::now()) {
                    break;
                }
                for unit in Unit::all().unwrap() {
                    let buffer = buffers[round % 2].on(unit).get();
                    let other = buffers[1 - round % 2].on(unit).get();
                    let open = other.len();
                    let still = drain::stopped(&buffer.gate, unit, || {
                        let length = buffer.len();
                        (0..500).all(|n| {
                            if round >= 2_000 && n % 100 == 0 {
                                std::thread::yield_now();
                            }
                            moved[round % 2] |= other.len() != open;
                            buffer.len() == length
                        })
                    });
                    if still != Ok(true) {
                        restless = Some((unit, round, still));
                        break 'rounds;
                    }
                }
            }
            over.store(true, Ordering::Relaxed);
            assert_eq!(restless, None, "a unit, the round, whether its closed buffer stood");
            assert_eq!(moved, [true; 2], "meanwhile the other one was used");
        });
    }
}
