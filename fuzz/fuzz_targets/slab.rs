//! Any list of operations on a `Slab` gives what a `HashMap` does, by keys of which none
//! comes twice.

#![no_main]

use std::collections::{HashMap, HashSet};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use percpu_slab::keyed::TryTakeError;
use percpu_slab::raw::MagazineOptions;
use percpu_slab::{Key, Slab};

#[derive(Arbitrary, Debug)]
struct Input {
    limit: u8,
    generations: u8,
    page: u8,
    magazine: u8,
    removed: u8,
    steps: Vec<Step>,
}

/// Numbers choose among the keys there ever were.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    Insert(u8),
    Vacant {
        insert: bool,
    },
    Get(u8),
    Take(u8),
    TryTake(u8),
    /// While the first is read.
    Busy(u8, u8),
    Remove(u8),
    Any(u64),
    Clear,
    Poll,
    Flush,
    Shrink,
    Drain(u8),
}

fuzz_target!(|input: Input| {
    let magazine = usize::from(input.magazine % 8) + 1;
    let magazines = MagazineOptions {
        magazine,
        magazines: 1,
        max_magazines: 2,
        depot: 1,
        ..Default::default()
    };
    let limit = usize::from(input.limit);
    let builder = Slab::builder().limit(limit).generations(u32::from(input.generations) + 1);
    let builder = builder.page_size(256 << (input.page % 6)).removed(input.removed.into());
    let mut slab: Slab<usize> = builder.magazines(magazines).build().unwrap();
    let mut model: HashMap<Key, usize> = HashMap::new();
    let mut keys: Vec<Key> = Vec::new();
    let mut seen: HashSet<Key> = HashSet::new();
    for (n, step) in input.steps.into_iter().enumerate() {
        let key = |at: u8| keys.iter().rev().nth(usize::from(at) % keys.len().max(1)).copied();
        match step {
            Step::Insert(count) => {
                for _ in 0..count {
                    let Ok(key) = slab.insert(n) else {
                        assert_eq!(model.len(), limit);
                        break;
                    };
                    assert!(seen.insert(key), "{key} came twice");
                    model.insert(key, n);
                    keys.push(key);
                }
            }
            Step::Vacant { insert } => {
                if let Ok(entry) = slab.vacant_entry() {
                    assert!(!seen.contains(&entry.key()));
                    if insert {
                        let key = entry.insert(n);
                        seen.insert(key);
                        model.insert(key, n);
                        keys.push(key);
                    }
                }
            }
            Step::Get(at) => {
                if let Some(key) = key(at) {
                    assert_eq!(slab.with(key, |value| *value), model.get(&key).copied());
                }
            }
            Step::Take(at) => {
                if let Some(key) = key(at) {
                    assert_eq!(slab.take(key), model.remove(&key));
                }
            }
            Step::TryTake(at) => {
                if let Some(key) = key(at) {
                    let gone = TryTakeError::NotFound;
                    assert_eq!(slab.try_take(key), model.remove(&key).ok_or(gone));
                }
            }
            Step::Busy(at, other) => {
                let Some((key, other)) = key(at).zip(key(other)) else { continue };
                let Some(guard) = slab.get(key) else { continue };
                match slab.try_take(other) {
                    Ok(value) => assert!(other != key && model.remove(&other) == Some(value)),
                    Err(TryTakeError::Busy) => assert!(model.contains_key(&other)),
                    Err(error) => {
                        assert_eq!(error, TryTakeError::NotFound);
                        assert!(!model.contains_key(&other));
                    }
                }
                assert!(slab.remove(key));
                assert_eq!(model.remove(&key), Some(*guard));
            }
            Step::Remove(at) => {
                if let Some(key) = key(at) {
                    assert_eq!(slab.remove(key), model.remove(&key).is_some());
                }
            }
            Step::Any(bits) => {
                if let Some(key) = Key::from_u64(bits) {
                    assert_eq!(slab.contains(key), model.contains_key(&key));
                }
            }
            Step::Clear => {
                slab.clear();
                model.clear();
            }
            Step::Poll => {
                slab.poll().unwrap();
            }
            Step::Flush => {
                slab.flush().unwrap();
                assert_eq!(slab.stats().removed, 0);
            }
            Step::Shrink => {
                slab.shrink().unwrap();
                assert_eq!(slab.stats().cached, 0);
            }
            Step::Drain(count) => {
                for (key, value) in slab.drain().take(count.into()) {
                    assert_eq!(model.remove(&key), Some(value));
                }
                model.clear();
            }
        }
        assert_eq!(slab.len(), model.len());
    }
    assert_eq!(slab.into_iter().collect::<HashMap<_, _>>(), model);
});
