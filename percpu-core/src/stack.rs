//! [`PerCpuStack`]: a bounded stack on every CPU.
//!
//! # Safety
//!
//! Turns bits back into the type whose values alone went in.

#![allow(unsafe_code)]

use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;

use crate::error::Error;
use crate::raw_stack::RawStack;
use crate::stack_copy::BATCH;
use crate::stack_word::StackWord;
use crate::unit::Unit;

/// A bounded stack on every CPU: what a CPU gave back last it hands out first.
///
/// For free lists, caches of buffers, and magazines in front of an allocator:
/// [`push`](Self::push) and [`pop`](Self::pop) touch this CPU's stack only, so
/// they hit where the CPU's cache is warm and never meet another CPU. Whoever
/// finds the stack empty or full goes where it would have gone without one.
///
/// Nothing that went in is lost or comes out twice, whatever threads do
/// and wherever they are moved. The values are plain words: dropping the stack
/// gives those that are left to nobody; [`drain`](Self::drain) it first if they
/// stand for something. What a thread wrote before it pushed is seen by whoever
/// takes the value out, by pop or drain.
///
/// **Full and empty are answers for now.** While a drain works on a unit, its
/// stack is full to pushes and empty to pops. On a unit without restartable
/// sequences (in portable mode, and on the shared unit) so it is also while
/// another thread is in the middle of an operation on it. Operations never wait,
/// and may be used in signal handlers; a drain may not.
///
/// ```
/// use percpu_core::{Full, PerCpuStack};
///
/// let free = PerCpuStack::<usize>::with_capacity(64)?;
/// if let Err(Full(slot)) = free.push(7) {
///     println!("{slot} goes elsewhere");
/// }
/// let slot = free.pop().unwrap_or_else(|| /* ask whoever has more */ 7);
/// assert_eq!(slot, 7);
///
/// free.push_batch(&[1, 2, 3]);
/// let mut left = 0;
/// free.drain(|_unit, slot| left += slot)?;
/// # assert_eq!(left, 6);
/// # Ok::<(), percpu_core::Error>(())
/// ```
#[doc(alias = "per_cpu_pages")]
#[doc(alias = "array_cache")]
#[doc(alias = "magazine")]
#[doc(alias = "freelist")]
pub struct PerCpuStack<T> {
    /// INVARIANT: every item is `to_bits` of a `T`.
    raw: RawStack,
    // Invariant in T, and sent and shared as any word: what a pointer leads to
    // is the business of who follows it.
    values: PhantomData<fn(T) -> T>,
}

/// There was no room: gives back the value that was to be pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full<T>(pub T);

impl<T> fmt::Display for Full<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this CPU's stack is full, or being drained")
    }
}

impl<T: fmt::Debug> core::error::Error for Full<T> {}

impl<T: StackWord> PerCpuStack<T> {
    /// An empty stack of `capacity` values on every CPU.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if `8 * capacity + 8` bytes are more than one
    /// allocation may have (32 KiB, so 4095 values, unless
    /// `Config::minimum_unit` says more); else as
    /// [`PerCpu::zeroed`](crate::PerCpu::zeroed).
    ///
    /// # Performance
    /// That many bytes a CPU; those of CPUs that never push cost no memory.
    pub fn with_capacity(capacity: usize) -> Result<Self, Error> {
        Ok(Self { raw: RawStack::with_capacity(capacity)?, values: PhantomData })
    }

