//! Per-CPU variables in user space: the Linux kernel's per-CPU subsystem as a
//! library.
//!
//! A per-CPU variable has one copy for each CPU; a thread works on the copy of
//! the CPU it runs on. So a hot counter costs a plain add, without a lock, a
//! lock prefix or a cache line that travels, and its value is the sum of the
//! copies.
//!
//! ```
//! use percpu_core::{PerCpu, atomic::AtomicU64, percpu};
//!
//! percpu! {
//!     /// Queries this process has served.
//!     pub static QUERIES: AtomicU64 = AtomicU64::new(0);
//! }
//!
//! QUERIES.inc();
//! let hits = PerCpu::<AtomicU64>::zeroed()?;
//! std::thread::scope(|s| {
//!     for _ in 0..4 {
//!         s.spawn(|| (0..1_000).for_each(|_| hits.inc()));
//!     }
//! });
//! assert_eq!((QUERIES.sum(), hits.sum()), (1, 4_000));
//! println!("{}", percpu_core::info()?);
//! # Ok::<(), percpu_core::Error>(())
//! ```
//!
//! User space cannot disable preemption. Operations are *restartable sequences*
//! (rseq): a few instructions with one committing store, which the kernel
//! restarts if the thread is preempted, migrated or interrupted before it. Where
//! rseq is missing, atomic instructions do the same; [`info()`] says which, and
//! why. [`LocalLock`] pins a CPU's *copy* for longer work, and [`fence`] waits
//! until every section in flight has restarted.
//!
//! # Tour
//!
//! | to | use | the kernel's name |
//! | --- | --- | --- |
//! | declare a variable | [`percpu!`], [`StaticPerCpu`] | `DEFINE_PER_CPU` |
//! | allocate one | [`PerCpu`] | `alloc_percpu` |
//! | allocate as much as is known at run time | [`PerCpuSlice`], [`PerCpuBytes`] | `__alloc_percpu` |
//! | change a word | [`Copies`]: `add`, `inc`, `swap`, ... | `this_cpu_add`, ... |
//! | change a word of a struct or an array | [`field!`], [`Copies::field`], [`Copies::at`] | `this_cpu_inc(var.field)` |
//! | change two words together | [`DoubleWord`] | `this_cpu_cmpxchg128` |
//! | keep nodes or records per CPU | [`LocalList`], [`LocalBuffer`] | |
//! | go without protection | [`Copies::asserted`], [`Copies::raw`] | `__this_cpu_add`, `raw_cpu_add`, ... |
//! | read all copies | [`Copies::sum`], [`Copies::iter`], [`Copies::on`] | `per_cpu`, `for_each_possible_cpu` |
//! | work on this CPU's copy | [`LocalLock`] | `local_lock`, `get_cpu_var` |
//! | keep values near the CPU that freed them | [`PerCpuStack`] | per-CPU page lists, sheaves |
//! | count references to an object | [`PerCpuRef`], [`RawRef`] | `percpu_ref` |
//! | wait for sections | [`fence`] | `synchronize_rcu` and friends |
//! | give a plug-in's variables back | [`unregister_statics!`] | `percpu_modfree` |
//! | follow CPUs that come and go | [`hotplug`] | `cpuhp_setup_state` |
//! | know where a thread runs | [`current_cpu`], [`current_node`] | `smp_processor_id`, `numa_node_id` |
//! | give memory back, and see what is held | [`balance()`], [`Balancer`], [`stats()`], [`locate`] | `percpu_stats` |
//! | count a program's allocations, limit them | [`AccountingAlloc`] | `alloc_tag`, memory cgroups |
//! | choose and inspect | [`config()`], [`info()`], [`Layout`], [`Topology`] | `percpu_alloc=`, boot log |
//!
//! Features: `tracing` tells the allocator's events, `serde` makes statistics data,
//! `lock_api` has `PerCpuRwLock`, a reader-writer lock.
//!
//! [`kernel`] lists the kernel's names and what they are here, [`signal_safety`] what
//! may be called in a signal handler.
//!
//! # Layers
//!
//! ```text
//!   hotplug                                                            CPUs that come and go
//!   static_var  per_cpu  copies  word  element  field  local_lock  stack  unit  remote  fence  info  here
//!          \________________________  |  _________________________/
//!                  home, process     (which pointer, which unit, which mode)
//!                    /        \
//!                 ops          area        sections | layout, chunks, statics
//!                    \        /
//!                  table, place, sys       the fast path's table | the outside world
//! ```

