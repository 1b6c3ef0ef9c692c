//! Reader-writer locks: nobody is in beside a writer, nothing that a writer wrote
//! is lost, and everybody gets in, in every mode.

#![cfg(all(target_os = "linux", not(percpu_loom)))]

mod common;

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use percpu_counter::{
    MappedPerCpuRwLockWriteGuard, PerCpuRwLock, PerCpuRwLockReadGuard, PerCpuRwLockWriteGuard,
    RawPerCpuRwLock, counter, lock_api,
};

counter! { static SIGNALS: Counter; }

/// What the stress test guards: plain numbers, always equal but inside a write.
#[derive(Debug, Default)]
struct Pair {
    a: u64,
    b: u64,
}

/// As locktorture watches its locks.
#[derive(Default)]
struct Watch {
    readers: AtomicU32,
    writers: AtomicU32,
    reads: AtomicU64,
    writes: AtomicU64,
}

impl Watch {
    /// With a read guard in hand.
    fn read(&self, pair: &Pair, long: bool) {
        self.readers.fetch_add(1, Ordering::SeqCst);
        assert_eq!(self.writers.load(Ordering::SeqCst), 0, "a reader beside a writer");
        let a = pair.a;
        if long {
            thread::yield_now();
        }
        assert_eq!(a, pair.b, "a reader saw half of a write");
        self.reads.fetch_add(1, Ordering::Relaxed);
        assert_eq!(self.writers.load(Ordering::SeqCst), 0, "a writer beside a reader");
        self.readers.fetch_sub(1, Ordering::SeqCst);
    }

    /// With a write guard in hand.
    fn write(&self, pair: &mut Pair, long: bool) {
        assert_eq!(self.writers.swap(1, Ordering::SeqCst), 0, "a writer beside a writer");
        assert_eq!(self.readers.load(Ordering::SeqCst), 0, "a writer beside a reader");
        pair.a += 1;
        if long {
            thread::yield_now();
        }
        pair.b += 1;
        self.writes.fetch_add(1, Ordering::Relaxed);
        assert_eq!(self.readers.load(Ordering::SeqCst), 0, "a reader beside a writer");
        self.writers.store(0, Ordering::SeqCst);
    }
}

static LOCK: PerCpuRwLock<Pair> = PerCpuRwLock::const_new(Pair { a: 0, b: 0 });
/// Guards on their way to another thread.
static MAILBOX: Mutex<Vec<PerCpuRwLockReadGuard<'static, Pair>>> = Mutex::new(Vec::new());

/// One of the ways in.
fn step(watch: &Watch, random: &mut common::Random) {
    let way = random.next() % 256;
    let long = random.next().is_multiple_of(64);
    let soon = Duration::from_micros(random.next() % 200);
    match way {
        0 | 1 => watch.write(&mut LOCK.write(), long),
        2 | 3 => {
            if let Some(mut pair) = LOCK.try_write() {
                watch.write(&mut pair, long);
            }
        }
        4 => {
            if let Some(mut pair) = LOCK.try_write_for(soon) {
                watch.write(&mut pair, long);
            }
        }
        5 => {
            let mut pair = LOCK.write();
            watch.write(&mut pair, long);
            let now = pair.a;
            let pair = PerCpuRwLockWriteGuard::downgrade(pair);
            assert_eq!((pair.a, pair.b), (now, now), "a writer came in between");
            watch.read(&pair, long);
        }
        6..16 => {
            if let Some(pair) = LOCK.try_read() {
                watch.read(&pair, long);
            }
        }
        16..20 => {
            if let Some(pair) = LOCK.try_read_for(soon) {
                watch.read(&pair, long);
            }
        }
        20..30 => {
            // Left by whoever takes it out.
            let pair = LOCK.read();
            watch.read(&pair, long);
            let mailbox = || MAILBOX.lock().unwrap_or_else(PoisonError::into_inner);
            mailbox().push(pair);
            let other = mailbox().pop().expect("each puts one in before");
            watch.read(&other, long);
        }
        _ => watch.read(&LOCK.read(), long),
    }
}

