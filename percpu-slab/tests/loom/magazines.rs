//! Magazines and depots: every item comes out once, and whoever gets it sees what was
//! written before it was put.

#[path = "../common/instructions.rs"]
mod instructions;

use std::sync::Arc;

use percpu_core::Unit;
use percpu_core::atomic::{AtomicU64, Ordering::Relaxed};
use percpu_core::model::{Builder, Machine, Outcomes};
use percpu_slab::raw::{Depot, MagazineOptions, Magazines, Source};

/// Two objects behind a depot of one cell or two.
struct Store {
    depot: Depot,
    objects: [AtomicU64; 4],
}

impl Store {
    fn new(magazines: usize) -> Arc<Self> {
        let objects = [(); 4].map(|()| AtomicU64::new(0));
        Arc::new(Self { depot: Depot::new(magazines, 2), objects })
    }

    fn put(&self, items: &[u64]) -> bool {
        items.iter().for_each(|&item| self.objects[item as usize].store(item + 10, Relaxed));
        self.depot.put(items)
    }

    fn take(&self) -> Vec<u64> {
        let mut out = [0; 2];
        let count = self.depot.take(&mut out);
        for &item in &out[..count] {
            assert_eq!(self.objects[item as usize].load(Relaxed), item + 10, "as it was put");
        }
        out[..count].to_vec()
    }
}

/// Two put, two take, in a ring of one: it wraps around.
#[test]
fn depot_puts_against_takes() {
    static ENDS: Outcomes<(bool, Vec<u64>)> = Outcomes::new();
    Builder::new().faults(0).check(|machine| {
        let store = Store::new(1);
        assert!(store.put(&[0]));
        let theirs = Arc::clone(&store);
        let puts = machine.spawn_on(0, move || theirs.put(&[1, 2]));
        let theirs = Arc::clone(&store);
        let takes = machine.spawn_on(1, move || theirs.take());
        let also = store.take();
        let (put, taken) = (puts.join().unwrap(), takes.join().unwrap());
        let mut all = [taken.clone(), also, store.take()].concat();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2][..if put { 3 } else { 1 }], "lost, or twice");
        assert!(store.depot.is_empty());
        ENDS.saw((put, taken));
    });
    // Nothing: the other one had it, or was at it.
    ENDS.assert_exactly([
        (true, vec![0]),
        (true, vec![1, 2]),
        (true, vec![]),
        (false, vec![0]),
        (false, vec![]),
    ]);
}

/// Two putters and a taker, with room for both.
#[test]
fn depot_put_against_put() {
    static ENDS: Outcomes<Vec<u64>> = Outcomes::new();
    Builder::new().faults(0).check(|machine| {
        let store = Store::new(2);
        let puts = [1, 2].map(|item| {
            let theirs = Arc::clone(&store);
            machine.spawn_on(0, move || theirs.put(&[item]))
        });
        let taken = store.take();
        puts.into_iter().for_each(|put| assert!(put.join().unwrap()));
        let mut all = [taken.clone(), store.take(), store.take()].concat();
        all.sort_unstable();
        assert_eq!(all, [1, 2], "lost, or twice");
        ENDS.saw(taken);
    });
    ENDS.assert_exactly([vec![], vec![1], vec![2]]);
}

/// Items from 1 on; how many it made, and which came back.
#[derive(Default)]
struct Numbers {
    made: AtomicU64,
    back: percpu_core::model::loom::sync::Mutex<Vec<u64>>,
}

impl Source for Numbers {
    type Error = ();

    fn refill(&self, out: &mut [u64]) -> Result<usize, ()> {
        out[0] = 1 + self.made.fetch_add(1, Relaxed);
        Ok(1)
    }

    fn release(&self, items: &[u64]) {
        self.back.lock().unwrap().extend(items);
    }
}

struct Cache {
    magazines: Magazines,
    numbers: Numbers,
}

impl Cache {
    /// Magazines of one item, one a CPU.
    fn new(depot: usize) -> Arc<Self> {
        let options = MagazineOptions {
            magazine: 1,
            magazines: 1,
            max_magazines: 1,
            depot,
            count_hits: false,
        };
        let magazines = Magazines::new(options).unwrap();
        Arc::new(Self { magazines, numbers: Numbers::default() })
    }

