//! Pools under migration and signals, in every mode: nothing lost, nobody beside the
//! holder of a value, no growth.

#![cfg(all(target_os = "linux", not(percpu_loom)))]

mod common;

use std::cell::OnceCell;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use common::Random;
use percpu_core::{Unit, hotplug};
use percpu_slab::{FixedPool, IdPool, OwnedPoolGuard, Pool, PoolGuard};

const THREADS: usize = 4;

static MADE: AtomicU64 = AtomicU64::new(0);
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Values made and dropped since then: under Miri the tests are one process.
struct Since(u64, u64);

impl Since {
    fn now() -> Self {
        Self(MADE.load(Relaxed), DROPPED.load(Relaxed))
    }

    /// How many were made, and how many dropped.
    fn counts(&self) -> (u64, u64) {
        (MADE.load(Relaxed) - self.0, DROPPED.load(Relaxed) - self.1)
    }
}

/// A value whose holder says that it has it.
struct Held(AtomicUsize);

impl Held {
    fn new() -> Self {
        MADE.fetch_add(1, Relaxed);
        Self(AtomicUsize::new(0))
    }

    fn enter(&self, who: usize) {
        assert_eq!(self.0.swap(who, Relaxed), 0, "somebody has it");
    }

    fn leave(&self, who: usize) {
        assert_eq!(self.0.swap(0, Relaxed), who, "somebody else had it");
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        assert_eq!(*self.0.get_mut(), 0, "dropped while somebody has it");
        DROPPED.fetch_add(1, Relaxed);
    }
}

fn rounds(in_debug: u64) -> u64 {
    common::scaled(if cfg!(debug_assertions) { in_debug } else { 10 * in_debug })
}

#[test]
fn values_have_one_holder_and_are_all_accounted_for() {
    common::in_each_mode("values_have_one_holder_and_are_all_accounted_for", || {
        let since = Since::now();
        let pool = Pool::builder(Held::new).magazine(4).max_magazines(3).depot(2).build().unwrap();
        let shared = Arc::new(Pool::builder(Held::new).limit(40).magazine(4).build().unwrap());
        let left = AtomicU64::new(0);
        common::handle_sigusr1(|| ());
        common::in_a_storm(THREADS, |thread| {
            let me = thread + 1;
            let mut random = Random(0x9E37_79B9 + thread as u64);
            let (mut guards, mut owned) = (Vec::new(), Vec::<OwnedPoolGuard<_>>::new());
            for _ in 0..rounds(4_000) {
                match random.next() % 8 {
                    0..=2 if guards.len() < 20 => {
                        let guard = pool.get();
                        guard.enter(me);
                        guards.push(guard);
                    }
                    3 if owned.len() < 15 => {
                        // 60 wanted of 40: refusals, and steals.
                        if let Ok(guard) = shared.try_get_owned() {
                            guard.enter(me);
                            owned.push(guard);
                        }
                    }
                    4 => owned.pop().into_iter().for_each(|guard| guard.leave(me)),
                    5 if random.next().is_multiple_of(64) => {
                        if let Some(guard) = guards.pop() {
                            guard.leave(me);
                            left.fetch_add(1, Relaxed);
                            drop(PoolGuard::detach(guard));
                        }
                    }
                    6 if random.next().is_multiple_of(256) => {
                        let unit = random.next() as usize % Unit::all().unwrap().len();
                        pool.drain(Unit::all().unwrap().nth(unit).unwrap()).unwrap();
                        shared.decay().unwrap();
                    }
                    _ => guards.pop().into_iter().for_each(|guard| guard.leave(me)),
                }
                assert!(shared.stats().live <= 40);
            }
            guards.iter().for_each(|guard| guard.leave(me));
            owned.iter().for_each(|guard| guard.leave(me));
        });
        for pool in [&pool, &shared] {
            let stats = pool.stats();
            assert_eq!((stats.live, stats.in_use()), (stats.cached, 0), "{stats}");
            assert!(stats.cached <= stats.max_cached, "{stats}");
        }
        assert!(left.into_inner() > 0 || cfg!(miri), "too few rounds");
        let made = since.counts().0;
        assert_eq!(made, pool.stats().created + shared.stats().created);
        drop((pool, shared));
        assert_eq!(since.counts(), (made, made));
    });
}

