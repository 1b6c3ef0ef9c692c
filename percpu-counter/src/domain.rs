//! [`Domain`]: read-side sections without registered threads, and waiting for them.
//!
//! What readers do is in the core's `turn.rs`; when a wait is over in
//! `grace_period.rs`; how to go on meanwhile in `callbacks.rs`.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, MutexGuard};

use percpu_core::Error;

use crate::deferred::Deferred;
use crate::grace_period::GracePeriods;
use crate::inside::{self, Entry};

/// Readers who may be waited for: the kernel's sleepable read-copy-update (SRCU).
///
/// A reader says where it begins and ends; a writer makes something unreachable for
/// new readers, waits until all who were inside at that moment have left, and then
/// nobody can have it any more. Readers write their own CPU's words and wait for
/// nobody, no thread is registered, and nothing is kept per thread.
///
/// ```
/// use percpu_counter::Domain;
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// let domain = Domain::new()?;
/// // Two configurations, one of them in use; the other may be written.
/// let timeouts = [AtomicUsize::new(10), AtomicUsize::new(0)];
/// let current = AtomicUsize::new(0);
/// let timeout = || {
///     let _reading = domain.read();
///     // Stays what it is until the end of the section.
///     timeouts[current.load(Ordering::Acquire)].load(Ordering::Relaxed)
/// };
/// assert_eq!(timeout(), 10);
/// timeouts[1].store(20, Ordering::Relaxed);
/// current.store(1, Ordering::Release);
/// domain.synchronize()?;
/// // Nobody reads the first one any more.
/// timeouts[0].store(0, Ordering::Relaxed);
/// assert_eq!(timeout(), 20);
/// # Ok::<(), percpu_counter::Error>(())
/// ```
/// In a static:
/// ```
/// use percpu_counter::Domain;
/// use std::sync::LazyLock;
/// static SESSIONS: LazyLock<Domain> =
///     LazyLock::new(|| Domain::new().expect("memory for 16 bytes a CPU"));
/// assert_eq!(SESSIONS.with(|| 1 + 1), 2);
/// ```
///
/// # Rules
/// - Sections may be nested, last as long as they like, sleep, and end on another CPU
///   than they began on. One that never ends (a guard that is leaked) is waited for
///   without end.
/// - Who waits for a domain inside of a section of it waits for itself. Debug builds
///   panic instead.
/// - After a fork, a section that another thread was in never ends in the child.
///
/// # Performance
/// 16 bytes a CPU. A section costs two of `percpu_core`'s operations; see
/// [`read`](Self::read) and [`synchronize`](Self::synchronize).
#[doc(alias = "srcu_struct")]
#[doc(alias = "init_srcu_struct")]
#[doc(alias = "DEFINE_SRCU")]
#[doc(alias = "cleanup_srcu_struct")]
pub struct Domain {
    pub(crate) grace: GracePeriods,
    pub(crate) deferred: Deferred,
}

impl Domain {
    /// A domain without readers.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if the system refuses per-CPU memory.
    pub fn new() -> Result<Self, Error> {
        Ok(Self { grace: GracePeriods::new()?, deferred: Deferred::new() })
    }

