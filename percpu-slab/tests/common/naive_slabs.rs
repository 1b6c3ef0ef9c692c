//! Slabs and a naive twin: a map of the objects that are out, and what was written into
//! them. For the property test and the fuzz target.
//!
//! # Safety
//!
//! Promises what `Slabs::new` asks for, and writes into objects that it was given.

#![allow(unsafe_code, unreachable_pub)]

use std::alloc::Layout;
use std::collections::BTreeMap;

use percpu_slab::Error;
use percpu_slab::raw::{FreeError, SlabOptions, Slabs, Source};

/// Slabs, and what is known about them.
pub struct Twins {
    slabs: Slabs,
    limit: usize,
    min_partial: usize,
    /// What each object that is out was filled with.
    live: BTreeMap<u64, u8>,
    /// Objects that were freed last.
    freed: Vec<u64>,
    double_frees: usize,
    stamp: u8,
}

impl Twins {
    /// Of a shape that the four bytes say: size, alignment, what is kept, the limit.
    pub fn new(shape: [u8; 4]) -> Self {
        let [size, align, kept, limit] = shape.map(usize::from);
        let size = (size + 1) * if size % 3 == 0 { 64 } else { 9 };
        let layout = Layout::from_size_align(size, 1 << (align % 14)).unwrap();
        let mut options = SlabOptions::default();
        let (min_partial, limit) = (kept % 6, if limit == 0 { usize::MAX } else { limit * 8 });
        options.min_partial = Some(min_partial);
        options.limit = (limit != usize::MAX).then_some(limit);
        // SAFETY: what it gives out is freed once, or as `Twins::step` says.
        let slabs = unsafe { Slabs::new(layout, options) }.unwrap();
        let (live, freed) = (BTreeMap::new(), Vec::new());
        Self { slabs, limit, min_partial, live, freed, double_frees: 0, stamp: 0 }
    }

    /// One step: what to do, and how many.
    pub fn step(&mut self, [what, count]: [u8; 2]) {
        let count = usize::from(count);
        match what % 8 {
            0..=2 => self.alloc(count),
            // The oldest, the newest, or here and there.
            3 => self.free(self.live.keys().take(count).copied().collect()),
            4 => self.free(self.live.keys().rev().take(count).copied().collect()),
            5 => {
                let step = usize::from(what / 8) + 2;
                self.free(self.live.keys().step_by(step).take(count).copied().collect());
            }
            6 => self.shrink(),
            _ => self.free_again(count),
        }
    }

    fn alloc(&mut self, count: usize) {
        let mut out = vec![0; count.max(1)];
        match self.slabs.refill(&mut out) {
            Ok(got) => {
                assert!(got > 0 && self.live.len() + got <= self.limit);
                // Only a limit makes it fewer.
                assert!(got == out.len() || self.live.len() + got == self.limit);
                for &object in &out[..got] {
                    self.stamp = self.stamp.wrapping_add(1);
                    assert_eq!(object as usize % self.slabs.geometry().align, 0);
                    assert_eq!(self.live.insert(object, self.stamp), None, "given out twice");
                    // SAFETY: it was just given out.
                    unsafe { self.place(object).write_bytes(self.stamp, self.size()) };
                }
            }
            Err(error) => {
                assert_eq!(error, Error::LimitReached { limit: self.limit });
                assert_eq!(self.live.len(), self.limit);
            }
        }
        self.freed.clear();
    }

    fn free(&mut self, objects: Vec<u64>) {
        for object in &objects {
            let stamp = self.live.remove(object).unwrap();
            for at in 0..self.size() {
                // SAFETY: inside of an object that is out.
                assert_eq!(unsafe { self.place(*object).add(at).read() }, stamp, "written over");
            }
        }
        assert!(!self.slabs.free(&objects), "it is open");
        self.freed = objects;
    }

    /// Frees what is free, where its slab is still there to know.
    fn free_again(&mut self, count: usize) {
        for &object in self.freed.iter().take(count) {
            match self.slabs.check(object as usize) {
                Err(FreeError::Double) => {
                    assert!(!self.slabs.free(&[object]));
                    self.double_frees += 1;
                }
                found => assert_eq!(found, Err(FreeError::Foreign)),
            }
        }
    }

    fn shrink(&mut self) {
        let before = self.slabs.stats();
        let bytes = self.slabs.shrink();
        let after = self.slabs.stats();
        assert_eq!(bytes, before.empty * self.slabs.geometry().slab_bytes());
        assert_eq!((after.empty, after.slabs), (0, before.slabs - before.empty));
        assert!(after.slabs > 0 || after.spans == 0);
    }

    fn size(&self) -> usize {
        self.slabs.geometry().size
    }

    fn place(&self, object: u64) -> *mut u8 {
        core::ptr::with_exposed_provenance_mut(object as usize)
    }

    /// What must hold after each step.
    pub fn check(&self) {
        let stats = self.slabs.stats();
        let per = self.slabs.geometry().objects;
        assert_eq!((stats.live, stats.double_frees), (self.live.len(), self.double_frees));
        assert!(stats.slabs * per >= self.live.len() && stats.objects == stats.slabs * per);
        assert!(stats.empty <= self.min_partial.max(1), "{stats:?}");
        assert!(stats.held <= stats.bytes / 4);
        assert!(stats.partial <= stats.slabs && stats.slabs <= stats.spans * 256);
        let mut told = Vec::new();
        self.slabs.for_each(|object| told.push(object as u64));
        told.sort_unstable();
        assert!(told.iter().eq(self.live.keys()));
        let (size, mut objects) = (self.size() as u64, self.live.keys().peekable());
        while let Some(object) = objects.next() {
            assert!(objects.peek().is_none_or(|&&next| next - object >= size), "overlap");
            assert_eq!(self.slabs.check(*object as usize), Ok(()));
        }
    }

    /// Closes it and frees what is out, so many at a time.
    pub fn finish(mut self, many: u8) {
        let mut ends = usize::from(self.slabs.close());
        assert!(self.slabs.refill(&mut [0]).is_err(), "it is closed");
        let objects: Vec<u64> = core::mem::take(&mut self.live).into_keys().collect();
        for some in objects.chunks(usize::from(many) + 1) {
            assert_eq!(ends, 0, "the end came early");
            ends += usize::from(self.slabs.free(some));
        }
        assert_eq!(ends, 1);
        let stats = self.slabs.stats();
        assert_eq!((stats.slabs, stats.spans, stats.live), (0, 0, 0));
    }
}
