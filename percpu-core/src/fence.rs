//! The fence: wait until every section in flight has ended or restarted.
//!
//! What replaces "wait until every CPU has scheduled" in user space. A protocol
//! stores the word that its sections read (a stop word, a new list head),
//! fences, and from then on no section can commit that saw the old value.
//!
//! It ends *sections* only. Threads without restartable sequences change words
//! with atomic instructions, which a fence does not hold back: for them the
//! deciding bit belongs into the very word that is changed.
//!
//! ```
//! percpu_core::fence::all()?;
//! # Ok::<(), percpu_core::Error>(())
//! ```

use crate::atomic::Ordering;
use crate::error::Error;
use crate::mutate::mutated;
use crate::process;
use crate::unit::Unit;

/// Every section in flight in this process has ended or restarted, and every
/// running thread has passed a full memory barrier, when this returns.
///
/// # Errors
/// [`Error::FenceRefused`] if the system refuses it, as a seccomp filter that
/// came after start may. Then nothing may be concluded: return or block.
///
/// # Performance
/// A system call that interrupts the CPUs this process runs on: 0.5 us alone, 0.5
/// to some 10 us while other threads run, on a virtual machine.
/// In portable mode no section exists and it is a local fence.
#[doc(alias = "membarrier")]
#[doc(alias = "synchronize_rcu")]
pub fn all() -> Result<(), Error> {
    run(None)
}

/// As [`all`], for the sections of one unit. By [`Index::Cid`](crate::Index::Cid) one
/// of them may run on any CPU, and this is [`all`].
///
/// # Errors
/// As [`all`].
pub fn unit(unit: Unit) -> Result<(), Error> {
    run(Some(unit))
}

/// The cheap half of a pair whose dear half is [`all`]: of two threads that each
/// store, pass their half, and load what the other stored, one sees the other.
/// Here only the compiler is held back; the processor is by the dear half,
/// which makes every running thread pass a full barrier.
///
/// Under loom both halves are full barriers: that is what membarrier buys.
#[inline(always)]
pub(crate) fn light() {
    if cfg!(percpu_loom) {
        crate::atomic::fence(Ordering::SeqCst);
    } else {
        core::sync::atomic::compiler_fence(Ordering::SeqCst);
    }
}

fn run(unit: Option<Unit>) -> Result<(), Error> {
    // A full fence of our own before and after, in every mode: what the caller
    // stored is visible to sections that start later, and what it loads
    // afterwards is no older than the sections that ended.
    if !mutated("fence_no_barrier") {
        crate::atomic::fence(Ordering::SeqCst);
    }
    let fenced = match process::existing() {
        Some(process) if process.mode.is_rseq() => {
            process::restart_sections(process, unit.map(Unit::index))
        }
        _ => Ok(()),
    };
    if !mutated("fence_no_barrier") {
        crate::atomic::fence(Ordering::SeqCst);
    }
    fenced.map_err(|errno| Error::FenceRefused { errno })
}
