//! Every value of a `Slab` is accounted for, and no key finds another one's value, under
//! migration and signals; and what is left of many threads.

#![cfg(all(target_os = "linux", not(percpu_loom)))]

mod common;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Barrier, OnceLock};
use std::time::Instant;

use percpu_core::Unit;
use percpu_slab::raw::MagazineOptions;
use percpu_slab::{Key, Slab};

const THREADS: usize = 12;
const PLACES: usize = 64;
const GONE: u64 = 0xDEAD_DEAD_DEAD_DEAD;

/// A number, twice; written over when it is dropped.
struct Value {
    number: u64,
    again: AtomicU64,
    drops: &'static AtomicU64,
}

impl Drop for Value {
    fn drop(&mut self) {
        self.again.store(GONE, Relaxed);
        self.drops.fetch_add(1, Relaxed);
    }
}

struct World {
    slab: Arc<Slab<Value>>,
    /// Keys that were there at some time, as numbers; 0 is none.
    places: [AtomicU64; PLACES],
    inserted: AtomicU64,
    taken: AtomicU64,
    removed: AtomicU64,
    drops: AtomicU64,
    torn: AtomicU64,
}

static WORLD: OnceLock<World> = OnceLock::new();

fn world() -> &'static World {
    WORLD.get_or_init(|| {
        // Little in each level, so that slots move about, and pages come and go.
        let magazines = MagazineOptions {
            magazine: 4,
            magazines: 1,
            max_magazines: 2,
            depot: 2,
            ..Default::default()
        };
        let builder = Slab::builder().page_size(4 << 10).magazines(magazines);
        World {
            slab: Arc::new(builder.removed(8).generations(20).build().unwrap()),
            places: [const { AtomicU64::new(0) }; PLACES],
            inserted: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            removed: AtomicU64::new(0),
            drops: AtomicU64::new(0),
            torn: AtomicU64::new(0),
        }
    })
}

impl World {
    /// A value that was found by `key`: its number tells of which key it was inserted as.
    fn check(&self, key: Key, value: &Value) {
        if value.number != key.to_u64() || value.again.load(Relaxed) != value.number {
            self.torn.fetch_add(1, Relaxed);
        }
    }

    fn key(&self, place: u64) -> Option<Key> {
        Key::from_u64(self.places[place as usize % PLACES].load(Relaxed))
    }

    fn insert(&'static self, place: u64) {
        let entry = self.slab.vacant_entry().unwrap();
        let number = entry.key().to_u64();
        self.inserted.fetch_add(1, Relaxed);
        entry.insert(Value { number, again: AtomicU64::new(number), drops: &self.drops });
        // Others go on with the old one.
        let old = self.places[place as usize % PLACES].swap(number, Relaxed);
        if let Some(old) = Key::from_u64(old) {
            self.removed.fetch_add(self.slab.remove(old).into(), Relaxed);
        }
    }

    fn took(&self, key: Key, value: Option<Value>) {
        if let Some(value) = value {
            self.check(key, &value);
            self.taken.fetch_add(1, Relaxed);
        }
    }

    fn step(&'static self, random: &mut common::Random) {
        let place = random.next();
        let Some(key) = self.key(place) else { return self.insert(place) };
        match random.next() % 16 {
            0..4 => self.insert(place),
            4..9 => {
                if let Some(guard) = self.slab.get(key) {
                    self.check(key, &guard);
                    if random.next().is_multiple_of(16) {
                        std::thread::yield_now();
                        self.check(key, &guard);
                    }
                }
            }
            9 => {
                if let Some(guard) = self.slab.get_owned(key) {
                    self.check(key, &guard);
                }
            }
            10 => self.took(key, self.slab.take(key)),
            11 => self.took(key, self.slab.try_take(key).ok()),
            12..15 => {
                self.removed.fetch_add(self.slab.remove(key).into(), Relaxed);
            }
            _ => match random.next() % 32 {
                0 => drop(self.slab.shrink().unwrap()),
                1 => drop(self.slab.flush().unwrap()),
                2 => self.slab.iter().for_each(|guard| self.check(guard.key(), &guard)),
                _ => drop(self.slab.poll().unwrap()),
            },
        }
    }
}

/// A handler reads, whatever it interrupted.
fn handler() {
    if let Some(world) = WORLD.get() {
        if let Some(key) = world.key(0) {
            world.slab.with(key, |value| world.check(key, value));
        }
    }
}

