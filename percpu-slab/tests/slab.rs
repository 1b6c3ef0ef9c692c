//! `Slab`, in one thread or a few: anywhere, and under Miri.

#![cfg(not(percpu_loom))]

use std::cell::Cell;
use std::collections::{BTreeSet, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use percpu_slab::keyed::{NotAKey, TryTakeError};
use percpu_slab::raw::MagazineOptions;
use percpu_slab::{Error, Key, Slab};

/// Counts its drops.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>, usize);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Small magazines, so that few values go through all levels.
fn small<T>() -> percpu_slab::keyed::SlabBuilder<T> {
    let magazines = MagazineOptions {
        magazine: 2,
        magazines: 1,
        max_magazines: 1,
        depot: 1,
        ..Default::default()
    };
    Slab::builder().page_size(256).magazines(magazines)
}

#[test]
fn a_key_finds_its_value_until_it_is_taken() {
    let slab = Slab::new().unwrap();
    let keys: Vec<Key> = (0..100).map(|n: u32| slab.insert(n).unwrap()).collect();
    assert_eq!(keys.iter().collect::<HashSet<_>>().len(), 100);
    assert_eq!(slab.len(), 100);
    for (n, &key) in keys.iter().enumerate() {
        assert_eq!(slab.get(key).as_deref(), Some(&(n as u32)));
        assert_eq!(slab.get(key).unwrap().key(), key);
        assert!(slab.contains(key));
    }
    for (n, &key) in keys.iter().enumerate() {
        assert_eq!(slab.take(key), Some(n as u32));
        assert!(slab.take(key).is_none() && slab.get(key).is_none() && !slab.remove(key));
        assert_eq!(slab.try_take(key), Err(TryTakeError::NotFound));
    }
    assert!(slab.is_empty());
}

#[test]
fn a_key_is_a_number_and_back() {
    let slab = Slab::new().unwrap();
    let key = slab.insert(()).unwrap();
    slab.take(key);
    let key = slab.insert(()).unwrap();
    let token = u64::from(key);
    assert_eq!((token as u32, (token >> 32) as u32), (key.index(), key.generation()));
    assert_eq!(Key::from_u64(token), Some(key));
    assert_eq!(Key::try_from(7 << 32).unwrap_err(), Key::try_from(7_u64 << 32).unwrap_err());
    assert!(Key::from_u64(0).is_none());
    assert_eq!(format!("{key} {key:?}"), format!("{0}v1 Key({0}v1)", key.index()));
    let error: NotAKey = Key::try_from(0).unwrap_err();
    assert!(error.to_string().contains("never a key"));
    // Numbers that nobody was given find nothing.
    for bits in [1, u64::MAX, u64::from(u32::MAX), token | 1 << 31, token ^ 1 << 32] {
        let never = Key::from_u64(bits).unwrap();
        assert!(slab.get(never).is_none() && slab.take(never).is_none() && !slab.remove(never));
    }
    assert!(slab.contains(key));
}

#[test]
fn an_old_key_finds_nothing_in_a_slot_that_is_used_again() {
    let slab = small().build().unwrap();
    let mut old = Vec::new();
    for n in 0..50 {
        let key = slab.insert(n).unwrap();
        assert!(old.iter().all(|&key: &Key| !slab.contains(key) && slab.get(key).is_none()));
        assert_eq!(slab.take(key), Some(n));
        old.push(key);
    }
    assert_eq!(old.iter().collect::<HashSet<_>>().len(), 50, "no key twice");
    let slots: HashSet<u32> = old.iter().map(|key| key.index()).collect();
    assert!(slots.len() < 50, "slots are used again");
}

#[test]
fn a_slot_whose_generations_are_used_up_is_retired() {
    const COUNT: usize = if cfg!(miri) { 140 } else { 200 };
    let slab = small().generations(3).build().unwrap();
    let mut seen = HashSet::new();
    for n in 0..COUNT {
        let key = slab.insert(n).unwrap();
        assert!(key.generation() < 3);
        assert!(seen.insert(key), "{key} came twice");
        // Every way out.
        match n % 4 {
            0 => assert_eq!(slab.take(key), Some(n)),
            1 => assert_eq!(slab.try_take(key), Ok(n)),
            2 => assert!(slab.remove(key)),
            _ => {
                assert_eq!(slab.with(key, |value| *value), Some(n));
                assert!(slab.remove(key));
                assert_eq!(slab.flush(), Ok(1));
            }
        }
    }
    let stats = slab.stats();
    assert!(stats.retired >= COUNT / 3 - 40 && stats.retired <= COUNT / 3, "{stats}");
    assert!(seen.iter().all(|&key| !slab.contains(key) && slab.get(key).is_none()));
    assert!(slab.is_empty());
}

#[test]
fn no_key_comes_twice_though_pages_go_and_come() {
    let slab = small().generations(8).build().unwrap();
    let mut seen = HashSet::new();
    let mut given_back = 0;
    let (rounds, many) = if cfg!(miri) { (10, 40) } else { (20, 150) };
    for _ in 0..rounds {
        let keys: Vec<Key> = (0..many).map(|n| slab.insert(n).unwrap()).collect();
        for key in keys {
            assert!(seen.insert(key), "{key} came twice");
            assert!(slab.take(key).is_some());
        }
        given_back += slab.shrink().unwrap();
        assert!(seen.iter().all(|&key| !slab.contains(key)));
        assert_eq!((slab.stats().pages, slab.stats().cached), (0, 0));
    }
    assert!(given_back > 0);
    assert!(slab.stats().retired > 0, "{}", slab.stats());
}

#[test]
fn the_limit_is_exact_and_gives_the_value_back() {
    let slab = small().limit(5).build().unwrap();
    for _ in 0..3 {
        let keys: Vec<Key> = (0..5).map(|n| slab.insert(n).unwrap()).collect();
        let (value, error) = slab.insert(5).unwrap_err().into_parts();
        assert_eq!((value, error), (5, Error::LimitReached { limit: 5 }));
        assert!(slab.vacant_entry().is_err());
        // Read, so that they wait; an insertion finds them.
        keys.iter().for_each(|&key| assert!(slab.get(key).is_some()));
        keys.iter().for_each(|&key| assert!(slab.remove(key)));
    }
    let error = small().limit(0).build().unwrap().insert("text").unwrap_err();
    assert_eq!(error.error(), &Error::LimitReached { limit: 0 });
    assert!(error.to_string().contains("limit") && format!("{error:?}").contains("Limit"));
    assert_eq!(error.into_value(), "text");
}

#[test]
fn a_vacant_entry_leaves_nothing_behind() {
    let slab = small().build().unwrap();
    let entry = slab.vacant_entry().unwrap();
    let key = entry.key();
    assert!(!slab.contains(key) && slab.take(key).is_none());
    assert_eq!(slab.len(), 1, "held");
    drop(entry);
    assert!(slab.is_empty());
    let entry = slab.vacant_entry().unwrap();
    assert_eq!(entry.key(), key, "nothing has had it");
    assert_eq!(entry.insert(7), key);
    assert_eq!(slab.take(key), Some(7));
}

#[test]
fn what_is_removed_is_dropped_once_and_not_while_it_is_read() {
    let drops = Arc::new(AtomicUsize::new(0));
    let slab = Slab::new().unwrap();
    let unread = slab.insert(Counted(drops.clone(), 1)).unwrap();
    assert!(slab.remove(unread));
    assert_eq!(drops.load(Relaxed), 1, "at once: nobody ever read it");

    let key = slab.insert(Counted(drops.clone(), 2)).unwrap();
    let guard = slab.get(key).unwrap();
    assert!(slab.remove(key) && slab.get(key).is_none());
    assert_eq!(slab.poll(), Ok(0));
    assert_eq!((guard.1, drops.load(Relaxed)), (2, 1));
    assert_eq!((slab.len(), slab.stats().removed), (0, 1));
    drop(guard);
    assert_eq!(slab.flush(), Ok(1));
    assert_eq!((drops.load(Relaxed), slab.stats().removed), (2, 0));

    // A batch is dropped with nobody's help, and the rest with the slab.
    for n in 0..33 {
        let key = slab.insert(Counted(drops.clone(), n)).unwrap();
        assert!(slab.get(key).is_some() && slab.remove(key));
    }
    assert_eq!(drops.load(Relaxed), 2 + 32);
    drop(slab);
    assert_eq!(drops.load(Relaxed), 2 + 33);
}

#[test]
fn each_removal_takes_a_step_if_that_is_asked_for() {
    let drops = Arc::new(AtomicUsize::new(0));
    let slab = Slab::builder().removed(1).build().unwrap();
    for n in 1..5 {
        let key = slab.insert(Counted(drops.clone(), n)).unwrap();
        assert!(slab.get(key).is_some() && slab.remove(key));
        assert_eq!(drops.load(Relaxed), n);
    }
}

#[test]
fn try_take_is_busy_while_somebody_reads_and_only_then() {
    let slab = Slab::new().unwrap();
    let (a, b) = (slab.insert(1).unwrap(), slab.insert(2).unwrap());
    let guard = slab.get(a).unwrap();
    assert_eq!(slab.try_take(a), Err(TryTakeError::Busy));
    assert_eq!(slab.try_take(a), Err(TryTakeError::Busy));
    assert_eq!(slab.try_take(b), Ok(2), "nobody ever read it");
    assert_eq!(slab.get(a).as_deref(), Some(&1), "still there");
    drop(guard);
    assert_eq!(slab.try_take(a), Ok(1));
    assert!(slab.is_empty());
}

#[test]
fn a_guard_that_is_leaked_holds_up_nothing_but_what_would_wait() {
    let drops = Arc::new(AtomicUsize::new(0));
    let slab = Slab::new().unwrap();
    let key = slab.insert(Counted(drops.clone(), 1)).unwrap();
    let other = slab.insert(Counted(drops.clone(), 2)).unwrap();
    std::mem::forget(slab.get(key));
    assert!(matches!(slab.try_take(key), Err(TryTakeError::Busy)));
    assert_eq!(slab.take(other).unwrap().1, 2);
    assert!(slab.remove(key));
    assert_eq!(slab.poll(), Ok(0));
    assert_eq!(drops.load(Relaxed), 1);
    drop(slab);
    assert_eq!(drops.load(Relaxed), 2);
}

#[cfg(debug_assertions)]
#[test]
fn take_of_a_value_that_this_thread_reads_panics_and_leaves_it() {
    let slab = Slab::new().unwrap();
    let key = slab.insert(1).unwrap();
    let guard = slab.get(key).unwrap();
    let panic = catch_unwind(AssertUnwindSafe(|| slab.take(key))).unwrap_err();
    assert!(panic.downcast_ref::<&str>().unwrap().contains("wait for itself"));
    assert_eq!(*guard, 1);
    drop(guard);
    assert_eq!(slab.take(key), Some(1), "still there");
}

#[test]
fn an_owned_guard_keeps_the_value_and_the_slab() {
    let drops = Arc::new(AtomicUsize::new(0));
    let slab = Arc::new(Slab::new().unwrap());
    let key = slab.insert(Counted(drops.clone(), 7)).unwrap();
    let guard = slab.get_owned(key).unwrap();
    assert!(Arc::ptr_eq(guard.slab(), &slab) && guard.key() == key);
    assert!(slab.remove(key) && slab.get_owned(key).is_none());
    assert_eq!(slab.poll(), Ok(0));
    drop(slab);
    let there = std::thread::spawn(move || guard.1).join().unwrap();
    assert_eq!((there, drops.load(Relaxed)), (7, 1));
}

#[test]
fn iteration_meets_each_value_once() {
    const MANY: u32 = if cfg!(miri) { 100 } else { 500 };
    let mut slab: Slab<u32> = (0..MANY).collect();
    let values: BTreeSet<u32> = slab.iter().map(|value| *value).collect();
    assert!(values.into_iter().eq(0..MANY));
    assert_eq!(slab.iter().count(), MANY as usize);
    assert!(slab.keys().eq(slab.iter().map(|value| value.key())));
    slab.retain(|_, value| value % 5 == 0);
    assert_eq!(slab.len(), MANY as usize / 5);
    for (key, value) in &mut slab {
        *value += key.generation() + 1;
    }
    let sum: u32 = (0..MANY / 5).map(|n| 5 * n + 1).sum();
    assert_eq!(slab.iter().map(|value| *value).sum::<u32>(), sum);
    let (key, first) = slab.drain().next().unwrap();
    assert_eq!(first % 5, 1);
    assert!(slab.is_empty() && !slab.contains(key), "the rest is dropped");
    slab.extend([1, 2]);
    assert_eq!(slab.iter().map(|value| *value).sum::<u32>(), 3);
    assert!(format!("{slab:?}").contains("): 2"));
    assert_eq!(slab.into_iter().map(|(_, value)| value).sum::<u32>(), 3);
}

#[test]
fn clear_removes_all_of_them() {
    let drops = Arc::new(AtomicUsize::new(0));
    let slab = Slab::default();
    let keys: Vec<Key> = (0..80).map(|n| slab.insert(Counted(drops.clone(), n)).unwrap()).collect();
    keys[..40].iter().for_each(|&key| assert!(slab.get(key).is_some()));
    slab.clear();
    slab.flush().unwrap();
    assert_eq!((slab.len(), drops.load(Relaxed)), (0, 80));
}

#[test]
fn values_of_no_size_and_of_large_alignment_have_their_places() {
    #[repr(align(64))]
    struct Line(u8);
    #[repr(align(32768))]
    struct Huge(u8);
    let many = if cfg!(miri) { 100 } else { 2_000 };
    let none = Slab::new().unwrap();
    let keys: Vec<Key> = (0..many).map(|_| none.insert(()).unwrap()).collect();
    assert!(keys.iter().all(|&key| none.take(key) == Some(())));
    let lines: Slab<Line> = (0..100).map(Line).collect();
    assert!(lines.iter().all(|line| std::ptr::from_ref(&*line).addr() % 64 == 0));
    assert!(lines.iter().map(|line| line.0).eq(0..100));
    let huge: Slab<Huge> = (0..5).map(Huge).collect();
    assert!(huge.iter().all(|huge| std::ptr::from_ref(&*huge).addr() % 32_768 == 0));
    assert!(huge.iter().map(|huge| huge.0).eq(0..5));
}

#[test]
fn a_value_may_use_its_slab_when_it_is_dropped() {
    struct Owner(Cell<Option<(Arc<Slab<Owner>>, Key)>>);
    // Not `Sync`, and so is its slab: this thread alone has them.
    impl Drop for Owner {
        fn drop(&mut self) {
            if let Some((slab, key)) = self.0.take() {
                assert!(slab.remove(key));
                slab.insert(Owner(Cell::new(None))).unwrap();
            }
        }
    }
    #[allow(clippy::arc_with_non_send_sync)]
    let slab = Arc::new(small().build().unwrap());
    let mut last = slab.insert(Owner(Cell::new(None))).unwrap();
    for n in 0..20 {
        let owner = Owner(Cell::new(Some((slab.clone(), last))));
        last = slab.insert(owner).unwrap();
        if n % 2 == 0 {
            assert!(slab.get(last).is_some());
        }
    }
    assert_eq!(slab.len(), 21);
    assert!(slab.remove(last));
    while slab.stats().removed > 0 {
        slab.flush().unwrap();
    }
    assert_eq!(slab.len(), 20, "each has left one behind, all but the first");
}

#[test]
fn a_drop_that_panics_loses_nothing() {
    struct Bomb(Counted);
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(!self.0.1.is_multiple_of(3), "bomb {}", self.0.1);
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let slab = small().build().unwrap();
    let bomb = |n| Bomb(Counted(drops.clone(), n));
    // At once.
    let key = slab.insert(bomb(0)).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| slab.remove(key))).is_err());
    assert_eq!((slab.len(), drops.load(Relaxed)), (0, 1));
    // Later, with others before and behind.
    for n in 2..8 {
        let key = slab.insert(bomb(n)).unwrap();
        assert!(slab.get(key).is_some() && slab.remove(key));
    }
    assert!(catch_unwind(AssertUnwindSafe(|| slab.flush())).is_err());
    assert_eq!((slab.len(), slab.stats().removed, drops.load(Relaxed)), (0, 0, 7));
    // With the slab.
    for n in 2..8 {
        slab.insert(bomb(n)).unwrap();
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(slab))).is_err());
    assert_eq!(drops.load(Relaxed), 13);
}

