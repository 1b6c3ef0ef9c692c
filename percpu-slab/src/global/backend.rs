//! [`Backend`]: requests to classes, magazines, slabs and mappings, and back.
//!
//! # Orderings
//! - `heap`, `buckets`: Release by who made them, Acquire by who follows them. No model
//!   comes here, as a heap is a mapping of the process for ever; the test
//!   `the_first_use_of_all_comes_while_others_allocate` does.
//!
//! # Safety
//!
//! Blocks are objects of the slabs of the layout's class, or mappings, large and
//! aligned enough; they go back by the class of the same layout.

#![allow(unsafe_code)]

use core::alloc::Layout;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use percpu_core::__raw::Refused;

use super::bucket::Bucket;
use super::classes::{CLASSES, class_of, size_of_class};
use super::heap::{Buckets, Heap};
use super::stats::{AllocStats, ClassStats, LargeStats};
use crate::error::Error;
use crate::raw::Source;

pub(super) struct Backend {
    /// INVARIANT: null or what the heap has.
    buckets: AtomicPtr<Buckets>,
    /// INVARIANT: null or for ever, as `Heap::of` made it.
    heap: AtomicPtr<Heap>,
}

impl Backend {
    pub(super) const fn new() -> Self {
        Self { buckets: AtomicPtr::new(ptr::null_mut()), heap: AtomicPtr::new(ptr::null_mut()) }
    }

