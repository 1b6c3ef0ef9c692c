//! Magazines: every item is somewhere, exactly once, in each mode, whatever threads do.

#![cfg(all(target_os = "linux", not(percpu_loom)))]

mod common;
#[path = "common/instructions.rs"]
mod instructions;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use percpu_core::Unit;
use percpu_slab::raw::{MagazineOptions, Magazines, Source};
use proptest::prelude::*;

/// Items from 1 on: made as long as there are some, and taken back.
struct Numbers {
    /// Those that were made and are not in `back`.
    out: Box<[AtomicBool]>,
    made: AtomicUsize,
    back: Mutex<Vec<u64>>,
}

impl Numbers {
    fn new(count: usize) -> Self {
        let out = (0..count).map(|_| AtomicBool::new(false)).collect();
        Self { out, made: AtomicUsize::new(0), back: Mutex::new(Vec::new()) }
    }

    /// Items that it gave and has not got back.
    fn live(&self) -> usize {
        self.out.iter().filter(|out| out.load(Ordering::Relaxed)).count()
    }

    fn give(&self, item: u64) -> u64 {
        assert!(!self.out[item as usize - 1].swap(true, Ordering::Relaxed), "{item} twice");
        item
    }
}

impl Source for Numbers {
    type Error = ();

    fn refill(&self, out: &mut [u64]) -> Result<usize, ()> {
        let mut back = self.back.lock().unwrap();
        let mut next = || {
            back.pop().or_else(|| {
                let made = self.made.fetch_add(1, Ordering::Relaxed);
                (made < self.out.len()).then_some(made as u64 + 1)
            })
        };
        let mut count = 0;
        for out in out {
            let Some(item) = next() else { break };
            *out = self.give(item);
            count += 1;
        }
        if count == 0 { Err(()) } else { Ok(count) }
    }

    fn release(&self, items: &[u64]) {
        for &item in items {
            let was = self.out[item as usize - 1].swap(false, Ordering::Relaxed);
            assert!(was, "{item} came back twice");
        }
        self.back.lock().unwrap().extend(items);
    }
}

/// The CPUs, of the first 64, that share a depot with the first that we may use.
fn first_node() -> u64 {
    let machine = percpu_core::info().unwrap().topology();
    let first = percpu_core::CpuId::new(common::allowed().trailing_zeros());
    let node = machine.node_of(first).unwrap();
    let cpus = machine.cpus_of(node).unwrap().iter().map(percpu_core::CpuId::get);
    cpus.filter(|&cpu| cpu < 64).fold(0, |mask, cpu| mask | 1 << cpu)
}

fn counted() -> MagazineOptions {
    MagazineOptions { count_hits: true, ..MagazineOptions::default() }
}

/// OC-01, ST-05.
#[test]
#[cfg_attr(miri, ignore = "a few rounds, of which the first must miss")]
fn pairs_hit_more_than_99_times_of_100() {
    common::in_each_mode("pairs_hit_more_than_99_times_of_100", || {
        let (numbers, magazines) = (Numbers::new(1000), Magazines::new(counted()).unwrap());
        let rounds = common::scaled(100_000);
        for _ in 0..rounds {
            let item = magazines.get(&numbers).unwrap();
            magazines.put(item, &numbers);
        }
        let stats = magazines.stats();
        assert_eq!(stats.hits() + stats.misses(), 2 * rounds, "{stats}");
        assert!(stats.hits() as f64 > 0.99 * 2.0 * rounds as f64, "{stats}");
        let text = stats.to_string();
        assert!(text.starts_with(&format!("gets: {} hits", stats.get_hits)), "{text}");
    });
}

