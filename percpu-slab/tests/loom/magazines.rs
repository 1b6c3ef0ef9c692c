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
    /// 0: as many as are wanted.
    most: AtomicU64,
    back: percpu_core::model::loom::sync::Mutex<Vec<u64>>,
}

impl Source for Numbers {
    type Error = ();

    fn refill(&self, out: &mut [u64]) -> Result<usize, ()> {
        let most = self.most.load(Relaxed);
        if most > 0 && self.made.load(Relaxed) == most {
            return Err(());
        }
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
        Self::of(1, 1, depot)
    }

    fn of(magazine: usize, max_magazines: usize, depot: usize) -> Arc<Self> {
        let options =
            MagazineOptions { magazine, magazines: 1, max_magazines, depot, count_hits: false };
        let magazines = Magazines::new(options).unwrap();
        Arc::new(Self { magazines, numbers: Numbers::default() })
    }

    /// What has come back.
    fn back(&self) -> Vec<u64> {
        let mut back = self.numbers.back.lock().unwrap().clone();
        back.sort_unstable();
        back
    }

    /// Every item that was made has come back, once.
    fn assert_all_back(&self) {
        assert_eq!(self.magazines.cached(), 0, "stranded");
        let back = self.back();
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
        let [first, second] = [(); 2].map(|()| cache.magazines.get(&cache.numbers).unwrap());
        cache.magazines.put(first, &cache.numbers);
        let theirs = Arc::clone(&cache);
        let puts = machine.spawn_on(0, move || theirs.magazines.put(second, &theirs.numbers));
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
    static BACK: Outcomes<Vec<u64>> = Outcomes::new();
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
        BACK.saw(cache.back());
        cache.magazines.close(&cache.numbers).expect("no filter");
        cache.assert_all_back();
    });
    // Drained while it was out, or in; it found none, and had a new one.
    BACK.assert_seen([vec![], vec![1], vec![1, 2]]);
}

/// A drain, beside batches.
#[test]
fn drain_against_batches() {
    static BACK: Outcomes<usize> = Outcomes::new();
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
        BACK.saw(cache.back().len());
        cache.magazines.close(&cache.numbers).expect("no filter");
        cache.assert_all_back();
    });
    BACK.assert_exactly([0, 1, 2]);
}

/// Items that come by the batch while all is closed go to the source, by either.
#[test]
fn close_against_put_batch() {
    static BACK: Outcomes<usize> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let cache = Cache::new(1);
        let mut items = [0; 2];
        cache.magazines.get_batch(&mut items, &cache.numbers).unwrap();
        let theirs = Arc::clone(&cache);
        let puts = machine.spawn_on(0, move || {
            theirs.magazines.put_batch(&items, &theirs.numbers);
        });
        let theirs = Arc::clone(&cache);
        let closes = machine.spawn_without_rseq(move || {
            theirs.magazines.close(&theirs.numbers).expect("no filter");
        });
        closes.join().unwrap();
        BACK.saw(cache.back().len());
        puts.join().unwrap();
        cache.assert_all_back();
    });
    BACK.assert_exactly([0, 1, 2]);
}

/// Who gets while all is closed has what was there, or something new; what it has put aside
/// goes to the source.
#[test]
fn close_against_get_batch() {
    static GOT: Outcomes<Vec<u64>> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let cache = Cache::of(2, 1, 1);
        let item = cache.magazines.get(&cache.numbers).unwrap();
        cache.magazines.put(item, &cache.numbers);
        let theirs = Arc::clone(&cache);
        let gets = machine.spawn_on(0, move || {
            let mut items = [0; 2];
            theirs.magazines.get_batch(&mut items, &theirs.numbers).unwrap();
            items
        });
        let theirs = Arc::clone(&cache);
        let closes = machine.spawn_without_rseq(move || {
            theirs.magazines.close(&theirs.numbers).expect("no filter");
        });
        closes.join().unwrap();
        let items = gets.join().unwrap();
        assert_ne!(items[0], items[1], "one for two");
        cache.magazines.put_batch(&items, &cache.numbers);
        cache.assert_all_back();
        let mut items = items.to_vec();
        items.sort_unstable();
        GOT.saw(items);
    });
    GOT.assert_seen([vec![1, 2], vec![2, 3]]);
}

