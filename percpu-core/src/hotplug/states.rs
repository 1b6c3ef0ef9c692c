//! The list of states, and the order in which their callbacks run.
//!
//! ```text
//!   states      1 ---- 2 ---- 3 ----      in order of registration
//!   online      set up ------------->     then the CPU is in the mask
//!   failed      set up -> X               CPU stays out of the mask
//!               <- torn down
//!   offline     <------------- torn down  first it is out of the mask
//! ```
//!
//! A *transition* is all that is done for one change. One thread at a time runs
//! one; the others wait. No lock is held while a callback runs, so a callback may
//! register states and remove them, its own as well:
//!
//! 1. A state is visited by its number, which only grows, so a list that changes
//!    under a transition is no matter: the next one is looked up each time.
//! 2. While it comes online a CPU is not in the mask, and the transition reaches
//!    the new state by itself; so it is set up once. While it goes offline
//!    it is out of the mask already, and the new state is never set up for it.
//! 3. `calling` names the states whose callbacks run. Whoever removes a state from
//!    another thread waits for them.
//!
//! The locks are std's under loom too: they are never held across a step of a
//! model.

use core::fmt;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, ThreadId};

use crate::cpu::CpuId;
use crate::hotplug::error::{BoxError, HotplugError};
use crate::panics::{Panic, keep_first};
use crate::sys::CpuSet;
use crate::unit::Unit;

type Setup = Arc<dyn Fn(CpuId) -> Result<(), BoxError> + Send + Sync>;
type Teardown = Arc<dyn Fn(CpuId) + Send + Sync>;
type Drain = Arc<dyn Fn(Unit) + Send + Sync>;

/// What a state does. The closures run without any lock of this module held.
#[derive(Clone)]
pub(crate) struct Callbacks {
    pub(crate) name: Arc<str>,
    pub(crate) online: Option<Setup>,
    pub(crate) offline: Option<Teardown>,
    pub(crate) drain: Option<Drain>,
}

impl Callbacks {
    fn online(&self, cpu: CpuId) -> Result<(), HotplugError> {
        let Some(online) = &self.online else { return Ok(()) };
        online(cpu).map_err(|error| HotplugError::Setup {
            state: Arc::clone(&self.name),
            cpu,
            source: Arc::from(error),
        })
    }

    fn offline(&self, cpu: CpuId) {
        if let Some(offline) = &self.offline {
            offline(cpu);
        }
    }

    fn drain(&self, unit: Option<Unit>) {
        if let (Some(drain), Some(unit)) = (&self.drain, unit) {
            drain(unit);
        }
    }
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

/// What came of one look at the mask of online CPUs.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Changes {
    /// CPUs that came online, and for which every state is set up.
    pub online: CpuSet,
    /// CPUs that went offline.
    pub offline: CpuSet,
    /// Why others did not come online. The next look tries again.
    pub failed: Vec<HotplugError>,
}

/// States and the CPUs they are set up for.
#[derive(Debug)]
pub(crate) struct States {
    inner: Mutex<Inner>,
    /// Whenever a transition or a callback ends.
    ended: Condvar,
}

#[derive(Debug)]
struct Inner {
    /// INVARIANT: ascending by number.
    states: Vec<(u64, Callbacks)>,
    last_number: u64,
    /// `None` until somebody said which CPUs were online at first.
    online: Option<BTreeSet<CpuId>>,
    running: Option<ThreadId>,
    calling: Vec<u64>,
}

/// The right to run callbacks; gives it back on drop.
struct Transition<'a>(&'a States);

impl Drop for Transition<'_> {
    fn drop(&mut self) {
        self.0.lock().running = None;
        self.0.ended.notify_all();
    }
}

impl States {
    pub(crate) const fn new() -> Self {
        let inner = Inner {
            states: Vec::new(),
            last_number: 0,
            online: None,
            running: None,
            calling: Vec::new(),
        };
        Self { inner: Mutex::new(inner), ended: Condvar::new() }
    }

    /// Says which CPUs are online at first; later calls change nothing.
    pub(crate) fn start(&self, online: &CpuSet) {
        self.lock().online.get_or_insert_with(|| online.iter().collect());
    }

