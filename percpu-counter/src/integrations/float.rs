//! [`PerCpuF64`]: a floating-point number, added to per CPU, set from anywhere.
//!
//! # Set without touching the copies
//! To move a base, as the integers do, would lose what rounding takes: from a raw sum
//! of 1e20 no base leads to 0.1. So a copy is a sum *and the epoch it belongs to*, two
//! words that change together, and what belongs to an earlier epoch counts as nothing:
//!
//! ```text
//!   value = base + copies of this epoch
//!   add:  load epoch;  load (sum, its epoch) of this CPU
//!         same epoch: sum + d      earlier: 0 + d      later: begin again
//!         COMMIT (new sum, epoch) if the copy is what it was, else begin again
//!   set:  lock;  epoch += 1;  base = v;                        unlock
//!   get:  lock;  base + every copy of this epoch;              unlock
//! ```
//! # Invariants
//! - A copy's epoch never goes back: an adder that finds a later one begins again.
//! - The epoch stands still while the lock is held, so `get` meets no later one.
//!
//! An add that loaded its epoch before a `set`, and commits after it, is not in the new
//! value: it counts as added before.
//!
//! # Orderings
//! The epoch is loaded and stored relaxed. An adder that finds a copy of a later epoch
//! sees what its writer saw (a double word's commit is a release, its load an acquire),
//! so the next load of the epoch is not older than that: coherence.

use std::fmt;

use percpu_core::__private::mutated;
use percpu_core::atomic::{AtomicU64, Ordering};
use percpu_core::{DoubleWord, Error, PerCpu};

use super::or_shared::OrShared;
use crate::base::Base;
use crate::storage::Storage;

/// A floating-point number, added to on this CPU's copy alone.
///
/// Cannot fail: where per-CPU memory is refused, and where there are no restartable
/// sequences, it is one shared atomic; `Debug` says which.
///
/// # Rounding
/// An add rounds as `f64` addition does, in the copy of the CPU that adds; [`get`]
/// adds the copies up with compensation. So what `get` differs from the exact sum of
/// `n` numbers is at most `n * 2^-53` times the sum of their absolute values, about the
/// bound of adding them up in a loop, though the digits may differ from one run to the
/// next: which CPU adds what is not the same. Whole numbers are exact as long as the
/// absolute values stay below 2^53. What was added before a [`set`] has no effect on
/// rounding after it; nor have an infinity or a NaN.
///
/// # Performance
/// [`add`] is a load and a section on two words, without a lock prefix. 48 bytes a CPU.
///
/// [`add`]: Self::add
/// [`get`]: Self::get
/// [`set`]: Self::set
pub struct PerCpuF64(OrShared<Copies>);

struct Copies {
    /// Bits of a sum, and its epoch.
    sums: PerCpu<DoubleWord>,
    epoch: AtomicU64,
    base: Base<f64>,
}

impl PerCpuF64 {
    /// The number `value`.
    pub fn new(value: f64) -> Self {
        Self(OrShared::with_sections(|| Copies::new(value), value.to_bits()))
    }

    /// Adds `delta`.
    #[inline]
    pub fn add(&self, delta: f64) {
        match &self.0 {
            OrShared::PerCpu(copies) => copies.add(delta),
            OrShared::Shared(word, _) => add_to(word, delta),
        }
    }

    /// Subtracts `delta`, at the cost of [`add`](Self::add).
    #[inline]
    pub fn sub(&self, delta: f64) {
        self.add(-delta);
    }

    /// Replaces the value. An addition that returned before is overwritten, one that
    /// starts later counts on top; one that runs meanwhile does one of both.
    ///
    /// # Performance
    /// A lock, whatever the number of CPUs.
    pub fn set(&self, value: f64) {
        match &self.0 {
            OrShared::PerCpu(copies) => copies.set(value),
            OrShared::Shared(word, _) => word.store(value.to_bits(), Ordering::Relaxed),
        }
    }