#[test]
fn sixteen_threads_read_and_write_in_a_storm() {
    common::in_each_mode("sixteen_threads_read_and_write_in_a_storm", || {
        SIGNALS.inc();
        common::handle_sigusr1(|| SIGNALS.inc());
        let watch = Watch::default();
        let each = common::scaled(4_000);
        common::in_a_storm(16, |n| {
            let mut random = common::Random(0x51DE_CA4E + n as u64);
            (0..each).for_each(|_| step(&watch, &mut random));
        });
        let writes = watch.writes.load(Ordering::Relaxed);
        let reads = watch.reads.load(Ordering::Relaxed);
        println!("{reads} reads, {writes} writes, {} signals", SIGNALS.sum());
        let pair = LOCK.read();
        assert_eq!((pair.a, pair.b), (writes, writes), "a write was lost");
        assert!(writes > 16 * each / 256 && reads > 16 * each / 2);
        drop(pair);
        assert!(!LOCK.is_locked() && LOCK.try_write().is_some());
    });
}

/// Those who read all the time and those who write all the time: all come in
/// again and again, or this test does not end.
#[test]
fn nobody_starves() {
    const TURNS: u64 = 300;
    let lock = PerCpuRwLock::new(0_u64).unwrap();
    let served = AtomicU32::new(0);
    let turns = |writes: bool| {
        let mut turns = 0_u64;
        while served.load(Ordering::Relaxed) < 8 {
            if writes {
                *lock.write() += 1
            } else {
                drop(std::hint::black_box(lock.read()))
            }
            turns += 1;
            served.fetch_add((turns == TURNS).into(), Ordering::Relaxed);
        }
        turns
    };
    let turns = &turns;
    let (readers, writers) = thread::scope(|scope| {
        let readers = [(); 4].map(|()| scope.spawn(move || turns(false)));
        let writers = [(); 4].map(|()| scope.spawn(move || turns(true)));
        (readers.map(|thread| thread.join().unwrap()), writers.map(|thread| thread.join().unwrap()))
    });
    println!("readers {readers:?}, writers {writers:?}");
    assert_eq!(lock.into_inner(), writers.iter().sum());
}

/// The CPUs that this process may use, each as a mask.
fn cpus() -> Vec<u64> {
    let allowed = common::allowed();
    (0..64).map(|cpu| 1 << cpu).filter(|bit| allowed & bit != 0).collect()
}

#[test]
fn a_reader_may_leave_on_another_cpu_or_thread() {
    common::in_each_mode("a_reader_may_leave_on_another_cpu_or_thread", || {
        static LOCK: PerCpuRwLock<u64> = PerCpuRwLock::const_new(0);
        let cpus = cpus();
        let (first, last) = (cpus[0], *cpus.last().unwrap());
        for round in 0..200 {
            common::set_affinity(first);
            // Opened again after the last round's writers.
            (0..100).for_each(|_| drop(LOCK.read()));
            let (here, there) = (LOCK.read(), LOCK.read());
            common::set_affinity(last);
            let waiting = thread::spawn(|| *LOCK.write() += 1);
            drop(here);
            assert!(LOCK.try_write().is_none(), "one is in");
            assert_eq!(*there, round, "a writer beside a reader");
            // The guard goes to another thread.
            thread::spawn(move || drop(there)).join().unwrap();
            waiting.join().unwrap();
            assert!(!LOCK.is_locked());
            // A writer's may, too.
            let mut writing = LOCK.try_write().unwrap();
            *writing += 0;
            thread::spawn(move || drop(writing)).join().unwrap();
        }
        assert_eq!(*LOCK.read(), 200);
        common::set_affinity(common::allowed() | first);
    });
}