    pub(crate) fn online_cpus(&self) -> CpuSet {
        self.lock().online.iter().flatten().copied().collect()
    }

    /// Adds a state at the end; its number. With `calls` it is set up for the CPUs
    /// that are online; if that fails, none is.
    pub(crate) fn register(&self, state: Callbacks, calls: bool) -> Result<u64, HotplugError> {
        // In a callback the transition is this thread's already.
        let _transition = if calls { self.begin().ok() } else { None };
        if calls {
            let cpus = self.online_cpus();
            let mut done = Vec::new();
            for cpu in cpus.iter() {
                let outcome = catch_unwind(AssertUnwindSafe(|| state.online(cpu)));
                if let Ok(Ok(())) = outcome {
                    done.push(cpu);
                    continue;
                }
                let mut panic = None;
                for cpu in done.into_iter().rev() {
                    keep_first(&mut panic, catch_unwind(AssertUnwindSafe(|| state.offline(cpu))));
                }
                return match outcome {
                    Ok(Err(error)) => finish(panic, Err(error)),
                    Ok(Ok(())) => unreachable!("went on above"),
                    Err(first) => resume_unwind(first),
                };
            }
        }
        let mut inner = self.lock();
        inner.last_number += 1;
        let number = inner.last_number;
        inner.states.push((number, state));
        Ok(number)
    }

    /// Removes a state; with `calls` it is torn down for the CPUs that are online.
    /// No callback of it runs when this returns, but those that this is called
    /// from.
    pub(crate) fn remove(&self, number: u64, calls: bool) {
        let mut panic = None;
        if calls {
            let _transition = self.begin().ok();
            for cpu in self.online_cpus().iter().rev() {
                let this = |state: u64| state == number;
                if let Some((_, outcome)) = self.visit(this, |state| state.offline(cpu)) {
                    keep_first(&mut panic, outcome);
                }
            }
        }
        let mut inner = self.lock();
        let at = inner.states.iter().position(|state| state.0 == number);
        let removed = at.map(|at| inner.states.remove(at));
        let me = Some(thread::current().id());
        while inner.running != me && inner.calling.contains(&number) {
            inner = wait(&self.ended, inner);
        }
        drop(inner);
        // Unlocked: whatever the closures own may use this module when it goes.
        drop(removed);
        finish(panic, ())
    }

    /// Brings a CPU up; whether it was down.
    pub(crate) fn bring_up(&self, cpu: CpuId) -> Result<bool, HotplugError> {
        let mut panic = None;
        let transition = self.begin()?;
        let answer = self.up(cpu, &mut panic);
        drop(transition);
        finish(panic, answer)
    }

    /// Takes a CPU down, and drains its unit; whether it was up.
    pub(crate) fn take_down(&self, cpu: CpuId, unit: Option<Unit>) -> Result<bool, HotplugError> {
        let mut panic = None;
        let transition = self.begin()?;
        let answer = self.down(cpu, unit, &mut panic);
        drop(transition);
        finish(panic, Ok(answer))
    }

    /// Drains a unit, whose CPU stays as it is.
    pub(crate) fn drain(&self, unit: Unit) -> Result<(), HotplugError> {
        let mut panic = None;
        let transition = self.begin()?;
        self.in_reverse(u64::MAX, &mut panic, |state| state.drain(Some(unit)));
        drop(transition);
        finish(panic, Ok(()))
    }

    /// Compares the mask with what `read` says, and brings CPUs down and up.
    /// `read` runs inside of the transition: what it says is not overtaken.
    pub(crate) fn poll(
        &self,
        read: impl FnOnce() -> Result<CpuSet, HotplugError>,
        unit_of: impl Fn(CpuId) -> Option<Unit>,
    ) -> Result<Changes, HotplugError> {
        let mut panic = None;
        let transition = self.begin()?;
        let (known, now) = (self.online_cpus(), read()?);
        let gone = known.iter().filter(|&cpu| !now.contains(cpu));
        let offline = gone.filter(|&cpu| self.down(cpu, unit_of(cpu), &mut panic)).collect();
        let mut failed = Vec::new();
        let mut came_up = |&cpu: &CpuId| match self.up(cpu, &mut panic) {
            Ok(came) => came,
            Err(error) => {
                failed.push(error);
                false
            }
        };
        let come = now.iter().filter(|&cpu| !known.contains(cpu));
        let online = come.filter(|cpu| came_up(cpu)).collect();
        drop(transition);
        finish(panic, Ok(Changes { online, offline, failed }))
    }