/// ST-05: with several threads and batches too.
#[test]
fn hits_and_misses_are_all_operations() {
    common::in_each_mode("hits_and_misses_are_all_operations", || {
        let (numbers, magazines) = (Numbers::new(10_000), Magazines::new(counted()).unwrap());
        let operations = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for seed in 1..5 {
                let (numbers, magazines, operations) = (&numbers, &magazines, &operations);
                scope.spawn(move || {
                    let mut random = common::Random(seed);
                    for _ in 0..common::scaled(2_000) {
                        let mut items = vec![0; random.next() as usize % 70];
                        magazines.get_batch(&mut items, numbers).unwrap();
                        let one = magazines.get(numbers).unwrap();
                        magazines.put_batch(&items, numbers);
                        magazines.put(one, numbers);
                        operations.fetch_add(2 * items.len() as u64 + 2, Ordering::Relaxed);
                    }
                });
            }
        });
        let stats = magazines.stats();
        assert_eq!(stats.hits() + stats.misses(), operations.into_inner(), "{stats}");
        assert!(stats.misses() > 0 && stats.hits() > stats.misses(), "{stats}");
    });
}

/// OC-02: what one thread frees another allocates, by way of the depot; and no more
/// exists than the bounds say. A one-way traffic does not raise the limit.
#[test]
fn objects_flow_from_who_frees_to_who_allocates() {
    common::in_each_mode("objects_flow_from_who_frees_to_who_allocates", || {
        let numbers = Numbers::new(100_000);
        let magazines = Magazines::new(MagazineOptions::default()).unwrap();
        let items = common::scaled(60_000);
        let (send, receive) = std::sync::mpsc::sync_channel::<u64>(64);
        let cpus = common::allowed() & first_node();
        std::thread::scope(|scope| {
            let (numbers, magazines) = (&numbers, &magazines);
            scope.spawn(move || {
                common::set_affinity(1 << cpus.trailing_zeros());
                for _ in 0..items {
                    send.send(magazines.get(numbers).unwrap()).unwrap();
                }
            });
            scope.spawn(move || {
                common::set_affinity(1 << (63 - cpus.leading_zeros()));
                for item in receive {
                    magazines.put(item, numbers);
                }
            });
        });
        let stats = magazines.stats();
        // In the channel, in each thread's hands, and a magazine in each slow path.
        let most = magazines.max_cached().unwrap() + 64 + 2 + 2 * 28;
        let made = numbers.made.load(Ordering::Relaxed).min(100_000);
        assert!(made <= most, "{made} of {most}");
        if common::by_cpu() && cpus.count_ones() > 1 {
            assert!(stats.depot_gets * 28 > items / 2, "{stats}");
            assert_eq!(magazines.limit(), 2 * 28, "one way");
        }
        magazines.close(&numbers).unwrap();
        assert_eq!(numbers.live(), 0);
    });
}

/// OC-07, HP-03.
#[test]
fn what_is_flushed_is_empty() {
    common::in_each_pinned_mode("what_is_flushed_is_empty", || {
        common::pin();
        let (numbers, magazines) =
            (Numbers::new(1000), Magazines::new(MagazineOptions::default()).unwrap());
        let mut items = vec![0; 500];
        magazines.get_batch(&mut items, &numbers).unwrap();
        magazines.put_batch(&items, &numbers);
        let unit = Unit::all().unwrap().max_by_key(|&unit| magazines.cached_on(unit)).unwrap();
        assert!(magazines.cached_on(unit) > 0);
        magazines.drain(unit, &numbers).unwrap();
        assert_eq!(magazines.cached_on(unit), 0);
        assert!(magazines.cached() > 0, "the depot has some");
        assert_eq!(magazines.cached(), numbers.live());
        magazines.flush(&numbers).unwrap();
        assert_eq!((magazines.cached(), numbers.live()), (0, 0));
    });
}