#[test]
fn to_try_never_waits() {
    common::in_each_mode("to_try_never_waits", || {
        for lock in [PerCpuRwLock::new(1).unwrap(), PerCpuRwLock::const_new(1)] {
            for _ in 0..3 {
                let one = lock.try_read().unwrap();
                let other = lock.try_read().unwrap();
                assert!(lock.is_locked() && !lock.is_locked_exclusive());
                assert!(lock.try_write().is_none());
                drop(one);
                assert!(lock.try_write().is_none());
                drop(other);
                assert!(!lock.is_locked());
                let writing = lock.try_write().unwrap();
                assert!(lock.is_locked() && lock.is_locked_exclusive());
                assert!(lock.try_read().is_none() && lock.try_write().is_none());
                assert_eq!(format!("{lock:?}"), "PerCpuRwLock { value: <locked> }");
                let reading = PerCpuRwLockWriteGuard::downgrade(writing);
                assert!(!lock.is_locked_exclusive() && lock.try_write().is_none());
                assert_eq!(*lock.try_read().unwrap(), *reading);
                drop(reading);
                assert_eq!(format!("{lock:?}"), "PerCpuRwLock { value: 1 }");
            }
        }
    });
}

#[test]
fn who_waits_for_a_time_gives_up_after_it_or_gets_in() {
    let lock = PerCpuRwLock::new(0).unwrap();
    let time = Duration::from_millis(20);
    let (reading, start) = (lock.read(), Instant::now());
    assert!(lock.try_write_for(time).is_none() && start.elapsed() >= time);
    assert!(lock.try_write_until(start).is_none());
    assert!(lock.try_read().is_some(), "who gave up keeps nobody out");
    thread::scope(|scope| {
        let writer = scope.spawn(|| lock.try_write_for(Duration::MAX).map(|mut n| *n += 1));
        thread::sleep(time);
        drop(reading);
        assert_eq!(writer.join().unwrap(), Some(()));
    });
    let (writing, start) = (lock.write(), Instant::now());
    assert!(lock.try_read_for(time).is_none() && start.elapsed() >= time);
    assert!(lock.try_write_for(time).is_none() && lock.try_read_until(start).is_none());
    thread::scope(|scope| {
        let reader = scope.spawn(|| lock.try_read_for(Duration::from_secs(60)).map(|n| *n));
        thread::sleep(time);
        drop(writing);
        assert_eq!(reader.join().unwrap(), Some(1));
    });
    assert!(lock.try_write().is_some());
}

#[test]
fn a_panic_lets_go_and_poisons_nothing() {
    let lock = PerCpuRwLock::new(0).unwrap();
    let panics = |body: &dyn Fn()| catch_unwind(AssertUnwindSafe(body)).is_err();
    let panic_quietly = || std::panic::resume_unwind(Box::new("as planned"));
    for n in 1..=3 {
        assert!(panics(&|| {
            let _reading = lock.read();
            panic_quietly();
        }));
        assert!(panics(&|| {
            let mut writing = lock.write();
            *writing = n;
            panic_quietly();
        }));
        assert_eq!(*lock.read(), n, "as the panic left it");
        assert!(!lock.is_locked());
    }
}

#[test]
fn guards_lead_to_parts() {
    let lock: PerCpuRwLock<(u64, String)> = PerCpuRwLock::new((1, "a".into())).unwrap();
    let name = PerCpuRwLockReadGuard::map(lock.read(), |pair| &pair.1);
    assert_eq!(&*name, "a");
    drop(name);
    let mut name: MappedPerCpuRwLockWriteGuard<'_, str> =
        PerCpuRwLockWriteGuard::map(lock.write(), |pair| pair.1.as_mut_str());
    name.make_ascii_uppercase();
    drop(name);
    assert_eq!(lock.into_inner(), (1, "A".into()));
}

