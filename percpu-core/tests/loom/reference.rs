//! Reference counts: released once, after the last put, and by nobody who is early.

use std::sync::Arc;
use std::sync::atomic::AtomicU64 as Tally;

use percpu_core::atomic::{AtomicU64, Ordering};
use percpu_core::model::loom::thread::{JoinHandle, yield_now};
use percpu_core::model::{Builder, Machine, Outcomes};
use percpu_core::{PerCpuRef, PerCpuRefBuilder, RawRef, Ref, RefError};

use Ordering::Relaxed;

/// What an object says of who used it: 1 once its user has.
type Thing = AtomicU64;

/// Where the user of a reference runs; the owner is elsewhere.
#[derive(Clone, Copy)]
enum Place {
    Sections,
    Shared,
    Portable,
}

impl Place {
    fn builder(self) -> Builder {
        match self {
            Self::Portable => Builder::new().portable(),
            // What is searched otherwise takes minutes.
            _ => Builder::new().cpus(1).faults(1).preemptions(2),
        }
    }

    fn user(self, machine: Machine, f: impl FnOnce() -> bool + Send + 'static) -> JoinHandle<bool> {
        match self {
            Self::Sections => machine.spawn_on(0, f),
            Self::Shared => machine.spawn_without_rseq(f),
            Self::Portable => machine.spawn_on(1, f),
        }
    }

    fn owner<T: Send + 'static>(
        self,
        machine: Machine,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        match self {
            Self::Sections => machine.spawn_without_rseq(f),
            Self::Shared | Self::Portable => machine.spawn_on(0, f),
        }
    }
}

/// How often an object was released; each time it must have been used by `users`.
fn watched(users: u64) -> (PerCpuRefBuilder<Thing>, Arc<Tally>) {
    let releases = Arc::new(Tally::new(0));
    let told = Arc::clone(&releases);
    let builder = PerCpuRef::builder().on_release(move |thing: Thing| {
        assert_eq!(thing.load(Relaxed), users, "released before its users were done");
        told.fetch_add(1, Relaxed);
    });
    (builder, releases)
}

/// Uses the object by a reference of its own and puts both.
fn use_by_clone(mine: Ref<Thing>, releases: &Tally) {
    let kept = Ref::clone(&mine);
    drop(mine);
    assert_eq!(releases.load(Relaxed), 0, "released while there is a reference");
    kept.store(1, Relaxed);
    drop(kept);
}

fn kill_against_get_and_put(place: Place, ends: &'static Outcomes<bool>) {
    place.builder().check(move |machine| {
        let (builder, releases) = watched(1);
        let owner = Arc::new(builder.build(Thing::new(0)).unwrap());
        let (theirs, told) = (owner.get(), Arc::clone(&releases));
        let user = place.user(machine, move || {
            use_by_clone(theirs, &told);
            true
        });
        let theirs = Arc::clone(&owner);
        let killer = place.owner(machine, move || {
            theirs.kill().unwrap();
            ends.saw(theirs.is_released());
        });
        user.join().unwrap();
        killer.join().unwrap();
        assert_eq!(releases.load(Relaxed), 1, "releases");
        assert_eq!((owner.count(), owner.is_released()), (0, true));
    });
    ends.assert_exactly([true, false]);
}

/// The put of a clone, whose get was on a CPU's word, against the kill.
#[test]
fn kill_against_get_and_put_in_sections() {
    static ENDS: Outcomes<bool> = Outcomes::new();
    kill_against_get_and_put(Place::Sections, &ENDS);
}

/// The same by a thread without rseq, beside an owner that has it.
#[test]
fn kill_against_get_and_put_on_the_shared_unit() {
    static ENDS: Outcomes<bool> = Outcomes::new();
    kill_against_get_and_put(Place::Shared, &ENDS);
}

/// And in portable mode.
#[test]
fn portable_kill_against_get_and_put() {
    static ENDS: Outcomes<bool> = Outcomes::new();
    kill_against_get_and_put(Place::Portable, &ENDS);
}

