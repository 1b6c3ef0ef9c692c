//! Orders, failures, panics and threads, on lists of their own.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::{Barrier, OnceLock};

use super::*;

fn cpu(id: u32) -> CpuId {
    CpuId::new(id)
}

fn set(list: &str) -> CpuSet {
    list.parse().unwrap()
}

fn states(online: &str) -> Arc<States> {
    let states = States::new();
    states.start(&set(online));
    Arc::new(states)
}

/// What was called, in order: `a+3` is state a set up for CPU 3, `a-3` torn down,
/// `a~3` unit 3 drained.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn push(&self, entry: String) {
        self.0.lock().unwrap().push(entry);
    }

    fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap()).join(" ")
    }

    /// A state that logs its calls; `fails` says for which CPUs it cannot be set up.
    fn state(
        &self,
        name: &'static str,
        fails: impl Fn(u32) -> bool + Send + Sync + 'static,
    ) -> Callbacks {
        let logs = [self.clone(), self.clone(), self.clone()];
        let [up, down, drain] = logs;
        Callbacks {
            name: name.into(),
            online: Some(Arc::new(move |cpu| {
                up.push(format!("{name}+{cpu}"));
                if fails(cpu.get()) { Err("not today".into()) } else { Ok(()) }
            })),
            offline: Some(Arc::new(move |cpu| down.push(format!("{name}-{cpu}")))),
            drain: Some(Arc::new(move |unit| drain.push(format!("{name}~{}", unit.index())))),
        }
    }
}

fn never(_: u32) -> bool {
    false
}

/// A state with an `online` callback only.
fn online(f: impl Fn(CpuId) -> Result<(), BoxError> + Send + Sync + 'static) -> Callbacks {
    Callbacks { name: "test".into(), online: Some(Arc::new(f)), offline: None, drain: None }
}

fn offline(f: impl Fn(CpuId) + Send + Sync + 'static) -> Callbacks {
    Callbacks { name: "test".into(), online: None, offline: Some(Arc::new(f)), drain: None }
}

fn panics<R>(f: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}

#[test]
fn callbacks_run_in_order_and_in_reverse_order() {
    let (states, log) = (states("0-1"), Log::default());
    for name in ["a", "b", "c"] {
        states.register(log.state(name, never), false).unwrap();
    }
    assert!(states.bring_up(cpu(7)).unwrap());
    assert_eq!(log.take(), "a+7 b+7 c+7");
    assert_eq!(states.online_cpus().to_string(), "0-1,7");
    assert!(!states.bring_up(cpu(7)).unwrap(), "it is up");
    assert!(states.take_down(cpu(7), Some(Unit::new(2))).unwrap());
    assert_eq!(log.take(), "c-7 c~2 b-7 b~2 a-7 a~2");
    assert!(!states.take_down(cpu(7), None).unwrap(), "it is down");
    states.drain(Unit::new(5)).unwrap();
    assert_eq!(log.take(), "c~5 b~5 a~5");
    assert_eq!(states.online_cpus().to_string(), "0-1");
}

#[test]
fn a_state_is_set_up_for_the_cpus_that_are_online() {
    let (states, log) = (states("0,2"), Log::default());
    let number = states.register(log.state("a", never), true).unwrap();
    assert_eq!(log.take(), "a+0 a+2");
    states.remove(number, true);
    assert_eq!(log.take(), "a-2 a-0");
    states.bring_up(cpu(1)).unwrap();
    assert_eq!(log.take(), "");
    // Undone where it was done, and not registered.
    let error = states.register(log.state("b", |cpu| cpu == 2), true).unwrap_err();
    assert_eq!(error.to_string(), "`b` cannot be set up for CPU 2: not today");
    assert_eq!(log.take(), "b+0 b+1 b+2 b-1 b-0");
    states.bring_up(cpu(3)).unwrap();
    assert_eq!(log.take(), "");
}

#[test]
fn a_setup_that_fails_undoes_the_earlier_ones() {
    let (states, log) = (states("0"), Log::default());
    let broken = Arc::new(AtomicBool::new(true));
    let is_broken = Arc::clone(&broken);
    states.register(log.state("a", never), true).unwrap();
    states.register(log.state("b", never), true).unwrap();
    let fails = move |cpu| cpu == 1 && is_broken.load(Ordering::Relaxed);
    states.register(log.state("c", fails), true).unwrap();
    states.register(log.state("d", never), true).unwrap();
    log.take();

    let error = states.bring_up(cpu(1)).unwrap_err();
    assert!(
        matches!(&error, HotplugError::Setup { state, cpu, .. } if &**state == "c" && cpu.get() == 1)
    );
    assert_eq!(log.take(), "a+1 b+1 c+1 b-1 a-1");
    assert_eq!(states.online_cpus().to_string(), "0");
    broken.store(false, Ordering::Relaxed);
    assert!(states.bring_up(cpu(1)).unwrap());
    assert_eq!(log.take(), "a+1 b+1 c+1 d+1");
}

