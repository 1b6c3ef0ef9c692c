//! [`PerCpuAlloc`]: a global allocator of size classes.
//!
//! ```text
//!   alloc, dealloc   class_of(layout)
//!         |  up to 32 KiB                                       |  larger, or aligned to
//!   Bucket: free blocks of the class on every CPU,              |  more than a page
//!           above a depot a node    (after `init`)              |
//!         |  empty, full, refused; before `init`                |
//!   Slabs: the class's pages, spans, partial lists              Large: mappings, a few free
//!         \______________________ mmap _________________________/
//! ```
//! A block's class follows from the layout alone, so nothing is looked up when it is
//! freed, and what was allocated before `init` goes to magazines after it.
//!
//! # Inside an allocation
//!
//! Whoever allocates may hold any lock: libc's of the environment, the core's own while
//! it is set up, the index of its chunks under which a list grows, std's of its output.
//! So what an allocation reaches keeps to these:
//! - Locks are futexes (`std::sync::Mutex`), of this allocator alone, and nothing is
//!   called with one held that could allocate. A contended one makes a system call.
//! - Memory comes by mmap. There is no heap below.
//! - Magazines are used by operations that refuse in place of waiting for the core's
//!   locks, setting it up, or registering a thread (`percpu-core/src/inside.rs`).
//! - There is no thread-local memory with a destructor; a thread that ends allocates and
//!   frees until its last instruction.
//! - Nothing panics, formats or opens a file.
//!
//! # Why `init` is a call
//!
//! The magazines need per-CPU memory, and setting that up reads the topology and the
//! environment, allocates, and takes the core's lock: not inside an allocation whose
//! caller may hold one of these. It could run before `main` in a constructor; but then
//! the program's `percpu_core::config()` would come too late, and so would constructors
//! that set the environment. A thread of its own, started by the allocator, would
//! surprise programs that fork or drop privileges. What is left is a line of the
//! program.
//!
//! # Forks
//!
//! The allocator's locks are held over a fork, so a child may allocate at once. What
//! other threads of the parent had in hand, a magazine each at most, is lost to the
//! child; a cell of a depot that one was about to fill or empty makes that depot look
//! full or empty there, and blocks go to the slabs.

#[cfg(not(percpu_loom))]
mod alloc;
#[cfg(not(percpu_loom))]
mod stats;

// The one choice of body: 64-bit Linux, or wherever there is a standard library. A model
// has the part that is not about memory.
#[cfg_attr(
    not(all(target_os = "linux", target_pointer_width = "64", not(miri))),
    path = "system.rs"
)]
#[cfg(not(percpu_loom))]
mod backend;
#[cfg(any(percpu_loom, all(target_os = "linux", target_pointer_width = "64", not(miri))))]
#[cfg_attr(not(percpu_loom), allow(unreachable_pub, reason = "the models reach it"))]
mod bucket;
#[cfg(all(target_os = "linux", target_pointer_width = "64", not(any(miri, percpu_loom))))]
mod classes;
#[cfg(all(target_os = "linux", target_pointer_width = "64", not(any(miri, percpu_loom))))]
mod heap;
#[cfg(all(target_os = "linux", target_pointer_width = "64", not(any(miri, percpu_loom))))]
mod large;
#[cfg(all(target_os = "linux", target_pointer_width = "64", not(any(miri, percpu_loom))))]
mod mapping;

#[cfg(not(percpu_loom))]
pub use alloc::PerCpuAlloc;
#[cfg(not(percpu_loom))]
pub use stats::{AllocStats, ClassStats, LargeStats};

/// For the models.
#[doc(hidden)]
#[cfg(percpu_loom)]
pub use bucket::Bucket as __Bucket;