fn last_put_against_confirm(place: Place, ends: &'static Outcomes<(bool, bool)>) {
    place.builder().check(move |machine| {
        let (builder, releases) = watched(1);
        let owner = Arc::new(builder.build(Thing::new(0)).unwrap());
        let theirs = owner.get();
        let put = Arc::new(Tally::new(0));
        let done = Arc::clone(&put);
        let user = place.user(machine, move || {
            theirs.store(1, Relaxed);
            drop(theirs);
            done.store(1, Relaxed);
            true
        });
        let (theirs, told) = (Arc::clone(&owner), Arc::clone(&releases));
        let killer = place.owner(machine, move || {
            let mut before = false;
            theirs
                .kill_and_confirm(|| {
                    assert_eq!(told.load(Relaxed), 0, "released before it was confirmed");
                    before = put.load(Relaxed) == 1;
                })
                .unwrap();
            (before, theirs.is_released())
        });
        user.join().unwrap();
        ends.saw(killer.join().unwrap());
        assert_eq!(releases.load(Relaxed), 1, "releases");
    });
    ends.assert_exactly([(true, true), (false, true), (false, false)]);
}

/// The last put may be the user's or the killer's; it comes after the confirmation.
#[test]
fn last_put_against_confirm_in_sections() {
    static ENDS: Outcomes<(bool, bool)> = Outcomes::new();
    last_put_against_confirm(Place::Sections, &ENDS);
}

/// The same by a thread without rseq.
#[test]
fn last_put_against_confirm_on_the_shared_unit() {
    static ENDS: Outcomes<(bool, bool)> = Outcomes::new();
    last_put_against_confirm(Place::Shared, &ENDS);
}

/// And in portable mode.
#[test]
fn portable_last_put_against_confirm() {
    static ENDS: Outcomes<(bool, bool)> = Outcomes::new();
    last_put_against_confirm(Place::Portable, &ENDS);
}

fn try_get_live_against_kill(place: Place, atomic: bool, ends: &'static Outcomes<(bool, bool)>) {
    place.builder().check(move |machine| {
        let (builder, releases) = watched(0);
        let builder = if atomic { builder.init_atomic() } else { builder };
        let owner = Arc::new(builder.build(Thing::new(0)).unwrap());
        let confirmed = Arc::new(AtomicU64::new(0));
        let (theirs, seen) = (Arc::clone(&owner), Arc::clone(&confirmed));
        let user = place.user(machine, move || {
            let late = seen.load(Ordering::Acquire) == 1;
            let got = theirs.try_get_live().is_some();
            assert!(!(late && got), "got it after it was confirmed that nobody can");
            ends.saw((late, got));
            true
        });
        let theirs = Arc::clone(&owner);
        let killer = place.owner(machine, move || {
            theirs.kill_and_confirm(|| confirmed.store(1, Ordering::Release)).unwrap();
        });
        user.join().unwrap();
        killer.join().unwrap();
        assert_eq!(releases.load(Relaxed), 1, "releases");
    });
    ends.assert_exactly([(false, true), (false, false), (true, false)]);
}

/// Nobody gets a live one after the confirmation.
#[test]
fn try_get_live_against_kill_in_sections() {
    static ENDS: Outcomes<(bool, bool)> = Outcomes::new();
    try_get_live_against_kill(Place::Sections, false, &ENDS);
}

/// Nor where the count was atomic before.
#[test]
fn try_get_live_against_kill_in_atomic_mode() {
    static ENDS: Outcomes<(bool, bool)> = Outcomes::new();
    try_get_live_against_kill(Place::Sections, true, &ENDS);
}

/// Nor a thread without rseq.
#[test]
fn try_get_live_against_kill_on_the_shared_unit() {
    static ENDS: Outcomes<(bool, bool)> = Outcomes::new();
    try_get_live_against_kill(Place::Shared, false, &ENDS);
}

/// Nor in portable mode.
#[test]
fn portable_try_get_live_against_kill() {
    static ENDS: Outcomes<(bool, bool)> = Outcomes::new();
    try_get_live_against_kill(Place::Portable, false, &ENDS);
}

fn switches_against_get_and_put(place: Place, ends: &'static Outcomes<(bool, bool)>) {
    // Aborts are tried by the models above; here there are many steps without them.
    place.builder().faults(0).check(move |machine| {
        let (builder, releases) = watched(1);
        let owner = Arc::new(builder.init_atomic().build(Thing::new(0)).unwrap());
        let (theirs, told) = (owner.get(), Arc::clone(&releases));
        let watch = Arc::clone(&owner);
        let user = place.user(machine, move || {
            let before = watch.is_percpu();
            use_by_clone(theirs, &told);
            ends.saw((before, watch.is_percpu()));
            true
        });
        let theirs = Arc::clone(&owner);
        let switcher = place.owner(machine, move || {
            theirs.switch_to_percpu().unwrap();
            theirs.switch_to_atomic_sync().unwrap();
        });
        user.join().unwrap();
        switcher.join().unwrap();
        assert_eq!((owner.count(), releases.load(Relaxed)), (1, 0), "the owner's is left");
        owner.kill().unwrap();
        assert_eq!(releases.load(Relaxed), 1, "releases");
    });
    // In the middle of it: per-CPU, and not any more.
    ends.assert_seen([(false, false), (false, true), (true, false)]);
}

