//! Reference counts: the state table, misuse, and nothing released early, late or
//! twice in a storm. Rows RR-01 to RR-06.

#![cfg(all(target_os = "linux", not(percpu_loom)))]

mod common;

use std::sync::atomic::{AtomicU64 as Tally, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use common::references::Arena;
use percpu_core::{PerCpuRef, RawRef, Ref, RefError, RefOptions};
use proptest::prelude::*;

const THREADS: usize = 16;

fn handler() {}

fn flags() -> [RefOptions; 5] {
    let none = RefOptions::new();
    let both = none.init_atomic().init_dead();
    [none, none.allow_reinit(), none.init_atomic(), none.init_dead(), both]
}

/// What a reference count is, in plain numbers: the kernel's state table.
#[derive(Debug)]
struct Model {
    count: i64,
    dead: bool,
    percpu: bool,
    sticky: bool,
    reinit: bool,
}

impl Model {
    fn new(flags: usize) -> Self {
        let (atomic, dead) = (matches!(flags, 2 | 4), flags > 2);
        Self {
            count: i64::from(!dead),
            dead,
            percpu: !atomic && !dead,
            sticky: atomic,
            reinit: flags > 0,
        }
    }

    fn put(&mut self, n: i64) -> Result<bool, RefError> {
        if !self.percpu && self.count.max(0) < n {
            return Err(RefError::Underflow);
        }
        self.count -= n;
        Ok(n > 0 && !self.percpu && self.count == 0)
    }

    fn kill(&mut self) -> Result<bool, RefError> {
        if self.dead {
            return Err(RefError::AlreadyDead);
        }
        (self.dead, self.percpu) = (true, false);
        self.put(1)
    }

    fn may_reinit(&self) -> Result<(), RefError> {
        if self.reinit { Ok(()) } else { Err(RefError::NotReusable) }
    }

    /// To the mode that is due.
    fn re_evaluate(&mut self) {
        self.percpu = !self.sticky && !self.dead;
    }

    fn revive(&mut self) {
        self.dead = false;
        self.count += 1;
        self.re_evaluate();
    }

    fn reinit(&mut self) -> Result<(), RefError> {
        self.may_reinit()?;
        match (!self.percpu && self.count <= 0, self.dead) {
            (true, true) => self.revive(),
            (true, false) => return Err(RefError::NotDead),
            _ => return Err(RefError::NotZero),
        }
        Ok(())
    }

    fn resurrect(&mut self) -> Result<(), RefError> {
        self.may_reinit()?;
        match (self.dead, self.count <= 0) {
            (false, _) => return Err(RefError::NotDead),
            (true, true) => return Err(RefError::Zero),
            (true, false) => self.revive(),
        }
        Ok(())
    }

    fn switch_to_atomic(&mut self) -> Result<(), RefError> {
        let switched = self.percpu;
        (self.sticky, self.percpu) = (true, false);
        if switched && self.count <= 0 { Err(RefError::Underflow) } else { Ok(()) }
    }

    fn switch_to_percpu(&mut self) -> Result<(), RefError> {
        if !self.percpu {
            self.may_reinit()?;
        }
        self.sticky = false;
        self.re_evaluate();
        Ok(())
    }
}

/// One step on both; `n` is how many.
fn step(real: &RawRef, model: &mut Model, operation: u8, n: u32) {
    let zero = !model.percpu && model.count <= 0;
    match operation {
        0 => {
            real.get_many(n);
            model.count += i64::from(n);
        }
        1 | 2 => assert_eq!(real.put(n), model.put(n.into()), "put {n}"),
        3 => {
            assert_eq!(real.tryget(), !zero, "tryget");
            model.count += i64::from(!zero);
        }
        4 => {
            let live = !zero && !model.dead;
            assert_eq!(real.tryget_live(), live, "tryget_live");
            model.count += i64::from(live);
        }
        5 => assert_eq!(real.kill(), model.kill(), "kill"),
        6 => assert_eq!(real.switch_to_atomic_sync(), model.switch_to_atomic(), "to atomic"),
        7 => assert_eq!(real.switch_to_percpu(), model.switch_to_percpu(), "to per-CPU"),
        8 => assert_eq!(real.reinit(), model.reinit(), "reinit"),
        9 => assert_eq!(real.resurrect(), model.resurrect(), "resurrect"),
        _ => {
            // All that is left, in one go: zero is reached more often.
            let left = model.count.max(0) as u32;
            assert_eq!(real.put(left), model.put(left.into()), "put all");
        }
    }
    let seen = (real.is_percpu(), real.is_dying(), real.is_zero(), real.count());
    let zero = !model.percpu && model.count <= 0;
    assert_eq!(seen, (model.percpu, model.dead, zero, model.count.max(0) as u64), "{model:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_operations_follows_the_state_table(
        start in 0_usize..5,
        operations in prop::collection::vec((0_u8..11, 0_u32..3), 1..60),
    ) {
        let real = RawRef::with_options(flags()[start]).unwrap();
        let mut model = Model::new(start);
        for (operation, n) in operations {
            step(&real, &mut model, operation, n);
        }
        let (zero, dead) = (!model.percpu && model.count <= 0, model.dead);
        let exited = real.exit();
        assert_eq!((exited.is_zero(), exited.is_dying()), (zero, dead));
        assert_eq!(exited.count(), model.count.max(0) as u64);
    }
}

#[test]
fn atomic_mode_that_was_asked_for_outlasts_death_until_it_is_taken_back() {
    common::in_each_mode(
        "atomic_mode_that_was_asked_for_outlasts_death_until_it_is_taken_back",
        || {
            let count = RawRef::with_options(RefOptions::new().init_atomic()).unwrap();
            for _ in 0..3 {
                assert_eq!((count.is_percpu(), count.kill()), (false, Ok(true)));
                count.reinit().unwrap();
            }
            count.switch_to_percpu().unwrap();
            assert!(count.is_percpu());
            assert_eq!(count.kill(), Ok(true));
            assert!(!count.is_percpu());
            count.reinit().unwrap();
            assert!(count.is_percpu(), "not sticky any more");
            count.switch_to_atomic_sync().unwrap();
            count.get();
            assert_eq!(count.kill(), Ok(false));
            // Taken back while dead: counts once it lives.
            count.switch_to_percpu().unwrap();
            assert!(!count.is_percpu());
            count.resurrect().unwrap();
            assert_eq!((count.is_percpu(), count.count()), (true, 2));
            // Dead from the start, and not sticky.
            let dead = RawRef::with_options(RefOptions::new().init_dead()).unwrap();
            assert!(dead.is_zero() && dead.is_dying() && !dead.tryget() && !dead.tryget_live());
            dead.reinit().unwrap();
            assert!(dead.is_percpu() && dead.tryget_live());
        },
    );
}

#[test]
fn misuse_is_reported_and_changes_nothing() {
    common::in_each_mode("misuse_is_reported_and_changes_nothing", || {
        let once = RawRef::new().unwrap();
        assert_eq!(once.reinit(), Err(RefError::NotReusable));
        assert_eq!(once.switch_to_percpu(), Ok(()), "it is");
        once.get();
        once.switch_to_atomic_sync().unwrap();
        assert_eq!(once.switch_to_percpu(), Err(RefError::NotReusable));
        assert_eq!(once.kill(), Ok(false));
        assert_eq!(once.kill(), Err(RefError::AlreadyDead));
        assert_eq!(once.resurrect(), Err(RefError::NotReusable));
        assert_eq!(once.put(2), Err(RefError::Underflow));
        assert_eq!(once.put(1), Ok(true));
        assert_eq!(once.put(1), Err(RefError::Underflow));
        assert!(once.is_zero());

        let again = RawRef::with_options(RefOptions::new().allow_reinit()).unwrap();
        assert_eq!(again.reinit(), Err(RefError::NotZero));
        assert_eq!(again.resurrect(), Err(RefError::NotDead));
        again.get();
        again.kill().unwrap();
        assert_eq!(again.reinit(), Err(RefError::NotZero));
        assert_eq!(again.put(1), Ok(true));
        assert_eq!(again.resurrect(), Err(RefError::Zero));
        // Per-CPU nobody notices at once.
        again.reinit().unwrap();
        assert_eq!(again.put(3), Ok(false));
        assert_eq!(again.kill(), Err(RefError::Underflow));
        assert!(again.is_dying() && again.is_zero() && !again.tryget());

        let object = PerCpuRef::new(1).unwrap();
        assert_eq!(object.reinit(2), Err((2, RefError::NotReusable)));
        object.kill().unwrap();
        assert_eq!(object.kill(), Err(RefError::AlreadyDead));
        assert!(object.is_released() && object.try_get().is_none());
        let got = std::panic::catch_unwind(|| object.get());
        assert!(got.is_err(), "nothing to get");
    });
}

#[test]
fn a_reference_outlives_its_owner_and_a_life_its_predecessor() {
    common::in_each_mode("a_reference_outlives_its_owner_and_a_life_its_predecessor", || {
        let released = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&released);
        let log = move |text: String| log.lock().unwrap().push(text);
        let owner = PerCpuRef::builder().allow_reinit().on_release(log).build_dead().unwrap();
        assert!(owner.is_released() && owner.try_get().is_none());
        for life in ["first", "second"] {
            owner.reinit(life.to_owned()).unwrap();
            let one = owner.get();
            owner.switch_to_atomic_sync().unwrap();
            let two = Ref::clone(&one);
            assert_eq!(owner.count(), 3);
            assert!(Ref::ptr_eq(&one, &two) && !Ref::is_dying(&one));
            owner.kill_and_confirm(|| assert!(owner.try_get_live().is_none())).unwrap();
            assert_eq!(owner.try_get().as_deref().map(String::as_str), Some(life), "dying, here");
            assert_eq!(owner.reinit("early".into()), Err(("early".into(), RefError::NotZero)));
            owner.switch_to_percpu().unwrap();
            owner.resurrect().unwrap();
            assert_eq!((owner.is_percpu(), owner.count()), (true, 3));
            owner.kill().unwrap();
            drop(one);
            assert!(!owner.is_zero());
            // On another thread, by another CPU.
            std::thread::spawn(move || drop(two)).join().unwrap();
            assert!(owner.is_zero() && owner.is_released());
        }
        owner.reinit("third".into()).unwrap();
        let last = owner.get();
        drop(owner);
        assert_eq!(*last, "third");
        assert_eq!(released.lock().unwrap().len(), 2);
        drop(last);
        assert_eq!(*released.lock().unwrap(), ["first", "second", "third"]);
    });
}

