//! Allocations accounted on per-CPU words: how, and why an allocator may do it.
//!
//! ```text
//!   alloc    charge ──────> A::alloc ──────> allocations + 1, allocated + size
//!              │ refused       │ null
//!            null           uncharge, null
//!   dealloc                 A::dealloc ────> deallocations + 1, freed + size ──> uncharge
//! ```
//!
//! A count is what lies in this CPU's copies plus what lies in the allocator itself,
//! in atomics that all threads share:
//!
//! | when | counted in |
//! | --- | --- |
//! | before per-CPU memory is there, while it is set up | shared atomics |
//! | a thread with restartable sequences | its CPU's words, by sections |
//! | portable mode | a unit's words, by atomics |
//! | a thread without restartable sequences in a process that has them | shared atomics |
//! | a unit that cannot become active without waiting | shared atomics |
//!
//! Each of these is an addition that is never undone, so it does not matter which a
//! thread took, nor where what one thread allocated is freed: the wrapping sum is
//! exact.
//!
//! # Inside an allocation
//!
//! Whoever allocates may hold any lock: libc's of the environment, the index of
//! chunks, `Units::state` under which a list grows. Setting per-CPU memory up
//! allocates, reads sysfs and the environment. So nothing of that is started here:
//! - `existing()` is one load. While there is no process, or its builder allocates,
//!   the table is closed and shared atomics count. No constructor sets it up before
//!   `main` either: the program's `config()` would come too late.
//! - The words are the core's own static, `section::own_words`: its pointer is known
//!   with the process. Nothing has to be resolved, registered or allocated.
//! - `process::try_admit` tries the lock of `Units` once (`try_activate`), which this
//!   thread may hold, copies templates under it and makes two system calls, for
//!   signals. It registers no thread: `pthread_setspecific` may allocate.
//! - `portable_unit` has a thread-local without constructor or destructor.
//! - No trace point, `std::fs` or formatting is on the way, and nothing panics.
//! - A word has no lock, so a handler may come at any point; a fork finds nothing held.
//!
//! # The limit
//!
//! ```text
//!   charged = bytes handed out + charges on their way + stock of every unit  <= limit
//! ```
//! L1: `charged` grows by a compare-exchange that tests the limit, before `A` is asked;
//! it falls after `A` has the memory back. L2: a unit's stock is never negative: who
//! takes from it finds enough there. So what is handed out never exceeds the limit,
//! whatever the moment, and no fence is needed. What idle CPUs have in stock may make
//! a refusal come early; `limit.rs` bounds that.

mod alloc;
mod count;
mod limit;
mod snapshot;
#[cfg_attr(percpu_loom, path = "../model/words.rs")]
mod words;

pub use alloc::AccountingAlloc;
pub use snapshot::AccountingSnapshot;
