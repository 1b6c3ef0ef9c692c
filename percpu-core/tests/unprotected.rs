//! Asserted and raw operations: plain loads and stores, on one copy.

#![cfg(all(target_os = "linux", not(percpu_loom)))]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use percpu_core::atomic::*;
use percpu_core::{LocalLock, LocalLockGuard, PerCpu, Unit, percpu};

percpu! {
    static LOCK: LocalLock<u64> = LocalLock::new(0);
    static OTHER: LocalLock<()> = LocalLock::new(());
    static WORD: AtomicU64 = AtomicU64::new(0);
    // Of one test alone: under Miri all are in one process.
    static HELD: LocalLock<u64> = LocalLock::new(0);
    static COUNTED: AtomicU64 = AtomicU64::new(0);
    static ROUGH: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];
}

#[test]
fn asserted_and_raw_operations_agree_with_plain_integers() {
    macro_rules! steps {
        ($view:expr, $int:ty) => {{
            let view = $view;
            view.store(3);
            assert_eq!((view.sub_return(1), view.dec_return()), (2, 1));
            view.sub(2);
            assert_eq!(view.load(), (1 as $int).wrapping_sub(2));
            view.inc();
            assert_eq!((view.inc_return(), view.add_return(<$int>::MAX)), (1, <$int>::MIN));
            view.dec();
            assert_eq!(view.swap(0b0011), <$int>::MAX);
            view.and(0b0101);
            assert_eq!(view.load(), 0b0001);
            view.or(0b0110);
            assert_eq!(view.load(), 0b0111);
            assert_eq!(view.compare_exchange(1, 2), Err(0b0111));
            assert_eq!(view.compare_exchange(0b0111, 2), Ok(0b0111));
            view.add(5);
            assert_eq!(view.load(), 7);
        }};
    }
    macro_rules! each {
        ($($atomic:ident: $int:ty),*) => {$({
            let word = PerCpu::<$atomic>::zeroed().unwrap();
            let guard = LOCK.lock();
            let unit = LocalLockGuard::unit(&guard);
            steps!(word.asserted(unit), $int);
            assert_eq!(word.on(unit).load(), 7, "that unit's copy");
            drop(guard);
            let words = PerCpu::<[$atomic; 2]>::zeroed().unwrap();
            steps!(words.at(1).raw(), $int);
            assert_eq!((words.at(0).sum(), words.at(1).sum()), (0, 7));
            steps!(word.raw(), $int);
        })*};
    }
    common::in_each_mode("asserted_and_raw_operations_agree_with_plain_integers", || {
        common::pin();
        // Of an unsigned type MIN is what MAX and one more wrap to, as of a signed.
        each!(AtomicU8: u8, AtomicI8: i8, AtomicU16: u16, AtomicI16: i16, AtomicU32: u32);
        each!(AtomicI32: i32, AtomicU64: u64, AtomicI64: i64, AtomicUsize: usize);
        let flag = PerCpu::<AtomicBool>::zeroed().unwrap();
        flag.raw().or(true);
        assert!(flag.raw().swap(false));
    });
}

#[test]
fn asserted_operations_are_exact_while_everybody_holds_the_lock() {
    common::in_each_mode("asserted_operations_are_exact_while_everybody_holds_the_lock", || {
        const THREADS: usize = 4;
        HELD.with(|_| ());
        common::handle_sigusr1(|| ());
        let each = common::scaled(20_000);
        common::in_a_storm(THREADS, |n| {
            for _ in 0..each {
                let mut guard = HELD.lock();
                let word = COUNTED.asserted(LocalLockGuard::unit(&guard));
                let before = word.load();
                if n == 0 && before.is_multiple_of(64) {
                    std::thread::yield_now();
                }
                word.store(before + 1);
                *guard += 1;
            }
        });
        assert_eq!(COUNTED.sum(), THREADS as u64 * each);
        for unit in Unit::all().unwrap() {
            assert_eq!(COUNTED.on(unit).load(), *HELD.lock_on(unit).unwrap(), "{unit}");
        }
    });
}

#[test]
fn an_asserted_operation_without_its_lock_panics_in_debug_builds() {
    common::in_each_mode("an_asserted_operation_without_its_lock_panics_in_debug_builds", || {
        let units: Vec<_> = Unit::all().unwrap().collect();
        let refused = |unit| catch_unwind(AssertUnwindSafe(|| WORD.asserted(unit).inc())).is_err();
        let checked = cfg!(debug_assertions);
        assert_eq!(refused(units[0]), checked, "no lock at all");
        let guard = LOCK.lock_on(units[0]).unwrap();
        assert!(!refused(units[0]));
        assert_eq!(refused(units[1]), checked, "another unit's");
        let inner = OTHER.lock_on(units[1]).unwrap();
        assert!(!refused(units[0]) && !refused(units[1]), "any lock of the unit serves");
        drop(guard);
        assert_eq!(refused(units[0]), checked, "not any more");
        assert!(!refused(units[1]));
        drop(inner);
        let tried = LOCK.try_lock().unwrap();
        assert!(!refused(LocalLockGuard::unit(&tried)));
    });
}

#[test]
fn a_guards_unit_stays_the_same_wherever_the_thread_goes() {
    common::in_each_mode("a_guards_unit_stays_the_same_wherever_the_thread_goes", || {
        let cpus: Vec<_> = (0..64).filter(|cpu| common::allowed() >> cpu & 1 == 1).collect();
        for &from in &cpus {
            common::set_affinity(1 << from);
            let guard = LOCK.lock();
            let unit = LocalLockGuard::unit(&guard);
            for &to in &cpus {
                common::set_affinity(1 << to);
                assert_eq!(LocalLockGuard::unit(&guard), unit);
            }
            if common::by_cpu() {
                assert_eq!(unit.cpu().unwrap().get(), from);
            }
        }
        for unit in Unit::all().unwrap() {
            assert_eq!(LocalLockGuard::unit(&LOCK.lock_on(unit).unwrap()), unit);
        }
    });
}

#[test]
fn raw_additions_never_count_more_than_there_were() {
    common::in_each_mode("raw_additions_never_count_more_than_there_were", || {
        let each = common::scaled(20_000);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..each).for_each(|_| ROUGH.at(1).raw().inc()));
            }
        });
        let sum = ROUGH.at(1).sum();
        assert!((1..=4 * each).contains(&sum), "{sum}");
        assert_eq!(ROUGH.at(0).sum(), 0, "neighbours are not touched");
    });
}
