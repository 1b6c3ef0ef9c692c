//! `PerCpuStack`: nothing lost, nothing twice; and whoever takes a value out sees
//! what was written before it went in.

use std::sync::Arc;

use percpu_core::__raw::RawStack;
use percpu_core::atomic::{AtomicU64, Ordering::Relaxed};
use percpu_core::model::{Builder, Outcomes};
use percpu_core::{Full, PerCpuStack, Unit};

/// A stack, and the objects that its values stand for.
struct Pool {
    free: PerCpuStack<usize>,
    objects: [AtomicU64; 4],
}

impl Pool {
    fn new(capacity: usize) -> Arc<Self> {
        let free = PerCpuStack::with_capacity(capacity).unwrap();
        Arc::new(Self { free, objects: [(); 4].map(|()| AtomicU64::new(0)) })
    }

    /// Writes object `n` and pushes it; whether it went in.
    fn put(&self, n: usize) -> bool {
        self.objects[n].store(n as u64 + 10, Relaxed);
        self.free.push(n) == Ok(())
    }

    fn put_batch(&self, ns: &[usize]) -> usize {
        ns.iter().for_each(|&n| self.objects[n].store(n as u64 + 10, Relaxed));
        self.free.push_batch(ns)
    }

    fn get(&self) -> Option<usize> {
        self.free.pop().map(|n| self.taken(n))
    }

    /// What `unit` had, topmost first.
    fn drain(&self, unit: Unit) -> Vec<usize> {
        let mut drained = Vec::new();
        self.free.drain_unit(unit, |n| drained.push(self.taken(n))).expect("no filter");
        drained
    }

    /// All that is left, in order.
    fn rest(&self) -> Vec<usize> {
        let mut rest: Vec<_> = Unit::all().unwrap().flat_map(|unit| self.drain(unit)).collect();
        rest.sort_unstable();
        rest
    }

    fn taken(&self, n: usize) -> usize {
        assert_eq!(self.objects[n].load(Relaxed), n as u64 + 10, "object {n} as it was");
        n
    }
}

fn cpu0() -> Unit {
    Unit::all().unwrap().next().unwrap()
}

fn shared() -> Unit {
    Unit::all().unwrap().next_back().unwrap()
}

/// A drain finds the item, or leaves it, or turns it away; also when the push is
/// aborted or migrated between its slot and its commit.
#[test]
fn push_against_drain() {
    static ENDS: Outcomes<(bool, usize)> = Outcomes::new();
    Builder::new().check(|machine| {
        let pool = Pool::new(1);
        let theirs = Arc::clone(&pool);
        let pushes = machine.spawn_on(0, move || theirs.put(0));
        let theirs = Arc::clone(&pool);
        let drains = machine.spawn_on(1, move || theirs.drain(cpu0()));
        let (pushed, drained) = (pushes.join().unwrap(), drains.join().unwrap());
        let rest = pool.rest();
        assert_eq!(drained.len() + rest.len(), usize::from(pushed), "{drained:?}, {rest:?}");
        ENDS.saw((pushed, drained.len()));
    });
    ENDS.assert_exactly([(true, 0), (true, 1), (false, 0)]);
}

/// An item comes out once: by the pop or by the drain.
#[test]
fn pop_against_drain() {
    static ENDS: Outcomes<(Option<usize>, usize)> = Outcomes::new();
    Builder::new().check(|machine| {
        let pool = Pool::new(2);
        assert!(pool.put(0));
        let theirs = Arc::clone(&pool);
        let pops = machine.spawn_on(0, move || theirs.get());
        let theirs = Arc::clone(&pool);
        let drains = machine.spawn_on(1, move || theirs.drain(cpu0()));
        let (popped, drained) = (pops.join().unwrap(), drains.join().unwrap());
        let rest = pool.rest();
        let all: Vec<_> = popped.into_iter().chain(drained.clone()).chain(rest).collect();
        assert_eq!(all, [0], "lost or twice");
        ENDS.saw((popped, drained.len()));
    });
    // (None, 0): the model's closure was migrated and pushed on the other CPU.
    ENDS.assert_exactly([(Some(0), 0), (None, 1), (None, 0)]);
}

