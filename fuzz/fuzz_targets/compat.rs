//! Any list of operations on the slab and the pool with sharded-slab's face gives what a
//! `HashMap` does, with keys of so few bits that they come again.

#![no_main]

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use percpu_fuzz::run_on;
use percpu_slab::compat::pool::{OwnedRef, OwnedRefMut};
use percpu_slab::compat::{Config, DefaultConfig, OwnedEntry, Pool, Slab};

/// As few bits as there may be.
struct Few;

impl Config for Few {
    const RESERVED_BITS: usize = usize::BITS as usize - 16;
}

#[derive(Arbitrary, Debug)]
struct Input {
    few: bool,
    pool: bool,
    steps: Vec<Step>,
}

/// Numbers choose among the keys there ever were, or among those who have a value.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    RunOn(u8),
    Insert(u8),
    /// Whether it is left without a value.
    Begin(bool),
    /// What was begun is there from now on, and, of a pool, whether it is read on.
    Finish(u8, bool),
    Get(u8),
    Leave(u8),
    Remove(u8),
    Take(u8),
    Any(usize),
    Iterate,
}

/// Of 1024 numbers some may lie free on another CPU.
fn may_be_full<C: Config>(used: usize) {
    assert!(C::RESERVED_BITS > 0 && used > 512, "no key beside {used}");
}

/// The last of the keys first.
fn key(keys: &[usize], nth: u8) -> Option<usize> {
    keys.iter().rev().nth(usize::from(nth).checked_rem(keys.len())?).copied()
}

fn swap_remove<T>(all: &mut Vec<T>, nth: u8) -> Option<T> {
    usize::from(nth).checked_rem(all.len()).map(|nth| all.swap_remove(nth))
}

fn slab<C: Config>(steps: &[Step]) {
    let mut slab: Arc<Slab<u64, C>> = Arc::new(Slab::new_with_config());
    let mut model: HashMap<usize, u64> = HashMap::new();
    let mut keys: Vec<usize> = Vec::new();
    // Values that may be gone from the slab.
    let mut held: Vec<(u64, OwnedEntry<u64, C>)> = Vec::new();
    for (&step, value) in steps.iter().zip(0..) {
        match step {
            Step::RunOn(cpu) => run_on(cpu),
            Step::Insert(n) => {
                for _ in 0..n % 32 {
                    let Some(key) = slab.insert(value) else {
                        may_be_full::<C>(model.len() + held.len());
                        break;
                    };
                    assert_eq!(model.insert(key, value), None, "two have a key");
                    assert!(held.iter().all(|(_, entry)| entry.key() != key), "it is read");
                    keys.push(key);
                }
            }
            Step::Begin(left) => {
                let Some(entry) = slab.vacant_entry() else {
                    may_be_full::<C>(model.len() + held.len());
                    continue;
                };
                let key = entry.key();
                assert!(!model.contains_key(&key) && !slab.contains(key));
                if !left {
                    entry.insert(value);
                    model.insert(key, value);
                    keys.push(key);
                }
            }
            Step::Get(nth) => {
                let Some(key) = key(&keys, nth) else { continue };
                let entry = slab.get(key);
                assert_eq!(entry.as_deref(), model.get(&key));
                drop(entry);
                if held.len() < 64
                    && let Some(entry) = Arc::clone(&slab).get_owned(key)
                {
                    assert_eq!(entry.key(), key);
                    held.push((*entry, entry));
                }
            }
            Step::Leave(nth) => drop(swap_remove(&mut held, nth)),
            Step::Remove(nth) => {
                let Some(key) = key(&keys, nth) else { continue };
                assert_eq!(slab.remove(key), model.remove(&key).is_some());
            }
            // It would wait for who reads.
            Step::Take(nth) => {
                let Some(key) = key(&keys, nth) else { continue };
                if held.iter().all(|(_, entry)| entry.key() != key) {
                    assert_eq!(slab.take(key), model.remove(&key));
                }
            }
            Step::Any(bits) => {
                let key = bits & (usize::MAX >> C::RESERVED_BITS);
                assert_eq!(slab.contains(bits), model.contains_key(&key));
            }
            Step::Iterate => {
                if let Some(slab) = Arc::get_mut(&mut slab) {
                    let all: Vec<u64> = slab.unique_iter().map(|value| *value).collect();
                    let (mut all, mut same) = (all, model.values().copied().collect::<Vec<_>>());
                    all.sort_unstable();
                    same.sort_unstable();
                    assert_eq!(all, same);
                }
            }
            Step::Finish(..) => {}
        }
        assert!(held.iter().all(|(value, entry)| **entry == *value), "it was written over");
    }
    assert!(model.iter().all(|(&key, value)| slab.get(key).as_deref() == Some(value)));
}

