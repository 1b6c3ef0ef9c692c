//! `Slabs`: objects that are freed anywhere, slabs that go, and the end of it all.
//!
//! # Safety
//!
//! Promises what `Slabs::new` asks for, and shares loom's cells between threads; loom
//! fails an execution in which two accesses are not ordered.

#![allow(unsafe_code)]

use std::alloc::Layout;
use std::collections::BTreeMap;
use std::sync::Arc;

use percpu_core::model::loom::cell::Cell;
use percpu_core::model::{Builder, Outcomes};
use percpu_slab::raw::{Numa, SlabOptions, Slabs, Source};

/// Slabs, for models that free what they were given, once.
pub(super) fn new(layout: Layout, options: SlabOptions) -> Slabs {
    // SAFETY: as said.
    unsafe { Slabs::new(layout, options) }.unwrap()
}

/// Slabs, and what their objects hold.
struct Model {
    slabs: Slabs,
    objects: BTreeMap<u64, Cell<u32>>,
}

// SAFETY: loom orders the accesses to cells, or fails.
unsafe impl Sync for Model {}
// SAFETY: as above.
unsafe impl Send for Model {}

impl Model {
    /// Slabs of so many objects, one of which was made, and its objects in use.
    fn new(objects: usize, options: SlabOptions) -> (Arc<Self>, Vec<u64>) {
        let mut options = options;
        options.min_objects = Some(objects);
        options.min_partial = Some(0);
        let layout = Layout::from_size_align(4096 / objects / 8 * 8, 8).unwrap();
        let slabs = new(layout, options);
        assert_eq!(slabs.geometry().objects, objects);
        let mut all = vec![0; objects];
        assert_eq!(slabs.refill(&mut all), Ok(objects));
        let cells = all.iter().map(|&object| (object, Cell::new(0))).collect();
        (Arc::new(Self { slabs, objects: cells }), all)
    }

    /// Uses an object and frees it.
    fn free(&self, object: u64) -> bool {
        self.objects[&object].set(1);
        self.slabs.free(&[object])
    }

    /// Uses an object that was just given out, if it is of the first slab.
    fn got(&self, object: u64) -> bool {
        let Some(cell) = self.objects.get(&object) else { return false };
        cell.set(2);
        true
    }
}

/// What is freed elsewhere is reused after whoever freed it has done with it.
#[test]
fn free_against_reuse() {
    static REUSED: Outcomes<usize> = Outcomes::new();
    Builder::new().check(|machine| {
        let (model, objects) = Model::new(3, SlabOptions::default());
        // So that there is something to take: neither full nor empty.
        assert!(!model.free(objects[0]));
        let (theirs, object) = (Arc::clone(&model), objects[1]);
        let freer = machine.spawn_on(0, move || theirs.free(object));
        let theirs = Arc::clone(&model);
        let taker = machine.spawn_on(1, move || {
            let mut out = [0; 2];
            assert_eq!(theirs.slabs.refill(&mut out), Ok(2));
            assert_ne!(out[0], out[1], "given out twice");
            out.iter().filter(|&&object| theirs.got(object)).count()
        });
        assert!(!freer.join().unwrap());
        REUSED.saw(taker.join().unwrap());
        assert_eq!((model.slabs.stats().live, model.slabs.stats().double_frees), (3, 0));
    });
    REUSED.assert_exactly([1, 2]);
}

/// The first free of a full slab puts it on the list, once; both objects are there.
#[test]
fn free_against_free_of_a_full_slab() {
    static FIRST: Outcomes<bool> = Outcomes::new();
    Builder::new().check(|machine| {
        let (model, objects) = Model::new(3, SlabOptions::default());
        let freers = [0_u32, 1].map(|i| {
            let (theirs, object) = (Arc::clone(&model), objects[i as usize]);
            machine.spawn_on(i, move || theirs.free(object))
        });
        freers.into_iter().for_each(|freer| assert!(!freer.join().unwrap()));
        assert_eq!((model.slabs.stats().partial, model.slabs.stats().live), (1, 1));
        let mut out = [0; 2];
        assert_eq!(model.slabs.refill(&mut out), Ok(2));
        assert!(out.iter().all(|&object| model.got(object)));
        assert_eq!(model.slabs.stats().slabs, 1);
        // The one that was freed last is the first of the list.
        FIRST.saw(out[0] == objects[0]);
    });
    FIRST.assert_exactly([false, true]);
}

/// An emptied slab goes once, whoever meets it there.
#[test]
fn free_against_free_and_shrink() {
    static SHRUNK: Outcomes<usize> = Outcomes::new();
    Builder::new().check(|machine| {
        let (model, objects) = Model::new(2, SlabOptions::default());
        let freers = [0_u32, 1].map(|i| {
            let (theirs, object) = (Arc::clone(&model), objects[i as usize]);
            machine.spawn_on(i, move || theirs.free(object))
        });
        let theirs = Arc::clone(&model);
        let shrinker = machine.spawn_on(1, move || theirs.slabs.shrink());
        freers.into_iter().for_each(|freer| assert!(!freer.join().unwrap()));
        SHRUNK.saw(shrinker.join().unwrap());
        assert_eq!(model.slabs.stats().slabs, 0);
        assert!(model.slabs.close());
    });
    SHRUNK.assert_exactly([0]);
}