    fn up(&self, cpu: CpuId, panic: &mut Option<Panic>) -> Result<bool, HotplugError> {
        if self.lock().online.iter().any(|online| online.contains(&cpu)) {
            return Ok(false);
        }
        let mut reached = 0;
        loop {
            match self.visit(|state| state > reached, |state| state.online(cpu)) {
                None => break,
                Some((number, Ok(Ok(())))) => reached = number,
                Some((number, failure)) => {
                    let answer = match failure {
                        Ok(error) => error.map(|()| false),
                        Err(first) => {
                            keep_first(panic, Err(first));
                            Ok(false)
                        }
                    };
                    self.in_reverse(number, panic, |state| state.offline(cpu));
                    return answer;
                }
            }
        }
        self.lock().online.get_or_insert_default().insert(cpu);
        Ok(true)
    }

    fn down(&self, cpu: CpuId, unit: Option<Unit>, panic: &mut Option<Panic>) -> bool {
        if !self.lock().online.iter_mut().any(|online| online.remove(&cpu)) {
            return false;
        }
        self.in_reverse(u64::MAX, panic, |state| {
            let torn_down = catch_unwind(AssertUnwindSafe(|| state.offline(cpu)));
            state.drain(unit);
            if let Err(panic) = torn_down {
                resume_unwind(panic);
            }
        });
        true
    }

    /// Calls the states below a number, the last first, whatever each does.
    fn in_reverse(&self, below: u64, panic: &mut Option<Panic>, call: impl Fn(&Callbacks)) {
        let mut reached = below;
        loop {
            let last = self.lock().states.iter().rfind(|state| state.0 < reached).map(|s| s.0);
            let Some(last) = last else { return };
            reached = last;
            // Gone by now, perhaps.
            if let Some((_, outcome)) = self.visit(|state| state == last, &call) {
                keep_first(panic, outcome);
            }
        }
    }

    /// Calls the first state whose number is `wanted`; its number, and what came of
    /// it.
    fn visit<R>(
        &self,
        wanted: impl Fn(u64) -> bool,
        call: impl FnOnce(&Callbacks) -> R,
    ) -> Option<(u64, thread::Result<R>)> {
        let mut inner = self.lock();
        let (number, state) = inner.states.iter().find(|state| wanted(state.0))?.clone();
        inner.calling.push(number);
        drop(inner);
        // Moved in: if it was removed meanwhile, its closures go here.
        let outcome = catch_unwind(AssertUnwindSafe(move || {
            let state = state;
            call(&state)
        }));
        self.lock().calling.pop();
        self.ended.notify_all();
        Some((number, outcome))
    }

    /// Waits for the transitions of other threads.
    fn begin(&self) -> Result<Transition<'_>, HotplugError> {
        let me = thread::current().id();
        let mut inner = self.lock();
        while let Some(other) = inner.running {
            if other == me {
                return Err(HotplugError::Nested);
            }
            inner = wait(&self.ended, inner);
        }
        inner.running = Some(me);
        Ok(Transition(self))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No callback runs under it, so no panic leaves anything half done.
        self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn wait<'a>(ended: &Condvar, inner: MutexGuard<'a, Inner>) -> MutexGuard<'a, Inner> {
    ended.wait(inner).unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// After the transition: goes on with the first panic, if there was one.
fn finish<T>(panic: Option<Panic>, answer: T) -> T {
    match panic {
        Some(panic) => resume_unwind(panic),
        None => answer,
    }
}

#[cfg(test)]
#[path = "states_tests.rs"]
mod tests;