#[test]
fn values_that_one_thread_gets_and_another_drops_flow_back() {
    common::in_each_mode("values_that_one_thread_gets_and_another_drops_flow_back", || {
        let pool = Pool::builder(|| vec![0_u8; 64]).build().unwrap();
        let count = rounds(40_000);
        let (send, receive) = mpsc::sync_channel(100);
        std::thread::scope(|scope| {
            scope.spawn(|| receive.into_iter().for_each(drop::<PoolGuard<'_, _>>));
            for _ in 0..count {
                send.send(pool.get()).unwrap();
            }
            drop(send);
        });
        let stats = pool.stats();
        // What the two of them, the channel and one magazine in each hand can have.
        assert!(stats.created <= stats.max_cached + 100 + 2 * 60, "{stats}");
        assert_eq!(stats.live, stats.cached);
        println!(
            "{count} handed over, {} made, {} magazines",
            stats.created, stats.traffic.depot_puts
        );
    });
}

#[test]
#[cfg_attr(miri, ignore = "hundreds of threads at least")]
fn ten_thousand_threads_leave_nothing() {
    common::in_child("ten_thousand_threads_leave_nothing", &[], || {
        let pool = Pool::builder(|| [0_u64; 8]).build().unwrap();
        let ids = IdPool::new(256).unwrap();
        let live = || percpu_core::stats().unwrap().nr_cur_alloc;
        let mut before = 0;
        for round in 0..common::scaled(500).max(2) {
            std::thread::scope(|scope| {
                for _ in 0..20 {
                    scope.spawn(|| drop((pool.get(), pool.get(), ids.get().unwrap())));
                }
            });
            if round == 0 {
                before = live();
            }
        }
        let stats = pool.stats();
        assert!(stats.created <= 2 * 20 + stats.max_cached, "{stats}");
        assert_eq!((stats.live, ids.used(), live()), (stats.cached, 0, before));
    });
}

#[test]
fn a_cpu_that_goes_offline_keeps_nothing() {
    common::in_each_mode("a_cpu_that_goes_offline_keeps_nothing", || {
        let census = Arc::new(Mutex::new(0));
        let theirs = Arc::clone(&census);
        let pool = Arc::new(
            Pool::builder(|| 7_u64)
                .keep_if(move |_| {
                    *theirs.lock().unwrap() += 1;
                    true
                })
                .name("buffers")
                // What is in a depot is the node's, and stays.
                .depot(0)
                .build()
                .unwrap(),
        );
        let state = Pool::drain_with_cpus(Arc::clone(&pool)).unwrap();
        assert_eq!(state.name(), "buffers");
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..100 {
                        drop([pool.get(), pool.get()]);
                    }
                });
            }
        });
        assert!(pool.stats().cached > 0);
        // By concurrency id a CPU has no unit; a drain of each is the same.
        if common::by_cpu() {
            for unit in Unit::all().unwrap() {
                if let Some(cpu) = unit.cpu() {
                    // It may have come after the process looked.
                    hotplug::notify_online(cpu).unwrap();
                    hotplug::notify_offline(cpu).unwrap();
                    hotplug::notify_online(cpu).unwrap();
                }
            }
        } else {
            for unit in Unit::all().unwrap() {
                hotplug::drain(unit).unwrap();
            }
        }
        assert_eq!((pool.stats().cached, pool.stats().live), (0, 0));
        assert_eq!(*census.lock().unwrap(), THREADS * 200);
        drop(pool.get());
        drop(state);
        Unit::all().unwrap().for_each(|unit| hotplug::drain(unit).unwrap());
        assert_eq!(pool.stats().cached, 1, "the state is gone");
    });
}

#[test]
fn ids_are_never_given_to_two() {
    common::in_each_mode("ids_are_never_given_to_two", || {
        common::handle_sigusr1(|| ());
        // Few for so many threads: most of the time somebody steals.
        for count in [6, 64] {
            let ids = IdPool::new(count).unwrap();
            let users: Vec<_> = (0..count).map(|_| AtomicUsize::new(0)).collect();
            let refused = AtomicU64::new(0);
            common::in_a_storm(THREADS, |thread| {
                let me = thread + 1;
                let mut random = Random(0x1234_5678 + thread as u64);
                let mut mine: Vec<u32> = Vec::new();
                for _ in 0..rounds(2_000) {
                    if mine.len() < count / 3 && random.next().is_multiple_of(2) {
                        let taken = match random.next() % 3 {
                            0 => ids.try_take(),
                            1 => ids.get().map(|id| id.into_number()),
                            _ => ids.take(),
                        };
                        match taken {
                            Ok(id) => {
                                assert_eq!(users[id as usize].swap(me, Relaxed), 0, "in use");
                                mine.push(id);
                            }
                            Err(_) => _ = refused.fetch_add(1, Relaxed),
                        }
                    } else if let Some(id) = mine.pop() {
                        assert_eq!(users[id as usize].swap(0, Relaxed), me);
                        ids.put(id).unwrap();
                    }
                }
                mine.into_iter().for_each(|id| {
                    users[id as usize].store(0, Relaxed);
                    ids.put(id).unwrap();
                });
            });
            assert_eq!(ids.used(), 0);
            let mut all: Vec<u32> = (0..count).map(|_| ids.take().unwrap()).collect();
            all.sort_unstable();
            assert_eq!(all, (0..count as u32).collect::<Vec<_>>());
            println!("{count} ids: {} refusals", refused.into_inner());
        }
    });
}

