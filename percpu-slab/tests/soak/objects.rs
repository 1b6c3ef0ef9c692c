//! Pools, caches and keyed slabs: every value is at one place, and dropped once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use percpu_slab::{Cache, FixedPool, IdPool, Key, Object, Pool, Slab, free_bulk};

use crate::common::Random;
use crate::subject::{Subject, Tally, one_in, some_unit};

pub(crate) fn all() -> Vec<Box<dyn Subject>> {
    vec![
        Box::new(Caches {
            tally: Tally::default(),
            cache: Cache::new().unwrap(),
            bins: std::array::from_fn(|_| Mutex::default()),
        }),
        Box::new(Pools {
            tally: Tally::default(),
            pool: Pool::new(Value::new),
            fixed: FixedPool::new(64, |n| n).unwrap(),
            ids: IdPool::new(500).unwrap(),
            taken: Mutex::default(),
        }),
        Box::new(Slabs {
            tally: Tally::default(),
            slab: Slab::new().unwrap(),
            keys: std::array::from_fn(|_| Mutex::default()),
        }),
    ]
}

static ALIVE: AtomicI64 = AtomicI64::new(0);

/// A value that looks at itself when it goes; some hundred to a span.
struct Value([u64; WORDS]);

const WORDS: usize = 200;

impl Value {
    fn new() -> Self {
        ALIVE.fetch_add(1, Relaxed);
        Self([0x5AFE; WORDS])
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        assert_eq!(self.0, [0x5AFE; WORDS], "somebody else has this value");
        self.0 = [0xDEAD; WORDS];
        ALIVE.fetch_sub(1, Relaxed);
    }
}

struct Caches {
    tally: Tally,
    cache: Cache<Value>,
    bins: [Mutex<Vec<Object<Value>>>; 8],
}

impl Subject for Caches {
    fn name(&self) -> &'static str {
        "cache"
    }

    fn work(&self, random: &mut Random) {
        let mut mine = Vec::new();
        for _ in 0..64 {
            mine.extend(self.tally.allowed(self.cache.alloc(Value::new())));
        }
        let many = self.cache.alloc_bulk(random.next() as usize % 70, |_| Value::new());
        mine.extend(self.tally.allowed(many).into_iter().flatten());
        // Others free what is left there.
        let bin = &self.bins[random.next() as usize % self.bins.len()];
        std::mem::swap(&mut *bin.lock().unwrap(), &mut mine);
        let half = mine.len() / 2;
        free_bulk(mine.drain(half..));
        match random.next() % 256 {
            // Then new slabs are asked of the system.
            0..6 => drop(self.cache.shrink().unwrap()),
            6 => self.cache.flush().unwrap(),
            7..16 => self.cache.drain(some_unit(random)).unwrap(),
            _ => {}
        }
        self.tally.worked(64);
    }

    fn check(&self) {
        self.bins.iter().for_each(|bin| bin.lock().unwrap().clear());
        let stats = self.cache.stats();
        assert_eq!(stats.live, 0, "{stats}");
    }

    fn trim(&self) {
        self.cache.shrink().unwrap();
    }

    fn done(&self) -> &Tally {
        &self.tally
    }
}

struct Pools {
    tally: Tally,
    pool: Pool<Value>,
    fixed: FixedPool<usize>,
    ids: IdPool,
    taken: Mutex<Vec<u32>>,
}

impl Subject for Pools {
    fn name(&self) -> &'static str {
        "pools"
    }

    fn work(&self, random: &mut Random) {
        let mut held = Vec::new();
        for _ in 0..32 {
            held.extend(self.tally.allowed(self.pool.try_get()));
            if one_in(random, 3) {
                held.pop();
            }
            if let Ok(slot) = self.fixed.get() {
                assert!(*slot < 64);
            }
            if one_in(random, 2) {
                if let Ok(id) = self.ids.take() {
                    assert!(self.ids.is_used(id));
                    self.taken.lock().unwrap().push(id);
                }
            } else if let Some(id) = self.taken.lock().unwrap().pop() {
                self.ids.put(id).unwrap();
            }
        }
        match random.next() % 256 {
            0 => drop(self.pool.shrink().unwrap()),
            1..6 => drop(self.pool.drain(some_unit(random)).unwrap()),
            6..8 => self.ids.drain(some_unit(random)).unwrap(),
            _ => {}
        }
        self.tally.worked(96);
    }

    fn check(&self) {
        let mut taken = std::mem::take(&mut *self.taken.lock().unwrap());
        let count = taken.len();
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), count, "an id was given twice");
        assert_eq!(self.ids.used(), count);
        taken.into_iter().for_each(|id| self.ids.put(id).unwrap());
        assert_eq!((self.ids.used(), self.fixed.used()), (0, 0));
        let stats = self.pool.stats();
        assert_eq!(stats.in_use(), 0, "{stats}");
    }

    fn trim(&self) {
        self.pool.shrink().unwrap();
    }

    fn done(&self) -> &Tally {
        &self.tally
    }
}

struct Slabs {
    tally: Tally,
    slab: Slab<u64>,
    /// Keys of values that hold the number of their place.
    keys: [Mutex<Vec<Key>>; 16],
}

impl Subject for Slabs {
    fn name(&self) -> &'static str {
        "keyed slab"
    }

    fn work(&self, random: &mut Random) {
        let place = random.next() as usize % self.keys.len();
        let mut keys = std::mem::take(&mut *self.keys[place].lock().unwrap());
        for _ in 0..32 {
            keys.extend(self.tally.allowed(self.slab.insert(place as u64)));
            let key = keys.get(random.next() as usize % keys.len().max(1)).copied();
            let Some(key) = key else { continue };
            assert_eq!(self.slab.with(key, |value| *value), Some(place as u64));
            if keys.len() > 200 || one_in(random, 2) {
                let key = keys.swap_remove(random.next() as usize % keys.len());
                match random.next() % 4 {
                    0 => assert!(self.slab.remove(key)),
                    _ => assert_eq!(self.slab.take(key), Some(place as u64), "{key}"),
                }
                assert!(!self.slab.contains(key), "{key} is gone");
            }
        }
        self.keys[place].lock().unwrap().append(&mut keys);
        match random.next() % 256 {
            0 => drop(self.slab.shrink().unwrap()),
            1..6 => self.slab.drain_unit(some_unit(random)).unwrap(),
            _ => {}
        }
        self.tally.worked(64);
    }

    fn check(&self) {
        let count: usize = self.keys.iter().map(|keys| keys.lock().unwrap().len()).sum();
        assert_eq!(self.slab.len(), count);
        for keys in &self.keys {
            for key in keys.lock().unwrap().drain(..) {
                assert!(self.slab.take(key).is_some(), "{key} is lost");
            }
        }
        assert!(self.slab.is_empty());
    }

    fn trim(&self) {
        self.slab.shrink().unwrap();
    }

    fn done(&self) -> &Tally {
        &self.tally
    }
}