    /// Every item that was made has come back, once.
    fn assert_all_back(&self) {
        assert_eq!(self.magazines.cached(), 0, "stranded");
        let mut back = self.numbers.back.lock().unwrap().clone();
        back.sort_unstable();
        assert!(back.into_iter().eq(1..=self.numbers.made.load(Relaxed)), "lost, or twice");
    }
}

fn cpu0() -> Unit {
    Unit::all().unwrap().next().unwrap()
}

/// Whoever puts while all is closed brings what it puts to the source, or the close
/// does: nothing stays in a stack, nor in the depot.
#[test]
fn close_against_put() {
    static ENDS: Outcomes<usize> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let cache = Cache::new(1);
        let items = [(); 2].map(|()| cache.magazines.get(&cache.numbers).unwrap());
        let theirs = Arc::clone(&cache);
        let puts = machine.spawn_on(0, move || {
            items.into_iter().for_each(|item| theirs.magazines.put(item, &theirs.numbers));
        });
        let theirs = Arc::clone(&cache);
        let closes = machine.spawn_without_rseq(move || {
            theirs.magazines.close(&theirs.numbers).expect("no filter");
        });
        closes.join().unwrap();
        ENDS.saw(cache.numbers.back.lock().unwrap().len());
        puts.join().unwrap();
        cache.assert_all_back();
    });
    ENDS.assert_exactly([0, 1, 2]);
}

/// A drain, beside a thread that gets and puts.
#[test]
fn drain_against_get_and_put() {
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let cache = Cache::new(1);
        let item = cache.magazines.get(&cache.numbers).unwrap();
        cache.magazines.put(item, &cache.numbers);
        let theirs = Arc::clone(&cache);
        let works = machine.spawn_on(0, move || {
            let item = theirs.magazines.get(&theirs.numbers).unwrap();
            theirs.magazines.put(item, &theirs.numbers);
        });
        let theirs = Arc::clone(&cache);
        let drains = machine.spawn_without_rseq(move || {
            theirs.magazines.drain(cpu0(), &theirs.numbers).expect("no filter");
        });
        works.join().unwrap();
        drains.join().unwrap();
        cache.magazines.close(&cache.numbers).expect("no filter");
        cache.assert_all_back();
    });
}

/// A drain, beside batches.
#[test]
fn drain_against_batches() {
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let cache = Cache::new(2);
        let theirs = Arc::clone(&cache);
        let works = machine.spawn_on(0, move || {
            let mut items = [0; 2];
            theirs.magazines.get_batch(&mut items, &theirs.numbers).unwrap();
            assert_ne!(items[0], items[1]);
            theirs.magazines.put_batch(&items, &theirs.numbers);
        });
        let theirs = Arc::clone(&cache);
        let drains = machine.spawn_without_rseq(move || {
            theirs.magazines.drain(cpu0(), &theirs.numbers).expect("no filter");
        });
        works.join().unwrap();
        drains.join().unwrap();
        cache.magazines.close(&cache.numbers).expect("no filter");
        cache.assert_all_back();
    });
}

impl instructions::Machine for Machine {
    fn cpus(&self) -> usize {
        Machine::cpus(*self) as usize
    }

    fn run_on(&self, cpu: usize) {
        self.migrate(cpu as u32);
    }
}

/// Lists of instructions, on a machine of three CPUs, where any section may be aborted
/// and any thread moved.
#[test]
fn instructions_leave_every_item_somewhere() {
    for seed in 1..=24_u64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut byte = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        let (options, program) = (byte(), (0..120).map(|_| byte()).collect::<Vec<_>>());
        let faults = usize::from(seed % 8 == 0);
        let builder = if seed % 3 == 0 { Builder::new().portable() } else { Builder::new() };
        builder.cpus(3).faults(faults).preemptions(0).check(move |machine| {
            instructions::run(&machine, instructions::options(options), &program);
        });
    }
}