/// What the kernel's test_objpool asserts of a pool of 8 objects a CPU: all of them are
/// there in the end, none was lost, and how often one was had.
fn objpool(test: &str, bulk: usize, in_handler: bool) {
    static POOL: std::sync::OnceLock<FixedPool<Held>> = std::sync::OnceLock::new();
    static HANDLED: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
    common::in_each_mode(test, || {
        let objects = 8 * (Unit::all().unwrap().len() - 1);
        let since = Since::now();
        let (new, own) = (|| FixedPool::new(objects, |_| Held::new()).unwrap(), OnceCell::new());
        let pool = if in_handler {
            common::handle_sigusr1(|| {
                let Some(pool) = POOL.get() else { return };
                match pool.try_get() {
                    Ok(object) => {
                        object.enter(usize::MAX);
                        object.leave(usize::MAX);
                        HANDLED[0].fetch_add(1, Relaxed);
                    }
                    Err(_) => _ = HANDLED[1].fetch_add(1, Relaxed),
                }
            });
            POOL.get_or_init(new)
        } else {
            common::handle_sigusr1(|| ());
            own.get_or_init(new)
        };
        let (hits, misses) = (AtomicU64::new(0), AtomicU64::new(0));
        common::in_a_storm(THREADS, |thread| {
            // As long as signals take to come.
            let (least, end) = (rounds(3_000) / bulk as u64, common::end_in(20));
            for _ in (0..).take_while(|&round| round < least || Instant::now() < end) {
                let popped: Vec<_> = (0..bulk).map_while(|_| pool.get().ok()).collect();
                popped.iter().for_each(|object| object.enter(thread + 1));
                popped.iter().for_each(|object| object.leave(thread + 1));
                hits.fetch_add(popped.len() as u64, Relaxed);
                misses.fetch_add((bulk - popped.len()) as u64, Relaxed);
            }
        });
        assert_eq!((pool.capacity(), pool.used()), (objects, 0));
        let all: Vec<_> = (0..objects).map(|_| pool.get().unwrap()).collect();
        assert!(pool.get().is_err(), "more than there are");
        drop(all);
        assert_eq!(since.counts(), (objects as u64, 0));
        assert!(hits.load(Relaxed) > 0);
        println!("{hits:?} hits, {misses:?} misses; in handlers {HANDLED:?}");
        assert_eq!(in_handler, HANDLED[0].load(Relaxed) > 0);
    });
}

#[test]
fn objpool_sync() {
    objpool("objpool_sync", 1, false);
}

#[test]
fn objpool_overrun() {
    objpool("objpool_overrun", 16, false);
}

#[test]
#[cfg_attr(miri, ignore = "there are no signals")]
fn objpool_in_signal_handlers() {
    objpool("objpool_in_signal_handlers", 1, true);
}

/// Objects that are given back by others, some of them after the pool's owner has gone.
#[test]
fn objpool_async() {
    common::in_each_mode("objpool_async", || {
        let objects = 8 * (Unit::all().unwrap().len() - 1);
        let since = Since::now();
        let pool = Arc::new(FixedPool::new(objects, |_| Held::new()).unwrap());
        let over = AtomicBool::new(false);
        let (send, receive) = mpsc::sync_channel(objects / 2);
        let (mut hits, mut misses) = (0_u64, 0_u64);
        let late = std::thread::scope(|scope| {
            let ends = common::Over(&over);
            let over = &over;
            let receiver = scope.spawn(move || {
                while !over.load(Relaxed) {
                    receive.recv_timeout(Duration::from_millis(1)).map(drop).ok();
                }
                // The owner's is gone; these are the last.
                receive
            });
            let until = common::end_in(100);
            while Instant::now() < until {
                match pool.get_owned() {
                    Ok(object) => {
                        hits += 1;
                        // Full: it comes back here.
                        drop(send.try_send(object));
                    }
                    Err(_) => misses += 1,
                }
            }
            while let Ok(object) = pool.get_owned() {
                if send.try_send(object).is_err() {
                    break;
                }
            }
            drop(ends);
            receiver.join().unwrap()
        });
        while send.try_send(pool.get_owned().unwrap()).is_ok() {}
        assert!(pool.used() >= objects / 2 && hits > 0);
        println!("{hits} hits, {misses} misses, {} late", pool.used());
        drop((pool, send));
        let mut late = late.into_iter().peekable();
        while let Some(object) = late.next() {
            assert_eq!(since.counts().1, 0, "freed before the last object came back");
            let last = late.peek().is_none();
            std::thread::spawn(move || drop(object)).join().unwrap();
            assert_eq!(since.counts().1, if last { objects as u64 } else { 0 });
        }
        assert_eq!(since.counts().0, objects as u64);
    });
}
