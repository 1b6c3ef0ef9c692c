//! The protocols in any size: few threads and steps by loom, many by shuttle, with more
//! CPUs and with threads that move between their steps.

use std::sync::Arc;

use percpu_core::atomic::{AtomicU64, Ordering::Relaxed};
use percpu_core::model::scaled;
use percpu_counter::{Budget, Counter, Domain, PerCpuRwLock};

use crate::sized::{builder, cpu_of, move_on};

const CPUS: u32 = scaled(1, 4) as u32;
const THREADS: u32 = scaled(1, 5) as u32;
const STEPS: usize = scaled(1, 12);

/// What is taken and what is left is what was added.
#[test]
fn counter() {
    builder(CPUS).check(|machine| {
        let counter = Arc::new(Counter::new().unwrap());
        let adders: Vec<_> = (0..THREADS)
            .map(|thread| {
                let counter = Arc::clone(&counter);
                machine.spawn_on(cpu_of(machine, thread), move || {
                    for step in 0..STEPS {
                        counter.add(step as u64 + 1);
                        move_on(machine, thread, step);
                    }
                })
            })
            .collect();
        let takers = [(), ()].map(|()| {
            let counter = Arc::clone(&counter);
            machine.spawn_without_rseq(move || (0..STEPS).map(|_| counter.take()).sum::<u64>())
        });
        adders.into_iter().for_each(|adder| adder.join().unwrap());
        let taken: u64 = takers.into_iter().map(|taker| taker.join().unwrap()).sum();
        let each = (STEPS * (STEPS + 1) / 2) as u64;
        assert_eq!(taken + counter.take(), u64::from(THREADS) * each, "lost or twice");
    });
}

/// Never more in use than the limit, and nothing of it lost.
#[test]
fn budget() {
    const LIMIT: u64 = scaled(4, 9) as u64;
    builder(CPUS).check(|machine| {
        let budget = Arc::new(Budget::builder().limit(LIMIT).stock(1).build().unwrap());
        let in_use = Arc::new(AtomicU64::new(0));
        let users: Vec<_> = (0..=THREADS)
            .map(|thread| {
                let (budget, in_use) = (Arc::clone(&budget), Arc::clone(&in_use));
                let work = move || {
                    for step in 0..STEPS {
                        let amount = 1 + (thread as u64 + step as u64) % 3;
                        if budget.try_charge(amount).is_ok() {
                            let used = in_use.fetch_add(amount, Relaxed) + amount;
                            assert!(used <= LIMIT, "{used} in use");
                            move_on(machine, thread, step);
                            in_use.fetch_sub(amount, Relaxed);
                            budget.uncharge(amount);
                        }
                    }
                };
                match thread {
                    THREADS => machine.spawn_without_rseq(work),
                    _ => machine.spawn_on(cpu_of(machine, thread), work),
                }
            })
            .collect();
        users.into_iter().for_each(|user| user.join().unwrap());
        assert_eq!(budget.used(), 0);
        budget.try_charge(LIMIT).expect("all of it is there again");
    });
}

/// Two words that a writer changes one after the other, and a reader finds equal.
#[test]
fn rwlock() {
    builder(CPUS).check(|machine| {
        let pair = || [AtomicU64::new(0), AtomicU64::new(0)];
        let lock = Arc::new(PerCpuRwLock::new(pair()).unwrap());
        let mut all: Vec<_> = (0..THREADS)
            .map(|thread| {
                let lock = Arc::clone(&lock);
                machine.spawn_on(cpu_of(machine, thread), move || {
                    for step in 0..STEPS {
                        let words = lock.read();
                        let first = words[0].load(Relaxed);
                        move_on(machine, thread, step);
                        assert_eq!(words[1].load(Relaxed), first, "in beside a writer");
                    }
                })
            })
            .collect();
        const WRITERS: usize = scaled(1, 2);
        all.extend((0..WRITERS).map(|_| {
            let lock = Arc::clone(&lock);
            machine.spawn_without_rseq(move || {
                for _ in 0..STEPS / 3 + 1 {
                    let words = lock.write();
                    for word in words.iter() {
                        word.store(word.load(Relaxed) + 1, Relaxed);
                    }
                }
            })
        }));
        all.into_iter().for_each(|thread| thread.join().unwrap());
        let written = (WRITERS * (STEPS / 3 + 1)) as u64;
        assert_eq!(lock.read()[1].load(Relaxed), written, "two wrote");
    });
}

/// What a section finds is good until its end, value after value.
#[test]
fn domain() {
    const VALUES: usize = scaled(2, 6);
    const GONE: u64 = u64::MAX;
    struct Place {
        domain: Domain,
        current: AtomicU64,
        values: [AtomicU64; VALUES],
    }
    builder(CPUS).check(|machine| {
        let place = Arc::new(Place {
            domain: Domain::new().unwrap(),
            current: AtomicU64::new(0),
            values: std::array::from_fn(|i| AtomicU64::new(i as u64)),
        });
        let mut all: Vec<_> = (0..THREADS)
            .map(|thread| {
                let place = Arc::clone(&place);
                machine.spawn_on(cpu_of(machine, thread), move || {
                    for step in 0..STEPS {
                        place.domain.with(|| {
                            let found = place.current.load(Relaxed);
                            move_on(machine, thread, step);
                            let value = place.values[found as usize].load(Relaxed);
                            assert_eq!(value, found, "read after its end");
                        });
                    }
                })
            })
            .collect();
        let theirs = Arc::clone(&place);
        all.push(machine.spawn_without_rseq(move || {
            for next in 1..VALUES {
                theirs.current.store(next as u64, Relaxed);
                theirs.domain.synchronize().unwrap();
                theirs.values[next - 1].store(GONE, Relaxed);
            }
        }));
        all.into_iter().for_each(|thread| thread.join().unwrap());
    });
}