#[test]
fn it_is_made_in_many_ways_and_shared_between_threads() {
    fn is_shared<T: Send + Sync + Debug + 'static + ?Sized>() {}
    is_shared::<PerCpuRwLock<u64>>();
    is_shared::<PerCpuRwLock<dyn Debug + Send + Sync>>();
    is_shared::<RawPerCpuRwLock>();
    fn is_sent<T: Send>(guard: T) -> T {
        guard
    }
    let mut lock = PerCpuRwLock::<u64>::default();
    *lock.get_mut() += 1;
    drop((is_sent(lock.read()), is_sent(lock.read())));
    drop(is_sent(lock.write()));
    assert_eq!((lock.into_inner(), PerCpuRwLock::from(2).into_inner()), (1, 2));
    // Of no known size.
    let lock: Box<PerCpuRwLock<[u8]>> = Box::new(PerCpuRwLock::new([1, 2, 3]).unwrap());
    lock.write()[0] = 7;
    assert_eq!(*lock.read(), [7, 2, 3]);
    // As lock_api has it.
    static RAW: lock_api::RwLock<RawPerCpuRwLock, u64> =
        lock_api::RwLock::const_new(<RawPerCpuRwLock as lock_api::RawRwLock>::INIT, 5);
    *RAW.write() += 1;
    assert_eq!(*RAW.read(), 6);
    let fair = RAW.write();
    lock_api::RwLockWriteGuard::unlock_fair(fair);
    assert_eq!(
        format!("{:?}", RawPerCpuRwLock::default()),
        "RawPerCpuRwLock { locked: false, written: false, waiting: 0, fences: 0 }"
    );
}

/// Locks come and go with guards leaked and words uneven, and leave nothing to those
/// that come after in the same memory.
#[test]
fn locks_come_and_go() {
    let (sender, receiver) = mpsc::channel::<PerCpuRwLock<u64>>();
    thread::scope(|scope| {
        scope.spawn(move || {
            for lock in receiver {
                assert_eq!(*lock.read(), 1);
                drop(lock);
            }
        });
        for round in 0..common::scaled(5_000) {
            let lock = PerCpuRwLock::new(0).unwrap();
            *lock.try_write().expect("nobody is in") += 1;
            if round % 2 == 0 {
                std::mem::forget(lock.read());
            }
            sender.send(lock).unwrap();
        }
        drop(sender);
    });
}

mod model {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Read,
        Leave(usize),
        LeaveElsewhere(usize),
        Write,
        Downgrade,
        WriteDone,
    }

    fn steps() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => Just(Step::Read),
            5 => any::<usize>().prop_map(Step::Leave),
            1 => any::<usize>().prop_map(Step::LeaveElsewhere),
            3 => Just(Step::Write),
            1 => Just(Step::Downgrade),
            2 => Just(Step::WriteDone),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 64 }) })]

        /// One thread, any order of steps: in and out as a number and a flag say.
        #[test]
        fn agrees_with_a_number_and_a_flag(
            steps in prop::collection::vec(steps(), 1..300),
            lazy in any::<bool>(),
        ) {
            let lock = if lazy { PerCpuRwLock::const_new(0) } else { PerCpuRwLock::new(0).unwrap() };
            let (mut readers, mut writer, mut writes) = (Vec::new(), None, 0_u64);
            for step in steps {
                match step {
                    Step::Read => {
                        let came = lock.try_read();
                        prop_assert_eq!(came.is_some(), writer.is_none());
                        prop_assert!(came.as_ref().is_none_or(|seen| **seen == writes));
                        readers.extend(came);
                    }
                    Step::Leave(which) if !readers.is_empty() => {
                        drop(readers.swap_remove(which % readers.len()));
                    }
                    Step::LeaveElsewhere(which) if !readers.is_empty() => {
                        let guard = readers.swap_remove(which % readers.len());
                        thread::scope(|scope| drop(scope.spawn(move || drop(guard))));
                    }
                    Step::Leave(_) | Step::LeaveElsewhere(_) => {}
                    Step::Write => {
                        let mut came = lock.try_write();
                        prop_assert_eq!(came.is_some(), writer.is_none() && readers.is_empty());
                        if let Some(value) = &mut came {
                            **value += 1;
                            writes += 1;
                            writer = came;
                        }
                    }
                    Step::Downgrade => {
                        readers.extend(writer.take().map(PerCpuRwLockWriteGuard::downgrade));
                    }
                    Step::WriteDone => drop(writer.take()),
                }
                prop_assert_eq!(lock.is_locked(), writer.is_some() || !readers.is_empty());
                prop_assert_eq!(lock.is_locked_exclusive(), writer.is_some());
            }
        }
    }
}