#[test]
fn every_value_is_accounted_for_in_a_storm() {
    common::in_each_mode("every_value_is_accounted_for_in_a_storm", || {
        let world = world();
        common::handle_sigusr1(handler);
        common::in_a_storm(THREADS, |n| {
            let mut random = common::Random(0x9E37_79B9_7F4A_7C15 + n as u64);
            let until = common::end_in(300);
            while Instant::now() < until {
                (0..32).for_each(|_| world.step(&mut random));
            }
        });
        let stats = world.slab.stats();
        let count = |count: &AtomicU64| count.load(Relaxed);
        let (inserted, gone) =
            (count(&world.inserted), count(&world.taken) + count(&world.removed));
        println!("{inserted} inserted; {stats}");
        assert_eq!(count(&world.torn), 0, "read after its end, or another one's value");
        assert_eq!(world.slab.len() as u64, inserted - gone, "{stats}");
        world.slab.flush().unwrap();
        assert_eq!(count(&world.drops), gone);
        assert_eq!(world.slab.iter().count() as u64, inserted - gone);
        world.slab.clear();
        world.slab.flush().unwrap();
        world.slab.shrink().unwrap();
        let stats = world.slab.stats();
        assert_eq!(count(&world.drops), inserted, "each once");
        assert_eq!((stats.entries, stats.removed, stats.cached), (0, 0, 0), "{stats}");
        // A small part of the test may not come so far.
        assert!(
            stats.retired > 0 || common::scaled(100) < 100,
            "generations were used up: {stats}"
        );
    });
}

/// Bytes of this process that are resident.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[test]
#[cfg_attr(miri, ignore = "asks what is resident")]
fn an_idle_slab_holds_little_after_64_threads() {
    const VALUES: u64 = 2_000;
    let test = "an_idle_slab_holds_little_after_64_threads";
    common::in_child(test, &[], || {
        let slab: Slab<u64> = Slab::new().unwrap();
        let barrier = Barrier::new(64);
        std::thread::scope(|s| {
            for _ in 0..64 {
                s.spawn(|| {
                    let keys: Vec<Key> = (0..VALUES).map(|n| slab.insert(n).unwrap()).collect();
                    barrier.wait();
                    keys.into_iter().for_each(|key| assert!(slab.take(key).is_some()));
                });
            }
        });
        let stats = slab.stats();
        assert!(stats.slots as u64 >= 64 * VALUES, "they were there: {stats}");
        assert!(slab.is_empty());
        println!("{stats}");
        slab.shrink().unwrap();
        let stats = slab.stats();
        println!("{stats}");
        assert!(stats.bytes <= 64 << 10, "{stats}");
        assert_eq!(stats.pages, 0);
    });
}

#[test]
#[cfg_attr(miri, ignore = "asks what is resident")]
fn an_idle_slab_holds_little_with_nobodys_help() {
    common::in_child("an_idle_slab_holds_little_with_nobodys_help", &[], || {
        // What sharded-slab is measured by: each thread has been there.
        let slab: Slab<u64> = Slab::new().unwrap();
        let barrier = Barrier::new(64);
        std::thread::scope(|s| {
            for n in 0..64 {
                let (slab, barrier) = (&slab, &barrier);
                s.spawn(move || {
                    let keys: Vec<Key> = (0..16).map(|m| slab.insert(n * m).unwrap()).collect();
                    barrier.wait();
                    keys.into_iter().for_each(|key| assert!(slab.take(key).is_some()));
                });
            }
        });
        let stats = slab.stats();
        println!("{stats}");
        assert!(slab.is_empty() && stats.bytes <= 64 << 10, "{stats}");
    });
}

#[test]
#[cfg_attr(miri, ignore = "asks what is resident")]
fn ten_thousand_threads_over_time_leave_nothing() {
    common::in_child("ten_thousand_threads_over_time_leave_nothing", &[], || {
        let slab: Slab<[u64; 8]> = Slab::new().unwrap();
        let round = |threads: usize| {
            for _ in 0..threads / 4 {
                std::thread::scope(|s| {
                    for _ in 0..4 {
                        s.spawn(|| {
                            let keys = [1, 2, 3].map(|n| slab.insert([n; 8]).unwrap());
                            assert!(slab.with(keys[0], |value| value[7]) == Some(1));
                            keys.into_iter().for_each(|key| assert!(slab.remove(key)));
                        });
                    }
                });
            }
        };
        round(1_000);
        let (stats, before) = (slab.stats(), resident());
        round(9_000);
        let (after, now) = (slab.stats(), resident());
        println!("{stats}; {after}; {before} and {now} bytes resident");
        assert!(slab.is_empty());
        // What a unit that was not used before may hold.
        let more = Unit::all().unwrap().count() * (8 << 10);
        assert!(after.bytes <= stats.bytes + more, "{stats}; {after}");
        assert!(now <= before + (1 << 20), "{before} and {now} bytes resident");
    });
}

#[test]
#[cfg_attr(miri, ignore = "asks what is resident")]
fn memory_of_pages_goes_back_to_the_system() {
    common::in_child("memory_of_pages_goes_back_to_the_system", &[], || {
        const COUNT: usize = 20_000;
        let slab: Slab<[u64; 127]> = Slab::new().unwrap();
        let before = resident();
        let keys: Vec<Key> = (0..COUNT).map(|_| slab.insert([7; 127]).unwrap()).collect();
        assert!(resident() >= before + COUNT * 1024);
        for key in keys {
            assert!(slab.take(key).is_some());
        }
        let left = resident().saturating_sub(before);
        println!("{}; {left} bytes more than at first", slab.stats());
        assert!(left < 2 << 20, "{left} bytes stay");
    });
}