/// A section that comes after a drain goes on from what the drain left.
#[test]
fn pop_and_push_against_drain() {
    static ENDS: Outcomes<(Option<usize>, bool, Vec<usize>)> = Outcomes::new();
    Builder::new().cpus(1).check(|machine| {
        let pool = Pool::new(2);
        assert_eq!(pool.put_batch(&[0, 1]), 2);
        let theirs = Arc::clone(&pool);
        let works = machine.spawn_on(0, move || (theirs.get(), theirs.put(2)));
        let theirs = Arc::clone(&pool);
        let drains = machine.spawn_without_rseq(move || theirs.drain(cpu0()));
        let (popped, pushed) = works.join().unwrap();
        let drained = drains.join().unwrap();
        let mut all: Vec<_> = popped.into_iter().chain(drained.clone()).collect();
        all.extend(pool.rest());
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2][..if pushed { 3 } else { 2 }], "lost or twice");
        ENDS.saw((popped, pushed, drained));
    });
    ENDS.assert_exactly([
        (Some(1), true, vec![0]),
        (Some(1), true, vec![2, 0]),
        (Some(1), false, vec![0]),
        (None, true, vec![1, 0]),
        (None, false, vec![1, 0]),
    ]);
}

/// A batch goes in by one commit: a drain finds all of it or nothing.
#[test]
fn push_batch_against_drain() {
    static ENDS: Outcomes<(usize, usize)> = Outcomes::new();
    Builder::new().cpus(1).check(|machine| {
        let pool = Pool::new(2);
        let theirs = Arc::clone(&pool);
        let pushes = machine.spawn_on(0, move || theirs.put_batch(&[0, 1, 2]));
        let theirs = Arc::clone(&pool);
        let drains = machine.spawn_without_rseq(move || theirs.drain(cpu0()));
        let (pushed, drained) = (pushes.join().unwrap(), drains.join().unwrap());
        let rest = pool.rest();
        assert_eq!(drained.len() + rest.len(), pushed, "{drained:?}, {rest:?}");
        ENDS.saw((pushed, drained.len()));
    });
    // Two of three: there is no room for more.
    ENDS.assert_exactly([(2, 0), (2, 2), (0, 0)]);
}

/// Two threads of one CPU, and what they put there: no slot is used twice.
#[test]
fn push_against_push_on_one_cpu() {
    static ENDS: Outcomes<Vec<usize>> = Outcomes::new();
    Builder::new().cpus(1).check(|machine| {
        let pool = Pool::new(2);
        let threads = [0, 1].map(|n| {
            let theirs = Arc::clone(&pool);
            machine.spawn_on(0, move || theirs.put(n))
        });
        threads.into_iter().for_each(|thread| assert!(thread.join().unwrap()));
        let drained = pool.drain(cpu0());
        assert!(drained == [0, 1] || drained == [1, 0], "{drained:?}");
        ENDS.saw(drained);
    });
    ENDS.assert_exactly([vec![0, 1], vec![1, 0]]);
}

/// Two threads of one CPU take different items, in batches too.
#[test]
fn pop_against_pop_batch_on_one_cpu() {
    static ENDS: Outcomes<(Option<usize>, Vec<usize>)> = Outcomes::new();
    Builder::new().cpus(1).check(|machine| {
        let pool = Pool::new(3);
        assert_eq!(pool.put_batch(&[0, 1, 2]), 3);
        let theirs = Arc::clone(&pool);
        let pops = machine.spawn_on(0, move || theirs.get());
        let theirs = Arc::clone(&pool);
        let batch = machine.spawn_on(0, move || {
            let mut batch = [9, 9];
            assert_eq!(theirs.free.pop_batch(&mut batch), 2);
            batch.map(|n| theirs.taken(n)).to_vec()
        });
        let (popped, batch) = (pops.join().unwrap(), batch.join().unwrap());
        assert!(popped.is_none_or(|popped| !batch.contains(&popped)), "{popped:?}, {batch:?}");
        ENDS.saw((popped, batch));
    });
    ENDS.assert_exactly([(Some(2), vec![1, 0]), (Some(0), vec![2, 1])]);
}

