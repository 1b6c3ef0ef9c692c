//! What may be called in a signal handler, whatever it interrupted.
//!
//! *Prepared* means: [`init`](crate::init()) has returned, and the word, or another
//! static of its link unit, was used before outside of a handler, or
//! [`StaticPerCpu::prepare`](crate::StaticPerCpu::prepare) was called. An allocated
//! value is always prepared.
//!
//! | call | rseq, registered by libc | rseq, registered here | portable |
//! | --- | --- | --- | --- |
//! | operations on a prepared word: `load`, `add`, `inc`, `swap`, `compare_exchange`, ... | yes | after this thread's first operation | yes (1) |
//! | [`Copies::hint`](crate::Copies::hint), [`Copies::try_lock`](crate::Copies::try_lock) and what its guard does, on something prepared | yes | after this thread's first operation | yes (1) |
//! | [`Unit::current`](crate::Unit::current) | yes | after this thread's first operation | yes (1) |
//! | `sum`, `on`, `iter`, [`Remote::load`](crate::Remote::load) on a prepared word; the rest of [`Unit`](crate::Unit) | yes | yes | yes |
//! | [`fence::all`](crate::fence::all), [`fence::unit`](crate::fence::unit()) | yes | yes | yes |
//! | what an [`AccountingAlloc`](crate::AccountingAlloc) does itself, whatever was used before; its inner allocator may forbid it (`System` does) | yes | yes | yes (1) |
//! | `lock`, `with`, `lock_on` of a [`LocalLock`](crate::LocalLock) | no | no | no |
//! | `PerCpuRwLock`: every way in and out | no | no | no |
//! | the first use of all, or of a static of another link unit | no | no | no |
//! | [`PerCpu::zeroed`](crate::PerCpu::zeroed), [`PerCpu::new_with`](crate::PerCpu::new_with), and the drop of one | no | no | no |
//! | [`config()`](crate::config()), [`info()`](crate::info()) and what it shows, `Debug` and `Display` | no | no | no |
//! | `fork` | no | no | no |
//!
//! 1. In a library that was opened at run time: after this thread's first operation,
//!    because the first access to its thread-local memory may allocate. In debug
//!    builds that goes for `try_lock` in every mode.
//!
//! All of these leave `errno` as it was (portable mode: unless `getcpu` is refused).
//!
//! The concurrency id as the index ([`Index::Cid`](crate::Index::Cid)) changes nothing in this.
//!
//! # Why
//!
//! A section that a handler interrupts restarts, so a handler's own sections never
//! meet a half-done one. What the portable bodies do is one atomic instruction, or a
//! loop that a handler's operation makes go around once more.
//!
//! Making a CPU's unit active takes a lock, always with all signals blocked: no
//! handler ever runs on top of it. Registering a thread calls `pthread_setspecific`,
//! which may allocate. The index of chunks is locked with signals open, so whatever
//! allocates or frees could wait for its own thread, and so could `fork`, which holds
//! that lock while it copies the process. An `AccountingAlloc` tries a lock at most once,
//! with signals blocked, and registers no thread. `LocalLock::lock` could wait for the holder
//! that it interrupted.
//!
//! # Forked children
//!
//! On Linux a child of a process with many threads may use everything, as its parent:
//! the crate's own locks are held over the fork and free in the child. A copy of a
//! [`LocalLock`](crate::LocalLock) that another thread of the parent held stays locked
//! in the child, as its holder is not there. Counts and memory are the child's own from
//! then on. A fork at the very moment of the process's first use is not covered: call
//! [`init`](crate::init()) before threads that fork are made. `exec` starts afresh.
