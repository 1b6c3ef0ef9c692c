//! What users of a slab rely on.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use proptest::prelude::*;

use super::slab::{Config, DefaultConfig, Entry, OwnedEntry, Slab};
use crate::values::Census;

struct Tagged;

impl Config for Tagged {
    const INITIAL_PAGE_SIZE: usize = 16;
    const MAX_PAGES: usize = 6;
    const MAX_THREADS: usize = 128;
    const RESERVED_BITS: usize = if usize::BITS == 64 { 24 } else { 8 };
}

/// A key that was never given out.
const UNKNOWN: usize = 12345;

#[test]
fn a_value_is_found_by_its_key_alone() {
    let slab = Slab::new();
    let keys: Vec<_> = (0..1000).map(|value| slab.insert(value).unwrap()).collect();
    for (value, &key) in keys.iter().enumerate() {
        let entry = slab.get(key).unwrap();
        assert_eq!((*entry, entry.key()), (value, key));
        assert!(slab.contains(key));
    }
    let empty = Slab::<u8>::new();
    assert!(empty.get(UNKNOWN).is_none() && !empty.contains(UNKNOWN));
    assert!(!empty.remove(UNKNOWN) && empty.take(UNKNOWN).is_none());
}

#[test]
fn a_key_does_not_find_the_next_value_of_its_slot() {
    let slab = Slab::new();
    let mut old = Vec::new();
    for value in 0..500 {
        let key = slab.insert(value).unwrap();
        assert!(!old.contains(&key));
        assert!(if value % 2 == 0 { slab.remove(key) } else { slab.take(key).is_some() });
        old.push(key);
    }
    let _last = slab.insert(500).unwrap();
    for key in old {
        assert!(slab.get(key).is_none() && !slab.contains(key) && !slab.remove(key));
        assert_eq!(slab.take(key), None);
    }
}

#[test]
fn a_vacant_entry_tells_the_key_of_its_value() {
    let slab = Slab::new();
    let entry = slab.vacant_entry().unwrap();
    let key = entry.key();
    assert!(!slab.contains(key) && slab.get(key).is_none());
    assert!(format!("{entry:?}").contains("VacantEntry"));
    let other = slab.insert((0, "other")).unwrap();
    assert_ne!(other, key);
    entry.insert((key, "value"));
    assert_eq!(slab.get(key).unwrap(), (key, "value"));
    assert_eq!(slab.get(other).unwrap(), (0, "other"));
}

#[test]
fn a_value_is_removed_once() {
    let (slab, census) = (Slab::new(), Census::default());
    let key = slab.insert(census.value(())).unwrap();
    assert!(slab.remove(key));
    assert_eq!(census.dropped(), 1);
    assert!(!slab.contains(key) && slab.get(key).is_none());
    assert!(!slab.remove(key) && slab.take(key).is_none());
}

#[test]
fn a_value_is_taken_once() {
    let (slab, census) = (Slab::new(), Census::default());
    let key = slab.insert(census.value("mine")).unwrap();
    let value = slab.take(key).unwrap();
    assert_eq!((value.inner, census.dropped()), ("mine", 0));
    assert!(!slab.contains(key) && slab.take(key).is_none() && !slab.remove(key));
    drop(value);
    drop(slab);
    assert_eq!(census.dropped(), 1);
}

#[test]
fn a_removed_value_stays_until_the_last_guard_is_dropped() {
    let (slab, census) = (Slab::new(), Census::default());
    let key = slab.insert(census.value("still here")).unwrap();
    let guards = [slab.get(key).unwrap(), slab.get(key).unwrap()];
    assert!(slab.remove(key));
    assert!(slab.get(key).is_none() && !slab.contains(key));
    for guard in guards {
        assert_eq!((guard.inner, census.dropped()), ("still here", 0));
    }
    assert_eq!(census.dropped(), 1);
    assert!(slab.insert(census.value("next")).is_some());
}

#[test]
fn take_waits_for_the_guards_of_other_threads() {
    let slab = Arc::new(Slab::new());
    for round in 0..20 {
        let key = slab.insert(round).unwrap();
        let (done, began) = (Arc::new(AtomicBool::new(false)), mpsc::channel());
        let (theirs, theirs_done) = (slab.clone(), done.clone());
        let reader = thread::spawn(move || {
            let guard = theirs.get(key).unwrap();
            began.0.send(()).unwrap();
            (0..round).for_each(|_| thread::yield_now());
            assert_eq!(*guard, round);
            theirs_done.store(true, SeqCst);
            drop(guard);
        });
        began.1.recv().unwrap();
        assert_eq!(slab.take(key), Some(round));
        assert!(done.load(SeqCst), "taken while it was read");
        reader.join().unwrap();
    }
}