    /// The magazines, if there are any yet.
    #[inline(always)]
    fn buckets(&self) -> Option<&'static Buckets> {
        // SAFETY: the invariant.
        unsafe { self.buckets.load(Ordering::Acquire).as_ref() }
    }

    fn existing(&self) -> Option<&'static Heap> {
        // SAFETY: the invariant.
        unsafe { self.heap.load(Ordering::Acquire).as_ref() }
    }

    #[inline]
    fn heap(&self) -> Option<&'static Heap> {
        match self.existing() {
            Some(heap) => Some(heap),
            None => Heap::of(&self.heap),
        }
    }

    pub(super) fn init(&self) -> Result<(), Error> {
        if self.buckets().is_some() {
            return Ok(());
        }
        percpu_core::init()?;
        let heap = self.heap().ok_or(Error::OutOfMemory { bytes: size_of::<Heap>() })?;
        let buckets = (0..CLASSES).map(Bucket::new).collect::<Result<Vec<_>, _>>()?;
        let buckets: Box<Buckets> = Box::try_from(buckets).expect("one a class");
        let installed = ptr::from_ref(heap.install(buckets)).cast_mut();
        // Release: pairs with the Acquire in `buckets`.
        self.buckets.store(installed, Ordering::Release);
        Ok(())
    }

    /// # Safety
    /// As `GlobalAlloc::alloc`.
    #[inline(always)]
    pub(super) unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match class_of(layout) {
            Some(class) => self.block(class),
            None => self.large(layout, false),
        }
    }

    /// # Safety
    /// As `GlobalAlloc::alloc_zeroed`.
    #[inline]
    pub(super) unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let Some(class) = class_of(layout) else { return self.large(layout, true) };
        let block = self.block(class);
        if !block.is_null() {
            // SAFETY: fresh from `alloc`, of that many bytes.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    /// # Safety
    /// As `GlobalAlloc::dealloc`.
    #[inline(always)]
    pub(super) unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(class) = class_of(layout) else {
            // SAFETY: the caller's promise: it came from `large`.
            return unsafe { self.free_large(block, layout) };
        };
        let item = block.expose_provenance() as u64;
        let refused = match self.buckets() {
            Some(buckets) => match buckets[class].push(item) {
                Ok(()) => return,
                Err(refused) => Some(refused),
            },
            None => None,
        };
        self.free_slow(class, item, refused);
    }

    /// # Safety
    /// As `GlobalAlloc::realloc`.
    #[inline]
    pub(super) unsafe fn realloc(&self, block: *mut u8, layout: Layout, new: usize) -> *mut u8 {
        // SAFETY: the caller's promise: `new`, rounded up to the alignment, is a size.
        let wanted = unsafe { Layout::from_size_align_unchecked(new, layout.align()) };
        match (class_of(layout), class_of(wanted)) {
            (Some(class), Some(same)) if class == same => return block,
            (None, None) => {
                // SAFETY: the caller's promise.
                let moved = unsafe { self.resize_large(block, layout, new) };
                if !moved.is_null() || layout.align() <= super::classes::LARGEST_ALIGN {
                    return moved;
                }
            }
            _ => {}
        }
        // SAFETY: the caller's promise.
        let moved = unsafe { self.alloc(wanted) };
        if !moved.is_null() {
            let kept = layout.size().min(new);
            // SAFETY: a block of `new` bytes that nobody else has, and the caller's.
            unsafe { ptr::copy_nonoverlapping(block, moved, kept) };
            // SAFETY: the caller's promise; answered by another.
            unsafe { self.dealloc(block, layout) };
        }
        moved
    }

    #[inline(always)]
    fn block(&self, class: usize) -> *mut u8 {
        let refused = match self.buckets() {
            Some(buckets) => match buckets[class].pop() {
                Ok(item) => return at(item),
                Err(refused) => Some(refused),
            },
            None => None,
        };
        self.block_slow(class, refused)
    }

    #[cold]
    #[inline(never)]
    fn block_slow(&self, class: usize, refused: Option<Refused>) -> *mut u8 {
        let Some(heap) = self.heap() else { return ptr::null_mut() };
        let slabs = &heap.slabs[class];
        let block = match (self.buckets(), refused) {
            (Some(buckets), Some(refused)) => buckets[class].refill(refused, slabs),
            _ => {
                let mut one = [0];
                slabs.refill(&mut one).map(|_| one[0])
            }
        };
        block.map_or(ptr::null_mut(), at)
    }

    #[cold]
    #[inline(never)]
    fn free_slow(&self, class: usize, item: u64, refused: Option<Refused>) {
        // There is a heap: the block is of it.
        let Some(heap) = self.existing() else { return };
        let slabs = &heap.slabs[class];
        match (self.buckets(), refused) {
            (Some(buckets), Some(refused)) => buckets[class].spill(item, refused, slabs),
            _ => slabs.release(&[item]),
        }
    }

    #[cold]
    #[inline(never)]
    fn large(&self, layout: Layout, zeroed: bool) -> *mut u8 {
        let Some(heap) = self.heap() else { return ptr::null_mut() };
        heap.large.alloc(layout.size(), layout.align(), zeroed)
    }

    /// # Safety
    /// As `dealloc`, for what came from `large`.
    #[cold]
    #[inline(never)]
    unsafe fn free_large(&self, block: *mut u8, layout: Layout) {
        if let Some(heap) = self.existing() {
            // SAFETY: the caller's promise.
            unsafe { heap.large.dealloc(block, layout.size()) };
        }
    }

    /// # Safety
    /// As `realloc`, for what came from `large`.
    #[cold]
    #[inline(never)]
    unsafe fn resize_large(&self, block: *mut u8, layout: Layout, new: usize) -> *mut u8 {
        let Some(heap) = self.existing() else { return ptr::null_mut() };
        // SAFETY: the caller's promise.
        unsafe { heap.large.realloc(block, layout.size(), new, layout.align()) }
    }

    pub(super) fn stats(&self) -> AllocStats {
        let Some(heap) = self.existing() else { return AllocStats::default() };
        let class = |class: usize| {
            let slabs = heap.slabs[class].stats();
            let cached = self.buckets().map_or(0, |buckets| buckets[class].cached());
            ClassStats {
                size: size_of_class(class),
                slabs: slabs.slabs,
                bytes: slabs.bytes,
                live: slabs.live.saturating_sub(cached),
                cached,
            }
        };
        let (live, bytes) = heap.large.used();
        let (cached, cached_bytes) = heap.large.free();
        AllocStats {
            classes: (0..CLASSES).map(class).filter(|class| class.slabs > 0).collect(),
            large: LargeStats { live, bytes, cached, cached_bytes },
            magazines: self.buckets().is_some(),
        }
    }

    pub(super) fn shrink(&self) -> usize {
        let Some(heap) = self.existing() else { return 0 };
        let _alone = heap.shrinking.lock();
        if let Some(buckets) = self.buckets() {
            for (bucket, slabs) in buckets.iter().zip(&heap.slabs) {
                // Where fences are refused the blocks stay where they are.
                let _ = bucket.flush(slabs);
            }
        }
        let slabs: usize = heap.slabs.iter().map(|slabs| slabs.shrink()).sum();
        slabs + heap.large.shrink()
    }
}

/// The block whose address an item is.
#[inline(always)]
fn at(item: u64) -> *mut u8 {
    ptr::with_exposed_provenance_mut(item as usize)
}