#[test]
fn a_sequence_of_masks() {
    let (states, log) = (states("0-3"), Log::default());
    states.register(log.state("a", |cpu| cpu == 9), true).unwrap();
    log.take();
    let look = |mask: &str| {
        let unit_of = |cpu: CpuId| Some(Unit::new(cpu.get()));
        let changes = states.poll(|| Ok(set(mask)), unit_of).unwrap();
        (changes.offline.to_string(), changes.online.to_string(), changes.failed.len(), log.take())
    };
    let is = |off: &str, on: &str, failed, log: &str| (off.into(), on.into(), failed, log.into());
    assert_eq!(look("0-3"), is("", "", 0, ""));
    assert_eq!(look("0,3"), is("1-2", "", 0, "a-1 a~1 a-2 a~2"));
    assert_eq!(look("0,2,4"), is("3", "2,4", 0, "a-3 a~3 a+2 a+4"));
    assert_eq!(look("0,8-10"), is("2,4", "8,10", 1, "a-2 a~2 a-4 a~4 a+8 a+9 a+10"));
    assert_eq!(look("0,8-10"), is("", "", 1, "a+9"), "tried again");
    assert_eq!(look("0-1"), is("8,10", "1", 0, "a-8 a~8 a-10 a~10 a+1"));
    let refused = states.poll(|| Err(HotplugError::Nested), |_| None);
    assert!(refused.is_err());
    assert_eq!(look("0-1"), is("", "", 0, ""), "nothing is left locked");
}

#[test]
fn a_panic_leaves_nothing_locked_and_the_others_run() {
    let (states, log) = (states("0-2"), Log::default());
    states.register(log.state("a", never), false).unwrap();
    states.register(offline(|_| panic!("down")), false).unwrap();
    let bad = states.register(log.state("c", |_| panic!("up")), false).unwrap();
    states.register(log.state("d", never), false).unwrap();

    assert!(panics(|| states.take_down(cpu(1), None)));
    assert_eq!(log.take(), "d-1 c-1 a-1");
    assert_eq!(states.online_cpus().to_string(), "0,2");
    // A panic in a setup is undone as an error is.
    assert!(panics(|| states.bring_up(cpu(1))));
    assert_eq!(log.take(), "a+1 c+1 a-1");
    assert_eq!(states.online_cpus().to_string(), "0,2");
    // All CPUs are done before it goes on.
    assert!(panics(|| states.poll(|| Ok(set("1-3")), |_| None)));
    assert_eq!(log.take(), "d-0 c-0 a-0 a+1 c+1 a-1 a+3 c+3 a-3");
    assert_eq!(states.online_cpus().to_string(), "2");

    states.remove(bad, false);
    assert!(states.bring_up(cpu(1)).unwrap());
    assert_eq!(log.take(), "a+1 d+1");
    assert!(panics(|| states.register(log.state("e", |cpu| cpu > 1 && panic!("up")), true)));
    assert_eq!(log.take(), "e+1 e+2 e-1");
}

/// A state that comes while a CPU does is set up for it once; one that comes while
/// a CPU goes, never.
#[test]
fn a_callback_may_register_and_remove_states() {
    let (states, log) = (states("0"), Log::default());
    let own = Arc::new(OnceLock::new());
    let once = {
        let (states, log, own) = (Arc::clone(&states), log.clone(), Arc::clone(&own));
        online(move |_| {
            states.register(log.state("new", never), true)?;
            states.remove(*own.get().unwrap(), true);
            Ok(())
        })
    };
    let once = own.get_or_init(|| states.register(once, false).unwrap());
    states.bring_up(cpu(1)).unwrap();
    assert_eq!(log.take(), "new+0 new+1");
    states.remove(*once, true); // gone already
    states.bring_up(cpu(2)).unwrap();
    assert_eq!(log.take(), "new+2");

    let late = {
        let (states, log) = (Arc::clone(&states), log.clone());
        offline(move |_| drop(states.register(log.state("late", never), true)))
    };
    let late = states.register(late, false).unwrap();
    states.take_down(cpu(2), None).unwrap();
    assert_eq!(log.take(), "late+0 late+1 new-2");
    states.remove(late, false);
    states.take_down(cpu(1), None).unwrap();
    assert_eq!(log.take(), "late-1 new-1");
}