/// A reference that is taken in one mode and put in another is counted.
#[test]
fn switches_against_get_and_put_in_sections() {
    static ENDS: Outcomes<(bool, bool)> = Outcomes::new();
    switches_against_get_and_put(Place::Sections, &ENDS);
}

/// Also by a thread without rseq.
#[test]
fn switches_against_get_and_put_on_the_shared_unit() {
    static ENDS: Outcomes<(bool, bool)> = Outcomes::new();
    switches_against_get_and_put(Place::Shared, &ENDS);
}

/// And in portable mode.
#[test]
fn portable_switches_against_get_and_put() {
    static ENDS: Outcomes<(bool, bool)> = Outcomes::new();
    switches_against_get_and_put(Place::Portable, &ENDS);
}

fn reinit_against_try_get(place: Place, atomic: bool, ends: &'static Outcomes<bool>) {
    place.builder().check(move |machine| {
        let (builder, releases) = watched(1);
        let builder = if atomic { builder.init_atomic() } else { builder };
        let owner = Arc::new(builder.build_dead().unwrap());
        let theirs = Arc::clone(&owner);
        let user = place.user(machine, move || {
            let got = theirs.try_get();
            if let Some(thing) = &got {
                assert_eq!(thing.load(Relaxed), 1, "not what was put in");
            }
            got.is_some()
        });
        let theirs = Arc::clone(&owner);
        let filler = place.owner(machine, move || {
            let thing = Thing::new(0);
            thing.store(1, Relaxed);
            theirs.reinit(thing).unwrap();
        });
        ends.saw(user.join().unwrap());
        filler.join().unwrap();
        drop(owner);
        assert_eq!(releases.load(Relaxed), 1, "releases");
    });
    ends.assert_exactly([true, false]);
}

/// Who gets a new object sees it whole.
#[test]
fn reinit_against_try_get_in_sections() {
    static ENDS: Outcomes<bool> = Outcomes::new();
    reinit_against_try_get(Place::Sections, false, &ENDS);
}

/// Also by the shared word.
#[test]
fn reinit_against_try_get_in_atomic_mode() {
    static ENDS: Outcomes<bool> = Outcomes::new();
    reinit_against_try_get(Place::Portable, true, &ENDS);
}

/// The last put of a dead one against who takes the kill back, and against who fills
/// the place anew: one comes first, and the object is released once a life.
#[test]
fn last_put_against_resurrect_and_reinit() {
    static ENDS: Outcomes<&str> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(3).check(|machine| {
        let (releases, told) = (Arc::new(Tally::new(0)), Arc::new(Tally::new(0)));
        let (count, told_last) = (Arc::clone(&releases), Arc::clone(&told));
        let owner = PerCpuRef::builder().allow_reinit().on_release(move |life: u64| {
            assert_eq!(life, count.fetch_add(1, Relaxed) + 1, "each life in its turn");
            told_last.store(life, Relaxed);
        });
        let owner = Arc::new(owner.build(1).unwrap());
        let last = owner.get();
        owner.kill().unwrap();
        let user = machine.spawn_on(0, move || drop(last));
        let theirs = Arc::clone(&owner);
        let back = machine.spawn_without_rseq(move || match theirs.resurrect() {
            Ok(()) => "taken back",
            Err(error) => {
                assert_eq!(error, RefError::Zero);
                match theirs.reinit(2) {
                    Ok(()) => "filled anew",
                    Err((2, RefError::NotZero)) => "being released",
                    Err(other) => panic!("{other:?}"),
                }
            }
        });
        user.join().unwrap();
        let back = back.join().unwrap();
        let lives = if back == "filled anew" { 2 } else { 1 };
        ENDS.saw(back);
        drop(owner);
        assert_eq!((releases.load(Relaxed), told.load(Relaxed)), (lives, lives));
    });
    ENDS.assert_exactly(["taken back", "filled anew", "being released"]);
}