/// Threads that are migrated inside of their pushes: each item is on one unit.
#[test]
fn migrated_between_address_and_commit() {
    static LENGTHS: Outcomes<(usize, usize)> = Outcomes::new();
    Builder::new().check(|machine| {
        let pool = Pool::new(2);
        let threads = [0, 1].map(|n| {
            let theirs = Arc::clone(&pool);
            machine.spawn_on(0, move || theirs.put(n))
        });
        threads.into_iter().for_each(|thread| assert!(thread.join().unwrap()));
        let lengths: Vec<_> = Unit::all().unwrap().map(|unit| pool.free.on(unit).len()).collect();
        assert_eq!(pool.rest(), [0, 1], "lost or twice");
        LENGTHS.saw((lengths[0], lengths[1]));
    });
    LENGTHS.assert_exactly([(2, 0), (1, 1), (0, 2)]);
}

/// A thread without sections has the shared unit, so it never meets one.
#[test]
fn thread_without_rseq_beside_one_with() {
    static UNITS: Outcomes<(usize, usize)> = Outcomes::new();
    Builder::new().check(|machine| {
        let pool = Pool::new(1);
        let theirs = Arc::clone(&pool);
        let with = machine.spawn_on(0, move || theirs.put(0));
        let theirs = Arc::clone(&pool);
        let without = machine.spawn_without_rseq(move || {
            assert!(theirs.put(1));
            assert_eq!(theirs.free.push(2), Err(Full(2)));
            assert_eq!(theirs.get(), Some(1));
            theirs.put(3)
        });
        assert!(with.join().unwrap() && without.join().unwrap());
        assert_eq!(pool.free.on(shared()).len(), 1);
        assert_eq!(pool.drain(shared()), [3]);
        UNITS.saw((pool.free.len(), pool.rest()[0]));
    });
    UNITS.assert_exactly([(1, 0)]);
}

/// On the shared unit operations try a lock once, and a drain waits for it.
#[test]
fn operations_against_drain_on_the_shared_unit() {
    static ENDS: Outcomes<(Option<usize>, bool, usize)> = Outcomes::new();
    Builder::new().check(|machine| {
        let pool = Pool::new(2);
        let theirs = Arc::clone(&pool);
        let pushes = machine.spawn_without_rseq(move || theirs.put(0));
        let theirs = Arc::clone(&pool);
        let pops = machine.spawn_without_rseq(move || theirs.get());
        let theirs = Arc::clone(&pool);
        let drains = machine.spawn_on(0, move || theirs.drain(shared()));
        let (pushed, popped) = (pushes.join().unwrap(), pops.join().unwrap());
        let drained = drains.join().unwrap();
        let all = popped.into_iter().count() + drained.len() + pool.rest().len();
        assert_eq!(all, usize::from(pushed), "lost or twice");
        ENDS.saw((popped, pushed, drained.len()));
    });
    ENDS.assert_exactly([
        (None, true, 0),
        (None, true, 1),
        (Some(0), true, 0),
        // Somebody else had the lock.
        (None, false, 0),
    ]);
}

/// The portable mode: the same on a CPU's unit.
#[test]
fn portable_push_against_drain() {
    static ENDS: Outcomes<(bool, usize)> = Outcomes::new();
    Builder::new().portable().check(|machine| {
        let pool = Pool::new(2);
        let theirs = Arc::clone(&pool);
        let pushes = machine.spawn_on(0, move || theirs.put(0));
        let theirs = Arc::clone(&pool);
        let drains = machine.spawn_on(1, move || theirs.drain(cpu0()));
        let (pushed, drained) = (pushes.join().unwrap(), drains.join().unwrap());
        let rest = pool.rest();
        assert_eq!(drained.len() + rest.len(), usize::from(pushed), "{drained:?}, {rest:?}");
        ENDS.saw((pushed, drained.len()));
    });
    ENDS.assert_exactly([(true, 0), (true, 1), (false, 0)]);
}

