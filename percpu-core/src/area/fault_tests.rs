//! The allocator when the system says no: at every call there is.

use super::allocator_tests::{eager, two_cpus};
use super::pretend_machine::{Dice, Rig, SPACE};
use super::request::{Region, Request};
use crate::config::{Backing, Config, FirstChunk};
use crate::error::Error;
use crate::sys::memory::NO_MEMORY;
use crate::sys::pretend::{Call, Pretend};
use crate::sys::topology::Topology;

const EPERM: i32 = 1;

/// A load that uses every call: growth, pages, purges, giving back.
fn script(rig: &mut Rig) {
    let mut dice = Dice(7);
    for _ in 0..3 {
        rig.churn(&mut dice, 60);
        for _ in 0..5 {
            // Refusals are the point here.
            let _ = rig.alloc(Request::dynamic(32 << 10, 4096));
        }
        rig.check();
        while rig.live.len() > 20 {
            rig.free(dice.below(rig.live.len()));
        }
        rig.memory.balance();
        rig.check();
    }
}

/// Rows FB-01 and CA-05: whichever call fails, nothing is lost, and the next
/// one works.
#[test]
fn a_failure_at_any_call_leaves_everything_in_order() {
    let machine = Topology::uniform(4, 2).unwrap();
    // Most in small units: the invariants are checked bit by bit.
    for (backing, first_chunk, tries) in [
        (Backing::Eager, FirstChunk::Page, 100),
        (Backing::Lazy, FirstChunk::Page, 30),
        (Backing::Huge, FirstChunk::Page, 30),
        (Backing::Lazy, FirstChunk::Embed, 3),
    ] {
        let config = Config::default().backing(backing).first_chunk(first_chunk);
        let mut rig = Rig::new(&config, &machine);
        script(&mut rig);
        let calls = rig.system.state().calls.len();
        // Every call of the set-up and of the load, in steps if there are many.
        let step = calls.div_ceil(tries);
        for nth in (0..8.min(calls)).chain((8..calls).step_by(step)) {
            let system = Pretend::new(SPACE);
            system.state().fail_at = Some(nth);
            let mut rig = match Rig::on(system.clone(), &config, &machine) {
                Ok(rig) => rig,
                Err(error) => {
                    assert!(matches!(error, Error::OutOfMemory { .. }), "{error}");
                    assert!(system.state().spans.is_empty(), "call {nth}: no mapping is left");
                    assert!(system.state().backed.is_empty());
                    Rig::on(system, &config, &machine).expect("the next one works")
                }
            };
            script(&mut rig);
            rig.free_all();
            rig.memory.balance();
            rig.check();
            assert_eq!(rig.memory.stats(2).nr_cur_alloc, 0);
            assert!(rig.chunks() <= 2, "call {nth}");
            rig.alloc(Request::dynamic(32 << 10, 4096)).unwrap();
        }
    }
}

/// Row FB-04.
#[test]
fn a_page_that_cannot_be_populated_gives_the_area_back() {
    let mut rig = Rig::new(&eager(), &Topology::uniform(5, 1).unwrap());
    while rig.chunks() < 2 {
        rig.alloc(Request::dynamic(4096, 4096)).unwrap();
    }
    let before = (rig.memory.stats(2), rig.backed());
    // The fourth of six units has no memory.
    let calls = rig.system.state().calls.len();
    rig.system.state().fail_at = Some(calls + 3);
    let error = rig.alloc(Request::dynamic(4096, 4096)).unwrap_err();
    assert_eq!(error, Error::OutOfMemory { bytes: 6 * 4096, errno: 12 });
    let after = rig.memory.stats(2);
    assert_eq!(after.nr_alloc, before.0.nr_alloc);
    assert_eq!(rig.backed(), before.1, "the units that had memory gave it back");
    assert_eq!(after.chunks[1].stats.nr_alloc, before.0.chunks[1].stats.nr_alloc);
    rig.check();
    rig.alloc(Request::dynamic(4096, 4096)).unwrap();
    rig.check();
}

