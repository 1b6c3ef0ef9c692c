//! The protocols in any size: few threads and steps by loom, many by shuttle, with more
//! CPUs and with threads that move between their steps.

use std::sync::Arc;
use std::sync::atomic::AtomicU64 as Tally;
use std::sync::atomic::Ordering::Relaxed;

use percpu_core::atomic::AtomicU64;
use percpu_core::model::loom::cell::Cell;
use percpu_core::model::scaled;
use percpu_core::{LocalLock, PerCpu, PerCpuRef, PerCpuStack, Ref, Unit};

use crate::sized::{builder, cpu_of, move_on};

const CPUS: u32 = scaled(1, 4) as u32;
const THREADS: u32 = scaled(2, 6) as u32;
const STEPS: usize = scaled(1, 16);

/// Nothing is lost, and a sum never goes down.
#[test]
fn words() {
    builder(CPUS).check(|machine| {
        let word = Arc::new(PerCpu::<AtomicU64>::zeroed().unwrap());
        let work = |thread: u32, word: Arc<PerCpu<AtomicU64>>| {
            move || {
                for step in 0..STEPS {
                    word.inc();
                    move_on(machine, thread, step);
                }
            }
        };
        let mut adders: Vec<_> = (0..THREADS)
            .map(|thread| {
                machine.spawn_on(cpu_of(machine, thread), work(thread, Arc::clone(&word)))
            })
            .collect();
        adders.push(machine.spawn_without_rseq(work(0, Arc::clone(&word))));
        let theirs = Arc::clone(&word);
        let reader = machine.spawn_on(0, move || {
            let sums: Vec<_> = (0..STEPS).map(|_| theirs.sum()).collect();
            assert!(sums.is_sorted(), "a sum went down: {sums:?}");
        });
        adders.into_iter().for_each(|adder| adder.join().unwrap());
        reader.join().unwrap();
        assert_eq!(word.sum(), u64::from(THREADS + 1) * STEPS as u64, "lost or twice");
    });
}

/// Each item comes off once: for whoever pops, for a drain beside them, or at the end.
#[test]
fn stack() {
    builder(CPUS).check(|machine| {
        let stack = Arc::new(PerCpuStack::<usize>::with_capacity(2).unwrap());
        let workers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let stack = Arc::clone(&stack);
                machine.spawn_on(cpu_of(machine, thread), move || {
                    let mut mine = vec![];
                    for step in 0..STEPS {
                        let item = thread as usize * STEPS + step + 1;
                        // Who finds no room keeps it.
                        mine.extend(stack.push(item).is_err().then_some(item));
                        move_on(machine, thread, step);
                        if step % 2 == 1 {
                            mine.extend(stack.pop());
                        }
                    }
                    mine
                })
            })
            .collect();
        let theirs = Arc::clone(&stack);
        let drainer = machine.spawn_without_rseq(move || {
            let mut drained = vec![];
            for _ in 0..STEPS / 4 + 1 {
                theirs.drain(|_, item| drained.push(item)).unwrap();
            }
            drained
        });
        let mut all = vec![];
        workers.into_iter().for_each(|worker| all.extend(worker.join().unwrap()));
        all.extend(drainer.join().unwrap());
        stack.drain(|_, item| all.push(item)).unwrap();
        all.sort_unstable();
        assert!(all.iter().copied().eq(1..=THREADS as usize * STEPS), "lost or twice: {all:?}");
    });
}

/// What the engine sees two holders use.
struct Guarded(Cell<usize>);

impl Guarded {
    fn enter(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// One holder a copy, its CPU's own and those from elsewhere.
#[test]
fn local_lock() {
    builder(CPUS).check(|machine| {
        let guarded = |_| LocalLock::new(Guarded(Cell::new(0)));
        let lock = Arc::new(PerCpu::new_with(guarded).unwrap());
        let mut lockers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let lock = Arc::clone(&lock);
                machine.spawn_on(cpu_of(machine, thread), move || {
                    for step in 0..STEPS {
                        let mut guard = lock.lock();
                        move_on(machine, thread, step);
                        guard.enter();
                    }
                })
            })
            .collect();
        let theirs = Arc::clone(&lock);
        lockers.push(machine.spawn_without_rseq(move || {
            let units: Vec<_> = Unit::all().unwrap().collect();
            for step in 0..STEPS {
                theirs.lock_on(units[step % units.len()]).unwrap().enter();
            }
        }));
        lockers.into_iter().for_each(|locker| locker.join().unwrap());
        let entered = Unit::all().unwrap().map(|unit| lock.lock_on(unit).unwrap().0.get());
        assert_eq!(entered.sum::<usize>(), (THREADS as usize + 1) * STEPS, "two were in");
    });
}

/// Released once, after the last put, however many there were and on whichever CPU.
#[test]
fn reference() {
    builder(CPUS).check(|machine| {
        let releases = Arc::new(Tally::new(0));
        let told = Arc::clone(&releases);
        let owner = PerCpuRef::builder()
            .on_release(move |uses: AtomicU64| {
                let uses = uses.load(percpu_core::atomic::Ordering::Relaxed);
                assert_eq!(uses, u64::from(THREADS), "released before its users were done");
                told.fetch_add(1, Relaxed);
            })
            .build(AtomicU64::new(0))
            .unwrap();
        let owner = Arc::new(owner);
        let users: Vec<_> = (0..THREADS)
            .map(|thread| {
                let mine = owner.get();
                machine.spawn_on(cpu_of(machine, thread), move || {
                    let mut kept = vec![];
                    for step in 0..STEPS {
                        kept.push(Ref::clone(&mine));
                        move_on(machine, thread, step);
                        if step % 4 == 3 {
                            kept.clear();
                        }
                    }
                    drop(kept);
                    mine.fetch_add(1, percpu_core::atomic::Ordering::Relaxed);
                })
            })
            .collect();
        let theirs = Arc::clone(&owner);
        let killer = machine.spawn_without_rseq(move || theirs.kill().unwrap());
        users.into_iter().for_each(|user| user.join().unwrap());
        killer.join().unwrap();
        assert_eq!((releases.load(Relaxed), owner.count()), (1, 0), "releases, and what is left");
    });
}