/// OC-11: the limit rises with swings that the magazines do not cover, and decays by an
/// eighth, and what is too much goes.
#[test]
fn the_limit_follows_the_traffic() {
    common::in_each_pinned_mode("the_limit_follows_the_traffic", || {
        common::pin();
        let (numbers, magazines) =
            (Numbers::new(1000), Magazines::new(MagazineOptions::default()).unwrap());
        assert_eq!(magazines.limit(), 56);
        let mut items = [0; 200];
        let swing = |items: &mut [u64; 200]| {
            for item in items.iter_mut() {
                *item = magazines.get(&numbers).unwrap();
            }
            items.iter().for_each(|&item| magazines.put(item, &numbers));
        };
        (0..20).for_each(|_| swing(&mut items));
        assert_eq!(magazines.limit(), 8 * 28, "as many as it may have");
        let before = magazines.stats();
        (0..20).for_each(|_| swing(&mut items));
        let after = magazines.stats();
        // By concurrency id the thread may have gone to another unit.
        if common::by_cpu() {
            assert_eq!(after.misses(), before.misses(), "they cover the swing");
        }
        let mut limit = magazines.limit();
        for _ in 0..30 {
            magazines.decay(&numbers).unwrap();
            let now = magazines.limit();
            assert_eq!(now, (limit - limit.div_ceil(8)).max(56));
            limit = now;
            for unit in Unit::all().unwrap() {
                assert!(magazines.cached_on(unit) <= limit);
            }
        }
        assert_eq!(limit, 56);
        swing(&mut items);
        magazines.shrink(&numbers).unwrap();
        assert_eq!((magazines.cached(), numbers.live(), magazines.limit()), (0, 0, 56));
        magazines.set_limit(usize::MAX);
        assert_eq!(magazines.limit(), 8 * 28);
        magazines.set_limit(0);
        assert_eq!(magazines.limit(), 1);
    });
}

