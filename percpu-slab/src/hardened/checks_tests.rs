//! Checks over places from the heap, against a model that knows what was broken.
//!
//! # Safety
//! Bytes are written in places that the heap source gave and did not get back.

#![allow(unsafe_code)]

use core::cell::RefCell;
use core::panic::Location;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::super::report::Kind;
use super::*;

/// Places of the heap, as many as allowed.
struct Heap {
    place: Layout,
    out: RefCell<BTreeSet<u64>>,
    most: usize,
}

impl Source for Heap {
    type Error = &'static str;

    fn refill(&self, out: &mut [u64]) -> Result<usize, Self::Error> {
        if self.out.borrow().len() == self.most {
            return Err("no more");
        }
        // SAFETY: a place has at least the bytes of its zones.
        let place = unsafe { std::alloc::alloc(self.place) }.expose_provenance() as u64;
        out[0] = place;
        assert!(self.out.borrow_mut().insert(place));
        Ok(1)
    }

    fn release(&self, items: &[u64]) {
        for item in items {
            assert!(self.out.borrow_mut().remove(item), "{item:#x} is not out");
            let place = core::ptr::with_exposed_provenance_mut::<u8>(*item as usize);
            // SAFETY: allocated above with this layout, and not freed before.
            unsafe { std::alloc::dealloc(place, self.place) };
        }
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        let left: Vec<u64> = self.out.borrow().iter().copied().collect();
        self.release(&left);
    }
}

fn checked(size: usize, most: usize) -> (Checks, Heap) {
    let shape = Shape::new(Layout::from_size_align(size, 8).unwrap()).unwrap();
    let heap = Heap { place: shape.place(), out: RefCell::default(), most };
    (Checks::new(shape, None), heap)
}

fn flip(object: u64, offset: isize) {
    let byte =
        core::ptr::with_exposed_provenance_mut::<u8>(object as usize).wrapping_offset(offset);
    // SAFETY: a byte of the object's place, as the tests see to.
    let old = unsafe { byte.read() };
    // SAFETY: the same.
    unsafe { byte.write(!old) };
}

#[track_caller]
fn here() -> Site {
    Some(Location::caller())
}

#[test]
fn a_corruption_tells_the_object_the_byte_and_who_had_it() {
    let (checks, heap) = checked(24, 100);
    let object = checks.get(24, here(), &heap).unwrap();
    let line = line!() - 1;
    flip(object, 25);
    let report = checks.validate();
    assert_eq!((report.live, report.free, report.frozen), (1, 0, 0));
    let [corruption] = &report.corruptions[..] else { panic!("{report}") };
    assert_eq!((corruption.kind, corruption.object), (Kind::RightRedZone, object as usize));
    assert_eq!((corruption.offset, corruption.len), (25, 1));
    assert_eq!((corruption.expected, corruption.found), (0xcc, 0x33));
    assert_eq!(corruption.allocated_at.unwrap().site.unwrap().line(), line);
    assert_eq!((corruption.freed_at, corruption.action), (None, Action::Repaired));
    let text = report.to_string();
    assert!(text.contains("1 bytes from +25: 0x33 instead of 0xcc"), "{text}");
    assert!(text.contains("checks_tests.rs") && text.contains("operation 1"), "{text}");
    assert!(checks.validate().is_clean());
}

#[test]
fn a_wrong_free_does_nothing_and_is_told() {
    let (checks, heap) = checked(24, 100);
    let (other, other_heap) = checked(24, 100);
    let mine = checks.get(24, here(), &heap).unwrap();
    let theirs = other.get(24, here(), &other_heap).unwrap();
    let on_the_stack = 0u64;
    let foreign = core::ptr::from_ref(&on_the_stack).addr() as u64;
    for (wrong, kind) in [
        (mine + 8, Kind::MisalignedFree),
        (mine - 8, Kind::MisalignedFree),
        (theirs, Kind::WrongCache),
        (foreign, Kind::ForeignFree),
        (8, Kind::ForeignFree),
        (u64::MAX, Kind::ForeignFree),
    ] {
        assert!(!checks.claim(wrong, here()));
        let report = checks.validate();
        assert_eq!(report.corruptions[0].kind, kind);
        assert_eq!((report.reports(), report.live), (2, 1), "{report}");
    }
    assert!(checks.claim(mine, here()));
    assert!(!checks.claim(mine, here()), "while its value is dropped");
    checks.put(mine, &heap);
    assert!(!checks.claim(mine, here()));
    let report = checks.validate();
    assert_eq!(
        report.corruptions.iter().map(|c| c.kind).collect::<Vec<_>>(),
        [Kind::DoubleFree; 2]
    );
    assert_eq!((report.live, report.free, report.frozen), (0, 1, 0));
    assert!(other.validate().is_clean());
    assert_eq!((report.total, checks.total()), (8, 8));
}