#[test]
fn get_mut_finds_what_is_there() {
    let mut slab = Slab::new().unwrap();
    let key = slab.insert(vec![1]).unwrap();
    slab.get_mut(key).unwrap().push(2);
    assert_eq!(slab.take(key), Some(vec![1, 2]));
    assert!(slab.get_mut(key).is_none());
}

#[test]
fn stats_tell_what_served() {
    let slab = Slab::builder().count_hits().build().unwrap();
    for n in 0..100 {
        let key = slab.insert(n).unwrap();
        assert_eq!(slab.take(key), Some(n));
    }
    let stats = slab.stats();
    let served = stats.magazines;
    assert_eq!(served.hits() + served.misses(), 200, "{stats}");
    assert!(served.get_hits > 0 && served.refills == 1, "{stats}");
    assert!(stats.bytes > 0 && stats.pages == 1 && stats.slots >= stats.cached, "{stats}");
    assert!(stats.to_string().starts_with("0 entries, 0 removed; "));
}

#[test]
fn a_unit_that_is_drained_has_no_free_slots() {
    let slab: Slab<u32> = (0..10).collect();
    assert!(slab.stats().cached > 0);
    for unit in percpu_core::Unit::all().unwrap() {
        slab.drain_unit(unit).unwrap();
    }
    assert_eq!((slab.stats().cached, slab.len()), (0, 10));
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let refused = |page| Slab::<u8>::builder().page_size(page).build().unwrap_err();
    assert!(matches!(refused(255), Error::Option { name: "page", min: 256, .. }));
    assert!(matches!(refused(1 << 25), Error::Option { name: "page", .. }));
}