/// The end is told once, and nobody touches anything after it.
#[test]
fn last_free_against_close() {
    static TOLD: Outcomes<usize> = Outcomes::new();
    Builder::new().check(|machine| {
        let (model, objects) = Model::new(2, SlabOptions::default());
        let freers = [0_u32, 1].map(|i| {
            let (theirs, object) = (Arc::clone(&model), objects[i as usize]);
            machine.spawn_on(i, move || theirs.free(object))
        });
        let theirs = Arc::clone(&model);
        let closer = machine.spawn_on(1, move || theirs.slabs.close());
        let [a, b] = freers.map(|freer| freer.join().unwrap());
        let told = [a, b, closer.join().unwrap()];
        assert_eq!(told.iter().filter(|&&told| told).count(), 1, "told {told:?}");
        TOLD.saw(told.iter().position(|&told| told).unwrap_or(3));
    });
    TOLD.assert_exactly([0, 1, 2]);
}

/// Where objects are counted, the count is there as long as anybody counts.
#[test]
fn last_free_against_free_with_a_limit() {
    static TOLD: Outcomes<(bool, bool)> = Outcomes::new();
    Builder::new().check(|machine| {
        let mut options = SlabOptions::default();
        options.limit = Some(2);
        let (model, objects) = Model::new(2, options);
        assert!(!model.slabs.close());
        let freers = [0_u32, 1].map(|i| {
            let (theirs, object) = (Arc::clone(&model), objects[i as usize]);
            machine.spawn_on(i, move || theirs.free(object))
        });
        let [a, b] = freers.map(|freer| freer.join().unwrap());
        TOLD.saw((a, b));
    });
    TOLD.assert_exactly([(true, false), (false, true)]);
}

/// Whoever empties a slab discards it, after all that others did with its objects: it is
/// made anew where it was.
#[test]
fn last_free_against_free_and_the_next_slab() {
    static AGAIN: Outcomes<usize> = Outcomes::new();
    Builder::new().check(|machine| {
        let (model, objects) = Model::new(3, SlabOptions::default());
        // So that the first of the two frees takes no lock.
        assert!(!model.free(objects[0]));
        let (theirs, object) = (Arc::clone(&model), objects[1]);
        let freer = machine.spawn_on(0, move || theirs.free(object));
        let (theirs, object) = (Arc::clone(&model), objects[2]);
        let last = machine.spawn_on(1, move || {
            assert!(!theirs.free(object));
            let mut out = [0; 3];
            assert_eq!(theirs.slabs.refill(&mut out), Ok(3));
            out.iter().filter(|&&object| theirs.got(object)).count()
        });
        assert!(!freer.join().unwrap());
        AGAIN.saw(last.join().unwrap());
        assert_eq!((model.slabs.stats().live, model.slabs.stats().double_frees), (3, 0));
    });
    // Two, if the other one was still out.
    AGAIN.assert_exactly([2, 3]);
}

fn refill(model: &Model) -> Option<u64> {
    let mut out = [0];
    model.slabs.refill(&mut out).ok().map(|_| out[0])
}

/// No more objects are out than may be.
#[test]
fn refill_against_refill_at_the_limit() {
    static GOT: Outcomes<[bool; 2]> = Outcomes::new();
    Builder::new().check(|machine| {
        let mut options = SlabOptions::default();
        options.limit = Some(3);
        let (model, _) = Model::new(2, options);
        let refills = [0, 1].map(|cpu| {
            let theirs = Arc::clone(&model);
            machine.spawn_on(cpu, move || refill(&theirs))
        });
        let got = refills.map(|refill| refill.join().unwrap().is_some());
        assert_eq!(model.slabs.stats().live, 3, "the limit");
        GOT.saw(got);
    });
    GOT.assert_exactly([[true, false], [false, true]]);
}

/// No more slabs are made than may be.
#[test]
fn refill_against_refill_of_the_last_slab() {
    static GOT: Outcomes<[bool; 2]> = Outcomes::new();
    Builder::new().check(|machine| {
        let mut options = SlabOptions::default();
        options.max_bytes = Some(2 * 4096);
        let (model, _) = Model::new(1, options);
        let refills = [0, 1].map(|cpu| {
            let theirs = Arc::clone(&model);
            machine.spawn_on(cpu, move || refill(&theirs))
        });
        let got = refills.map(|refill| refill.join().unwrap().is_some());
        assert_eq!(model.slabs.stats().slabs, 2, "the limit");
        GOT.saw(got);
    });
    GOT.assert_exactly([[true, false], [false, true]]);
}

/// Two nodes of memory, by which thread it is.
fn two_nodes() -> Numa {
    let here = || percpu_core::current_cpu().map_or(0, |cpu| cpu.get() as usize % 2);
    Numa { nodes: 2, here, distance: |from, to| from.abs_diff(to) as u32, real: false }
}

/// Whoever has no more memory takes of another node what is freed there: each object goes
/// to one.
#[test]
fn refill_from_another_node_against_free_and_refill() {
    static GOT: Outcomes<(bool, bool)> = Outcomes::new();
    Builder::new().faults(0).preemptions(3).check(|machine| {
        let mut options = SlabOptions::default();
        options.numa = Some(two_nodes());
        options.max_bytes = Some(4096);
        let (model, objects) = Model::new(2, options);
        let (theirs, object) = (Arc::clone(&model), objects[0]);
        let local = machine.spawn_on(0, move || {
            assert!(!theirs.free(object));
            let again = refill(&theirs);
            again.is_some_and(|object| theirs.got(object))
        });
        let theirs = Arc::clone(&model);
        let remote = machine.spawn_on(1, move || {
            let other = refill(&theirs);
            other.is_some_and(|object| theirs.got(object))
        });
        let got = (local.join().unwrap(), remote.join().unwrap());
        assert_eq!(model.slabs.stats().live, 1 + usize::from(got.0 || got.1), "two have one");
        GOT.saw(got);
    });
    GOT.assert_exactly([(true, false), (false, true)]);
}
