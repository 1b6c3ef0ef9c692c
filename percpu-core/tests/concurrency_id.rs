//! Units by concurrency id: which index is used and why, how few units are, and
//! that a thread without restartable sequences, whose id is 0, stays away from
//! that of id 0. (The stress tests run by concurrency id too: `common::MODES`.)

#![cfg(all(target_os = "linux", not(percpu_loom), not(miri)))]

mod common;

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use percpu_core::atomic::AtomicU64;
use percpu_core::{
    CpuId, DoubleWord, Error, Index, LocalLock, Mode, PerCpu, PerCpuStack, Registration, Topology,
    Unit, config, current_cpu, fence, info, percpu,
};

const BY_ID: &[(&str, &str)] = &[("PERCPU_INDEX", "cid")];

percpu! {
    static WORD: AtomicU64 = AtomicU64::new(0);
    static HANDLED: AtomicU64 = AtomicU64::new(0);
    static LOCK: LocalLock<u64> = LocalLock::new(0);
    static PAIR: DoubleWord = DoubleWord::new(0, 0);
}

/// Whether this process goes by concurrency id; else says why not, which must be
/// in the warnings.
fn by_id() -> bool {
    let info = info().unwrap();
    let features = common::rseq_feature_size();
    let expected = info.mode().is_rseq() && features >= 28;
    assert_eq!(info.index() == Index::Cid, expected, "{features} bytes, {}", info.mode());
    if !expected {
        let said = info.warnings().iter().any(|warning| warning.contains("concurrency id"));
        assert!(said, "{:?}", info.warnings());
        println!("did not run: {:?}", info.warnings());
    }
    expected
}

fn shared() -> Unit {
    Unit::all().unwrap().find(|unit| unit.is_shared()).unwrap()
}

#[test]
fn the_index_is_what_the_program_or_the_environment_asks_for() {
    let test = "the_index_is_what_the_program_or_the_environment_asks_for";
    common::in_child(test, &[], || {
        config().index(Index::Cid).apply().unwrap();
        if by_id() {
            assert!(info().unwrap().warnings().is_empty());
            assert!(info().unwrap().to_string().contains("units by concurrency id"));
        }
    });
}

#[test]
fn the_environment_wins_over_the_program() {
    common::in_child("the_environment_wins_over_the_program", &[("PERCPU_INDEX", "cpu")], || {
        config().index(Index::Cid).apply().unwrap();
        assert_eq!(info().unwrap().index(), Index::Cpu);
        assert!(info().unwrap().warnings().is_empty());
    });
}

#[test]
fn an_unknown_index_is_a_warning() {
    common::in_child("an_unknown_index_is_a_warning", &[("PERCPU_INDEX", "node")], || {
        assert_eq!(info().unwrap().index(), Index::Cpu);
        assert_eq!(info().unwrap().warnings(), ["PERCPU_INDEX=node is unknown (try cpu or cid)"]);
    });
}

#[test]
fn portable_mode_has_no_concurrency_ids_and_says_so() {
    let env = [("PERCPU_INDEX", "cid"), ("PERCPU_MODE", "portable")];
    common::in_child("portable_mode_has_no_concurrency_ids_and_says_so", &env, || {
        assert!(!by_id());
        WORD.inc();
        assert_eq!(WORD.sum(), 1);
    });
}

#[test]
fn a_unit_by_concurrency_id_is_no_cpus() {
    common::in_child("a_unit_by_concurrency_id_is_no_cpus", BY_ID, || {
        if !by_id() {
            return;
        }
        let possible = info().unwrap().topology().possible().len();
        assert_eq!(Unit::all().unwrap().count(), possible + 1);
        assert_eq!(Unit::all().unwrap().filter(|unit| unit.is_shared()).count(), 1);
        assert!(Unit::all().unwrap().all(|unit| unit.cpu().is_none()));
        let names: Vec<_> = Unit::all().unwrap().map(|unit| unit.to_string()).collect();
        assert_eq!((&*names[0], &*names[possible]), ("cid0", "shared"));
        let cpu = current_cpu().unwrap();
        assert_eq!(Unit::try_from(cpu), Err(Error::NoUnitOfCpu { cpu }));
        let cpu = CpuId::new(60_000);
        assert_eq!(Unit::try_from(cpu), Err(Error::UnknownCpu { cpu }));
        // What is known by address is as ever.
        for (unit, copy) in &WORD {
            assert_eq!(percpu_core::locate(copy.get()).unwrap().unit, Some(unit));
        }
        Unit::all().unwrap().for_each(|unit| fence::unit(unit).unwrap());
    });
}