#[test]
fn threads_that_read_and_take_account_for_every_value() {
    let drops = Arc::new(AtomicUsize::new(0));
    let slab = small().build().unwrap();
    let rounds = if cfg!(miri) { 20 } else { 2_000 };
    let taken = AtomicUsize::new(0);
    std::thread::scope(|s| {
        for thread in 0..3 {
            let (slab, drops, taken) = (&slab, &drops, &taken);
            s.spawn(move || {
                for n in 0..rounds {
                    let key = slab.insert(Counted(drops.clone(), n)).unwrap();
                    let others: Option<Key> = slab.keys().nth(thread);
                    if let Some(guard) = others.and_then(|key| slab.get(key)) {
                        assert!(guard.1 < rounds);
                    }
                    match n % 3 {
                        0 => drop(slab.take(others.unwrap_or(key))),
                        1 => drop(slab.try_take(key)),
                        _ => drop(slab.remove(key)),
                    }
                    taken.fetch_add(1, Relaxed);
                }
            });
        }
    });
    let (left, gone) = (slab.len() + slab.stats().removed, drops.load(Relaxed));
    assert_eq!(left + gone, taken.load(Relaxed), "{}", slab.stats());
    drop(slab);
    assert_eq!(drops.load(Relaxed), 3 * rounds);
}

#[cfg(feature = "serde")]
#[test]
fn keys_and_stats_are_data() {
    let slab = Slab::new().unwrap();
    let key = slab.insert(1).unwrap();
    let text = serde_json::to_string(&key).unwrap();
    assert_eq!(text, key.to_u64().to_string());
    assert_eq!(serde_json::from_str::<Key>(&text).unwrap(), key);
    assert!(serde_json::from_str::<Key>("0").unwrap_err().to_string().contains("never a key"));
    let stats: serde_json::Value = serde_json::to_value(slab.stats()).unwrap();
    assert_eq!(stats["entries"], 1);
    assert_eq!(stats["magazines"]["refills"], 1);
}