#[test]
fn panics_of_release_and_confirm_lose_nothing() {
    let releases = Arc::new(Tally::new(0));
    let count = Arc::clone(&releases);
    let build = move || {
        let count = Arc::clone(&count);
        let release = move |panics: bool| {
            count.fetch_add(1, Relaxed);
            assert!(!panics, "a release that panics");
        };
        PerCpuRef::builder().allow_reinit().on_release(release)
    };
    let owner = build().build(true).unwrap();
    let killed = std::panic::catch_unwind(|| owner.kill());
    assert!(killed.is_err() && owner.is_released() && owner.is_dying());
    owner.reinit(false).unwrap();
    let killed = std::panic::catch_unwind(|| owner.kill_and_confirm(|| panic!("a confirmation")));
    assert!(killed.is_err() && owner.is_released() && owner.is_dying());
    assert_eq!(releases.load(Relaxed), 2);
    owner.reinit(true).unwrap();
    let dropped = std::panic::catch_unwind(move || drop(owner));
    assert!(dropped.is_err());
    assert_eq!(releases.load(Relaxed), 3);
    let last = build().build(true).unwrap().get();
    assert!(std::panic::catch_unwind(move || drop(last)).is_err());
    assert_eq!(releases.load(Relaxed), 4);
}

#[test]
fn each_object_is_released_once_after_its_last_reference_in_a_storm() {
    common::in_each_mode(
        "each_object_is_released_once_after_its_last_reference_in_a_storm",
        || {
            common::handle_sigusr1(handler);
            let arena = Arena::new(common::scaled(1_000) as usize);
            common::in_a_storm(THREADS, |n| match n {
                0 => arena.replace(common::Random(0xFEED)),
                // Some without restartable sequences, where libc registered them.
                1 | 2 if std::env::var_os("GLIBC_TUNABLES").is_none() => {
                    common::leave_rseq();
                    arena.use_references(common::Random(0xBEEF << n));
                }
                _ => arena.use_references(common::Random(0xBEEF << n)),
            });
            println!("{}", arena.account());
        },
    );
}