/// Pages in front of the first chunk's dynamic part are backed, and in use: a top-up that
/// the system refuses takes nothing back there. (Found by `fuzz/allocator`.)
#[test]
fn a_refused_top_up_leaves_statics_and_reserved_areas_alone() {
    let mut rig = Rig::new(&eager().reserved(12 << 10), &two_cpus());
    for &unit in &rig.units {
        rig.system.fill(unit..unit + 1000, 7);
    }
    for _ in 0..8 {
        let reserved = Request { region: Region::Reserved, ..Request::dynamic(592, 8) };
        rig.alloc(reserved).unwrap();
    }
    // Too few idle pages are left, so a balance asks for some.
    while rig.memory.stats(2).empty_pop_pages > 1 {
        rig.alloc(Request::dynamic(4096, 4096)).unwrap();
    }
    rig.system.ask(|call| match call {
        Call::Populate(_) => Err(NO_MEMORY),
        _ => Ok(()),
    });
    rig.memory.balance();
    for &unit in &rig.units {
        assert!(rig.system.holds(unit..unit + 1000, 7), "the statics are what they were");
    }
    rig.check();
    // Each area holds its mark still.
    rig.free_all();
}

/// Row CA-04: a chunk that is refused is asked for once more, after what can be
/// given back was, and not a third time.
#[test]
fn a_refused_chunk_is_asked_for_once_more_after_a_purge() {
    // Room for three chunks of 3 MiB at multiples of 2 MiB, behind the first page.
    let system = Pretend::new(14 << 20);
    let mut rig = Rig::on(system, &Config::default(), &two_cpus()).unwrap();
    let reserves = |rig: &Rig| {
        rig.system.state().calls.iter().filter(|call| matches!(call, Call::Reserve(_))).count()
    };
    while rig.alloc(Request::dynamic(32 << 10, 4)).is_ok() {}
    assert_eq!(rig.chunks(), 3);
    let before = reserves(&rig);
    assert!(rig.alloc(Request::dynamic(32 << 10, 4)).is_err());
    assert_eq!(reserves(&rig) - before, 2, "the second attempt, and no third");
    rig.check();

    // Room that only a purge brings: areas that wait on shelves.
    rig.free_all();
    rig.memory.balance();
    while rig.alloc(Request::dynamic(64, 4)).is_ok() {}
    let (last, end) = (rig.live.len() - 8, rig.live.len());
    (last..end).rev().for_each(|nth| rig.free(nth));
    assert!(rig.memory.stats(2).front_cached > 0);
    let before = reserves(&rig);
    assert!(rig.alloc(Request::dynamic(32 << 10, 4)).is_err());
    assert_eq!(rig.memory.stats(2).front_cached, 0, "purged");
    assert_eq!(reserves(&rig) - before, 2);
    rig.check();
}

/// Row NU-04.
#[test]
fn memory_that_cannot_be_bound_is_used_and_reported() {
    let system = Pretend::new(SPACE);
    system.ask(|call| match call {
        Call::Bind(..) => Err(EPERM),
        _ => Ok(()),
    });
    let machine = Topology::uniform(8, 4).unwrap();
    let mut rig = Rig::on(system, &Config::default(), &machine).unwrap();
    rig.churn(&mut Dice(3), 200);
    rig.check();
    let stats = rig.memory.stats(2);
    assert_eq!(stats.unbound, Some(EPERM));
    assert!(stats.to_string().contains("unbound"));
}

/// Pages that the system does not take back stay populated, and dirty.
#[test]
fn pages_that_cannot_be_discarded_are_kept() {
    let mut rig = Rig::new(&eager(), &two_cpus());
    while rig.chunks() < 4 {
        rig.alloc(Request::dynamic(4096, 4096)).unwrap();
    }
    rig.system.ask(|call| match call {
        Call::Discard(_) => Err(EPERM),
        _ => Ok(()),
    });
    let mut dice = Dice(5);
    while rig.live.len() > 40 {
        rig.free(dice.below(rig.live.len()));
    }
    assert_eq!(rig.memory.balance().pages_released, 0);
    rig.check();
    // What is handed out now is zeroed: `alloc` looks.
    for _ in 0..600 {
        rig.alloc(Request::dynamic(4096, 4096)).unwrap();
    }
    rig.check();
}