#[test]
fn an_owned_entry_keeps_the_slab_and_may_be_sent() {
    let census = Census::default();
    let slab = Arc::new(Slab::new());
    let key = slab.insert(census.value("kept")).unwrap();
    assert!(slab.clone().get_owned(UNKNOWN).is_none());
    let entry: OwnedEntry<_> = slab.clone().get_owned(key).unwrap();
    assert_eq!(entry.key(), key);
    drop(slab);
    let entry = thread::spawn(move || {
        assert_eq!(entry.inner, "kept");
        entry
    })
    .join()
    .unwrap();
    assert_eq!(census.dropped(), 0);
    drop(entry);
    assert_eq!(census.dropped(), 1);
}

#[test]
fn an_owned_entry_puts_the_end_of_its_value_off() {
    let census = Census::default();
    let slab = Arc::new(Slab::new());
    let key = slab.insert(census.value(())).unwrap();
    let entry = slab.clone().get_owned(key).unwrap();
    assert!(slab.remove(key));
    thread::spawn(move || drop(entry)).join().unwrap();
    assert_eq!(census.dropped(), 1);
}

#[test]
fn values_are_dropped_with_the_slab() {
    let census = Census::default();
    let slab = Slab::new();
    let keys: Vec<_> = (0..200).map(|n| slab.insert(census.value(n)).unwrap()).collect();
    keys.iter().step_by(3).for_each(|&key| assert!(slab.remove(key)));
    assert_eq!(census.dropped(), 67);
    drop(slab);
    assert_eq!(census.alive(), 0);
}

#[test]
fn unique_iter_meets_each_value_once() {
    let mut slab = Slab::new();
    assert_eq!(slab.unique_iter().count(), 0);
    let keys: Vec<_> = (0..300).map(|value| slab.insert(value).unwrap()).collect();
    keys.iter().take(100).for_each(|&key| assert!(slab.remove(key)));
    let mut met: Vec<_> = slab.unique_iter().copied().collect();
    met.sort_unstable();
    assert_eq!(met, (100..300).collect::<Vec<_>>());
    let mut iter = slab.unique_iter();
    assert_eq!(iter.by_ref().count(), 200);
    assert!(iter.next().is_none() && iter.next().is_none());
}

#[test]
fn reserved_bits_are_zero_and_of_no_account() {
    const RESERVED: usize = !0 << (usize::BITS as usize - Tagged::RESERVED_BITS);
    assert_eq!(Slab::<u8>::USED_BITS, usize::BITS as usize);
    assert_eq!(Slab::<u8, Tagged>::USED_BITS + Tagged::RESERVED_BITS, usize::BITS as usize);
    let slab = Slab::<_, _>::new_with_config::<Tagged>();
    for value in 0..500 {
        let key = slab.insert(value).unwrap();
        assert_eq!(key & RESERVED, 0);
        assert_eq!(slab.get(key | RESERVED).unwrap(), value);
        assert!(slab.contains(key | RESERVED));
        if value % 2 == 0 {
            assert!(slab.remove(key | RESERVED) && !slab.contains(key));
        } else {
            assert_eq!(slab.take(key | RESERVED), Some(value));
        }
    }
}

#[test]
fn entries_look_like_their_values() {
    let slab = Arc::new(Slab::default());
    let key = slab.insert(vec![1, 2]).unwrap();
    let (entry, owned) = (slab.get(key).unwrap(), slab.clone().get_owned(key).unwrap());
    assert_eq!(format!("{entry:?} {owned:?}"), "[1, 2] [1, 2]");
    assert_eq!((entry.len(), owned.len()), (2, 2));
    assert!(entry == vec![1, 2] && owned == vec![1, 2] && entry != vec![]);
    assert!(format!("{slab:?}").starts_with("Slab"));
}

#[test]
fn values_may_borrow_and_have_any_layout() {
    #[derive(Debug, PartialEq)]
    #[repr(align(256))]
    struct Aligned(u8);

    let text = String::from("borrowed");
    let slab = Slab::new();
    let key = slab.insert(text.as_str()).unwrap();
    assert_eq!(slab.take(key), Some("borrowed"));

    let slab = Slab::new();
    let keys: Vec<_> = (0..100).map(|n| slab.insert(Aligned(n)).unwrap()).collect();
    for (n, &key) in keys.iter().enumerate() {
        let entry = slab.get(key).unwrap();
        assert_eq!(*entry, Aligned(n as u8));
        assert_eq!(std::ptr::from_ref::<Aligned>(&entry).addr() % 256, 0);
    }

    let slab = Slab::new();
    let keys: Vec<_> = (0..100).map(|_| slab.insert(()).unwrap()).collect();
    assert!(keys.iter().all(|&key| slab.remove(key)));
}