#[test]
fn the_callback_is_told_outside_of_the_lock() {
    let shape = Shape::new(Layout::new::<u64>()).unwrap();
    let heap = Heap { place: shape.place(), out: RefCell::default(), most: 9 };
    let told = Arc::new(Mutex::new(Vec::new()));
    let cell: Arc<std::sync::OnceLock<std::sync::Weak<Checks>>> = Arc::default();
    let (theirs, again) = (Arc::clone(&told), Arc::clone(&cell));
    let callback: Callback = Arc::new(move |corruption: &Corruption| {
        let checks = again.get().unwrap().upgrade().unwrap();
        assert_eq!(checks.total(), 1, "the state can be looked at");
        theirs.lock().push(corruption.clone());
    });
    let checks = Arc::new(Checks::new(shape, Some(callback)));
    cell.set(Arc::downgrade(&checks)).unwrap();
    let object = checks.get(8, here(), &heap).unwrap();
    flip(object, -1);
    assert!(checks.claim(object, None));
    checks.put(object, &heap);
    let told = told.lock();
    assert_eq!((told.len(), told[0].kind, told[0].offset), (1, Kind::LeftRedZone, -1));
    assert_eq!(told[0].action, Action::Frozen);
    assert!(told[0].to_string().contains("freed by a drop"), "{}", told[0]);
}

#[test]
fn what_is_not_kept_is_counted() {
    let (checks, _heap) = checked(8, 1);
    for wrong in 0..300 {
        assert!(!checks.claim(8 * wrong, None));
    }
    let report = checks.validate();
    assert_eq!((report.corruptions.len(), report.untold), (256, 44));
    assert!(report.to_string().contains("300 corruptions") && !report.is_clean());
    assert!(checks.validate().is_clean());
    assert_eq!(checks.total(), 300);
}

/// The kernel's `test_next_pointer`; the chain is not in the objects here.
#[test]
fn a_link_that_leads_elsewhere_cuts_the_chain_and_one_put_right_is_followed_again() {
    let (checks, heap) = checked(64, 100);
    let objects: Vec<u64> = (0..4).map(|_| checks.get(64, here(), &heap).unwrap()).collect();
    for &object in &objects[..3] {
        assert!(checks.claim(object, here()));
        checks.put(object, &heap);
    }
    let right = checks.relink(objects[0] as usize, 0xdead0).unwrap();
    assert_eq!(right, objects[1] as usize);
    let report = checks.validate();
    assert_eq!((report.reports(), report.free), (3, 1), "{report}");
    assert_eq!(report.corruptions[0].kind, Kind::FreeChain);
    assert_eq!(checks.relink(objects[0] as usize, right), Some(0));
    let report = checks.validate();
    assert_eq!((report.reports(), report.free), (2, 3), "{report}");
    assert_eq!(report.corruptions[0].kind, Kind::ObjectCount);
    assert_eq!(checks.validate().reports(), 0);
    // A ring is cut too.
    checks.relink(objects[2] as usize, objects[0] as usize);
    let report = checks.validate();
    assert_eq!((report.corruptions[0].kind, report.free), (Kind::FreeChain, 3), "{report}");
}

#[test]
fn a_link_that_leads_elsewhere_is_met_by_an_allocation() {
    let (checks, heap) = checked(64, 3);
    let objects: Vec<u64> = (0..3).map(|_| checks.get(64, here(), &heap).unwrap()).collect();
    for &object in &objects {
        assert!(checks.claim(object, here()));
        checks.put(object, &heap);
    }
    checks.relink(objects[0] as usize, 0xdead0);
    assert_eq!(checks.get(64, here(), &heap), Ok(objects[0]));
    assert_eq!(checks.get(64, here(), &heap), Err("no more"), "what is behind it is lost");
    assert_eq!(checks.total(), 2);
}

#[derive(Clone, Debug)]
enum Step {
    Get(usize),
    Free(usize),
    /// Of an object in use, or a free one, a byte of its place.
    Break(bool, usize, usize),
    FreeAgain(usize),
    FreeInside(usize, usize),
    Validate,
    Flush,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1usize..=40).prop_map(Step::Get),
        4 => any::<usize>().prop_map(Step::Free),
        2 => (any::<bool>(), any::<usize>(), 0usize..56).prop_map(|(live, which, at)| Step::Break(live, which, at)),
        1 => any::<usize>().prop_map(Step::FreeAgain),
        1 => (any::<usize>(), 1usize..40).prop_map(|(which, at)| Step::FreeInside(which, at)),
        1 => Just(Step::Validate),
        1 => Just(Step::Flush),
    ];
    prop::collection::vec(step, 1..120)
}