#[test]
fn a_callback_cannot_bring_cpus_up_or_down() {
    let states = states("0");
    let inner = Arc::downgrade(&states);
    let nested = move |_| {
        let inner = inner.upgrade().unwrap();
        assert!(matches!(inner.bring_up(cpu(9)), Err(HotplugError::Nested)));
        assert!(matches!(inner.take_down(cpu(0), None), Err(HotplugError::Nested)));
        assert!(matches!(inner.drain(Unit::new(0)), Err(HotplugError::Nested)));
        let read = || -> Result<CpuSet, HotplugError> { unreachable!("not even read") };
        assert!(matches!(inner.poll(read, |_| None), Err(HotplugError::Nested)));
        Ok(())
    };
    states.register(online(nested), false).unwrap();
    assert!(states.bring_up(cpu(1)).unwrap());
    assert_eq!(states.online_cpus().to_string(), "0-1");
}

#[test]
fn who_removes_a_state_waits_for_its_callback() {
    let states = states("0-1");
    let inside = Arc::new(Barrier::new(2));
    let done = Arc::new(AtomicBool::new(false));
    let slow = {
        let (inside, done) = (Arc::clone(&inside), Arc::clone(&done));
        offline(move |_| {
            inside.wait();
            thread::sleep(Duration::from_millis(50));
            done.store(true, Ordering::Release);
        })
    };
    let number = states.register(slow, false).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| states.take_down(cpu(1), None).unwrap());
        inside.wait();
        states.remove(number, false);
        assert!(done.load(Ordering::Acquire), "the callback still ran");
    });
}

#[test]
fn changes_come_one_at_a_time() {
    let states = states("0");
    let inside = Arc::new(AtomicUsize::new(0));
    let calls = Arc::new(AtomicUsize::new(0));
    let alone = {
        let (inside, calls) = (Arc::clone(&inside), Arc::clone(&calls));
        move || {
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two at a time");
            thread::yield_now();
            inside.fetch_sub(1, Ordering::SeqCst);
            calls.fetch_add(1, Ordering::Relaxed);
        }
    };
    let up = alone.clone();
    let mut state = offline(move |_| alone());
    state.online = Some(Arc::new(move |_| {
        up();
        Ok(())
    }));
    states.register(state, false).unwrap();
    let rounds = if cfg!(miri) { 5 } else { 300 };
    thread::scope(|scope| {
        for n in 1..=4 {
            let states = &states;
            scope.spawn(move || {
                for _ in 0..rounds {
                    assert!(states.bring_up(cpu(n)).unwrap());
                    let late = states.register(online(|_| Ok(())), true).unwrap();
                    assert!(states.take_down(cpu(n), None).unwrap());
                    states.remove(late, true);
                }
            });
        }
    });
    assert_eq!(calls.load(Ordering::Relaxed), 8 * rounds);
    assert_eq!(states.online_cpus().to_string(), "0");
}

/// Whatever fails when: a state is set up for exactly the CPUs that are online.
#[test]
fn every_state_knows_the_cpus_that_are_online() {
    let states = states("0-3");
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = move |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let bad = Arc::new(AtomicUsize::new(usize::MAX));
    let mut kept: Vec<(u64, Arc<Mutex<BTreeSet<CpuId>>>)> = Vec::new();
    let mut failures = 0;
    for step in 0..if cfg!(miri) { 100 } else { 20_000 } {
        // One state in eight fails, by its place in the order of creation.
        bad.store(next(8) as usize, Ordering::Relaxed);
        let mask = (0..8).filter(|_| next(2) == 1).map(cpu).collect::<CpuSet>();
        let failed = match next(6) {
            0 if kept.len() < 8 => {
                let cpus = Arc::new(Mutex::new(BTreeSet::new()));
                let (up, down, bad) = (Arc::clone(&cpus), Arc::clone(&cpus), Arc::clone(&bad));
                let mut state = online(move |cpu| {
                    if bad.load(Ordering::Relaxed) == step % 8 {
                        return Err("not today".into());
                    }
                    assert!(up.lock().unwrap().insert(cpu), "set up twice");
                    Ok(())
                });
                state.offline = Some(Arc::new(move |cpu| {
                    assert!(down.lock().unwrap().remove(&cpu), "torn down twice");
                }));
                let registered = states.register(state, true);
                let empty = cpus.lock().unwrap().is_empty();
                assert!(registered.is_ok() || empty, "undone");
                registered.map(|number| kept.push((number, cpus))).is_err()
            }
            1 if !kept.is_empty() => {
                let (number, cpus) = kept.swap_remove(next(kept.len() as u64) as usize);
                states.remove(number, true);
                assert!(cpus.lock().unwrap().is_empty());
                false
            }
            2 => states.bring_up(cpu(next(8) as u32)).is_err(),
            3 => states.take_down(cpu(next(8) as u32), None).is_err(),
            _ => !states.poll(|| Ok(mask), |_| None).unwrap().failed.is_empty(),
        };
        failures += usize::from(failed);
        let online: BTreeSet<_> = states.online_cpus().iter().collect();
        assert!(kept.iter().all(|(_, cpus)| *cpus.lock().unwrap() == online));
    }
    assert!(failures > 0, "nothing ever failed");
}