#[test]
fn values_of_one_thread_are_for_all() {
    let slab = Arc::new(Slab::new());
    let census = Census::default();
    let keys: Vec<_> = (0..4)
        .map(|part| {
            let (slab, census) = (slab.clone(), census.clone());
            let insert = move |n: usize| slab.insert(census.value(part * 100 + n)).unwrap();
            thread::spawn(move || (0..100).map(insert).collect::<Vec<_>>())
        })
        .flat_map(|inserter| inserter.join().unwrap())
        .collect();
    let keys = Arc::new(keys);
    let removers: Vec<_> = (0..4)
        .map(|part| {
            let (slab, keys) = (slab.clone(), keys.clone());
            thread::spawn(move || {
                for (n, &key) in keys.iter().enumerate().skip(part).step_by(4) {
                    assert_eq!(slab.get(key).unwrap().inner, n);
                    assert!(slab.remove(key));
                }
            })
        })
        .collect();
    removers.into_iter().for_each(|remover| remover.join().unwrap());
    assert_eq!((census.made(), census.alive()), (400, 0));
}

#[test]
fn a_value_may_use_the_slab_when_it_is_dropped() {
    struct OnDrop(Arc<Mutex<Vec<usize>>>, Arc<Slab<u32>>, Option<Arc<Slab<Self>>>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.lock().unwrap().push(self.1.insert(7).unwrap());
            if let Some(same) = self.2.take() {
                let next = Self(self.0.clone(), self.1.clone(), None);
                let key = same.insert(next).unwrap();
                assert!(same.remove(key));
            }
        }
    }
    let (keys, others, slab) = (Arc::default(), Arc::new(Slab::new()), Arc::new(Slab::new()));
    let value = OnDrop(Arc::clone(&keys), Arc::clone(&others), Some(Arc::clone(&slab)));
    let key = slab.insert(value).unwrap();
    assert!(slab.remove(key));
    let keys = keys.lock().unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys.iter().all(|&key| others.contains(key)));
}

#[test]
fn faces_have_the_same_types() {
    fn traits<T: Send + Sync + std::panic::RefUnwindSafe>() {}
    traits::<Slab<String>>();
    fn owned<T: Send + Sync>() {}
    owned::<OwnedEntry<String, Tagged>>();
    fn generic<C: Config>(slab: &Slab<u32, C>, key: usize) -> Option<Entry<'_, u32, C>> {
        slab.get(key)
    }
    let slab = Slab::new_with_config::<DefaultConfig>();
    let key = slab.insert(1).unwrap();
    assert_eq!(generic(&slab, key).unwrap(), 1);
    const { assert!(DefaultConfig::MAX_THREADS >= 128 && DefaultConfig::RESERVED_BITS == 0) };
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Insert,
    VacantEntry,
    Remove(usize),
    Take(usize),
    Get(usize),
    Unknown(usize),
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let any = proptest::num::usize::ANY;
    let action = prop_oneof![
        2 => Just(Action::Insert),
        1 => Just(Action::VacantEntry),
        1 => any.prop_map(Action::Remove),
        1 => any.prop_map(Action::Take),
        3 => any.prop_map(Action::Get),
        1 => any.prop_map(Action::Unknown),
    ];
    prop::collection::vec(action, 1..200)
}

/// A slab does what a map does.
fn agrees<C: Config>(actions: Vec<Action>) -> Result<(), TestCaseError> {
    let mut slab = Arc::new(Slab::new_with_config::<C>());
    let mut map = HashMap::new();
    let mut order = Vec::new();
    for (value, action) in actions.into_iter().enumerate() {
        let known = |n: usize| order.get(n % order.len().max(1)).copied().unwrap_or(UNKNOWN);
        match action {
            Action::Insert => {
                let key = slab.insert(value).unwrap();
                prop_assert!(map.insert(key, value).is_none(), "a key twice");
                order.push(key);
            }
            Action::VacantEntry => {
                let entry = slab.vacant_entry().unwrap();
                let key = entry.key();
                prop_assert!(map.insert(key, value).is_none(), "a key twice");
                order.push(key);
                entry.insert(value);
            }
            Action::Remove(n) => {
                prop_assert_eq!(slab.remove(known(n)), map.remove(&known(n)).is_some());
            }
            Action::Take(n) => prop_assert_eq!(slab.take(known(n)), map.remove(&known(n))),
            Action::Get(n) => {
                let (key, expected) = (known(n), map.get(&known(n)).copied());
                prop_assert_eq!(slab.get(key).map(|entry| *entry), expected);
                prop_assert_eq!(slab.clone().get_owned(key).map(|entry| *entry), expected);
                prop_assert_eq!(slab.contains(key), expected.is_some());
            }
            Action::Unknown(key) => {
                let used = key & (!0 >> C::RESERVED_BITS);
                let expected = map.get(&used).copied();
                prop_assert_eq!(slab.get(key).map(|entry| *entry), expected);
            }
        }
    }
    let mut left: Vec<_> = map.into_values().collect();
    let mut met: Vec<_> = Arc::get_mut(&mut slab).unwrap().unique_iter().copied().collect();
    left.sort_unstable();
    met.sort_unstable();
    prop_assert_eq!(met, left);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 64 }))]

    #[test]
    fn a_slab_agrees_with_a_map(actions in actions()) {
        agrees::<DefaultConfig>(actions)?;
    }

    #[test]
    fn a_slab_with_reserved_bits_agrees_with_a_map(actions in actions()) {
        agrees::<Tagged>(actions)?;
    }
}
