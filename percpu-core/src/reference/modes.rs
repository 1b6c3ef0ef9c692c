//! How a [`RawRef`] changes its mode; `raw.rs` says what the modes are.

use super::count::{BIAS, Count, DEAD, ONE, references};
use super::error::{RefError, underflow};
use super::options::Modes;
use super::raw::RawRef;
use crate::atomic::Ordering;
use crate::mutate::mutated;
use crate::sys::sync::MutexGuard;
use crate::trace;

/// # Mode changes
///
/// One at a time; each has been made when it returns.
impl RawRef {
    /// Ends the life of this count: puts the initial reference, and from now on the
    /// last put is noticed. Whether this was the last.
    ///
    /// # Errors
    /// [`RefError::AlreadyDead`]; [`RefError::Fence`], then nothing has changed;
    /// [`RefError::Underflow`], then it is dead and the last put was missed.
    ///
    /// # Performance
    /// A fence and a pass over the units in use, if it was per-CPU.
    #[doc(alias = "percpu_ref_kill")]
    pub fn kill(&self) -> Result<bool, RefError> {
        self.kill_and_confirm(|| ())
    }

    /// As [`kill`](Self::kill). `confirm` is called as soon as each
    /// [`tryget_live`](Self::tryget_live) that begins from then on fails, and before the
    /// initial reference is put. It must not change the mode of this count: that
    /// would wait for itself. If it panics, the initial reference is not put.
    ///
    /// # Errors
    /// As [`kill`](Self::kill); `confirm` was called only if the error is
    /// [`RefError::Underflow`].
    #[doc(alias = "percpu_ref_kill_and_confirm")]
    pub fn kill_and_confirm(&self, confirm: impl FnOnce()) -> Result<bool, RefError> {
        self.condemn(confirm)?;
        self.put_shared(1)
    }

    /// `kill` without its put: the caller has the initial reference from when
    /// `confirm` is called.
    pub(super) fn condemn(&self, confirm: impl FnOnce()) -> Result<(), RefError> {
        let mut modes = self.modes.lock();
        if self.now().is_dead() {
            drop(modes);
            trace::misuse("a reference count was killed twice");
            return Err(RefError::AlreadyDead);
        }
        if !modes.closed {
            self.close(&mut modes, DEAD)?;
        } else if !mutated("ref_atomic_not_dead") {
            // R4. AcqRel: a link in the chain from each put to the last one. It would be
            // one if it were Relaxed, as read-modify-writes are, so no model misses it.
            self.count.fetch_or(DEAD, Ordering::AcqRel);
        }
        confirm();
        Ok(())
    }

    /// Takes the words of the CPUs into the shared one, by one instruction, and sets
    /// `flag` by it; the shared word after that.
    fn close(&self, modes: &mut Modes, flag: u64) -> Result<Count, RefError> {
        let sum = self.switch.close(&*self.words).map_err(RefError::Fence)?;
        modes.closed = true;
        if mutated("ref_unbiased_before_sum") {
            self.count.fetch_sub(BIAS - flag, Ordering::AcqRel);
            self.count.fetch_add(references(sum), Ordering::AcqRel);
            return Ok(self.now());
        }
        let change = references(sum).wrapping_sub(BIAS).wrapping_add(flag);
        // Release: hands on what `close` has acquired of puts in the words, to whoever
        // puts the last one. (After a kill its own put would do that, too.) Acquire: of
        // puts here, to the caller.
        let taken = match mutated("ref_close_relaxed") {
            true => Ordering::Relaxed,
            false => Ordering::AcqRel,
        };
        let old = self.count.fetch_add(change, taken);
        Ok(Count(old.wrapping_add(change)))
    }

    /// One count for all CPUs until [`switch_to_percpu`](Self::switch_to_percpu), also
    /// after `reinit`; `confirm` is called when no CPU counts by itself any more, with
    /// the same duty as in [`kill_and_confirm`](Self::kill_and_confirm).
    ///
    /// # Errors
    /// [`RefError::Fence`], then nothing has changed. [`RefError::Underflow`] if what
    /// the CPUs counted says so; the switch was made and `confirm` called.
    ///
    /// # Performance
    /// As [`kill`](Self::kill). It is over when this returns: there is no other way
    /// of waiting for it than here.
    #[doc(alias = "percpu_ref_switch_to_atomic")]
    pub fn switch_to_atomic(&self, confirm: impl FnOnce()) -> Result<(), RefError> {
        let mut modes = self.modes.lock();
        let mut sane = true;
        if !modes.closed {
            sane = self.close(&mut modes, 0)?.whole() != Some(0);
        }
        modes.sticky = true;
        confirm();
        drop(modes);
        if sane { Ok(()) } else { Err(underflow()) }
    }