#[test]
fn options_that_make_no_sense_are_refused() {
    use percpu_slab::Error::Option;
    let refused = |change: fn(&mut MagazineOptions)| {
        let mut options = MagazineOptions::default();
        change(&mut options);
        match Magazines::new(options) {
            Err(Option { name, .. }) => name,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(|options| options.magazine = 0), "magazine");
    assert_eq!(refused(|options| options.magazine = 61), "magazine");
    assert_eq!(refused(|options| options.magazines = 0), "magazines");
    assert_eq!(refused(|options| options.max_magazines = 1), "max_magazines");
    assert_eq!(refused(|options| options.depot = 1 << 20), "depot");
}

#[test]
fn a_batch_is_all_or_nothing() {
    common::in_each_pinned_mode("a_batch_is_all_or_nothing", || {
        common::pin();
        let (numbers, magazines) = (Numbers::new(100), Magazines::new(counted()).unwrap());
        let mut items = [0; 100];
        magazines.get_batch(&mut items, &numbers).unwrap();
        assert_eq!(magazines.get_batch(&mut [0; 1], &numbers), Err(()));
        magazines.put_batch(&items[..60], &numbers);
        assert_eq!(magazines.get_batch(&mut [0; 61], &numbers), Err(()));
        assert_eq!(magazines.get_batch(&mut [], &numbers), Ok(()));
        let mut again = [0; 60];
        magazines.get_batch(&mut again, &numbers).unwrap();
        items[..60].sort_unstable();
        again.sort_unstable();
        assert_eq!(items[..60], again, "nothing was lost by what failed");
    });
}

/// Once it is closed, what is put goes to the source; a refused fence closes nothing.
#[test]
fn what_is_put_after_the_close_goes_to_the_source() {
    common::in_each_mode("what_is_put_after_the_close_goes_to_the_source", || {
        let (numbers, magazines) =
            (Numbers::new(1000), Magazines::new(MagazineOptions::default()).unwrap());
        let mut items = [0; 300];
        magazines.get_batch(&mut items, &numbers).unwrap();
        magazines.put_batch(&items[..100], &numbers);
        magazines.close(&numbers).unwrap();
        assert_eq!((magazines.cached(), numbers.live()), (0, 200));
        magazines.put(items[100], &numbers);
        magazines.put_batch(&items[101..], &numbers);
        assert_eq!((magazines.cached(), numbers.live()), (0, 0));
        let item = magazines.get(&numbers).unwrap();
        assert_eq!(magazines.cached(), 0, "what came with it went back");
        magazines.put(item, &numbers);
        magazines.close(&numbers).unwrap();
        magazines.set_limit(9);
        magazines.decay(&numbers).unwrap();
        assert_eq!((magazines.limit(), numbers.live()), (0, 0));
    });
}

#[test]
#[cfg_attr(miri, ignore = "installs a filter")]
fn a_refused_fence_closes_nothing() {
    common::in_each_mode("a_refused_fence_closes_nothing", || {
        let (numbers, magazines) =
            (Numbers::new(1000), Magazines::new(MagazineOptions::default()).unwrap());
        let item = magazines.get(&numbers).unwrap();
        let program = common::filter::filter(&[common::filter::MEMBARRIER], libc::EPERM);
        common::filter::install(&program).unwrap();
        if !percpu_core::info().unwrap().mode().is_rseq() {
            return magazines.close(&numbers).unwrap();
        }
        let cached = magazines.cached();
        assert!(magazines.close(&numbers).is_err());
        assert_eq!((magazines.cached(), magazines.limit()), (cached, 56));
        magazines.put(item, &numbers);
        assert_eq!(magazines.cached(), cached + 1, "open, as before");
        assert_eq!(magazines.get_cached(), Some(item));
    });
}

/// A source that panics every now and then.
struct Panics {
    numbers: Numbers,
    in_turns: Cell<u64>,
}

impl Panics {
    fn turn(&self) {
        if std::thread::panicking() {
            // As from any drop, that would be the end of the process.
            return;
        }
        self.in_turns.set(self.in_turns.get() + 1);
        assert!(!self.in_turns.get().is_multiple_of(3), "now");
    }
}

impl Source for Panics {
    type Error = ();

    fn refill(&self, out: &mut [u64]) -> Result<usize, ()> {
        self.turn();
        self.numbers.refill(out)
    }

    fn release(&self, items: &[u64]) {
        self.numbers.release(items);
        self.turn();
    }
}

#[test]
fn a_source_that_panics_loses_nothing() {
    common::in_each_mode("a_source_that_panics_loses_nothing", || {
        std::panic::set_hook(Box::new(|_| ()));
        let options = MagazineOptions { magazine: 4, depot: 1, ..MagazineOptions::default() };
        let magazines = Magazines::new(options).unwrap();
        let source = Panics { numbers: Numbers::new(1000), in_turns: Cell::new(0) };
        let mut held = Vec::new();
        let mut random = common::Random(7);
        let mut panics = 0;
        // Fewer would not panic often enough to say something.
        for _ in 0..common::scaled(3_000).max(1_000) {
            let n = random.next() as usize;
            let many = n / 8 % 30;
            let outcome = catch_unwind(AssertUnwindSafe(|| match n % 4 {
                0 => held.extend(magazines.get(&source)),
                1 => held.pop().into_iter().for_each(|item| magazines.put(item, &source)),
                2 => {
                    let mut items = vec![0; many];
                    if magazines.get_batch(&mut items, &source).is_ok() {
                        held.extend(items);
                    }
                }
                _ => {
                    let items = held.split_off(held.len() - held.len().min(many));
                    magazines.put_batch(&items, &source);
                }
            }));
            panics += u64::from(outcome.is_err());
            assert_eq!(source.numbers.live(), held.len() + magazines.cached(), "lost, or twice");
        }
        assert!(panics > 10, "{panics}");
        while catch_unwind(AssertUnwindSafe(|| magazines.close(&source).unwrap())).is_err() {}
        assert_eq!(source.numbers.live(), held.len());
    });
}

/// A source that uses the magazines that it is asked by.
struct Turns<'a> {
    numbers: Numbers,
    magazines: &'a OnceLock<Magazines>,
    inside: Cell<bool>,
}

impl Turns<'_> {
    fn turn(&self) {
        if self.inside.replace(true) {
            return;
        }
        let magazines = self.magazines.get().unwrap();
        let items = [(); 5].map(|()| magazines.get(self).unwrap());
        items.into_iter().for_each(|item| magazines.put(item, self));
        self.inside.set(false);
    }
}

impl Source for Turns<'_> {
    type Error = ();

    fn refill(&self, out: &mut [u64]) -> Result<usize, ()> {
        self.turn();
        self.numbers.refill(out)
    }

    fn release(&self, items: &[u64]) {
        self.numbers.release(items);
        self.turn();
    }
}