fn pool<C: Config>(steps: &[Step]) {
    let pool: Arc<Pool<Vec<u64>, C>> = Arc::new(Pool::new_with_config());
    let mut model: HashMap<usize, u64> = HashMap::new();
    let mut keys: Vec<usize> = Vec::new();
    let mut held: Vec<(u64, OwnedRef<Vec<u64>, C>)> = Vec::new();
    let mut begun: Vec<(u64, OwnedRefMut<Vec<u64>, C>)> = Vec::new();
    // Those that were cleared before they were finished.
    let mut doomed: HashSet<usize> = HashSet::new();
    for (&step, value) in steps.iter().zip(0..) {
        match step {
            Step::RunOn(cpu) => run_on(cpu),
            Step::Insert(n) => {
                for _ in 0..n % 32 {
                    let fill = |all: &mut Vec<u64>| {
                        assert!(all.is_empty(), "it was not cleared");
                        all.push(value);
                    };
                    let Some(key) = pool.create_with(fill) else {
                        may_be_full::<C>(model.len() + held.len() + begun.len());
                        break;
                    };
                    assert_eq!(model.insert(key, value), None, "two have a key");
                    assert!(held.iter().all(|(_, read)| read.key() != key), "it is read");
                    keys.push(key);
                }
            }
            Step::Begin(left) => {
                let Some(mut new) = Arc::clone(&pool).create_owned() else {
                    may_be_full::<C>(model.len() + held.len() + begun.len());
                    continue;
                };
                assert!(new.is_empty() && !model.contains_key(&new.key()));
                new.push(value);
                if left && pool.clear(new.key()) {
                    assert!(doomed.insert(new.key()));
                }
                keys.push(new.key());
                begun.push((value, new));
            }
            Step::Finish(nth, read) => {
                let Some((value, new)) = swap_remove(&mut begun, nth) else { continue };
                let key = new.key();
                if !doomed.remove(&key) {
                    model.insert(key, value);
                }
                if read {
                    held.push((value, new.downgrade()));
                }
            }
            Step::Get(nth) => {
                let Some(key) = key(&keys, nth) else { continue };
                let found = pool.get(key);
                assert_eq!(
                    found.as_deref().map(Vec::as_slice),
                    model.get(&key).map(std::slice::from_ref)
                );
                drop(found);
                if held.len() < 64
                    && let Some(read) = Arc::clone(&pool).get_owned(key)
                {
                    held.push((read[0], read));
                }
            }
            Step::Leave(nth) => drop(swap_remove(&mut held, nth)),
            Step::Remove(nth) | Step::Take(nth) => {
                let Some(key) = key(&keys, nth) else { continue };
                if begun.iter().any(|(_, new)| new.key() == key) {
                    assert_eq!(pool.clear(key), doomed.insert(key));
                } else {
                    assert_eq!(pool.clear(key), model.remove(&key).is_some());
                }
            }
            Step::Any(bits) => {
                let key = bits & (usize::MAX >> C::RESERVED_BITS);
                assert_eq!(pool.get(bits).is_some(), model.contains_key(&key));
            }
            Step::Iterate => {}
        }
        assert!(held.iter().all(|(value, read)| **read == [*value]), "it was cleared");
        assert!(begun.iter().all(|(value, new)| **new == [*value]), "somebody else has it");
    }
}

fuzz_target!(|input: Input| {
    run_on(0);
    let steps = &input.steps[..input.steps.len().min(64)];
    match (input.pool, input.few) {
        (false, false) => slab::<DefaultConfig>(steps),
        (false, true) => slab::<Few>(steps),
        (true, false) => pool::<DefaultConfig>(steps),
        (true, true) => pool::<Few>(steps),
    }
});
