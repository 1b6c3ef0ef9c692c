//! Pools of values, of a fixed number of objects and of numbers, from several CPUs,
//! against sets of what is in use.

#![no_main]

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use percpu_fuzz::{run_on, units};
use percpu_slab::pool::{FixedGuard, Id};
use percpu_slab::{Error, FixedPool, IdPool, Pool, PoolGuard};

#[derive(Arbitrary, Debug)]
struct Input {
    kind: Kind,
    count: u8,
    magazine: u8,
    magazines: u8,
    depot: u8,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Kind {
    Values,
    Fixed,
    Numbers,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    RunOn(u8),
    Get(u8),
    /// Without asking other CPUs.
    TryGet,
    /// By its number; or for good.
    Take,
    Put(u8),
    /// Any number, most of which are not in use.
    PutBack(u8),
    Prefill(u8),
    Drain(u8),
    Clear,
    Shrink,
    Decay,
}

/// A value with a name, which it takes out of those that exist when it is dropped.
struct Named {
    name: u32,
    exist: Arc<Mutex<BTreeSet<u32>>>,
    used: u32,
}

impl Drop for Named {
    fn drop(&mut self) {
        assert!(self.exist.lock().unwrap().remove(&self.name), "{} dropped twice", self.name);
    }
}

fn values(input: &Input) {
    let exist = Arc::new(Mutex::new(BTreeSet::new()));
    let (theirs, next) = (Arc::clone(&exist), Arc::new(Mutex::new(0)));
    let make = move || {
        let mut next = next.lock().unwrap();
        *next += 1;
        theirs.lock().unwrap().insert(*next);
        Named { name: *next, exist: Arc::clone(&theirs), used: 0 }
    };
    let limit = usize::from(input.count) + 1;
    let pool = Pool::builder(make)
        .keep_if(|value: &mut Named| value.used % 7 != 6)
        .limit(limit)
        .magazine(usize::from(input.magazine % 12) + 1)
        .max_magazines(usize::from(input.magazines % 4) + 1)
        .depot(usize::from(input.depot % 4))
        .build()
        .expect("memory");
    let count = || exist.lock().unwrap().len();
    let mut guards: Vec<PoolGuard<'_, Named, _>> = Vec::new();
    let mut out = Vec::new();
    for &step in input.steps.iter().take(256) {
        let before = count();
        match step {
            Step::RunOn(cpu) => run_on(cpu),
            Step::Get(count) => {
                for _ in 0..=count % 32 {
                    match pool.try_get() {
                        Ok(mut guard) => {
                            assert!(guards.iter().all(|other| other.name != guard.name));
                            guard.used += 1;
                            guards.push(guard);
                        }
                        Err(error) => {
                            assert_eq!(error, Error::LimitReached { limit });
                            assert_eq!(guards.len(), limit, "there was one");
                        }
                    }
                }
            }
            Step::Take if !guards.is_empty() => out.extend(guards.pop().map(PoolGuard::into_inner)),
            Step::Put(n) if !guards.is_empty() => {
                drop(guards.swap_remove(usize::from(n) % guards.len()));
            }
            Step::Prefill(n) => match pool.prefill(n.into()) {
                Ok(made) => assert!(made <= n.into() && count() <= before + usize::from(n)),
                Err(_) => assert_eq!(count() - out.len(), limit),
            },
            Step::Drain(nth) => {
                let units = units();
                let dropped = pool.drain(units[usize::from(nth) % units.len()]).expect("a fence");
                assert_eq!(before - count(), dropped);
            }
            Step::Clear | Step::Shrink => {
                let clear = matches!(step, Step::Clear);
                let dropped = if clear { pool.clear() } else { pool.shrink() }.expect("a fence");
                assert_eq!(
                    (before - count(), before - guards.len() - out.len()),
                    (dropped, dropped)
                );
            }
            Step::Decay => assert_eq!(pool.decay().expect("a fence"), before - count()),
            _ => {}
        }
        let stats = pool.stats();
        assert_eq!(stats.live as usize, count() - out.len(), "{stats}");
        assert_eq!(stats.in_use() as usize, guards.len(), "{stats}");
        assert!(stats.cached <= stats.max_cached && stats.live as usize <= limit, "{stats}");
    }
    drop(guards);
    drop(pool);
    assert_eq!(count(), out.len());
}

fn fixed(input: &Input) {
    let all = usize::from(input.count) + 1;
    // What each object should say of itself: how often it was had.
    let mut had = vec![0_u32; all];
    let pool = FixedPool::new(all, |_| Cell::new(0)).expect("memory");
    let mut guards: Vec<FixedGuard<'_, Cell<u32>>> = Vec::new();
    for &step in input.steps.iter().take(256) {
        match step {
            Step::RunOn(cpu) => run_on(cpu),
            Step::Get(_) | Step::TryGet => {
                let any = matches!(step, Step::Get(_));
                match if any { pool.get() } else { pool.try_get() } {
                    Ok(guard) => {
                        let index = FixedGuard::index(&guard);
                        assert!(guards.iter().all(|other| FixedGuard::index(other) != index));
                        assert_eq!(guard.replace(had[index] + 1), had[index]);
                        had[index] += 1;
                        guards.push(guard);
                    }
                    Err(error) => {
                        assert_eq!((error.count, error.out_of_reach), (all, all - guards.len()));
                        assert!(!any || guards.len() == all, "{error}");
                    }
                }
            }
            Step::Put(n) if !guards.is_empty() => {
                drop(guards.swap_remove(usize::from(n) % guards.len()));
            }
            Step::Drain(nth) => {
                let units = units();
                pool.drain(units[usize::from(nth) % units.len()]).expect("a fence");
            }
            _ => {}
        }
        assert_eq!((pool.used(), pool.free()), (guards.len(), all - guards.len()));
    }
    drop(guards);
    let mut pool = pool;
    assert!(pool.iter_mut().map(|object| object.get()).eq(had));
}

fn numbers(input: &Input) {
    let all = usize::from(input.count) + 1;
    let pool = IdPool::new(all).expect("memory");
    // In use: with a guard, or by its number.
    let mut used: BTreeMap<u32, Option<Id<'_>>> = BTreeMap::new();
    for &step in input.steps.iter().take(256) {
        match step {
            Step::RunOn(cpu) => run_on(cpu),
            Step::Get(by) => match pool.get() {
                Ok(id) => {
                    let number = id.number();
                    let id = if by % 4 == 0 { Err(id.into_number()) } else { Ok(id) };
                    assert!(used.insert(number, id.ok()).is_none(), "{number} came twice");
                }
                Err(_) => assert_eq!(used.len(), all),
            },
            Step::Take => match pool.take() {
                Ok(number) => assert!(used.insert(number, None).is_none(), "{number} came twice"),
                Err(_) => assert_eq!(used.len(), all),
            },
            Step::TryGet => match pool.try_take() {
                Ok(number) => assert!(used.insert(number, None).is_none(), "{number} came twice"),
                Err(error) => {
                    assert_eq!(
                        (error.out_of_reach, pool.cached()),
                        (all - used.len(), pool.cached())
                    );
                }
            },
            Step::Put(nth) if !used.is_empty() => {
                let number = *used.keys().nth(usize::from(nth) % used.len()).expect("below");
                match used.remove(&number).expect("a key") {
                    Some(id) => {
                        assert!(pool.put(number).is_err(), "a guard has {number}");
                        drop(id);
                    }
                    None => pool.put(number).expect("in use by number"),
                }
            }
            Step::PutBack(n) => {
                let number = u32::from(n) * 3;
                let by_number = matches!(used.get(&number), Some(None));
                assert_eq!(pool.put(number).is_ok(), by_number);
                if by_number {
                    used.remove(&number);
                }
            }
            Step::Drain(nth) => {
                let units = units();
                pool.drain(units[usize::from(nth) % units.len()]).expect("a fence");
            }
            _ => {}
        }
        assert!(pool.iter_used().eq(used.keys().copied()));
        assert_eq!((pool.used(), pool.free()), (used.len(), all - used.len()));
    }
}

fuzz_target!(|input: Input| {
    run_on(0);
    match input.kind {
        Kind::Values => values(&input),
        Kind::Fixed => fixed(&input),
        Kind::Numbers => numbers(&input),
    }
});