    /// How many values one unit's stack can hold.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.raw.capacity()
    }

    /// Puts `value` on top of this CPU's stack.
    ///
    /// # Errors
    /// [`Full`] gives the value back.
    ///
    /// # Performance
    /// One section: no lock, no lock prefix, no system call. A push and a pop
    /// together cost about three [`Copies::add`](crate::Copies::add)s.
    #[inline]
    pub fn push(&self, value: T) -> Result<(), Full<T>> {
        if self.raw.push(value.to_bits()) { Ok(()) } else { Err(Full(value)) }
    }

    /// Takes the value on top of this CPU's stack; `None` if there is none.
    ///
    /// # Performance
    /// As [`push`](Self::push).
    #[inline]
    pub fn pop(&self) -> Option<T> {
        let bits = self.raw.pop()?;
        // SAFETY: the invariant of `raw`.
        Some(unsafe { T::from_bits(bits) })
    }

    /// Pushes `values`, in order, as long as there is room; returns how many went
    /// in. The others are still the caller's.
    ///
    /// Up to 64 go in by one commit: no pop of this CPU sees a part of them. A
    /// longer slice is pushed 64 by 64, possibly on several CPUs.
    ///
    /// # Performance
    /// One section for 64 values, less than a nanosecond a value.
    pub fn push_batch(&self, values: &[T]) -> usize {
        let mut pushed = 0;
        for values in values.chunks(BATCH) {
            let mut bits = [0; BATCH];
            for (bits, value) in bits.iter_mut().zip(values) {
                *bits = value.to_bits();
            }
            let count = self.raw.push_batch(&bits[..values.len()], 1);
            let count = count.unwrap_or(0);
            pushed += count;
            if count < values.len() {
                break;
            }
        }
        pushed
    }

    /// Pops into `values`, as long as there is something; returns how many came,
    /// the one that was on top first. The rest of `values` stays as it was.
    ///
    /// Up to 64 come by one commit. A longer slice is filled 64 by 64, possibly
    /// from several CPUs.
    ///
    /// # Performance
    /// As [`push_batch`](Self::push_batch).
    pub fn pop_batch(&self, values: &mut [T]) -> usize {
        let mut popped = 0;
        for values in values.chunks_mut(BATCH) {
            let mut bits = [MaybeUninit::uninit(); BATCH];
            let count = self.raw.pop_batch(&mut bits[..values.len()], 1).unwrap_or(0);
            for (value, bits) in values.iter_mut().zip(bits[..count].iter().rev()) {
                // SAFETY: that many were written.
                let bits = unsafe { bits.assume_init() };
                // SAFETY: the invariant of `raw`.
                *value = unsafe { T::from_bits(bits) };
            }
            popped += count;
            if count < values.len() {
                break;
            }
        }
        popped
    }

    /// Takes everything from every unit's stack, one unit after the other, and
    /// gives it to `f` from the top: the kernel's `drain_all_pages`.
    ///
    /// What was pushed before is given to `f`, unless it is popped meanwhile; what
    /// is pushed meanwhile may stay.
    ///
    /// # Errors
    /// [`Error::FenceRefused`]: values of this unit and of those that follow are
    /// where they were. Nothing is lost.
    ///
    /// # Panics
    /// If `f` does: what `f` was not given is where it was. In debug builds if `f`
    /// drains this stack again, which deadlocks otherwise. `f` may push and pop,
    /// but finds the unit that is being drained full and empty.
    ///
    /// # Performance
    /// A fence for each unit in use, see [`fence::unit`](crate::fence::unit).
    #[doc(alias = "drain_all_pages")]
    #[doc(alias = "flush_all_cpus_locked")]
    pub fn drain(&self, mut f: impl FnMut(Unit, T)) -> Result<(), Error> {
        Unit::all()?.try_for_each(|unit| self.drain_unit(unit, |value| f(unit, value)))
    }

    /// As [`drain`](Self::drain), one unit alone.
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    ///
    /// # Panics
    /// As [`drain`](Self::drain).
    ///
    /// # Performance
    /// A fence, if the unit is in use.
    #[doc(alias = "drain_pages")]
    pub fn drain_unit(&self, unit: Unit, mut f: impl FnMut(T)) -> Result<(), Error> {
        self.raw.drain_unit(unit, |bits| {
            // SAFETY: the invariant of `raw`.
            f(unsafe { T::from_bits(bits) });
        })
    }
}

impl<T> PerCpuStack<T> {
    /// How many values all stacks held a moment ago, counted one after the
    /// other. Exact if nobody pushes or pops.
    ///
    /// # Performance
    /// A load for each unit.
    pub fn len(&self) -> usize {
        units().map(|unit| self.on(unit).len()).sum()
    }

    /// Whether [`len`](Self::len) is 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The stack of `unit`, to look at.
    pub fn on(&self, unit: Unit) -> RemoteStack<'_> {
        RemoteStack { raw: &self.raw, unit }
    }
}

fn units() -> impl Iterator<Item = Unit> {
    // There is memory, so there are units.
    Unit::all().into_iter().flatten()
}

impl<T> fmt::Debug for PerCpuStack<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Lengths<'a, T>(&'a PerCpuStack<T>);
        impl<T> fmt::Debug for Lengths<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_map().entries(units().map(|unit| (unit, self.0.on(unit).len()))).finish()
            }
        }
        f.debug_struct("PerCpuStack")
            .field("capacity", &self.raw.capacity())
            .field("len", &Lengths(self))
            .finish()
    }
}

/// One unit's stack, seen from any CPU; from [`PerCpuStack::on`].
#[derive(Clone, Copy)]
pub struct RemoteStack<'a> {
    raw: &'a RawStack,
    unit: Unit,
}

impl RemoteStack<'_> {
    /// Whose stack it is.
    pub fn unit(self) -> Unit {
        self.unit
    }

    /// How many values it held a moment ago.
    pub fn len(self) -> usize {
        self.raw.len_on(self.unit)
    }

    /// Whether [`len`](Self::len) is 0.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for RemoteStack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteStack").field("unit", &self.unit).field("len", &self.len()).finish()
    }
}
