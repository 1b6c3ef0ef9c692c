//! Words behind a switch: what went in is taken once, and who takes is alone.

use std::sync::Arc;

use percpu_core::__raw::{Refused, Switch};
use percpu_core::atomic::{AtomicU64, Ordering::Relaxed};
use percpu_core::model::{Builder, Outcomes};
use percpu_core::{PerCpu, Unit};

/// Something that is read by who counts as inside, and written by who closed the
/// switch and found nobody inside.
struct Room {
    switch: Switch,
    inside: PerCpu<AtomicU64>,
    /// Two for each work that was done, a hundred for each visit, each added in steps:
    /// who is not alone there, or does not see what was before, loses something. Odd
    /// during the work.
    thing: AtomicU64,
}

impl Room {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            switch: Switch::new(),
            inside: PerCpu::zeroed().unwrap(),
            thing: AtomicU64::new(0),
        })
    }

    /// Goes in, changes the thing, goes out; whether it could.
    fn visit(&self) -> bool {
        if self.switch.add(&*self.inside, 1) == Err(Refused::Stopped) {
            return false;
        }
        let seen = self.thing.load(Relaxed);
        assert_eq!(seen % 2, 0, "inside during the work");
        self.thing.store(seen + 100, Relaxed);
        // While closed nothing can go out by this way: whoever closed knows.
        let _ = self.switch.add(&*self.inside, 1_u64.wrapping_neg());
        true
    }

    /// Closes, works if nobody is inside, opens; how many were inside.
    fn work(&self) -> u64 {
        let inside = self.switch.close(&*self.inside).unwrap();
        assert_eq!(self.switch.add(&*self.inside, 1), Err(Refused::Stopped), "closed");
        if inside == 0 {
            self.change();
        }
        self.switch.open(&*self.inside);
        inside
    }

    fn change(&self) {
        let seen = self.thing.load(Relaxed);
        self.thing.store(seen + 1, Relaxed);
        self.thing.store(seen + 2, Relaxed);
    }

    /// After all: whether all of it is there; what `visit` and `work` returned.
    fn checked(&self, visited: bool, inside: u64) -> (bool, u64) {
        let expected = 100 * u64::from(visited) + if inside == 0 { 2 } else { 0 };
        assert_eq!(self.thing.load(Relaxed), expected, "changed by two at a time");
        (visited, inside)
    }

    /// The same with the word of one unit, where all visitors are.
    fn work_on(&self, unit: Unit) -> u64 {
        let work = |inside| {
            if inside == 0 {
                self.change();
            }
            inside
        };
        self.switch.take_on(&*self.inside, unit, work).unwrap()
    }
}

/// A section that went in before the switch was closed is counted; one that
/// comes later waits outside, or sees what was done.
#[test]
fn visit_against_work() {
    static ENDS: Outcomes<(bool, u64)> = Outcomes::new();
    Builder::new().cpus(1).check(|machine| {
        let room = Room::new();
        let theirs = Arc::clone(&room);
        let visits = machine.spawn_on(0, move || theirs.visit());
        let theirs = Arc::clone(&room);
        let works = machine.spawn_without_rseq(move || theirs.work());
        ENDS.saw(room.checked(visits.join().unwrap(), works.join().unwrap()));
    });
    ENDS.assert_exactly([(true, 0), (true, 1), (false, 0)]);
}

/// The same where the switch is in the word.
#[test]
fn visit_against_work_on_the_shared_unit() {
    static ENDS: Outcomes<(bool, u64)> = Outcomes::new();
    Builder::new().cpus(1).check(|machine| {
        let room = Room::new();
        let theirs = Arc::clone(&room);
        let visits = machine.spawn_without_rseq(move || theirs.visit());
        let theirs = Arc::clone(&room);
        let works = machine.spawn_on(0, move || theirs.work());
        ENDS.saw(room.checked(visits.join().unwrap(), works.join().unwrap()));
    });
    ENDS.assert_exactly([(true, 0), (true, 1), (false, 0)]);
}

/// And in portable mode.
#[test]
fn portable_visit_against_work() {
    static ENDS: Outcomes<(bool, u64)> = Outcomes::new();
    Builder::new().portable().check(|machine| {
        let room = Room::new();
        let theirs = Arc::clone(&room);
        let visits = machine.spawn_on(1, move || theirs.visit());
        let theirs = Arc::clone(&room);
        let works = machine.spawn_on(0, move || theirs.work());
        ENDS.saw(room.checked(visits.join().unwrap(), works.join().unwrap()));
    });
    ENDS.assert_exactly([(true, 0), (true, 1), (false, 0)]);
}

