//! Where ours does more than sharded-slab, or other things.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, RwLock};
use std::thread;

use percpu_slab::compat::pool::{Ref, RefMut};
use percpu_slab::compat::{Clear, Config, Entry, Pool, Slab};

use crate::values::Census;

/// Keys of 16 bits.
struct Short;

impl Config for Short {
    const RESERVED_BITS: usize = usize::BITS as usize - 16;
}

/// Keys of 15 bits.
struct TooShort;

impl Config for TooShort {
    const RESERVED_BITS: usize = usize::BITS as usize - 15;
}

#[test]
fn a_vacant_entry_that_is_dropped_leaves_nothing() {
    let slab = Slab::new();
    let mut keys = std::collections::HashSet::new();
    for _ in 0..1000 {
        assert!(keys.insert(slab.vacant_entry().unwrap().key()), "a key twice");
    }
    let key = slab.insert(1).unwrap();
    assert!(!keys.contains(&key) && keys.iter().all(|&key| !slab.contains(key)));
    let indices: std::collections::HashSet<_> = keys.iter().map(|key| *key as u32).collect();
    assert!(indices.len() < 500, "{} slots for 1000 entries", indices.len());
}

/// Of 1024 numbers, less those of page 0 and what other CPUs have free.
#[test]
fn most_of_the_numbers_of_short_keys_are_used() {
    fn filled<T>(insert: impl Fn() -> Option<T>) -> usize {
        std::iter::from_fn(insert).count()
    }
    // Slots of different sizes: as many pages as their numbers have room for.
    let nothing: Slab<(), Short> = Slab::new_with_config();
    let word: Slab<u64, Short> = Slab::new_with_config();
    let large: Slab<[u64; 100], Short> = Slab::new_with_config();
    let pool: Pool<String, Short> = Pool::new_with_config();
    let counts = [
        filled(|| nothing.insert(())),
        filled(|| word.insert(7)),
        filled(|| large.insert([7; 100])),
        filled(|| pool.create_with(|line| line.push('7'))),
    ];
    assert!(counts.iter().all(|count| (768..1024).contains(count)), "{counts:?}");
}

#[test]
fn a_value_is_removed_for_one_caller() {
    let slab = Slab::new();
    let key = slab.insert(1).unwrap();
    let guard = slab.get(key).unwrap();
    assert!(slab.remove(key) && !slab.remove(key) && slab.take(key).is_none());
    drop(guard);

    let pool = Pool::<String>::new();
    let key = pool.create_with(|_| ()).unwrap();
    let guard = pool.get(key).unwrap();
    assert!(pool.clear(key) && !pool.clear(key));
    drop(guard);
}

#[test]
fn a_value_that_is_being_created_is_cleared_afterwards() {
    let pool = Pool::<String>::new();
    // Of slots that are new, and of one that was used before.
    for _ in 0..3 {
        let mut value = pool.create().unwrap();
        let key = value.key();
        assert!(pool.clear(key) && !pool.clear(key));
        value.push_str("mine");
        assert_eq!(value, String::from("mine"));
        drop(value);
        assert!(pool.get(key).is_none());
    }
    let mut value = pool.create().unwrap();
    let key = value.key();
    value.push_str("mine");
    assert!(pool.clear(key));
    let value = value.downgrade();
    assert!(pool.get(key).is_none());
    assert_eq!(value, String::from("mine"));
    drop(value);
    assert!(pool.create().unwrap().is_empty());
}

#[test]
fn every_guard_may_be_sent() {
    fn sent<T: Send + Sync>(value: T) -> T {
        value
    }
    let (slab, pool) = (Slab::new(), Pool::<String>::new());
    let key = slab.insert(1).unwrap();
    let entry: Entry<'_, i32> = sent(slab.get(key).unwrap());
    let mut made: RefMut<'_, String> = sent(pool.create().unwrap());
    thread::scope(|scope| {
        scope.spawn(move || assert_eq!(entry, 1));
        let made = scope.spawn(move || {
            made.push_str("there");
            made
        });
        let value: Ref<'_, String> = sent(made.join().unwrap().downgrade());
        scope.spawn(move || assert_eq!(value, String::from("there")));
    });
    assert_eq!(slab.take(key), Some(1));
}

