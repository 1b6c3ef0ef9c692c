//! The protocols in any size: few threads and steps by loom, many by shuttle, with more
//! CPUs and with threads that move between their steps.
//!
//! # Safety
//!
//! Promises what `Slabs::new` asks for: objects are freed once, by who was given them.

#![allow(unsafe_code)]

use std::alloc::Layout;
use std::collections::BTreeSet;
use std::sync::Arc;

use percpu_core::Unit;
use percpu_core::atomic::{AtomicU64, Ordering::Relaxed};
use percpu_core::model::loom::sync::Mutex;
use percpu_core::model::scaled;
use percpu_slab::Slab;
use percpu_slab::raw::{MagazineOptions, Magazines, SlabOptions, Slabs, Source};

use crate::sized::{builder, cpu_of, move_on};

const CPUS: u32 = scaled(1, 3) as u32;
const THREADS: u32 = scaled(1, 4) as u32;
const STEPS: usize = scaled(1, 12);

fn small() -> MagazineOptions {
    MagazineOptions { magazine: 1, magazines: 1, max_magazines: 1, depot: 1, count_hits: false }
}

/// Who has which object now: it must not be given out twice.
#[derive(Default)]
struct Out(Mutex<BTreeSet<u64>>);

impl Out {
    fn given(&self, object: u64) {
        assert!(self.0.lock().unwrap().insert(object), "{object:#x} was given out twice");
    }

    fn back(&self, object: u64) {
        assert!(self.0.lock().unwrap().remove(&object), "{object:#x} was not out");
    }
}

/// Items from 1 on; each comes back once.
#[derive(Default)]
struct Numbers {
    made: AtomicU64,
    back: Mutex<Vec<u64>>,
}

impl Source for Numbers {
    type Error = ();

    fn refill(&self, out: &mut [u64]) -> Result<usize, ()> {
        out[0] = 1 + self.made.fetch_add(1, Relaxed);
        Ok(1)
    }

    fn release(&self, items: &[u64]) {
        self.back.lock().unwrap().extend(items);
    }
}

#[test]
fn magazines() {
    builder(CPUS).check(|machine| {
        let all = Arc::new((Magazines::new(small()).unwrap(), Numbers::default(), Out::default()));
        let mut threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let all = Arc::clone(&all);
                machine.spawn_on(cpu_of(machine, thread), move || {
                    let (magazines, numbers, out) = &*all;
                    let mut mine = vec![];
                    for step in 0..STEPS {
                        let item = magazines.get(numbers).unwrap();
                        out.given(item);
                        mine.push(item);
                        move_on(machine, thread, step);
                        if step % 2 == 1 {
                            for item in mine.drain(..) {
                                out.back(item);
                                magazines.put(item, numbers);
                            }
                        }
                    }
                    for item in mine {
                        out.back(item);
                        magazines.put(item, numbers);
                    }
                })
            })
            .collect();
        let theirs = Arc::clone(&all);
        threads.push(machine.spawn_without_rseq(move || {
            let units: Vec<_> = Unit::all().unwrap().collect();
            for step in 0..STEPS / 3 + 1 {
                theirs.0.drain(units[step % units.len()], &theirs.1).expect("no filter");
            }
        }));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let (magazines, numbers, _) = &*all;
        magazines.close(numbers).expect("no filter");
        assert_eq!(magazines.cached(), 0, "stranded");
        let mut back = numbers.back.lock().unwrap().clone();
        back.sort_unstable();
        assert!(back.into_iter().eq(1..=numbers.made.load(Relaxed)), "lost, or twice");
    });
}

#[test]
fn slabs() {
    builder(CPUS).check(|machine| {
        let mut options = SlabOptions::default();
        options.min_objects = Some(3);
        options.min_partial = Some(0);
        let layout = Layout::from_size_align(4096 / 3 / 8 * 8, 8).unwrap();
        // SAFETY: each is freed once, by who was given it.
        let slabs = unsafe { Slabs::new(layout, options) }.unwrap();
        let all = Arc::new((slabs, Out::default()));
        let threads: Vec<_> = (0..=THREADS)
            .map(|thread| {
                let all = Arc::clone(&all);
                machine.spawn_on(cpu_of(machine, thread), move || {
                    let (slabs, out) = &*all;
                    let mut mine = vec![];
                    for step in 0..STEPS {
                        let mut objects = [0; 2];
                        let count = slabs.refill(&mut objects).unwrap();
                        objects[..count].iter().for_each(|&object| out.given(object));
                        mine.extend(&objects[..count]);
                        move_on(machine, thread, step);
                        if step % 2 == 1 {
                            let kept = mine.split_off(mine.len() / 2);
                            mine.iter().for_each(|&object| out.back(object));
                            slabs.free(&mine);
                            mine = kept;
                        }
                        if step % 5 == 4 {
                            slabs.shrink();
                        }
                    }
                    mine.iter().for_each(|&object| out.back(object));
                    slabs.free(&mine);
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let stats = all.0.stats();
        assert_eq!((stats.live, stats.double_frees), (0, 0));
    });
}

/// Written over when it is dropped.
struct Value {
    number: AtomicU64,
    dropped: Arc<AtomicU64>,
}

const GONE: u64 = u64::MAX;

impl Drop for Value {
    fn drop(&mut self) {
        assert_ne!(self.number.swap(GONE, Relaxed), GONE, "dropped twice");
        self.dropped.fetch_add(1, Relaxed);
    }
}

#[test]
fn keyed() {
    builder(CPUS).check(|machine| {
        let slab = Slab::builder().magazines(small()).removed(1).build().unwrap();
        let slab = Arc::new(slab);
        let dropped = Arc::new(AtomicU64::new(0));
        let value = |number: usize| Value {
            number: AtomicU64::new(number as u64),
            dropped: Arc::clone(&dropped),
        };
        // What all look at while each takes its own.
        let keys: Arc<[_]> = (0..THREADS as usize)
            .map(|number| slab.insert(value(number)).unwrap_or_else(|_| panic!("no memory")))
            .collect();
        let threads: Vec<_> = (0..=THREADS)
            .map(|thread| {
                let (slab, keys) = (Arc::clone(&slab), Arc::clone(&keys));
                machine.spawn_on(cpu_of(machine, thread), move || {
                    for step in 0..STEPS {
                        let of = (thread as usize + step) % keys.len();
                        let found = slab.with(keys[of], |value| {
                            let number = value.number.load(Relaxed);
                            move_on(machine, thread, step);
                            assert_eq!(value.number.load(Relaxed), number, "dropped meanwhile");
                            number
                        });
                        assert!(found.is_none_or(|number| number == of as u64), "another's value");
                        if step % 4 == 1 {
                            slab.remove(keys[thread as usize % keys.len()]);
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        keys.iter().for_each(|&key| {
            slab.remove(key);
        });
        assert!(slab.is_empty());
        let slab = Arc::into_inner(slab).expect("all threads are done");
        drop(slab);
        assert_eq!(dropped.load(Relaxed), u64::from(THREADS), "each is dropped once");
    });
}
