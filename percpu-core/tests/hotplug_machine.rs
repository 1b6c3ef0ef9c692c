//! CPUs that really come and go beside threads that work. `ci/machines.sh` takes them away and
//! brings them back in an emulated machine, and says so by `PERCPU_TEST_HOTPLUG`. On other
//! machines nothing may be lost either, and the watcher has nothing to tell.

#![cfg(all(target_os = "linux", not(percpu_loom), not(miri)))]

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64 as Plain, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use percpu_core::atomic::AtomicU64;
use percpu_core::hotplug::{self, State, Watcher};
use percpu_core::{CpuId, LocalLock, PerCpu, PerCpuStack, Unit, info, percpu};

percpu! {
    static WORD: AtomicU64 = AtomicU64::new(3);
}

const TOKENS: u32 = 200;
const THREADS: u64 = 6;
/// An emulated CPU whose machine is busy takes seconds to go.
const ENOUGH: u64 = 2;

/// What the states are told: each CPU comes and goes in turn.
#[derive(Default)]
struct Told {
    online: Mutex<BTreeSet<CpuId>>,
    changes: Plain,
}

impl Told {
    fn change(&self, cpu: CpuId, comes: bool) {
        let mut online = self.online.lock().unwrap();
        let news = if comes { online.insert(cpu) } else { online.remove(&cpu) };
        assert!(news, "told twice of {cpu}, comes: {comes}");
        self.changes.fetch_add(1, Relaxed);
    }
}

#[test]
fn nothing_is_lost_while_cpus_come_and_go() {
    common::in_each_mode("nothing_is_lost_while_cpus_come_and_go", || {
        let moving = std::env::var_os("PERCPU_TEST_HOTPLUG").is_some();
        let stack = Arc::new(PerCpuStack::<u32>::with_capacity(TOKENS as usize).unwrap());
        let kept = Arc::new(PerCpu::new_with(|_| LocalLock::new(0_u64)).unwrap());
        let reserve = Arc::new(Mutex::new((0..TOKENS).collect::<Vec<_>>()));
        let given_back = Arc::new(Plain::new(0));
        let told = Arc::new(Told::default());

        let (up, down) = (Arc::clone(&told), Arc::clone(&told));
        let (tokens, theirs) = (Arc::clone(&stack), Arc::clone(&kept));
        let (pile, sum) = (Arc::clone(&reserve), Arc::clone(&given_back));
        let state = State::new("kept")
            .online(move |cpu| {
                up.change(cpu, true);
                Ok(())
            })
            .offline(move |cpu| down.change(cpu, false))
            .drain(move |unit| {
                tokens.drain_unit(unit, |token| pile.lock().unwrap().push(token)).unwrap();
                sum.fetch_add(std::mem::take(&mut *theirs.lock_on(unit).unwrap()), Relaxed);
            });
        let state = state.register().unwrap();
        let at_first = told.changes.load(Relaxed);
        let watcher = Watcher::start(Duration::from_millis(1)).unwrap();

        let over = AtomicBool::new(false);
        let turns: u64 = std::thread::scope(|scope| {
            let ends = common::Over(&over);
            let work = || {
                let mut turns = 0;
                while !over.load(Relaxed) {
                    turns += 1;
                    WORD.inc();
                    kept.with(|value| *value += 1);
                    let token = stack.pop().or_else(|| reserve.lock().unwrap().pop());
                    if let Some(token) = token {
                        stack
                            .push(token)
                            .unwrap_or_else(|full| reserve.lock().unwrap().push(full.0));
                    }
                }
                turns
            };
            let workers: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
            let start = Instant::now();
            let changes = || told.changes.load(Relaxed) - at_first;
            // As long as the changes take, where there are any.
            while start.elapsed() < Duration::from_millis(200)
                || (moving && changes() < ENOUGH && start.elapsed() < Duration::from_secs(60))
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            drop(ends);
            workers.into_iter().map(|worker| worker.join().unwrap()).sum()
        });
        drop(watcher);
        let changes = told.changes.load(Relaxed) - at_first;
        assert!(!moving || changes >= ENOUGH, "{changes} changes in a minute");
        assert_eq!(
            told.online.lock().unwrap().iter().map(|cpu| cpu.get()).collect::<Vec<_>>(),
            hotplug::online().unwrap().iter().map(CpuId::get).collect::<Vec<_>>()
        );
        println!("{changes} changes, {turns} turns");

        // What is left is where it was put, or was given back.
        Unit::all().unwrap().for_each(|unit| hotplug::drain(unit).unwrap());
        assert_eq!(given_back.load(Relaxed), turns);
        assert_eq!(WORD.sum(), turns + 3 * Unit::all().unwrap().count() as u64);
        let mut tokens = reserve.lock().unwrap().clone();
        tokens.sort_unstable();
        assert!(tokens.into_iter().eq(0..TOKENS), "each token is there once");
        assert!(info().unwrap().active_units() <= info().unwrap().units());
        drop(state);
    });
}