#[test]
fn guards_outlive_the_threads_that_made_them() {
    let census = Census::default();
    let slab = Arc::new(Slab::new());
    let guards: Vec<_> = (0..50)
        .map(|n| {
            let (slab, census) = (slab.clone(), census.clone());
            let insert = move || {
                let key = slab.insert(census.value(n)).unwrap();
                slab.clone().get_owned(key).unwrap()
            };
            thread::spawn(insert).join().unwrap()
        })
        .collect();
    for (n, guard) in guards.into_iter().enumerate() {
        assert_eq!(guard.inner, n);
        assert!(slab.remove(guard.key()));
        assert_eq!(census.dropped(), n);
    }
    assert_eq!(census.alive(), 0);
}

#[test]
fn ten_thousand_threads_leave_nothing() {
    let threads = if cfg!(miri) { 20 } else { 10_000 };
    let slab = Arc::new(Slab::new());
    let pool = Arc::new(Pool::<Vec<usize>>::new());
    let mut highest = 0;
    for n in 0..threads {
        let (slab, pool) = (slab.clone(), pool.clone());
        let run = move || {
            let key = slab.insert(n).unwrap();
            let value = pool.create_with(|value| value.push(n)).unwrap();
            assert_eq!((*slab.get(key).unwrap(), pool.get(value).unwrap()[0]), (n, n));
            assert!(slab.remove(key) && pool.clear(value));
            (key as u32).max(value as u32)
        };
        highest = highest.max(thread::spawn(run).join().unwrap());
    }
    assert!(highest < 4000, "slot {highest} for one value at a time");
}

#[test]
fn more_threads_at_a_time_than_their_keys_have_room_for() {
    /// Two threads.
    struct Few;
    impl Config for Few {
        const MAX_THREADS: usize = 2;
        const MAX_PAGES: usize = 1;
        const INITIAL_PAGE_SIZE: usize = 1;
    }
    let slab = Slab::new_with_config::<Few>();
    let barrier = std::sync::Barrier::new(16);
    thread::scope(|scope| {
        for n in 0..16 {
            let (slab, barrier) = (&slab, &barrier);
            scope.spawn(move || {
                let keys: Vec<_> = (0..100).map(|_| slab.insert(n).unwrap()).collect();
                barrier.wait();
                keys.into_iter().for_each(|key| assert_eq!(slab.take(key), Some(n)));
            });
        }
    });
}

#[test]
fn short_keys_run_out_and_come_back() {
    let slab = Slab::new_with_config::<Short>();
    let keys: Vec<_> = (0..).map_while(|n| slab.insert(n)).collect();
    assert!((500..1024).contains(&keys.len()), "{} values", keys.len());
    assert!(slab.insert(0).is_none() && slab.vacant_entry().is_none());
    assert!(keys.iter().enumerate().all(|(n, &key)| slab.take(key) == Some(n)));
    let again: Vec<_> = (0..keys.len()).map(|n| slab.insert(n).unwrap()).collect();
    assert!(keys.iter().all(|&key| !slab.contains(key)));
    assert!(again.iter().enumerate().all(|(n, &key)| slab.take(key) == Some(n)));
}

#[test]
fn a_key_of_too_few_bits_is_refused() {
    let message = catch_unwind(Slab::<u8>::new_with_config::<TooShort>).unwrap_err();
    let message = message.downcast::<String>().unwrap();
    assert!(message.contains("at least 16"), "{message}");
}