    /// Begins a read-side section, which ends when the guard is dropped.
    ///
    /// What was made unreachable before a [`synchronize`](Self::synchronize) began is
    /// not found in a section that begins after it returned, and what is found in a
    /// section stays until its end. A signal handler may read, too, as it may use a
    /// word that is prepared (`percpu_core::signal_safety`).
    ///
    /// # Panics
    /// On first use of per-CPU memory, never later.
    ///
    /// # Performance
    /// Two of `percpu_core`'s operations, one here and one at the end: no lock, no
    /// lock prefix, no system call, no line that another reader writes.
    #[doc(alias = "srcu_read_lock")]
    #[doc(alias = "srcu_read_unlock")]
    #[inline]
    pub fn read(&self) -> ReadGuard<'_> {
        let entry = inside::enter(self);
        let which = self.grace.enter();
        ReadGuard { domain: self, which, _entry: entry, _in_its_thread: PhantomData }
    }

    /// As [`read`](Self::read), with a guard that keeps the domain alive, may be sent
    /// to another thread and may be held over an `await`.
    ///
    /// ```
    /// use percpu_counter::Domain;
    /// use std::sync::Arc;
    /// let domain = Arc::new(Domain::new()?);
    /// let reading = domain.read_owned();
    /// std::thread::spawn(move || drop(reading)).join().unwrap();
    /// domain.synchronize()?;
    /// # Ok::<(), percpu_counter::Error>(())
    /// ```
    ///
    /// # Performance
    /// As that, and the two atomic instructions of an `Arc`.
    #[doc(alias = "srcu_down_read")]
    #[doc(alias = "srcu_up_read")]
    #[inline]
    pub fn read_owned(self: &Arc<Self>) -> OwnedReadGuard {
        let domain = Arc::clone(self);
        let which = domain.grace.enter();
        OwnedReadGuard { domain, which }
    }

    /// Runs `f` in a read-side section.
    ///
    /// ```
    /// let domain = percpu_counter::Domain::new()?;
    /// assert_eq!(domain.with(|| "inside"), "inside");
    /// # Ok::<(), percpu_counter::Error>(())
    /// ```
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce() -> R) -> R {
        let _reading = self.read();
        f()
    }

    /// Waits until every section that began before this call has ended.
    ///
    /// Threads that wait at the same time share one grace period.
    ///
    /// # Errors
    /// [`Error::FenceRefused`] if the system refuses the fence, as a seccomp filter that
    /// came after start may: then nothing may be concluded about readers. The next
    /// call goes on where this one stopped.
    ///
    /// # Panics
    /// In debug builds, inside of a section of this domain that this thread is in;
    /// in release builds that waits for ever.
    ///
    /// # Performance
    /// Two fences, and a pass over the units in use, alone; then as long as the
    /// readers take. It waits by looking again: at once, then less and less often,
    /// after a millisecond at most.
    #[doc(alias = "synchronize_srcu")]
    #[doc(alias = "synchronize_srcu_expedited")]
    pub fn synchronize(&self) -> Result<(), Error> {
        inside::check_outside(self);
        self.grace.wait(self.grace.ticket())
    }

    /// How many grace periods have ended so far: those that were shared, once.
    #[doc(alias = "srcu_batches_completed")]
    pub fn grace_periods(&self) -> u64 {
        self.grace.count()
    }

    /// How many callbacks have not run yet.
    pub fn pending(&self) -> u64 {
        self.deferred.pending()
    }
}

impl Drop for Domain {
    /// Runs the callbacks that are left.
    fn drop(&mut self) {
        // Guards borrow the domain or own a part of it: nobody reads.
        self.deferred.run_rest();
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Domain")
            .field("grace_periods", &self.grace)
            .field("pending", &self.pending())
            .finish()
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} grace periods, {} callbacks pending", self.grace_periods(), self.pending())
    }
}

/// A read-side section of a [`Domain`]; dropped, it ends.
///
/// It stays in its thread, as a section is meant to be short:
/// ```compile_fail,E0277
/// let domain = percpu_counter::Domain::new().unwrap();
/// let reading = domain.read();
/// std::thread::scope(|s| { s.spawn(|| drop(reading)); });
/// ```
/// and is not outlived by what it reads from:
/// ```compile_fail,E0505
/// let domain = percpu_counter::Domain::new().unwrap();
/// let reading = domain.read();
/// drop(domain);
/// drop(reading);
/// ```
/// [`Domain::read_owned`] gives one that may be sent.
#[must_use = "the section ends where the guard is dropped"]
pub struct ReadGuard<'a> {
    domain: &'a Domain,
    which: usize,
    _entry: Entry,
    /// What may be shared, and stays in its thread.
    _in_its_thread: PhantomData<MutexGuard<'static, ()>>,
}

impl ReadGuard<'_> {
    /// Whether this is a section of `domain`: for who keeps something there and is
    /// given a guard.
    pub fn is_of(&self, domain: &Domain) -> bool {
        std::ptr::eq(self.domain, domain)
    }
}

impl Drop for ReadGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        self.domain.grace.leave(self.which);
    }
}

impl fmt::Debug for ReadGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadGuard").finish_non_exhaustive()
    }
}

/// A read-side section that owns a part of its [`Domain`] and may be sent; from
/// [`Domain::read_owned`].
#[must_use = "the section ends where the guard is dropped"]
pub struct OwnedReadGuard {
    domain: Arc<Domain>,
    which: usize,
}

impl OwnedReadGuard {
    /// As [`ReadGuard::is_of`].
    pub fn is_of(&self, domain: &Domain) -> bool {
        std::ptr::eq(&*self.domain, domain)
    }
}

impl Drop for OwnedReadGuard {
    fn drop(&mut self) {
        self.domain.grace.leave(self.which);
    }
}

impl fmt::Debug for OwnedReadGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedReadGuard").finish_non_exhaustive()
    }
}