    /// What was last set and what was added since.
    ///
    /// Exact, up to rounding, for additions that returned before; those still running
    /// are counted or not.
    ///
    /// # Performance
    /// A lock, and one read a unit in use.
    pub fn get(&self) -> f64 {
        match &self.0 {
            OrShared::PerCpu(copies) => copies.get(),
            OrShared::Shared(word, _) => f64::from_bits(word.load(Ordering::Relaxed)),
        }
    }
}

impl Copies {
    fn new(value: f64) -> Result<Self, Error> {
        let sums = PerCpu::zeroed()?;
        Ok(Self { sums, epoch: AtomicU64::new(0), base: Base::new(value) })
    }

    #[inline]
    fn add(&self, delta: f64) {
        loop {
            // Relaxed, as the orderings above say.
            let epoch = self.epoch.load(Ordering::Relaxed);
            let copy @ (bits, of) = self.sums.load();
            if of > epoch && !mutated("float_add_goes_back") {
                continue;
            }
            let sum = if of == epoch || mutated("float_add_keeps_what_was_set") {
                f64::from_bits(bits)
            } else {
                0.0
            };
            if self.sums.compare_exchange(copy, ((sum + delta).to_bits(), epoch)).is_ok() {
                return;
            }
        }
    }

    fn set(&self, value: f64) {
        let mut base = self.base.lock();
        // Relaxed: only `set` stores it, and this one has the lock.
        let epoch = self.epoch.load(Ordering::Relaxed);
        self.epoch.store(epoch + 1, Ordering::Relaxed);
        *base = value;
    }

    fn get(&self) -> f64 {
        let base = self.base.lock();
        // Relaxed: stored under this lock.
        let epoch = self.epoch.load(Ordering::Relaxed);
        let copies = self.sums.in_use().map(|(_, copy)| copy.load());
        let added = copies.filter(|&(_, of)| of == epoch).map(|(bits, _)| f64::from_bits(bits));
        sum(*base, added)
    }
}

#[cold]
fn add_to(word: &AtomicU64, delta: f64) {
    let add = |bits| Some((f64::from_bits(bits) + delta).to_bits());
    // Relaxed: a number orders nothing but itself.
    let _ = word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
}

/// Adds up, and in the end what each addition lost (Neumaier's variant of Kahan's sum).
fn sum(first: f64, rest: impl Iterator<Item = f64>) -> f64 {
    let mut sum = first;
    let mut lost = 0.0;
    for value in rest {
        let next = sum + value;
        lost += if sum.abs() >= value.abs() { (sum - next) + value } else { (value - next) + sum };
        sum = next;
    }
    // Nothing can be said of what an infinity lost; and -0 plus nothing is -0.
    if sum.is_finite() && lost != 0.0 { sum + lost } else { sum }
}

/// Zero.
impl Default for PerCpuF64 {
    fn default() -> Self {
        Self::new(0.0)
    }
}

impl fmt::Debug for PerCpuF64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("PerCpuF64");
        f.field("value", &self.get()).field("storage", &self.0).finish()
    }
}

impl fmt::Display for PerCpuF64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::sum;

    #[test]
    fn copies_that_cancel_leave_what_is_small() {
        assert_eq!(sum(1.0, [1e100, 1.0, -1e100].into_iter()), 2.0);
        assert_eq!(sum(1e100, [1.0, -1e100].into_iter()), 1.0);
        assert_eq!(sum(0.0, [1e16, 1.0, 1.0].into_iter()), 1e16 + 2.0);
    }

    #[test]
    fn infinities_and_nans_are_what_they_are_in_a_loop() {
        assert_eq!(sum(f64::INFINITY, [1.0].into_iter()), f64::INFINITY);
        assert_eq!(sum(1.0, [f64::NEG_INFINITY, 1.0].into_iter()), f64::NEG_INFINITY);
        assert!(sum(f64::INFINITY, [f64::NEG_INFINITY].into_iter()).is_nan());
        assert!(sum(0.0, [f64::NAN, 1.0].into_iter()).is_nan());
        assert_eq!(sum(f64::MAX, [f64::MAX].into_iter()), f64::INFINITY);
    }

    #[test]
    fn one_number_is_itself() {
        assert!(sum(-0.0, [].into_iter()).is_sign_negative());
        assert_eq!(sum(0.1, [].into_iter()), 0.1);
    }
}