#[test]
fn a_drop_that_panics_frees_its_slot() {
    struct Panics(Arc<AtomicBool>, #[expect(dead_code)] Box<u32>);
    impl Drop for Panics {
        fn drop(&mut self) {
            assert!(!self.0.load(SeqCst), "as it should");
        }
    }
    let slab = Slab::new();
    let panics = Arc::new(AtomicBool::new(true));
    let mut indices = std::collections::HashSet::new();
    let rounds = if cfg!(miri) { 20 } else { 200 };
    for n in 0..rounds {
        let key = slab.insert(Panics(panics.clone(), Box::new(n))).unwrap();
        indices.insert(key as u32);
        if n % 2 == 0 {
            assert!(catch_unwind(|| slab.remove(key)).is_err());
        } else {
            let guard = slab.get(key).unwrap();
            assert!(slab.remove(key));
            assert!(catch_unwind(AssertUnwindSafe(|| drop(guard))).is_err());
        }
        assert!(!slab.contains(key) && !slab.remove(key));
    }
    assert!(cfg!(miri) || indices.len() < 150, "{} slots for one value at a time", indices.len());
}

#[test]
fn what_a_panic_interrupts_is_not_handed_out() {
    static PANICS: AtomicBool = AtomicBool::new(false);
    static MADE: AtomicUsize = AtomicUsize::new(0);
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    struct Delicate(Vec<u32>);
    impl Default for Delicate {
        fn default() -> Self {
            assert!(!PANICS.load(SeqCst), "no default");
            MADE.fetch_add(1, SeqCst);
            Self(Vec::new())
        }
    }
    impl Clear for Delicate {
        fn clear(&mut self) {
            assert!(!PANICS.load(SeqCst), "no clear");
            self.0.clear();
        }
    }
    impl Drop for Delicate {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, SeqCst);
        }
    }
    let pool = Pool::<Delicate>::new();
    // In `init`: cleared, and used again.
    let failed = catch_unwind(|| {
        pool.create_with(|value| {
            value.0.push(1);
            panic!("no init");
        })
    });
    assert!(failed.is_err());
    for _ in 0..40 {
        let value = pool.create().unwrap();
        assert!(value.0.is_empty());
    }
    // In `clear`: out of reach.
    let key = pool.create_with(|value| value.0.push(2)).unwrap();
    PANICS.store(true, SeqCst);
    assert!(catch_unwind(|| pool.clear(key)).is_err());
    PANICS.store(false, SeqCst);
    assert!(pool.get(key).is_none() && !pool.clear(key));
    for _ in 0..40 {
        let value = pool.create().unwrap();
        assert!(value.0.is_empty());
    }
    // In `default`: nothing was made, and the slot is free.
    let kept: Vec<_> = (0..100).map(|_| pool.create().unwrap()).collect();
    PANICS.store(true, SeqCst);
    while catch_unwind(|| drop(pool.create())).is_ok() {
        PANICS.store(true, SeqCst);
    }
    PANICS.store(false, SeqCst);
    assert!(pool.create().is_some());
    drop(kept);
    drop(pool);
    assert_eq!(MADE.load(SeqCst), DROPPED.load(SeqCst));
}

#[test]
fn a_poisoned_lock_is_cleared() {
    let poisoned = |lock: Arc<Mutex<Vec<u32>>>| {
        let theirs = lock.clone();
        let panics = move || {
            let _held = theirs.lock().unwrap();
            panic!("as it should");
        };
        thread::spawn(panics).join().unwrap_err();
        Arc::into_inner(lock).unwrap()
    };
    let mut lock = poisoned(Arc::new(Mutex::new(vec![1])));
    assert!(lock.is_poisoned());
    lock.clear();
    assert!(lock.into_inner().unwrap().is_empty());

    let lock = Arc::new(RwLock::new(vec![1]));
    let theirs = lock.clone();
    let panics = move || {
        let _held = theirs.write().unwrap();
        panic!("as it should");
    };
    thread::spawn(panics).join().unwrap_err();
    let mut lock = Arc::into_inner(lock).unwrap();
    lock.clear();
    assert!(lock.into_inner().unwrap().is_empty());
}

#[test]
fn leaked_guards_leave_the_slab_whole() {
    let census = Census::default();
    let slab = Slab::new();
    let keys: Vec<_> = (0..10).map(|n| slab.insert(census.value(n)).unwrap()).collect();
    keys.iter().for_each(|&key| std::mem::forget(slab.get(key).unwrap()));
    assert!(slab.remove(keys[3]) && slab.get(keys[3]).is_none());
    assert_eq!(census.dropped(), 0);
    drop(slab);
    assert_eq!(census.alive(), 0);

    let pool = Pool::<String>::new();
    let mut value = pool.create().unwrap();
    value.push_str("leaked");
    std::mem::forget(value);
    drop(pool);
}
