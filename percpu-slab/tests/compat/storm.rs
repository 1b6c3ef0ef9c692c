//! Under migration and signals: every value is dropped once, and not while it is read.

#[path = "../common/mod.rs"]
mod common;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use common::{Random, handle_sigusr1, in_a_storm, in_each_mode, scaled};
use percpu_slab::compat::{Clear, OwnedEntry, Pool, Slab};

use crate::values::{Census, Counted};

/// As many keys are known to all.
const BOARD: usize = 32;
const THREADS: usize = 6;

/// What a value must be while it is there: two words that are never written apart.
struct Twins(AtomicU64, AtomicU64);

impl Twins {
    fn new(value: u64) -> Self {
        Self(AtomicU64::new(value), AtomicU64::new(!value))
    }

    fn check(&self) {
        assert_eq!(self.0.load(SeqCst), !self.1.load(SeqCst), "read after its end");
    }
}

impl Drop for Twins {
    fn drop(&mut self) {
        self.check();
        self.0.store(0, SeqCst);
        self.1.store(0, SeqCst);
    }
}

type Value = Counted<Twins>;

#[test]
fn every_value_is_dropped_once() {
    in_each_mode("storm::every_value_is_dropped_once", || {
        handle_sigusr1(|| ());
        let (census, slab) = (Census::default(), Arc::new(Slab::<Value>::new()));
        let board: [AtomicUsize; BOARD] = std::array::from_fn(|_| AtomicUsize::new(0));
        let sent: Mutex<Option<OwnedEntry<Value>>> = Mutex::default();
        let [removed, taken, read] = [const { AtomicUsize::new(0) }; 3];
        in_a_storm(THREADS, |thread| {
            let mut random = Random(0x9E37_79B9 + thread as u64);
            let mut guards = Vec::new();
            for n in 0..scaled(10_000) {
                let place = &board[random.next() as usize % BOARD];
                match random.next() % 8 {
                    0 | 1 => {
                        let value = census.value(Twins::new(n));
                        let key = if n & 1 == 0 {
                            slab.insert(value).unwrap()
                        } else {
                            let entry = slab.vacant_entry().unwrap();
                            let key = entry.key();
                            entry.insert(value);
                            key
                        };
                        let old = place.swap(key, SeqCst);
                        // Another thread may have taken it.
                        removed.fetch_add(slab.remove(old).into(), SeqCst);
                    }
                    2 => {
                        // Who waits has no guards.
                        guards.clear();
                        sent.lock().unwrap().take();
                        if let Some(value) = slab.take(place.load(SeqCst)) {
                            value.inner.check();
                            taken.fetch_add(1, SeqCst);
                        }
                    }
                    3 => {
                        // Whoever comes next drops it.
                        let entry = slab.clone().get_owned(place.load(SeqCst));
                        let others = std::mem::replace(&mut *sent.lock().unwrap(), entry);
                        others.iter().for_each(|entry| entry.inner.check());
                    }
                    4 => {
                        guards.extend(slab.get(place.load(SeqCst)));
                        guards.iter().for_each(|guard| guard.inner.check());
                        read.fetch_add(guards.len(), SeqCst);
                    }
                    _ => {
                        guards.clear();
                        if let Some(entry) = slab.get(place.load(SeqCst)) {
                            entry.inner.check();
                        }
                    }
                }
            }
            sent.lock().unwrap().take();
        });
        let left = board.iter().filter(|key| slab.remove(key.load(SeqCst))).count();
        let gone = removed.load(SeqCst) + taken.load(SeqCst) + left;
        assert_eq!((census.made(), census.alive()), (gone, 0));
        assert!(taken.load(SeqCst) > 0 && read.load(SeqCst) > 0);
        drop(slab);
        assert_eq!(census.dropped(), census.made());
    });
}

/// A value that is cleared once for each time it is filled.
#[derive(Default)]
struct Line {
    text: String,
    cleared: Arc<AtomicUsize>,
}

impl Clear for Line {
    fn clear(&mut self) {
        assert!(!self.text.is_empty(), "cleared twice");
        self.text.clear();
        self.cleared.fetch_add(1, SeqCst);
    }
}

#[test]
fn every_value_of_a_pool_is_cleared_once() {
    in_each_mode("storm::every_value_of_a_pool_is_cleared_once", || {
        handle_sigusr1(|| ());
        let pool = Arc::new(Pool::<Line>::new());
        let board: [AtomicUsize; BOARD] = std::array::from_fn(|_| AtomicUsize::new(0));
        let (cleared, created) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
        in_a_storm(THREADS, |thread| {
            let mut random = Random(0x51_7CC1_B727 + thread as u64);
            for _ in 0..scaled(10_000) {
                let place = &board[random.next() as usize % BOARD];
                match random.next() % 4 {
                    0 => {
                        let mut line = pool.clone().create_owned().unwrap();
                        assert!(line.text.is_empty(), "a value that was not cleared");
                        line.text.push_str("filled");
                        line.cleared = cleared.clone();
                        created.fetch_add(1, SeqCst);
                        let old = place.swap(line.key(), SeqCst);
                        // Some are there to read for their creator, some are not, and
                        // some are discarded before they are there.
                        if random.next() & 1 == 0 {
                            assert_eq!(line.downgrade().text, "filled");
                        }
                        pool.clear(old);
                    }
                    1 => {
                        pool.clear(place.load(SeqCst));
                    }
                    _ => {
                        if let Some(line) = pool.get(place.load(SeqCst)) {
                            assert_eq!(line.text, "filled");
                        }
                    }
                }
            }
        });
        for key in &board {
            pool.clear(key.load(SeqCst));
        }
        assert_eq!(cleared.load(SeqCst), created.load(SeqCst));
    });
}
