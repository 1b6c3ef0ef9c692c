//! A lock on each copy: one holder, here and from afar, and what it guards is whole.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use percpu_core::{LocalLock, percpu};

use crate::common;
use crate::harness::{Case, Run};

pub const CASE: Case = Case {
    points: &[3, 4, 6, 7, 8, 9, 10, 11],
    prepare,
    worker,
    remote,
    handler,
    enough: || REMOTE.load(Relaxed) > 0,
    check,
};

type Guarded = [u64; 4];

percpu! { static LOCK: LocalLock<Guarded> = LocalLock::new([0; 4]); }

static CHANGES: AtomicU64 = AtomicU64::new(0);
/// Those from afar, of one run.
static REMOTE: AtomicU64 = AtomicU64::new(0);

fn prepare() {
    LOCK.prepare().unwrap();
}

/// Plain reads and writes, with something between: two holders are seen.
fn change(value: &mut Guarded, meanwhile: impl FnOnce()) {
    let before = value[0];
    value[0] = before + 1;
    meanwhile();
    for word in &mut value[1..] {
        assert_eq!(*word, before, "two holders");
        *word = before + 1;
    }
    CHANGES.fetch_add(1, Relaxed);
}

fn worker(_: usize, run: &Run) -> u64 {
    let mut done = 0;
    while run.goes_on() {
        LOCK.with(|value| {
            change(value, || {
                if done % 16 == 0 {
                    std::thread::yield_now();
                }
            });
        });
        done += 1;
    }
    done
}

fn remote(run: &Run) {
    while run.goes_on() {
        for unit in common::active_units() {
            change(&mut LOCK.lock_on(unit).unwrap(), std::thread::yield_now);
            REMOTE.fetch_add(1, Relaxed);
        }
    }
}

fn handler() {
    if let Some(mut value) = LOCK.try_lock() {
        change(&mut value, || ());
    }
}

fn check() {
    let units = common::active_units();
    let held: u64 = units.map(|unit| LOCK.lock_on(unit).unwrap()[0]).sum();
    assert_eq!(held, CHANGES.load(Relaxed));
    REMOTE.store(0, Relaxed);
}