/// Row RR-04: both ways under load, and nothing is lost or counted twice.
#[test]
fn references_are_conserved_over_ten_thousand_switches() {
    common::in_each_mode("references_are_conserved_over_ten_thousand_switches", || {
        const WORKERS: u64 = 4;
        let count = RawRef::with_options(RefOptions::new().allow_reinit()).unwrap();
        let over = std::sync::atomic::AtomicBool::new(false);
        // So that nobody comes when all is over.
        let start = std::sync::Barrier::new(WORKERS as usize + 1);
        let (kept, steps) = std::thread::scope(|scope| {
            let ends = common::Over(&over);
            let work = |n: u64| {
                let (count, over, start) = (&count, &over, &start);
                move || {
                    start.wait();
                    let mut random = common::Random(n + 1);
                    let (mut mine, mut steps) = (0_u64, 0_u64);
                    while !over.load(Relaxed) {
                        steps += 1;
                        let n = (random.next() % 4) as u32;
                        if random.next() & 1 == 0 {
                            count.get_many(n);
                            mine += u64::from(n);
                        } else if mine >= u64::from(n) {
                            assert_eq!(count.put(n), Ok(false), "the initial one is there");
                            mine -= u64::from(n);
                        }
                    }
                    (mine, steps)
                }
            };
            let workers: Vec<_> = (0..WORKERS).map(|n| scope.spawn(work(n))).collect();
            start.wait();
            for switch in 0..common::scaled(10_000) {
                if switch % 2 == 0 {
                    count.switch_to_atomic(|| assert!(!count.is_percpu())).unwrap();
                    assert!(count.count() > 0);
                } else {
                    count.switch_to_percpu().unwrap();
                }
                // Others run, in either mode.
                if switch % 512 < 2 {
                    std::thread::yield_now();
                }
            }
            drop(ends);
            let each = workers.into_iter().map(|worker| worker.join().unwrap());
            each.fold((0, 0), |(kept, steps), (k, s)| (kept + k, steps + s))
        });
        println!("{steps} steps");
        assert!(steps > 0, "nobody did anything");
        count.switch_to_percpu().unwrap();
        assert_eq!(count.count(), 1 + kept);
        assert_eq!(count.kill(), Ok(kept == 0));
        assert_eq!(count.count(), kept);
        for left in (0..kept).rev() {
            assert_eq!(count.put(1), Ok(left == 0));
        }
        assert!(count.is_zero());
    });
}

#[test]
fn the_types_are_shared_between_threads_and_print() {
    fn shared<T: Send + Sync + std::fmt::Debug + std::panic::UnwindSafe + 'static>() {}
    shared::<RawRef>();
    shared::<PerCpuRef<String>>();
    shared::<Ref<String>>();
    let owner = PerCpuRef::new("text").unwrap();
    let one = owner.get();
    assert_eq!(format!("{one} {one:?}"), "text \"text\"");
    assert_eq!(owner.to_string(), "references: 2, per-CPU");
    owner.kill().unwrap();
    assert_eq!(owner.to_string(), "references: 1, atomic, dying");
}