// Before those that expand them.
#[macro_use]
mod broken;
#[macro_use]
mod macros;

mod accounting;
pub mod atomic;
#[cfg(not(percpu_loom))]
mod balance;
#[cfg(not(percpu_loom))]
mod bytes;
mod config;
mod copies;
mod cpu;
mod double_word;
mod drain;
mod element;
#[cfg(percpu_loom)]
mod engine;
mod error;
pub mod fence;
mod field;
mod here;
pub mod hotplug;
mod index;
mod info;
mod inject;
mod inside;
pub mod kernel;
mod local_buffer;
mod local_list;
mod local_lock;
#[cfg(not(percpu_loom))]
mod location;
mod lock_words;
mod mode;
mod mutate;
mod ops;
#[cfg(not(percpu_loom))]
mod options;
mod panics;
mod raw_stack;
mod reference;
mod remote;
#[cfg(feature = "lock_api")]
mod rwlock;
pub mod signal_safety;
#[cfg(not(percpu_loom))]
mod slice;
mod stack;
mod stack_area;
mod stack_copy;
mod stack_word;
mod static_var;
#[cfg(not(percpu_loom))]
mod stats;
mod switch;
#[cfg_attr(percpu_loom, allow(dead_code, reason = "the twins do without"))]
mod trace;
mod turn;
mod unfrozen;
mod unit;
mod unprotected;
mod word;
mod zeroable;

// The low level has a twin for loom's pretend machine (see `model`).
#[cfg_attr(percpu_loom, path = "model/home.rs")]
mod home;
#[cfg_attr(percpu_loom, path = "model/per_cpu.rs")]
mod per_cpu;
#[cfg_attr(percpu_loom, path = "model/place.rs")]
mod place;
#[cfg_attr(percpu_loom, path = "model/process.rs")]
mod process;
#[cfg_attr(percpu_loom, path = "model/stack_memory.rs")]
mod stack_memory;

#[cfg(percpu_loom)]
pub mod model;

// There, of these only what computes is used: layouts, topologies, locks.
#[cfg_attr(percpu_loom, allow(dead_code, reason = "the twins do without"))]
mod area;
#[cfg_attr(percpu_loom, allow(dead_code, reason = "the twins do without"))]
mod sys;
#[cfg_attr(percpu_loom, allow(dead_code, reason = "the twins do without"))]
mod table;

pub use accounting::{AccountingAlloc, AccountingSnapshot};
pub use area::{
    AddressSpace, AddressSpaceError, Balanced, ChunkKind, ChunkRow, ChunkStats, Group, Layout,
    LayoutError, SanityError, Sizes, Stats,
};
#[cfg(not(percpu_loom))]
pub use balance::{Balancer, balance};
#[cfg(not(percpu_loom))]
pub use bytes::PerCpuBytes;
pub use config::{Backing, Config, FirstChunk};
pub use copies::Copies;
pub use cpu::CpuId;
pub use element::Element;
pub use error::Error;
pub use field::Field;
pub use here::{current_cpu, current_node};
pub use index::Index;
pub use info::{Info, info};
pub use local_buffer::LocalBuffer;
pub use local_list::{ListNode, LocalList};
pub use local_lock::{LocalLock, LocalLockGuard};
#[cfg(not(percpu_loom))]
pub use location::{Location, MemoryRegion, locate};
pub use mode::{Mechanism, Mode, PortableReason, Registration};
pub use ops::{BitWord, DoubleWord, IntWord, Word};
#[cfg(not(percpu_loom))]
pub use options::AllocOptions;
pub use per_cpu::PerCpu;
pub use reference::{ExitedRef, PerCpuRef, PerCpuRefBuilder, RawRef, Ref, RefError, RefOptions};
pub use remote::{Iter, Remote};
#[cfg(feature = "lock_api")]
pub use rwlock::{
    MappedPerCpuRwLockReadGuard, MappedPerCpuRwLockWriteGuard, PerCpuRwLock, PerCpuRwLockReadGuard,
    PerCpuRwLockWriteGuard, RawPerCpuRwLock,
};
#[cfg(not(percpu_loom))]
pub use slice::PerCpuSlice;
pub use stack::{Full, PerCpuStack, RemoteStack};
pub use stack_word::StackWord;
pub use static_var::StaticPerCpu;
#[cfg(not(percpu_loom))]
pub use stats::stats;
pub use sys::{
    CpuListError, CpuSet, LOCAL_DISTANCE, NodeId, REMOTE_DISTANCE, Topology, TopologyBuilder,
    TopologyError, TopologySource,
};
pub use unit::Unit;
pub use unprotected::{Asserted, Raw};
pub use zeroable::Zeroable;

