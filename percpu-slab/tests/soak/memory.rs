//! Per-CPU memory that comes and goes, and a program's allocator.
//!
//! # Safety
//!
//! Writes into areas and blocks that it has, inside their layouts.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::NonNull;
use std::sync::Mutex;

use percpu_core::{PerCpuBytes, Unit};
use percpu_slab::PerCpuAlloc;

use crate::common::Random;
use crate::subject::{Subject, Tally, one_in};

const PLACES: usize = 256;

/// Areas enough for several chunks.
const AREAS: usize = 1_024;

static ALLOC: PerCpuAlloc = PerCpuAlloc::new();

pub(crate) fn all() -> Vec<Box<dyn Subject>> {
    ALLOC.init().unwrap();
    vec![
        Box::new(Areas {
            tally: Tally::default(),
            places: std::array::from_fn(|_| Mutex::default()),
        }),
        Box::new(Blocks {
            tally: Tally::default(),
            places: std::array::from_fn(|_| Mutex::default()),
        }),
    ]
}

/// An area, filled with a mark in every unit that is in use.
struct Area {
    bytes: PerCpuBytes,
    mark: u8,
}

impl Area {
    fn filled(bytes: PerCpuBytes, mark: u8) -> Self {
        for unit in Unit::all().unwrap().filter(|unit| unit.is_active()) {
            let (start, size) = (bytes.as_ptr(unit), bytes.layout().size());
            // SAFETY: this unit's copy, which nobody else looks at.
            let copy = unsafe { std::slice::from_raw_parts_mut(start, size) };
            assert!(copy.iter().all(|&byte| byte == 0), "fresh memory is zero");
            copy.fill(mark);
        }
        Self { bytes, mark }
    }

    fn check(&self) {
        for unit in Unit::all().unwrap().filter(|unit| unit.is_active()) {
            let (start, size) = (self.bytes.as_ptr(unit), self.bytes.layout().size());
            // SAFETY: this unit's copy, which nobody else looks at.
            let copy = unsafe { std::slice::from_raw_parts(start, size) };
            // A unit that became active later is zero.
            let whole = |mark| copy.iter().all(|&byte| byte == mark);
            assert!(whole(self.mark) || whole(0), "somebody else wrote into this area");
        }
    }
}

struct Areas {
    tally: Tally,
    places: [Mutex<Option<Area>>; AREAS],
}

impl Subject for Areas {
    fn name(&self) -> &'static str {
        "areas"
    }

    fn work(&self, random: &mut Random) {
        for _ in 0..8 {
            let size = 1 + random.next() as usize % (1 << (random.next() % 13));
            let align = 1 << (random.next() % 8);
            let layout = Layout::from_size_align(size, align).unwrap();
            let fresh = self.tally.allowed(PerCpuBytes::zeroed(layout));
            let fresh = fresh.map(|bytes| Area::filled(bytes, random.next() as u8 | 1));
            let place = &self.places[random.next() as usize % AREAS];
            let old = std::mem::replace(&mut *place.lock().unwrap(), fresh);
            if let Some(old) = old {
                old.check();
            }
        }
        // All at once now and then, so that chunks go and have to come again.
        if one_in(random, 256) {
            self.check();
            percpu_core::balance().unwrap();
        }
        self.tally.worked(8);
    }

    fn check(&self) {
        self.places.iter().filter_map(|place| place.lock().unwrap().take()).for_each(|area| {
            area.check();
        });
    }

    fn done(&self) -> &Tally {
        &self.tally
    }
}

/// A block of the allocator's, filled with a mark.
struct Block {
    start: NonNull<u8>,
    layout: Layout,
    mark: u8,
}

// SAFETY: the block is its own.
unsafe impl Send for Block {}

impl Block {
    fn new(layout: Layout, mark: u8) -> Result<Self, ()> {
        // SAFETY: the size is not zero.
        let start = NonNull::new(unsafe { ALLOC.alloc(layout) }).ok_or(())?;
        // SAFETY: a block of that size.
        unsafe { start.write_bytes(mark, layout.size()) };
        Ok(Self { start, layout, mark })
    }

    /// As it was, or larger.
    fn grown(mut self, size: usize) -> Result<Self, Self> {
        self.check();
        // SAFETY: the block is of this layout, and the new size is not zero.
        let start = unsafe { ALLOC.realloc(self.start.as_ptr(), self.layout, size) };
        let Some(start) = NonNull::new(start) else { return Err(self) };
        self.start = start;
        let kept = self.layout.size().min(size);
        self.layout = Layout::from_size_align(size, self.layout.align()).unwrap();
        // SAFETY: inside the block.
        let bytes = unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), size) };
        assert!(bytes[..kept].iter().all(|&byte| byte == self.mark), "not carried over");
        bytes.fill(self.mark);
        Ok(self)
    }

    fn check(&self) {
        // SAFETY: the block that this has.
        let bytes = unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.layout.size()) };
        assert!(bytes.iter().all(|&byte| byte == self.mark), "somebody else has this block");
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.check();
        // SAFETY: the block that this has, of its layout.
        unsafe { ALLOC.dealloc(self.start.as_ptr(), self.layout) };
    }
}

struct Blocks {
    tally: Tally,
    places: [Mutex<Option<Block>>; PLACES],
}

impl Subject for Blocks {
    fn name(&self) -> &'static str {
        "allocator"
    }

    fn work(&self, random: &mut Random) {
        for _ in 0..32 {
            let size = 1 + random.next() as usize % (1 << (random.next() % 17));
            let place = &self.places[random.next() as usize % PLACES];
            let mut place = place.lock().unwrap();
            *place = match place.take() {
                Some(block) if one_in(random, 2) => {
                    let grown = block.grown(size);
                    self.tally.allowed(grown.as_ref().map_err(drop));
                    Some(grown.unwrap_or_else(|block| block))
                }
                _ => {
                    let layout = Layout::from_size_align(size, 1 << (random.next() % 9)).unwrap();
                    self.tally.allowed(Block::new(layout, random.next() as u8))
                }
            };
        }
        self.tally.worked(32);
    }

    fn check(&self) {
        self.places.iter().for_each(|place| drop(place.lock().unwrap().take()));
        assert_eq!(ALLOC.stats().live(), 0, "{}", ALLOC.stats());
    }

    fn trim(&self) {
        ALLOC.shrink();
    }

    fn done(&self) -> &Tally {
        &self.tally
    }
}