#[test]
fn a_source_may_use_the_magazines() {
    common::in_each_mode("a_source_may_use_the_magazines", || {
        let cell = OnceLock::new();
        let options = MagazineOptions { magazine: 3, depot: 1, ..MagazineOptions::default() };
        let magazines = cell.get_or_init(|| Magazines::new(options).unwrap());
        let source =
            Turns { numbers: Numbers::new(1000), magazines: &cell, inside: Cell::new(false) };
        for _ in 0..50 {
            let items = [(); 100].map(|()| magazines.get(&source).unwrap());
            items.into_iter().for_each(|item| magazines.put(item, &source));
            magazines.flush(&source).unwrap();
        }
        // What the drains released was taken and put again.
        magazines.close(&source).unwrap();
        magazines.flush(&source).unwrap();
        assert_eq!((source.numbers.live(), magazines.cached()), (0, 0));
    });
}

/// All together, with signals and migrations: every item comes out once for each time
/// that it went in.
#[test]
fn every_item_comes_out_once_in_a_storm() {
    common::in_each_mode("every_item_comes_out_once_in_a_storm", || {
        const THREADS: usize = 5;
        let numbers = Numbers::new(20_000);
        let options = MagazineOptions { magazine: 6, depot: 3, ..MagazineOptions::default() };
        let magazines = Magazines::new(options).unwrap();
        // Who has it; nobody has two.
        let owned: Box<[AtomicBool]> = (0..20_001).map(|_| AtomicBool::new(false)).collect();
        let own = |item: u64| {
            assert!(!owned[item as usize].swap(true, Ordering::Relaxed), "{item} is somebody's");
            item
        };
        let disown = |item: u64| assert!(owned[item as usize].swap(false, Ordering::Relaxed));
        common::handle_sigusr1(|| ());
        common::in_a_storm(THREADS, |n| {
            let mut random = common::Random(n as u64 + 1);
            let mut held = Vec::new();
            for round in 0..common::scaled(12_000) {
                let many = random.next() as usize % 20;
                match random.next() % 8 {
                    0..3 => held.push(own(magazines.get(&numbers).unwrap())),
                    3..5 => {
                        if let Some(item) = held.pop() {
                            disown(item);
                            magazines.put(item, &numbers);
                        }
                    }
                    5 => {
                        let mut items = vec![0; many];
                        magazines.get_batch(&mut items, &numbers).unwrap();
                        held.extend(items.into_iter().map(own));
                    }
                    6 => {
                        let items = held.split_off(held.len() - held.len().min(many));
                        items.iter().for_each(|&item| disown(item));
                        magazines.put_batch(&items, &numbers);
                    }
                    _ if round % 64 == 0 => match random.next() % 3 {
                        0 => magazines.decay(&numbers).unwrap(),
                        1 => magazines.shrink(&numbers).unwrap(),
                        _ => magazines.drain(Unit::current().unwrap(), &numbers).unwrap(),
                    },
                    _ => {}
                }
                // Others are still at it.
                if n == 0 && round == common::scaled(12_000) / 2 {
                    magazines.close(&numbers).unwrap();
                }
            }
            held.iter().for_each(|&item| disown(item));
            magazines.put_batch(&held, &numbers);
        });
        assert_eq!((magazines.cached(), numbers.live()), (0, 0));
    });
}

struct ThisMachine(Vec<usize>);

impl ThisMachine {
    fn new() -> Self {
        let allowed = common::allowed();
        Self((0..64).filter(|cpu| allowed >> cpu & 1 == 1).collect())
    }
}

impl instructions::Machine for ThisMachine {
    fn cpus(&self) -> usize {
        self.0.len()
    }

    fn run_on(&self, cpu: usize) {
        common::set_affinity(1 << self.0[cpu]);
    }
}

#[test]
fn instructions_leave_every_item_somewhere() {
    common::in_each_mode("instructions_leave_every_item_somewhere", || {
        let machine = ThisMachine::new();
        let lists = (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..400));
        let cases = common::scaled(if cfg!(miri) { 2 } else { 12 }) as u32;
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
            cases,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        runner
            .run(&lists, |(options, program)| {
                instructions::run(&machine, instructions::options(options), &program);
                Ok(())
            })
            .unwrap();
    });
}