/// Eight threads on a machine of a thousand possible CPUs.
fn few_units_are_used(env: &[(&str, &str)], test: &str) {
    const THREADS: usize = 8;
    common::in_child(test, env, || {
        config().topology(Topology::uniform(1000, 4).unwrap()).apply().unwrap();
        if !by_id() {
            return;
        }
        assert_eq!(info().unwrap().units(), 1001);
        HANDLED.prepare().unwrap();
        common::handle_sigusr1(|| HANDLED.inc());
        let dynamic = PerCpu::<AtomicU64>::zeroed().unwrap();
        let each = common::scaled(200_000);
        common::in_a_storm(THREADS, |_| {
            for _ in 0..each {
                WORD.inc();
                dynamic.add(2);
                LOCK.with(|value| *value += 1);
            }
        });
        let total = THREADS as u64 * each;
        assert_eq!((WORD.sum(), dynamic.sum()), (total, 2 * total));
        assert!(HANDLED.sum() > 0, "the storm blew");
        // Those eight, the main thread, and the one that runs the test.
        let most = (THREADS + 2).min(common::allowed().count_ones() as usize);
        let used = Unit::all().unwrap().filter(|unit| unit.is_active());
        let used: Vec<_> = used.filter(|unit| !unit.is_shared()).collect();
        println!("{used:?}, {} of {most}", used.len());
        // Of the first ones; not all, for whoever has a number need not use its unit.
        let first: Vec<_> = Unit::all().unwrap().take(most).collect();
        assert!(used.iter().all(|unit| first.contains(unit)), "{used:?} for {most}");
        assert!(info().unwrap().active_units() <= most + 1);
        assert_eq!(info().unwrap().fallbacks(), 0);
        let locked: u64 = used.iter().map(|&unit| *LOCK.lock_on(unit).unwrap()).sum();
        assert_eq!(locked, total);
    });
}

#[test]
fn as_many_units_are_used_as_threads_can_run() {
    few_units_are_used(BY_ID, "as_many_units_are_used_as_threads_can_run");
}

#[test]
fn as_many_units_are_used_under_our_own_registration() {
    let env = [("PERCPU_INDEX", "cid"), ("GLIBC_TUNABLES", "glibc.pthread.rseq=0")];
    few_units_are_used(&env, "as_many_units_are_used_under_our_own_registration");
}

/// A thread without rseq reads 0 for its concurrency id, a valid one. It works
/// on the shared unit, beside threads that use unit 0 all the time.
#[test]
fn a_thread_without_rseq_never_changes_the_unit_of_id_0() {
    let test = "a_thread_without_rseq_never_changes_the_unit_of_id_0";
    common::in_child(test, BY_ID, || {
        let stack = PerCpuStack::<u64>::with_capacity(8).unwrap();
        PAIR.prepare().unwrap();
        if !by_id() || info().unwrap().mode() != Mode::Rseq(Registration::Libc) {
            return println!("did not run: {}", info().unwrap().mode());
        }
        let each = common::scaled(200_000);
        let zero = Unit::all().unwrap().next().unwrap();
        let outside = |of: &dyn Fn(Unit) -> u64| {
            Unit::all().unwrap().filter(|unit| !unit.is_shared()).map(of).sum::<u64>()
        };
        // Alone: nothing of any other unit moves.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                assert!(common::leave_rseq(), "the kernel lets go of libc's area");
                assert!(Unit::current().unwrap().is_shared());
                for n in 0..each {
                    WORD.inc();
                    LOCK.with(|value| *value += 1);
                    stack.push(n).unwrap();
                    PAIR.swap((n, n));
                    assert_eq!((stack.pop(), PAIR.load()), (Some(n), (n, n)));
                    assert_eq!(WORD.load(), n + 1);
                }
                stack.push(7).unwrap();
            });
        });
        assert_eq!(outside(&|unit| WORD.on(unit).load()), 0);
        assert_eq!(outside(&|unit| *LOCK.lock_on(unit).unwrap()), 0);
        assert_eq!(outside(&|unit| PAIR.on(unit).load().0 + stack.on(unit).len() as u64), 0);
        assert_eq!((WORD.on(shared()).load(), stack.on(shared()).len()), (each, 1));
        // Beside others: neither disturbs the other's plain additions.
        let over = AtomicBool::new(false);
        let together = Barrier::new(2);
        std::thread::scope(|scope| {
            let others = scope.spawn(|| {
                together.wait();
                let mut done = 0;
                while !over.load(Relaxed) {
                    WORD.inc();
                    done += 1;
                }
                done
            });
            scope.spawn(|| {
                assert!(common::leave_rseq());
                together.wait();
                (0..each).for_each(|_| WORD.inc());
                over.store(true, Relaxed);
            });
            assert_eq!(others.join().unwrap(), outside(&|unit| WORD.on(unit).load()));
        });
        assert_eq!(WORD.on(shared()).load(), 2 * each);
        println!("unit 0: {}", WORD.on(zero).load());
    });
}
