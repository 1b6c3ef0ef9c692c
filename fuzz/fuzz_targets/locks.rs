//! A lock a CPU and the lock for readers everywhere, taken and left by one thread that goes
//! from CPU to CPU, against who has them: each attempt succeeds or fails as it must, and
//! each value is what was written last.

#![no_main]

use std::collections::HashMap;
use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use percpu_core::{
    LocalLock, LocalLockGuard, PerCpu, PerCpuRwLock, PerCpuRwLockReadGuard, PerCpuRwLockWriteGuard,
    Unit,
};
use percpu_fuzz::{here, run_on, units};

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    RunOn(u8),
    Local(Local),
    Everywhere(Everywhere),
}

/// Of the lock a CPU.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Local {
    Lock,
    TryLock,
    With,
    LockOn(u8),
    Write(u8),
    Leave(u8),
}

/// Of the lock for readers everywhere.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Everywhere {
    Read,
    TryRead,
    ReadFor,
    Leave(u8),
    LeaveFairly(u8),
    Write,
    TryWrite,
    WriteFor,
    Change,
    Downgrade,
    Release,
    Bump,
}

/// The copies and what each must hold.
struct Copies<'a> {
    locks: &'a PerCpu<LocalLock<u64>>,
    units: Vec<Unit>,
    held: Vec<LocalLockGuard<'a, u64>>,
    model: HashMap<Unit, u64>,
}

impl<'a> Copies<'a> {
    fn holds(&self, unit: Unit) -> bool {
        self.held.iter().any(|guard| LocalLockGuard::unit(guard) == unit)
    }

    fn came(&mut self, guard: LocalLockGuard<'a, u64>) {
        let unit = LocalLockGuard::unit(&guard);
        assert!(!self.holds(unit), "two have it");
        assert_eq!(*guard, self.model.get(&unit).copied().unwrap_or(0));
        self.held.push(guard);
    }

    fn step(&mut self, step: Local) {
        // A thread may wait for itself: it has none, or it tries.
        let none = self.held.is_empty();
        match step {
            Local::Lock if none => {
                let guard = self.locks.lock();
                assert!(here().is_none_or(|unit| unit == LocalLockGuard::unit(&guard)));
                self.came(guard);
            }
            Local::TryLock => match (self.locks.try_lock(), here()) {
                (Some(guard), here) => {
                    assert!(here.is_none_or(|unit| unit == LocalLockGuard::unit(&guard)));
                    self.came(guard);
                }
                (None, Some(unit)) => assert!(self.holds(unit), "nobody has it"),
                (None, None) => assert!(!none, "nobody has any"),
            },
            Local::With if none => {
                let before = here().map(|unit| self.model.entry(unit).or_default());
                self.locks.with(|value| {
                    // Where units are not CPUs nobody knows whose it is; it stays.
                    if let Some(model) = before {
                        assert_eq!(*value, *model);
                        *value += 1;
                        *model += 1;
                    }
                });
            }
            Local::LockOn(nth) if none => {
                let unit = self.units[usize::from(nth) % self.units.len()];
                let guard = self.locks.lock_on(unit).expect("a fence");
                assert_eq!(LocalLockGuard::unit(&guard), unit);
                self.came(guard);
            }
            Local::Write(n) => {
                if let Some(guard) = self.held.last_mut() {
                    **guard = guard.wrapping_mul(31) + u64::from(n);
                    self.model.insert(LocalLockGuard::unit(guard), **guard);
                }
            }
            Local::Leave(nth) if !none => {
                drop(self.held.swap_remove(usize::from(nth) % self.held.len()));
            }
            _ => {}
        }
    }
}

/// The lock, and who is in.
struct Guards<'a> {
    lock: &'a PerCpuRwLock<u64>,
    readers: Vec<PerCpuRwLockReadGuard<'a, u64>>,
    writer: Option<PerCpuRwLockWriteGuard<'a, u64>>,
    value: u64,
}

impl<'a> Guards<'a> {
    fn read(&mut self, guard: Option<PerCpuRwLockReadGuard<'a, u64>>) {
        assert_eq!(guard.is_some(), self.writer.is_none());
        if let Some(guard) = guard {
            assert_eq!(*guard, self.value);
            self.readers.push(guard);
        }
    }

    fn write(&mut self, guard: Option<PerCpuRwLockWriteGuard<'a, u64>>) {
        assert_eq!(guard.is_some(), self.writer.is_none() && self.readers.is_empty());
        if let Some(guard) = guard {
            assert_eq!(*guard, self.value);
            self.writer = Some(guard);
        }
    }

    fn leave(&mut self, nth: u8) -> Option<PerCpuRwLockReadGuard<'a, u64>> {
        let nth = usize::from(nth).checked_rem(self.readers.len())?;
        Some(self.readers.swap_remove(nth))
    }

    fn step(&mut self, step: Everywhere) {
        let (lock, free) = (self.lock, self.writer.is_none());
        match step {
            Everywhere::Read if free => self.read(Some(lock.read())),
            Everywhere::TryRead => self.read(lock.try_read()),
            Everywhere::ReadFor => self.read(lock.try_read_for(Duration::ZERO)),
            Everywhere::Leave(nth) => drop(self.leave(nth)),
            Everywhere::LeaveFairly(nth) => {
                if let Some(guard) = self.leave(nth) {
                    PerCpuRwLockReadGuard::unlock_fair(guard);
                }
            }
            Everywhere::Write if free && self.readers.is_empty() => {
                self.write(Some(lock.write()));
            }
            Everywhere::TryWrite => self.write(lock.try_write()),
            Everywhere::WriteFor => self.write(lock.try_write_for(Duration::ZERO)),
            Everywhere::Change => {
                if let Some(guard) = &mut self.writer {
                    self.value += 1;
                    **guard = self.value;
                }
            }
            Everywhere::Downgrade => {
                if let Some(guard) = self.writer.take() {
                    self.read(Some(PerCpuRwLockWriteGuard::downgrade(guard)));
                }
            }
            Everywhere::Release => self.writer = None,
            Everywhere::Bump => {
                if let Some(guard) = &mut self.writer {
                    PerCpuRwLockWriteGuard::bump(guard);
                }
            }
            _ => {}
        }
        let writer = self.writer.is_some();
        assert_eq!(lock.is_locked_exclusive(), writer);
        assert_eq!(lock.is_locked(), writer || !self.readers.is_empty());
    }
}

fuzz_target!(|steps: Vec<Step>| {
    run_on(0);
    let locks = PerCpu::new_with(|_| LocalLock::new(0)).expect("memory");
    let lock = PerCpuRwLock::new(0).expect("memory");
    let (held, model) = (Vec::new(), HashMap::new());
    let mut copies = Copies { locks: &locks, units: units(), held, model };
    let mut guards = Guards { lock: &lock, readers: Vec::new(), writer: None, value: 0 };
    for &step in steps.iter().take(256) {
        match step {
            Step::RunOn(cpu) => run_on(cpu),
            Step::Local(step) => copies.step(step),
            Step::Everywhere(step) => guards.step(step),
        }
    }
    let (model, value) = (copies.model, guards.value);
    copies.held.clear();
    drop(guards);
    for unit in copies.units {
        let guard = locks.lock_on(unit).expect("a fence");
        assert_eq!(*guard, model.get(&unit).copied().unwrap_or(0));
    }
    assert_eq!(lock.into_inner(), value);
});