/// A batch that cannot be had is put back, all of it, and a close finds it.
#[test]
fn close_against_a_batch_that_fails() {
    static BACK: Outcomes<usize> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let cache = Cache::of(1, 1, 0);
        let item = cache.magazines.get(&cache.numbers).unwrap();
        cache.magazines.put(item, &cache.numbers);
        cache.numbers.most.store(1, Relaxed);
        let theirs = Arc::clone(&cache);
        let gets = machine.spawn_on(0, move || {
            let mut items = [0; 2];
            assert_eq!(theirs.magazines.get_batch(&mut items, &theirs.numbers), Err(()));
        });
        let theirs = Arc::clone(&cache);
        let closes = machine.spawn_without_rseq(move || {
            theirs.magazines.close(&theirs.numbers).expect("no filter");
        });
        closes.join().unwrap();
        BACK.saw(cache.back().len());
        gets.join().unwrap();
        cache.assert_all_back();
    });
    BACK.assert_exactly([0, 1]);
}

/// A limit that would grow does not come back after the close.
#[test]
fn close_against_a_put_that_grows() {
    static BACK: Outcomes<usize> = Outcomes::new();
    Builder::new().cpus(1).faults(0).preemptions(2).check(|machine| {
        let cache = Cache::of(1, 2, 0);
        let two = [(); 2].map(|()| cache.magazines.get(&cache.numbers).unwrap());
        cache.magazines.put(two[0], &cache.numbers);
        let theirs = Arc::clone(&cache);
        let puts = machine.spawn_on(0, move || theirs.magazines.put(two[1], &theirs.numbers));
        let theirs = Arc::clone(&cache);
        let closes = machine.spawn_without_rseq(move || {
            theirs.magazines.close(&theirs.numbers).expect("no filter");
        });
        closes.join().unwrap();
        BACK.saw(cache.back().len());
        puts.join().unwrap();
        assert_eq!(cache.magazines.limit(), 0, "closed");
        cache.assert_all_back();
    });
    BACK.assert_exactly([0, 1, 2]);
}

/// A limit that decays, beside a thread that lets it grow: what is above it goes, once.
#[test]
fn decay_against_put_and_get() {
    static ENDS: Outcomes<(usize, usize)> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(1).check(|machine| {
        let cache = Cache::of(1, 3, 1);
        cache.magazines.set_limit(3);
        let three = [(); 3].map(|()| cache.magazines.get(&cache.numbers).unwrap());
        three.iter().for_each(|&item| cache.magazines.put(item, &cache.numbers));
        let theirs = Arc::clone(&cache);
        let works = machine.spawn_on(0, move || {
            let item = theirs.magazines.get(&theirs.numbers).unwrap();
            theirs.magazines.put(item, &theirs.numbers);
        });
        let theirs = Arc::clone(&cache);
        let decays = machine.spawn_without_rseq(move || {
            theirs.magazines.decay(&theirs.numbers).expect("no filter");
        });
        works.join().unwrap();
        decays.join().unwrap();
        ENDS.saw((cache.back().len(), cache.magazines.cached()));
        cache.magazines.close(&cache.numbers).expect("no filter");
        cache.assert_all_back();
    });
    ENDS.assert_seen([(1, 2), (0, 3)]);
}

/// What one CPU has spilled into the depot another one finds, also if the source has no more.
#[test]
fn get_at_the_limit_against_put_into_the_depot() {
    static GOT: Outcomes<bool> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let cache = Cache::new(1);
        let two = [(); 2].map(|()| cache.magazines.get(&cache.numbers).unwrap());
        cache.numbers.most.store(2, Relaxed);
        let theirs = Arc::clone(&cache);
        let puts = machine.spawn_on(0, move || {
            two.iter().for_each(|&item| theirs.magazines.put(item, &theirs.numbers));
        });
        let theirs = Arc::clone(&cache);
        let gets = machine.spawn_on(1, move || theirs.magazines.get(&theirs.numbers).ok());
        puts.join().unwrap();
        let got = gets.join().unwrap();
        GOT.saw(got.is_some());
        got.into_iter().for_each(|item| cache.magazines.put(item, &cache.numbers));
        cache.magazines.close(&cache.numbers).expect("no filter");
        cache.assert_all_back();
    });
    GOT.assert_exactly([false, true]);
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
    static FINISHED: Outcomes<(u64, usize)> = Outcomes::new();
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
            FINISHED.saw((seed, faults));
        });
    }
    let all = (1..=24_u64).map(|seed| (seed, usize::from(seed % 8 == 0)));
    FINISHED.assert_exactly(all);
}
