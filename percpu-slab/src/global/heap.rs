//! [`Heap`]: all that an allocator has but its magazines, in a mapping of its own.
//!
//! Made by the first allocation, never given back, and in the list of heaps whose locks
//! are held over a fork.
//!
//! # Safety
//!
//! Places a value in fresh memory and shares it for ever; keeps guards where only the
//! thread that forks looks.

#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use percpu_core::__raw::fork::{Kept, Locks, hold_over};
use percpu_core::__raw::{Mutex, MutexGuard};

use super::bucket::Bucket;
use super::classes::{CLASSES, align_of_class, size_of_class};
use super::large::{Free, Large};
use super::mapping;
use crate::raw::{Geometry, HeldSlabs, MAX_ORDER, PAGE, Slabs};

/// Magazines, by class.
pub(super) type Buckets = [Bucket; CLASSES];

pub(super) struct Heap {
    /// By class.
    pub(super) slabs: [Slabs; CLASSES],
    pub(super) large: Large,
    /// INVARIANT: null or leaked.
    buckets: AtomicPtr<Buckets>,
    /// Held by whoever empties magazines.
    pub(super) shrinking: Mutex<()>,
    /// Another heap of the process. INVARIANT: null or a heap, which lives for ever.
    next: *const Heap,
    /// INVARIANT: touched by the holder of `HEAPS` alone.
    held: UnsafeCell<Option<Held<'static>>>,
}

// SAFETY: `next` is a shared reference in all but name, and `held` has a rule of its own.
unsafe impl Sync for Heap {}

/// A heap's locks.
#[allow(dead_code, reason = "held, not read")]
struct Held<'a> {
    shrinking: MutexGuard<'a, ()>,
    slabs: [HeldSlabs<'a>; CLASSES],
    large: MutexGuard<'a, Free>,
}

/// The youngest heap. INVARIANT: null or a heap, which lives for ever.
struct Heaps(*const Heap);

// SAFETY: a shared reference in all but name, to what is `Sync`.
unsafe impl Send for Heaps {}

static HEAPS: Mutex<Heaps> = Mutex::new(Heaps(ptr::null()));

impl Heap {
    /// The heap that `home` has, or a new one; `None` if the system refuses memory.
    #[cold]
    pub(super) fn of(home: &AtomicPtr<Heap>) -> Option<&'static Heap> {
        hold_over_forks();
        let mut heaps = HEAPS.lock();
        // Relaxed: written under the lock.
        let existing = home.load(Ordering::Relaxed);
        // SAFETY: null, or written below.
        if let Some(heap) = unsafe { existing.as_ref() } {
            return Some(heap);
        }
        let memory = mapping::map(size_of::<Heap>(), align_of::<Heap>()).cast::<Heap>();
        if memory.is_null() {
            return None;
        }
        let heap = Heap {
            slabs: core::array::from_fn(slabs_of_class),
            large: Large::new(),
            buckets: AtomicPtr::new(ptr::null_mut()),
            shrinking: Mutex::new(()),
            next: heaps.0,
            held: UnsafeCell::new(None),
        };
        // SAFETY: fresh memory of its size and alignment.
        unsafe { memory.write(heap) };
        heaps.0 = memory;
        // Release: pairs with the Acquire of whoever loads it.
        home.store(memory, Ordering::Release);
        // SAFETY: written above, shared from now on, and never unmapped.
        Some(unsafe { &*memory })
    }

    /// Makes these the magazines if there are none yet; what the magazines are then.
    pub(super) fn install(&self, buckets: Box<Buckets>) -> &'static Buckets {
        let ours = Box::into_raw(buckets);
        let null = ptr::null_mut();
        // Release: pairs with the Acquire here, and the one in `buckets`.
        match self.buckets.compare_exchange(null, ours, Ordering::Release, Ordering::Acquire) {
            // SAFETY: from `into_raw`, and now leaked.
            Ok(_) => unsafe { &*ours },
            Err(first) => {
                // Another thread was faster.
                // SAFETY: from `into_raw` above, and not published.
                drop(unsafe { Box::from_raw(ours) });
                // SAFETY: the invariant.
                unsafe { &*first }
            }
        }
    }

    fn buckets(&self) -> Option<&'static Buckets> {
        // SAFETY: the invariant.
        unsafe { self.buckets.load(Ordering::Acquire).as_ref() }
    }

    fn hold(&'static self) -> Held<'static> {
        Held {
            shrinking: self.shrinking.lock(),
            slabs: core::array::from_fn(|class| self.slabs[class].hold()),
            large: self.large.hold(),
        }
    }
}

fn slabs_of_class(class: usize) -> Slabs {
    /// Up to 16 CPUs.
    const MIN_OBJECTS: usize = 24;
    // Blocks of several pages fill the kernel's largest slabs badly.
    let order = if size_of_class(class) > PAGE { MAX_ORDER + 2 } else { MAX_ORDER };
    let geometry = Geometry::new(size_of_class(class), align_of_class(class), MIN_OBJECTS, order);
    let geometry = geometry.expect("a span has room for several blocks of each class");
    // SAFETY: objects are handed out as blocks of a global allocator, whose callers make
    // the same promises; it is never closed or dropped.
    unsafe { Slabs::on_one_node(geometry, 0) }
}

impl Heaps {
    fn for_each(&self, mut f: impl FnMut(&'static Heap)) {
        let mut next = self.0;
        // SAFETY: the invariants of `Heaps` and of `next`.
        while let Some(heap) = unsafe { next.as_ref() } {
            f(heap);
            next = heap.next;
        }
    }
}

/// The locks of all heaps. Each is inside of none but the one before it:
///
/// ```text
///   HEAPS  >  Heap: shrinking  >  Slabs, each  >  Large
/// ```
/// The core's own are outside of them: it allocates with its locks held. Its handlers
/// were registered later, so they run earlier before a fork, and later after it.
struct AllHeaps;

/// Lets go of the locks when it is dropped.
struct Forking {
    heaps: MutexGuard<'static, Heaps>,
    /// The parent's id.
    process: u32,
}

impl Locks for AllHeaps {
    type Held = Forking;

    fn hold() -> Forking {
        let heaps = HEAPS.lock();
        // SAFETY: `HEAPS` is held: the invariant of `held`.
        heaps.for_each(|heap| unsafe { *heap.held.get() = Some(heap.hold()) });
        Forking { heaps, process: std::process::id() }
    }

    fn kept() -> &'static Kept<Forking> {
        static KEPT: Kept<Forking> = Kept::new();
        &KEPT
    }
}

impl Drop for Forking {
    fn drop(&mut self) {
        if std::process::id() != self.process {
            let buckets = |heap: &'static Heap| heap.buckets().into_iter().flatten();
            self.heaps.for_each(|heap| buckets(heap).for_each(Bucket::open_in_child));
        }
        // SAFETY: `HEAPS` is held: the invariant of `held`.
        self.heaps.for_each(|heap| unsafe { *heap.held.get() = None });
    }
}

fn hold_over_forks() {
    static DONE: AtomicBool = AtomicBool::new(false);
    // Relaxed: decides who registers, publishes nothing. If the system has no memory for
    // it, forked children of many threads may hang, as without it.
    if !DONE.swap(true, Ordering::Relaxed) {
        let _ = hold_over::<AllHeaps>();
    }
}