#[derive(Default)]
struct Model {
    /// Bytes that were asked for.
    live: BTreeMap<u64, usize>,
    free: VecDeque<u64>,
    frozen: BTreeSet<u64>,
    broken: BTreeSet<u64>,
    /// Since the last report.
    corruptions: usize,
    most: usize,
}

impl Model {
    fn get(&mut self, bytes: usize, object: Option<u64>) {
        let mut expected = None;
        let reuse = |model: &mut Self, but: usize| {
            while model.free.len() > but {
                let candidate = model.free.pop_front().unwrap();
                if !model.breaks(candidate) {
                    return Some(candidate);
                }
            }
            None
        };
        if let Some(found) = reuse(self, RESTING) {
            expected = Some(found);
        } else if self.live.len() + self.free.len() + self.frozen.len() == self.most {
            expected = reuse(self, 0);
            assert_eq!(object, expected);
        }
        if expected.is_some() {
            assert_eq!(object, expected, "the oldest one that is sound");
        }
        if let Some(object) = object {
            assert!(!self.frozen.contains(&object) && !self.free.contains(&object));
            assert!(self.live.insert(object, bytes).is_none(), "handed out twice");
        }
    }

    /// Whether it is broken: then it is told and frozen.
    fn breaks(&mut self, object: u64) -> bool {
        let broken = self.broken.remove(&object);
        if broken {
            self.corruptions += 1;
            self.frozen.insert(object);
        }
        broken
    }

    fn step(&mut self, step: Step, checks: &Checks, heap: &Heap) {
        let nth = |which: usize, len: usize| which % len.max(1);
        let live = |model: &Self, which: usize| {
            model.live.iter().nth(nth(which, model.live.len())).map(|(&o, &b)| (o, b))
        };
        match step {
            Step::Get(bytes) => {
                let object = checks.get(bytes, here(), heap).ok();
                self.get(bytes, object);
                if let Some(object) = object {
                    let first = core::ptr::with_exposed_provenance_mut::<u8>(object as usize);
                    // SAFETY: as many bytes as were asked for.
                    unsafe { first.write_bytes(0xee, bytes) };
                }
            }
            Step::Free(which) => {
                let Some((object, _)) = live(self, which) else { return };
                self.live.remove(&object);
                assert!(checks.claim(object, here()));
                checks.put(object, heap);
                if !self.breaks(object) {
                    self.free.push_back(object);
                }
            }
            Step::Break(of_live, which, at) => {
                let offset = at as isize - 8;
                let object = if of_live {
                    let Some((object, bytes)) = live(self, which) else { return };
                    if (0..bytes as isize).contains(&offset) {
                        return;
                    }
                    object
                } else {
                    match self.free.get(nth(which, self.free.len())) {
                        Some(&object) => object,
                        None => return,
                    }
                };
                if self.broken.insert(object) {
                    flip(object, offset);
                }
            }
            Step::FreeAgain(which) => {
                if let Some(&object) = self.free.get(nth(which, self.free.len())) {
                    assert!(!checks.claim(object, here()));
                    self.corruptions += 1;
                }
            }
            Step::FreeInside(which, at) => {
                if let Some((object, _)) = live(self, which) {
                    assert!(!checks.claim(object + at as u64, here()));
                    self.corruptions += 1;
                }
            }
            Step::Validate => {
                let report = checks.validate();
                self.corruptions += core::mem::take(&mut self.broken).len();
                assert_eq!(report.corruptions.len(), core::mem::take(&mut self.corruptions));
                assert_eq!(report.live, self.live.len());
                assert_eq!(report.free, self.free.len());
                assert_eq!(report.frozen, self.frozen.len());
            }
            Step::Flush => {
                checks.flush(false, heap);
                while let Some(object) = self.free.pop_front() {
                    self.breaks(object);
                }
            }
        }
        let known = self.live.len() + self.free.len() + self.frozen.len();
        assert_eq!(heap.out.borrow().len(), known);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 256 }))]

    /// Everything broken is told once, nothing else is; what is broken where it is in
    /// the way is never handed out again; nothing is lost.
    #[test]
    fn checks_tell_what_was_broken_and_nothing_else(steps in steps(), most in 5usize..60) {
        let (checks, heap) = checked(40, most);
        let mut model = Model { most, ..Model::default() };
        for step in steps {
            model.step(step, &checks, &heap);
        }
        model.step(Step::Validate, &checks, &heap);
        let live: Vec<u64> = model.live.keys().copied().collect();
        prop_assert_eq!(checks.leaks().len(), live.len());
        checks.flush(true, &heap);
        for object in live {
            prop_assert!(checks.claim(object, None));
            checks.put(object, &heap);
        }
        prop_assert_eq!(heap.out.borrow().len(), model.frozen.len());
        prop_assert!(checks.validate().is_clean());
    }
}
