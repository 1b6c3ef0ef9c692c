//! `Slab` against a `HashMap`, over random operations.

#![cfg(not(percpu_loom))]

use std::collections::{HashMap, HashSet};

use percpu_core::Unit;
use percpu_slab::keyed::TryTakeError;
use percpu_slab::raw::MagazineOptions;
use percpu_slab::{Error, Key, Slab};
use proptest::collection::vec;
use proptest::prelude::*;

const LIMIT: usize = 60;

/// Numbers choose among the keys there ever were.
#[derive(Clone, Copy, Debug)]
enum Step {
    Insert,
    Vacant(bool),
    Get(usize),
    Change(usize),
    Take(usize),
    TryTake(usize),
    Remove(usize),
    Look(usize),
    Retain(u64),
    Clear,
    Poll,
    Flush,
    Shrink,
    Drain(usize),
    DrainUnit(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at = || 0..200_usize;
    let step = prop_oneof![
        8 => Just(Step::Insert),
        2 => any::<bool>().prop_map(Step::Vacant),
        3 => at().prop_map(Step::Get),
        1 => at().prop_map(Step::Change),
        3 => at().prop_map(Step::Take),
        1 => at().prop_map(Step::TryTake),
        3 => at().prop_map(Step::Remove),
        2 => at().prop_map(Step::Look),
        1 => (2..5_u64).prop_map(Step::Retain),
        1 => Just(Step::Clear),
        1 => Just(Step::Poll),
        1 => Just(Step::Flush),
        1 => Just(Step::Shrink),
        1 => at().prop_map(Step::Drain),
        1 => at().prop_map(Step::DrainUnit),
    ];
    vec(step, 0..if cfg!(miri) { 40 } else { 300 })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 64 }))]

    #[test]
    fn a_slab_is_a_map_whose_keys_are_never_used_again(steps in steps()) {
        let magazines = MagazineOptions { magazine: 3, magazines: 2, max_magazines: 3, depot: 2, ..Default::default() };
        let builder = Slab::builder().limit(LIMIT).generations(9).page_size(256);
        let mut slab: Slab<u64> = builder.magazines(magazines).removed(4).build().unwrap();
        let mut model: HashMap<Key, u64> = HashMap::new();
        let mut keys: Vec<Key> = Vec::new();
        let mut seen: HashSet<Key> = HashSet::new();
        for (n, &step) in steps.iter().enumerate() {
            let n = n as u64;
            let key = |at: usize| keys.len().checked_sub(1).map(|last| keys[last - at % keys.len()]);
            match step {
                Step::Insert => match slab.insert(n) {
                    Ok(key) => {
                        prop_assert!(seen.insert(key), "{key} came twice");
                        model.insert(key, n);
                        keys.push(key);
                    }
                    Err(error) => {
                        prop_assert_eq!(model.len(), LIMIT);
                        prop_assert_eq!(error.into_parts(), (n, Error::LimitReached { limit: LIMIT }));
                    }
                },
                Step::Vacant(insert) => if let Ok(entry) = slab.vacant_entry() {
                    let key = entry.key();
                    prop_assert!(!slab.contains(key) && !seen.contains(&key));
                    if insert {
                        entry.insert(n);
                        seen.insert(key);
                        model.insert(key, n);
                        keys.push(key);
                    }
                },
                Step::Get(at) => if let Some(key) = key(at) {
                    prop_assert_eq!(slab.with(key, |value| *value), model.get(&key).copied());
                },
                Step::Change(at) => if let Some(key) = key(at) {
                    let (ours, theirs) = (slab.get_mut(key), model.get_mut(&key));
                    prop_assert_eq!(&ours, &theirs);
                    if let (Some(ours), Some(theirs)) = (ours, theirs) {
                        *ours += 1_000;
                        *theirs += 1_000;
                    }
                },
                Step::Take(at) => if let Some(key) = key(at) {
                    prop_assert_eq!(slab.take(key), model.remove(&key));
                },
                Step::TryTake(at) => if let Some(key) = key(at) {
                    let gone = TryTakeError::NotFound;
                    prop_assert_eq!(slab.try_take(key), model.remove(&key).ok_or(gone));
                },
                Step::Remove(at) => if let Some(key) = key(at) {
                    prop_assert_eq!(slab.remove(key), model.remove(&key).is_some());
                },
                Step::Look(at) => if let Some(key) = key(at) {
                    prop_assert_eq!(slab.contains(key), model.contains_key(&key));
                },
                Step::Retain(divisor) => {
                    slab.retain(|_, value| value % divisor != 0);
                    model.retain(|_, value| *value % divisor != 0);
                }
                Step::Clear => {
                    slab.clear();
                    model.clear();
                }
                Step::Poll => { slab.poll().unwrap(); }
                Step::Flush => {
                    slab.flush().unwrap();
                    prop_assert_eq!(slab.stats().removed, 0);
                }
                Step::Shrink => {
                    slab.shrink().unwrap();
                    let stats = slab.stats();
                    prop_assert_eq!(stats.cached, 0);
                    prop_assert!(stats.pages <= model.len() + stats.retired);
                }
                Step::Drain(count) => {
                    for (key, value) in slab.drain().take(count % 4) {
                        prop_assert_eq!(model.remove(&key), Some(value));
                    }
                    model.clear();
                }
                Step::DrainUnit(at) => {
                    let units: Vec<Unit> = Unit::all().unwrap().collect();
                    slab.drain_unit(units[at % units.len()]).unwrap();
                }
            }
            prop_assert_eq!(slab.len(), model.len());
            prop_assert_eq!(slab.is_empty(), model.is_empty());
        }
        let ours: HashMap<Key, u64> = slab.iter().map(|value| (value.key(), *value)).collect();
        prop_assert_eq!(&ours, &model);
        prop_assert!(keys.iter().all(|key| slab.contains(*key) == model.contains_key(key)));
        prop_assert_eq!(slab.into_iter().collect::<HashMap<_, _>>(), model);
    }
}