fn initial_put_by_hand_after_a_switch(place: Place, ends: &'static Outcomes<&'static str>) {
    place.builder().check(move |machine| {
        let (count, used) = (Arc::new(RawRef::new().unwrap()), Arc::new(Thing::new(0)));
        count.get();
        let (theirs, thing) = (Arc::clone(&count), Arc::clone(&used));
        let user = place.user(machine, move || {
            thing.store(1, Relaxed);
            theirs.put(1).unwrap()
        });
        let theirs = Arc::clone(&count);
        let switcher = place.owner(machine, move || theirs.switch_to_atomic_sync().unwrap());
        let by_hand = place.owner(machine, move || {
            let last = !count.is_percpu() && count.put(1).unwrap();
            if last {
                assert_eq!(used.load(Relaxed), 1, "torn down before its user was done");
            }
            last
        });
        switcher.join().unwrap();
        ends.saw(match (user.join().unwrap(), by_hand.join().unwrap()) {
            (true, true) => panic!("both were last"),
            (true, false) => "user",
            (false, true) => "by hand",
            (false, false) => "not yet",
        });
    });
    ends.assert_exactly(["user", "by hand", "not yet"]);
}

/// The initial reference put by hand, by a thread that knows only that the count is
/// atomic: the last one knows what came before each put in a CPU's word.
#[test]
fn initial_put_by_hand_after_a_switch_in_sections() {
    static ENDS: Outcomes<&str> = Outcomes::new();
    initial_put_by_hand_after_a_switch(Place::Sections, &ENDS);
}

/// And before each in the word of the threads without rseq.
#[test]
fn initial_put_by_hand_after_a_switch_on_the_shared_unit() {
    static ENDS: Outcomes<&str> = Outcomes::new();
    initial_put_by_hand_after_a_switch(Place::Shared, &ENDS);
}

/// An object that is dropped where it lies: nobody puts another one there meanwhile, and
/// who does after that sees what the drop did.
#[test]
fn reinit_against_release() {
    struct Life(Tally, Arc<Thing>);
    impl Drop for Life {
        fn drop(&mut self) {
            let before = self.0.load(Relaxed);
            yield_now();
            self.1.store(before, Relaxed);
            assert_eq!(self.0.load(Relaxed), before, "written over while it was dropped");
        }
    }
    static ENDS: Outcomes<bool> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let ended = Arc::new(Thing::new(0));
        let life = |n| Life(Tally::new(n), Arc::clone(&ended));
        let owner = PerCpuRef::builder().allow_reinit().build(life(1)).unwrap();
        let last = owner.get();
        let owner = Arc::new(owner);
        owner.kill().unwrap();
        let user = machine.spawn_on(0, move || drop(last));
        let (next, told) = (life(2), Arc::clone(&ended));
        let filler = machine.spawn_without_rseq(move || {
            let filled = owner.reinit(next).is_ok();
            assert!(!filled || told.load(Relaxed) == 1, "filled before the last one was dropped");
            filled
        });
        user.join().unwrap();
        ENDS.saw(filler.join().unwrap());
    });
    ENDS.assert_exactly([true, false]);
}

/// Who finds that the last reference was put sees what its holder did.
#[test]
fn is_zero_against_last_put() {
    static ENDS: Outcomes<bool> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let (count, used) = (Arc::new(RawRef::new().unwrap()), Arc::new(Thing::new(0)));
        count.get();
        count.kill().unwrap();
        let (theirs, thing) = (Arc::clone(&count), Arc::clone(&used));
        let user = machine.spawn_on(0, move || {
            thing.store(1, Relaxed);
            assert!(theirs.put(1).unwrap(), "the last one");
        });
        let watcher = machine.spawn_on(0, move || {
            let is_zero = count.is_zero();
            assert!(!is_zero || used.load(Relaxed) == 1, "zero before its user was done");
            is_zero
        });
        user.join().unwrap();
        ENDS.saw(watcher.join().unwrap());
    });
    ENDS.assert_exactly([true, false]);
}

/// The owner goes while the last reference is put: whoever is later frees the allocation.
#[test]
fn owner_that_goes_against_last_put() {
    static ENDS: Outcomes<bool> = Outcomes::new();
    Builder::new().cpus(1).faults(1).preemptions(2).check(|machine| {
        let (builder, releases) = watched(0);
        let owner = builder.build(Thing::new(0)).unwrap();
        let last = owner.get();
        let user = machine.spawn_on(0, move || drop(last));
        let told = Arc::clone(&releases);
        let goes = machine.spawn_without_rseq(move || {
            drop(owner);
            told.load(Relaxed) == 1
        });
        user.join().unwrap();
        ENDS.saw(goes.join().unwrap());
        assert_eq!(releases.load(Relaxed), 1, "releases");
    });
    ENDS.assert_exactly([true, false]);
}
