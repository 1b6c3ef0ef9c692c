//! [`balance`]: giving memory back, on request or by a thread that was asked for.

use core::time::Duration;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;

use crate::area::Balanced;
use crate::error::Error;
use crate::process;

/// Gives back to the system what need not be kept, and tops up what should be at
/// hand.
///
/// Empty chunks but one are unmapped; pages that nobody uses are given back
/// where a quarter of a chunk is idle; with [`Backing::Eager`](crate::Backing)
/// four idle pages are backed in advance, for allocations that may not wait.
/// Every drop does a bounded share of this by itself, so calling it is for
/// those who want it done now: after a peak, or before memory is measured.
///
/// # Errors
/// As [`init`](crate::init).
///
/// # Performance
/// A system call a chunk or run of pages, and unit. Allocation and drop go on
/// meanwhile in other threads.
///
/// ```
/// use percpu_core::{PerCpu, atomic::AtomicU64};
/// let words: Vec<_> = (0..100_000).map(|_| PerCpu::<AtomicU64>::zeroed()).collect();
/// drop(words);
/// println!("{:?}", percpu_core::balance()?);
/// assert!(percpu_core::info()?.chunks() <= 2, "the first, and one to spare");
/// # Ok::<(), percpu_core::Error>(())
/// ```
#[doc(alias = "pcpu_balance_workfn")]
#[doc(alias = "pcpu_balance_free")]
#[doc(alias = "pcpu_reclaim_populated")]
pub fn balance() -> Result<Balanced, Error> {
    process::get().map(|process| process.memory.balance())
}

/// A thread that calls [`balance`] whenever there is something to do; it ends
/// when this is dropped.
#[derive(Debug)]
#[must_use = "the thread ends when this is dropped"]
pub struct Balancer {
    /// Taken when dropping: the thread ends when it is gone.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Balancer {
    /// Starts the thread, which looks every `interval`.
    ///
    /// # Errors
    /// As [`init`](crate::init), and [`Error::Thread`] if the system refuses a
    /// thread.
    ///
    /// ```
    /// let _balancer = percpu_core::Balancer::every(std::time::Duration::from_millis(100))?;
    /// # Ok::<(), percpu_core::Error>(())
    /// ```
    pub fn every(interval: Duration) -> Result<Self, Error> {
        let process = process::get()?;
        let (stop, stopped) = channel();
        let work = move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                if process.memory.is_due() {
                    process.memory.balance();
                }
            }
        };
        let thread = std::thread::Builder::new().name("percpu-balance".into()).spawn(work);
        let thread = thread.map_err(|error| Error::Thread { errno: error.raw_os_error() })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing to say, and does not panic.
            let _ = thread.join();
        }
    }
}