#[cfg(feature = "lock_api")]
pub use lock_api;

/// What may be chosen before first use; see [`Config`].
pub fn config() -> Config {
    Config::default()
}

impl Config {
    /// Makes this the configuration of the process. A second call before first
    /// use replaces the first.
    ///
    /// # Errors
    /// [`Error::AlreadyInitialised`] once per-CPU memory is in use.
    pub fn apply(self) -> Result<(), Error> {
        process::configure(self)
    }
}

/// Sets per-CPU memory up now, instead of at first use: to meet an error as a
/// value, or before a signal handler or an allocator comes first.
///
/// # Errors
/// [`Error::OutOfMemory`] if the system refuses the first chunk,
/// [`Error::NoRseq`] if restartable sequences were demanded and are missing,
/// [`Error::Topology`] and [`Error::Layout`] for a configuration that makes no
/// sense. Nothing is left behind, and a later call tries again.
pub fn init() -> Result<(), Error> {
    process::get().map(drop)
}

/// What the macros expand to; no promise is made about it.
#[doc(hidden)]
pub mod __private {
    pub use crate::area::section::{
        CacheAligned, Declared, LinkUnit, PageAligned, SectionRange, Template,
    };
    #[cfg(percpu_plain)]
    pub use crate::engine::Lazy;
    pub use crate::home::Home;
    pub use crate::mutate::{mutated, order};
    pub use crate::static_var::{only_words, unregister};
    #[cfg(percpu_loom)]
    pub use {crate::engine::lazy_static, crate::home::per_unit};
}

/// What is to happen at numbered points in and around the sections, for tests.
#[doc(hidden)]
#[cfg(percpu_inject)]
pub mod __inject {
    pub use crate::inject::on::outside;

    /// Makes every section loop `turns` times at `point` (see `ops/contract.rs`).
    pub fn set(point: usize, turns: u64) {
        for index in [crate::Index::Cpu, crate::Index::Cid] {
            crate::table::CpuTable::of(index).inject[point]
                .store(turns, core::sync::atomic::Ordering::Relaxed);
        }
    }
}

/// What counters and caches build on; no promise is made about it.
#[doc(hidden)]
pub mod __raw {
    pub use crate::mutate::{mutated, order};
    pub use crate::ops::Refused;
    pub use crate::panics::{Panic, discard, keep_first};
    pub use crate::raw_stack::RawStack;
    pub use crate::switch::Switch;
    pub use crate::sys::sync::{Mutex, MutexGuard};
    pub use crate::turn::{InTurn, Turn};
    pub use crate::unfrozen::Unfrozen;

    #[cfg(miri)]
    pub use crate::sys::roots;

    /// Locks held over a fork; on 64-bit Linux.
    #[cfg(percpu_linux)]
    pub mod fork {
        pub use crate::sys::fork::{Kept, Locks, hold_over};
    }

    /// All of a value, as a part of it.
    #[inline(always)]
    pub fn whole<T>(copies: &crate::Copies<T>) -> crate::Element<'_, T> {
        copies.whole()
    }
}

/// What models of this crate's own parts reach into; no promise is made about it.
#[doc(hidden)]
#[cfg(percpu_loom)]
#[path = "model/units.rs"]
pub mod __units;

/// What fuzz targets reach into; no promise is made about it.
#[doc(hidden)]
pub mod __fuzz {
    pub use crate::area::chunk::{Area, Chunk, FreeError, Pages};
    pub use crate::area::chunk_stats::Allocations;
    pub use crate::area::index::{ChunkId, ChunkSet, Freed};
    pub use crate::area::request::{GRANULE, Limits, MIN_UNIT_BYTES, SizeError};
    #[cfg(fuzzing)]
    pub use crate::area::{
        bitmap_walk::check_map,
        pretend_drive::{Drive, Shape},
    };
}