    /// [`switch_to_atomic`](Self::switch_to_atomic) for who wants to hear nothing but
    /// its return.
    ///
    /// # Errors
    /// As that.
    #[doc(alias = "percpu_ref_switch_to_atomic_sync")]
    pub fn switch_to_atomic_sync(&self) -> Result<(), RefError> {
        self.switch_to_atomic(|| ())
    }

    /// Lets the CPUs count by themselves again; if it is dead, once it lives.
    ///
    /// # Errors
    /// [`RefError::NotReusable`].
    ///
    /// # Performance
    /// Two stores. No fence.
    #[doc(alias = "percpu_ref_switch_to_percpu")]
    pub fn switch_to_percpu(&self) -> Result<(), RefError> {
        let mut modes = self.modes.lock();
        if modes.closed {
            may_reinit(&modes)?;
        }
        modes.sticky = false;
        self.open(&mut modes);
        Ok(())
    }

    /// Back to the mode that is due.
    fn open(&self, modes: &mut Modes) {
        if !modes.closed || modes.sticky || self.now().is_dead() {
            return;
        }
        // R1. AcqRel: as in `condemn`.
        self.count.fetch_add(BIAS, Ordering::AcqRel);
        self.switch.open(&*self.words);
        modes.closed = false;
    }

    /// A new life, with one reference, in the mode it had before it was killed.
    ///
    /// # Errors
    /// [`RefError::NotReusable`], [`RefError::NotZero`], [`RefError::NotDead`].
    #[doc(alias = "percpu_ref_reinit")]
    pub fn reinit(&self) -> Result<(), RefError> {
        self.reinit_with(|| Ok(()))
    }

    /// As `reinit`; `prepare` is called by one thread at a time, before anybody can
    /// get a reference, and may still refuse.
    pub(super) fn reinit_with(
        &self,
        prepare: impl FnOnce() -> Result<(), RefError>,
    ) -> Result<(), RefError> {
        let modes = self.modes.lock();
        may_reinit(&modes)?;
        let now = self.now();
        match (now.whole(), now.is_dead()) {
            (Some(0), true) => {}
            (Some(0), false) => return Err(RefError::NotDead),
            _ => {
                drop(modes);
                trace::misuse("a reference count with references was to be made anew");
                return Err(RefError::NotZero);
            }
        }
        prepare()?;
        self.revive(modes, |word| Some(word.wrapping_add(ONE - DEAD)))
    }

    /// Takes a kill back, as long as there are references: the initial one is there
    /// again, and the mode that was before.
    ///
    /// # Errors
    /// [`RefError::NotReusable`], [`RefError::NotDead`], and [`RefError::Zero`] once
    /// the last one was put: then [`reinit`](Self::reinit) is the way.
    #[doc(alias = "percpu_ref_resurrect")]
    pub fn resurrect(&self) -> Result<(), RefError> {
        let modes = self.modes.lock();
        may_reinit(&modes)?;
        if !self.now().is_dead() {
            drop(modes);
            trace::misuse("a reference count that lives was to be resurrected");
            return Err(RefError::NotDead);
        }
        self.revive(modes, |word| {
            let gone = Count(word).whole() == Some(0);
            (!gone || mutated("ref_resurrects_zero")).then(|| word.wrapping_add(ONE - DEAD))
        })
    }

    /// Takes the initial reference, and DEAD off, by one instruction (R4).
    fn revive(
        &self,
        mut modes: MutexGuard<'_, Modes>,
        f: impl FnMut(u64) -> Option<u64>,
    ) -> Result<(), RefError> {
        // Release: partner is `tryget_slow`. Acquire: as in `condemn`.
        let revived = match mutated("ref_revive_relaxed") {
            true => Ordering::Relaxed,
            false => Ordering::AcqRel,
        };
        match self.count.fetch_update(revived, Ordering::Relaxed, f) {
            Ok(_) => {
                self.open(&mut modes);
                Ok(())
            }
            Err(_) => Err(RefError::Zero),
        }
    }
}

fn may_reinit(modes: &Modes) -> Result<(), RefError> {
    if modes.reinit { Ok(()) } else { Err(RefError::NotReusable) }
}
