//! What sections use is replaced, and after a fence nobody uses the old one: whose turn
//! it is, and a switch.

use std::sync::atomic::{AtomicU64 as Tally, Ordering::Relaxed};

use percpu_core::__raw::{InTurn, Switch, Turn};
use percpu_core::atomic::AtomicU64;
use percpu_core::{Unit, fence, percpu};

use crate::common;
use crate::harness::{Case, Run};

pub const CASE: Case = Case {
    points: &[3, 4, 6, 7, 8],
    prepare,
    worker,
    remote,
    handler: step,
    enough: || SWAPS.load(Relaxed) > 0,
    check,
};

percpu! {
    static WORDS: InTurn = [const { AtomicU64::new(0) }; 2];
    static BEHIND: AtomicU64 = AtomicU64::new(0);
}
static TURN: Turn = Turn::new();
static SWITCH: Switch = Switch::new();

/// What the sections did, as they said.
static ENTERED: Tally = Tally::new(0);
static ADDED: Tally = Tally::new(0);
static TAKEN: Tally = Tally::new(0);
/// Of one run.
static SWAPS: Tally = Tally::new(0);

fn prepare() {
    WORDS.prepare().unwrap();
}

fn step() {
    TURN.enter(&WORDS);
    ENTERED.fetch_add(1, Relaxed);
    if SWITCH.add(&*BEHIND, 1).is_ok() {
        ADDED.fetch_add(1, Relaxed);
    }
}

fn worker(_: usize, run: &Run) -> u64 {
    let mut done = 0;
    while run.goes_on() {
        step();
        done += 1;
    }
    done
}

/// One word of a unit.
fn on(unit: Unit, which: usize) -> u64 {
    WORDS.on(unit).get()[which].load(Relaxed)
}

/// How often it is looked whether somebody is late.
const LOOKS: usize = 200;

/// Once the others get this thread's CPU too.
fn pass(moment: usize) {
    match moment {
        LAST => std::thread::yield_now(),
        _ => std::hint::spin_loop(),
    }
}
const LAST: usize = LOOKS - 2;

/// The turn's words stand still where a fence has passed since.
fn stands_still(old: usize, units: &[Unit]) {
    let before: Vec<_> = units.iter().map(|&unit| on(unit, old)).collect();
    for moment in 0..LOOKS {
        pass(moment);
        let now = units.iter().map(|&unit| on(unit, old));
        assert!(now.eq(before.iter().copied()), "somebody is late");
    }
}

fn remote(run: &Run) {
    // To see that this is noticed.
    let fenced = std::env::var_os("PERCPU_TORTURE_NO_FENCE").is_none();
    while run.goes_on() {
        let old = TURN.change();
        if fenced {
            fence::all().unwrap();
        }
        let units: Vec<_> = common::active_units().collect();
        stands_still(old, &units);

        let old = TURN.change();
        for unit in units {
            if fenced {
                fence::unit(unit).unwrap();
            }
            stands_still(old, &[unit]);
        }

        let taken = SWITCH.close(&*BEHIND).unwrap();
        TAKEN.fetch_add(taken, Relaxed);
        for moment in 0..LOOKS {
            pass(moment);
            assert_eq!(SWITCH.peek(&*BEHIND), 0, "somebody is late");
        }
        SWITCH.open(&*BEHIND);
        SWAPS.fetch_add(1, Relaxed);
    }
}

fn check() {
    let entered = common::active_units().map(|unit| on(unit, 0) + on(unit, 1));
    assert_eq!(entered.sum::<u64>(), ENTERED.load(Relaxed), "in turn");
    assert_eq!(BEHIND.sum() + TAKEN.load(Relaxed), ADDED.load(Relaxed), "behind the switch");
    SWAPS.store(0, Relaxed);
}