/// The switch closed for one unit's sake: the same holds for visitors there.
#[test]
fn visit_against_work_on_one_unit() {
    static ENDS: Outcomes<(bool, u64)> = Outcomes::new();
    Builder::new().cpus(1).check(|machine| {
        let room = Room::new();
        let theirs = Arc::clone(&room);
        let visits = machine.spawn_on(0, move || theirs.visit());
        let theirs = Arc::clone(&room);
        let works = machine
            .spawn_without_rseq(move || theirs.work_on(Unit::all().unwrap().next().unwrap()));
        ENDS.saw(room.checked(visits.join().unwrap(), works.join().unwrap()));
    });
    ENDS.assert_exactly([(true, 0), (true, 1), (false, 0)]);
}

/// The same on the shared unit, and in portable mode.
#[test]
fn portable_visit_against_work_on_one_unit() {
    static ENDS: Outcomes<(bool, u64)> = Outcomes::new();
    for portable in [false, true] {
        let builder = Builder::new().cpus(1);
        let builder = if portable { builder.portable() } else { builder };
        builder.check(move |machine| {
            let room = Room::new();
            let theirs = Arc::clone(&room);
            let visits = machine.spawn_without_rseq(move || theirs.visit());
            let theirs = Arc::clone(&room);
            let works = machine.spawn_on(0, move || {
                let mut units = Unit::all().unwrap();
                let unit = if portable { units.next() } else { units.next_back() };
                theirs.work_on(unit.unwrap())
            });
            ENDS.saw(room.checked(visits.join().unwrap(), works.join().unwrap()));
        });
    }
    ENDS.assert_exactly([(true, 0), (true, 1), (false, 0)]);
}

/// What went in is taken once: now or later.
#[test]
fn bounded_adds_against_close() {
    static ENDS: Outcomes<(usize, u64)> = Outcomes::new();
    Builder::new().faults(1).preemptions(2).check(|machine| {
        let switch = Arc::new(Switch::new());
        let words = Arc::new(PerCpu::<AtomicU64>::zeroed().unwrap());
        let adders = [0, 1].map(|cpu| {
            let (switch, words) = (Arc::clone(&switch), Arc::clone(&words));
            machine.spawn_on(cpu, move || switch.add_within(&**words, 3, 0, 3).is_ok())
        });
        let (theirs, their_words) = (Arc::clone(&switch), Arc::clone(&words));
        let closer = machine.spawn_without_rseq(move || {
            let taken = theirs.close(&**their_words).unwrap();
            theirs.open(&**their_words);
            taken
        });
        let added = adders.into_iter().map(|adder| adder.join().unwrap());
        let added = added.filter(|&added| added).count();
        let taken = closer.join().unwrap();
        let rest = switch.close(&**words).unwrap();
        assert_eq!(taken + rest, 3 * added as u64, "lost or twice");
        ENDS.saw((added, taken));
    });
    // One alone: both were on one CPU, or the switch was closed to one.
    ENDS.assert_exactly([(2, 0), (2, 3), (2, 6), (1, 0), (1, 3), (0, 0)]);
}

/// One unit's word is taken once too.
#[test]
fn add_against_take_on() {
    static ENDS: Outcomes<(bool, u64)> = Outcomes::new();
    Builder::new().cpus(1).check(|machine| {
        let switch = Arc::new(Switch::new());
        let words = Arc::new(PerCpu::<AtomicU64>::zeroed().unwrap());
        let (theirs, their_words) = (Arc::clone(&switch), Arc::clone(&words));
        let adder = machine.spawn_on(0, move || theirs.add(&**their_words, 1).is_ok());
        let (theirs, their_words) = (Arc::clone(&switch), Arc::clone(&words));
        let taker = machine.spawn_without_rseq(move || {
            let first = Unit::all().unwrap().next().unwrap();
            theirs.take_on(&**their_words, first, |taken| taken).unwrap()
        });
        let (added, taken) = (adder.join().unwrap(), taker.join().unwrap());
        assert_eq!(taken + switch.peek(&**words), u64::from(added), "lost or twice");
        ENDS.saw((added, taken));
    });
    ENDS.assert_exactly([(true, 0), (true, 1), (false, 0)]);
}
