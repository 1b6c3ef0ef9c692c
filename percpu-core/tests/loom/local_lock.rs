//! `LocalLock`: one holder a copy, each sees what the last one wrote, and no
//! waiter sleeps for ever (loom reports that as a deadlock).

use std::sync::Arc;

use percpu_core::model::{Builder, Machine, Outcomes, loom::cell::Cell, loom::thread::JoinHandle};
use percpu_core::{LocalLock, PerCpu, Unit};

/// What a lock guards: loom notices two holders, and a holder that does not
/// see what the last one wrote.
struct Guarded(Cell<u32>);

impl Guarded {
    /// Returns how many were here before.
    fn enter(&mut self) -> u32 {
        let before = self.0.get();
        self.0.set(before + 1);
        before
    }
}

type Lock = Arc<PerCpu<LocalLock<Guarded>>>;

fn lock() -> Lock {
    let guarded = |_| LocalLock::new(Guarded(Cell::new(0)));
    Arc::new(PerCpu::new_with(guarded).unwrap())
}

fn cpu0() -> Unit {
    Unit::all().unwrap().next().unwrap()
}

/// Spawned on `cpu`: locks the copy it is on.
fn locker(machine: Machine, cpu: u32, lock: &Lock) -> JoinHandle<u32> {
    let lock = Arc::clone(lock);
    machine.spawn_on(cpu, move || lock.lock().enter())
}

/// Two threads of one CPU: mutual exclusion, and the second is woken.
#[test]
fn lock_against_lock_on_one_cpu() {
    static ORDER: Outcomes<(u32, u32)> = Outcomes::new();
    Builder::new().cpus(1).check(|machine| {
        let lock = lock();
        let a = locker(machine, 0, &lock);
        let b = locker(machine, 0, &lock);
        ORDER.saw((a.join().unwrap(), b.join().unwrap()));
    });
    ORDER.assert_exactly([(0, 1), (1, 0)]);
}

/// A holder that is migrated goes on with its copy and unlocks it from there.
#[test]
fn holder_unlocks_from_another_cpu() {
    static ORDER: Outcomes<(u32, u32)> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let lock = lock();
        let moving = Arc::clone(&lock);
        let a = machine.spawn_on(0, move || {
            let mut guard = moving.lock();
            machine.migrate(1);
            guard.enter()
        });
        let b = locker(machine, 0, &lock);
        ORDER.saw((a.join().unwrap(), b.join().unwrap()));
    });
    ORDER.assert_seen([(0, 1), (1, 0)]);
}

/// A remote locker against the CPU's own.
#[test]
fn lock_on_against_lock() {
    static ORDER: Outcomes<(u32, u32)> = Outcomes::new();
    Builder::new().check(|machine| {
        let lock = lock();
        let local = locker(machine, 0, &lock);
        let remote = Arc::clone(&lock);
        let remote =
            machine.spawn_on(1, move || remote.lock_on(cpu0()).expect("no filter").enter());
        ORDER.saw((local.join().unwrap(), remote.join().unwrap()));
    });
    // (0, 0): the local thread was migrated and took the other copy.
    ORDER.assert_exactly([(0, 1), (1, 0), (0, 0)]);
}

/// Two remote lockers exclude each other.
#[test]
fn lock_on_against_lock_on() {
    static ORDER: Outcomes<(u32, u32)> = Outcomes::new();
    Builder::new().check(|machine| {
        let lock = lock();
        let remotes = [0, 1].map(|cpu| {
            let lock = Arc::clone(&lock);
            machine.spawn_on(cpu, move || lock.lock_on(cpu0()).expect("no filter").enter())
        });
        let [a, b] = remotes.map(|remote| remote.join().unwrap());
        ORDER.saw((a, b));
    });
    ORDER.assert_exactly([(0, 1), (1, 0)]);
}

/// `try_lock` finds the copy free or held, and never waits.
#[test]
fn try_lock_against_lock_on() {
    static FOUND: Outcomes<Option<u32>> = Outcomes::new();
    Builder::new().cpus(1).check(|machine| {
        let lock = lock();
        let local = Arc::clone(&lock);
        let local = machine.spawn_on(0, move || local.try_lock().map(|mut held| held.enter()));
        let remote = Arc::clone(&lock);
        let remote =
            machine.spawn_without_rseq(move || remote.lock_on(cpu0()).expect("no filter").enter());
        FOUND.saw(local.join().unwrap());
        remote.join().unwrap();
    });
    FOUND.assert_exactly([None, Some(0), Some(1)]);
}

/// On the shared unit the lock is a mutex of atomics, for local and remote
/// lockers alike.
#[test]
fn lock_on_against_lock_on_the_shared_unit() {
    static ORDER: Outcomes<(u32, u32)> = Outcomes::new();
    Builder::new().check(|machine| {
        let lock = lock();
        let local = Arc::clone(&lock);
        let local = machine.spawn_without_rseq(move || local.lock().enter());
        let remote = Arc::clone(&lock);
        let remote = machine.spawn_on(1, move || {
            let shared = Unit::all().unwrap().next_back().unwrap();
            remote.lock_on(shared).expect("no filter").enter()
        });
        ORDER.saw((local.join().unwrap(), remote.join().unwrap()));
    });
    ORDER.assert_exactly([(0, 1), (1, 0)]);
}

/// The same in portable mode, on a CPU's unit.
#[test]
fn portable_lock_on_against_lock() {
    static ORDER: Outcomes<(u32, u32)> = Outcomes::new();
    Builder::new().portable().check(|machine| {
        let lock = lock();
        let local = locker(machine, 0, &lock);
        let remote = Arc::clone(&lock);
        let remote =
            machine.spawn_on(1, move || remote.lock_on(cpu0()).expect("no filter").enter());
        ORDER.saw((local.join().unwrap(), remote.join().unwrap()));
    });
    ORDER.assert_exactly([(0, 1), (1, 0)]);
}
