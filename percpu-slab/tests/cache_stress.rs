//! Caches in many threads: every object is at one place, every value is dropped once.

#![cfg(all(target_os = "linux", not(percpu_loom)))]

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use common::{Random, handle_sigusr1, in_a_storm, in_each_mode, scaled};
use percpu_core::{Topology, Unit};
use percpu_slab::{Cache, Object, free_bulk};

const THREADS: usize = 16;

static ALIVE: AtomicU64 = AtomicU64::new(0);
static MADE: AtomicU64 = AtomicU64::new(0);

/// A value that knows whose it is: written all over, and looked at when it goes.
struct Value {
    words: [u64; 6],
    stamp: u64,
}

impl Value {
    fn new(stamp: u64) -> Self {
        ALIVE.fetch_add(1, Ordering::Relaxed);
        MADE.fetch_add(1, Ordering::Relaxed);
        Self { words: [stamp; 6], stamp }
    }

    fn check(&self) {
        assert_eq!(self.words, [self.stamp; 6], "somebody else has this object");
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.check();
        self.stamp = !self.stamp;
        ALIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where threads leave objects for others.
type Bins = [Mutex<Vec<Object<Value>>>; 8];

fn work(cache: &Cache<Value>, bins: &Bins, thread: usize, steps: u64) {
    let mut random = Random(0x1234_5678_9ABC_DEF1 ^ (thread as u64 + 1) << 7);
    let mut mine = Vec::new();
    for step in 0..steps {
        let stamp = (thread as u64) << 48 | step;
        match random.next() % 100 {
            0..40 if mine.len() < 300 => mine.extend(cache.alloc(Value::new(stamp))),
            40..45 => {
                let count = random.next() as usize % 70;
                mine.extend(cache.alloc_bulk(count, |_| Value::new(stamp)).into_iter().flatten());
            }
            45..48 => {
                let set_aside = cache.prefill(random.next() as usize % 40);
                if let Ok(mut set_aside) = set_aside {
                    let used = set_aside.len() / 2;
                    mine.extend((0..used).filter_map(|_| set_aside.alloc(Value::new(stamp)).ok()));
                }
            }
            48..53 => {
                let keep = random.next() as usize % (mine.len() + 1);
                free_bulk(mine.drain(keep..));
            }
            53..60 => {
                let bin = &bins[random.next() as usize % bins.len()];
                let mut bin = bin.lock().unwrap();
                std::mem::swap(&mut *bin, &mut mine);
            }
            60..62 if thread == 0 => {
                let units = Unit::all().unwrap();
                let unit = random.next() as usize % units.len();
                cache.drain(Unit::all().unwrap().nth(unit).unwrap()).unwrap();
            }
            62 if thread == 1 => _ = cache.shrink().unwrap(),
            63 if thread == 2 => cache.decay().unwrap(),
            _ => drop(mine.pop()),
        }
        mine.iter().take(2).for_each(|object| object.check());
    }
}

#[test]
fn every_object_is_dropped_and_freed_once_in_a_storm() {
    in_each_mode("every_object_is_dropped_and_freed_once_in_a_storm", || {
        let cache = Cache::builder().magazine(7).depot(3).count_hits(true).build().unwrap();
        let bins = Bins::default();
        // The handler interrupts sections; it must not allocate.
        handle_sigusr1(|| ());
        in_a_storm(THREADS, |thread| work(&cache, &bins, thread, scaled(6_000)));
        let left: u64 = bins.iter().map(|bin| bin.lock().unwrap().len() as u64).sum();
        let stats = cache.stats();
        assert_eq!(ALIVE.load(Ordering::Relaxed), left);
        assert_eq!(stats.live as u64, left, "{stats}");
        println!("{stats}");
        // The cache goes while objects live, which are freed by many threads.
        let objects: Vec<_> = bins.into_iter().map(|bin| bin.into_inner().unwrap()).collect();
        assert_eq!(cache.destroy().map_or_else(|left| left.count as u64, |()| 0), left);
        thread::scope(|s| objects.into_iter().for_each(|bin| drop(s.spawn(|| drop(bin)))));
        assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
        assert!(MADE.load(Ordering::Relaxed) > left);
        // What it held was given back.
        assert!(common::maps().iter().all(|line| !line.contains("[anon:percpu-slab")));
    });
}

#[test]
fn caches_come_and_go_under_threads_that_free_their_objects() {
    in_each_mode("caches_come_and_go_under_threads_that_free_their_objects", || {
        let over = AtomicBool::new(false);
        thread::scope(|s| {
            let senders: Vec<_> = (0..3)
                .map(|_| {
                    let (sender, receiver) = sync_channel::<Object<Vec<u64>>>(64);
                    s.spawn(move || {
                        receiver.iter().for_each(|object| assert_eq!(object[0], object[1]));
                    });
                    sender
                })
                .collect();
            let (rounds, objects) = if cfg!(miri) { (4, 40) } else { (scaled(60), 200) };
            for round in 0..rounds {
                let cache = Cache::builder().magazine(4).build().unwrap();
                for i in 0..objects {
                    let object = cache.alloc(vec![i + round; 2]).unwrap();
                    senders[i as usize % 3].send(object).unwrap();
                }
            }
            over.store(true, Ordering::Relaxed);
        });
        assert!(common::maps().iter().all(|line| !line.contains("[anon:percpu-slab")));
    });
}

/// One thread allocates, another drops: what is free flows back through the depot, and
/// the limit bounds it all.
#[test]
fn memory_is_bounded_when_one_thread_allocates_and_another_drops() {
    in_each_mode("memory_is_bounded_when_one_thread_allocates_and_another_drops", || {
        const LIMIT: usize = 4_000;
        let cache = Arc::new(Cache::<[u64; 16]>::builder().limit(LIMIT).build().unwrap());
        let lasts = Duration::from_millis(scaled(300));
        let start = Instant::now();
        let (sender, receiver) = sync_channel::<Object<[u64; 16]>>(500);
        let consumer = thread::spawn(move || {
            let mut count = 0_u64;
            for object in receiver {
                assert_eq!(object[15], count);
                count += 1;
            }
            count
        });
        let (mut sent, mut refused, mut most) = (0_u64, 0_u64, 0);
        let least = if cfg!(miri) { 200 } else { 20_000 };
        while start.elapsed() < lasts || sent < least {
            match cache.alloc([sent; 16]) {
                Ok(object) => {
                    sender.send(object).unwrap();
                    sent += 1;
                }
                Err(_) => {
                    refused += 1;
                    thread::yield_now();
                }
            }
            if sent % 512 == 0 {
                most = most.max(cache.stats().bytes);
            }
        }
        drop(sender);
        assert_eq!(consumer.join().unwrap(), sent);
        let stats = cache.stats();
        // All objects, and a slab of each node and of each kept one that is not full.
        let bound = LIMIT * stats.slot_size * 2 + (20 << stats.order) * 4096;
        assert!(most <= bound, "{most} bytes of {bound}: {stats}");
        assert_eq!(stats.live, 0, "{stats}");
        println!("{sent} sent, {refused} refused, at most {most} bytes: {stats}");
        // In portable mode, and with both threads on one CPU, they share magazines; from
        // another node an object goes back to its slab.
        if stats.misses > sent / 100 && Topology::detect().nodes().len() == 1 {
            assert!(stats.depot_gets > 0 && stats.depot_puts > 0, "{stats}");
        }
    });
}