/// Two drains exclude each other.
#[test]
fn drain_against_drain() {
    static ENDS: Outcomes<(Vec<usize>, Vec<usize>)> = Outcomes::new();
    Builder::new().cpus(1).check(|machine| {
        let pool = Pool::new(2);
        assert_eq!(pool.put_batch(&[0, 1]), 2);
        let drains = [(), ()].map(|()| {
            let theirs = Arc::clone(&pool);
            machine.spawn_on(0, move || theirs.drain(cpu0()))
        });
        let [a, b] = drains.map(|thread| thread.join().unwrap());
        let mut all = [a.clone(), b.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, [0, 1], "lost or twice");
        assert!(pool.put(2), "open again");
        ENDS.saw((a, b));
    });
    ENDS.assert_exactly([(vec![1, 0], vec![]), (vec![], vec![1, 0])]);
}

/// What `stack` has left, as a drain finds it.
fn left(stack: &RawStack) -> usize {
    let mut out = [0; 4];
    Unit::all().unwrap().map(|unit| stack.drain_into(unit, &mut out).expect("no filter")).sum()
}

/// Once a stack is closed nothing goes in: a push came before, and the drains that
/// follow find it, or does not come.
#[test]
fn push_against_close() {
    static ENDS: Outcomes<(bool, bool)> = Outcomes::new();
    Builder::new().check(|machine| {
        let stack = Arc::new(RawStack::with_capacity(2).unwrap());
        let theirs = Arc::clone(&stack);
        let pushes = machine.spawn_on(0, move || (theirs.push(1), theirs.push(2)));
        stack.close().expect("no filter");
        let found = left(&stack);
        let (first, second) = pushes.join().unwrap();
        assert_eq!(found, usize::from(first) + usize::from(second), "it went in later");
        assert_eq!((stack.push(3), stack.pop(), left(&stack)), (false, None, 0));
        ENDS.saw((first, second));
    });
    // (false, true): it was migrated to a CPU that was not stopped yet.
    ENDS.assert_exactly([(true, true), (true, false), (false, true), (false, false)]);
}

/// The same without sections, on the shared unit and in portable mode.
#[test]
fn portable_push_against_close() {
    static ENDS: Outcomes<bool> = Outcomes::new();
    for portable in [false, true] {
        let builder = if portable { Builder::new().portable() } else { Builder::new() };
        builder.check(|machine| {
            let stack = Arc::new(RawStack::with_capacity(2).unwrap());
            let theirs = Arc::clone(&stack);
            let pushes = machine.spawn_without_rseq(move || theirs.push(1));
            stack.close().expect("no filter");
            let found = left(&stack);
            let pushed = pushes.join().unwrap();
            assert_eq!(found, usize::from(pushed), "it went in later");
            assert!(!stack.push(3));
            ENDS.saw(pushed);
        });
    }
    ENDS.assert_exactly([true, false]);
}

/// A pop meets a close: the item comes out once.
#[test]
fn pop_against_close() {
    static ENDS: Outcomes<Option<u64>> = Outcomes::new();
    Builder::new().cpus(1).check(|machine| {
        let stack = Arc::new(RawStack::with_capacity(2).unwrap());
        assert!(stack.push(1));
        let theirs = Arc::clone(&stack);
        let pops = machine.spawn_on(0, move || theirs.pop());
        let theirs = Arc::clone(&stack);
        let closes = machine.spawn_without_rseq(move || {
            theirs.close().expect("no filter");
            left(&theirs)
        });
        let (popped, found) = (pops.join().unwrap(), closes.join().unwrap());
        assert_eq!(found, usize::from(popped.is_none()), "lost or twice");
        ENDS.saw(popped);
    });
    ENDS.assert_exactly([Some(1), None]);
}
