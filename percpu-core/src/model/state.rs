//! [`State`]: what the machine of the running execution knows. CPUs, threads, chances, sleep.
//!
//! Each engine runs all threads of a model in turn on one real thread, so a std
//! thread-local is the model's, and cells need no lock.

use core::cell::{Cell, RefCell};
use core::fmt;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::PoisonError;

use super::chances::Chances;
use crate::atomic::{AtomicU32, Ordering};
use crate::engine::sync::{Condvar, Mutex, MutexGuard};
use crate::engine::thread::{self, ThreadId};
use crate::mutate::mutated;

std::thread_local! {
    static CURRENT: RefCell<Option<Rc<State>>> = const { RefCell::new(None) };
}

/// What an execution needs to know; made anew for each.
pub(crate) struct State {
    /// Whether threads may have restartable sequences at all.
    has_sections: bool,
    /// Held by the section that runs on the CPU (M1).
    cpus: Box<[Mutex<()>]>,
    threads: RefCell<HashMap<ThreadId, Thread>>,
    spawned: Cell<u32>,
    chances: Chances,
    /// The faults that came, in order.
    taken: RefCell<Vec<Fault>>,
    aborts: Cell<u64>,
    fallbacks: Cell<u64>,
    asleep: Mutex<()>,
    woken: Condvar,
}

#[derive(Clone, Copy)]
pub(super) struct Thread {
    number: u32,
    cpu: u32,
    has_rseq: bool,
    chances: u32,
}

/// What the kernel did to whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    thread: u32,
    cpu: u32,
    what: &'static str,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "thread {} on cpu {}: {}", self.thread, self.cpu, self.what)
    }
}

/// The machine of the running execution.
///
/// # Panics
/// Outside of a model.
pub(crate) fn current() -> Rc<State> {
    existing().unwrap_or_else(|| {
        panic!(
            "under --cfg percpu_loom per-CPU memory exists inside of a model only: \
             model::Builder::check, or model::Fuzz::run"
        )
    })
}

/// As [`current`], if there is one.
pub(crate) fn existing() -> Option<Rc<State>> {
    CURRENT.with(|current| current.borrow().clone())
}

/// A section was preempted or interrupted after a prefix.
#[derive(Debug)]
pub(crate) struct Aborted;

/// A section under way: holds its CPU until dropped.
pub(crate) struct Armed<'a> {
    state: &'a State,
    cpu: u32,
    held: Option<MutexGuard<'a, ()>>,
}

impl Armed<'_> {
    /// Between two steps of a section: a chance to be aborted here.
    pub(crate) fn point(&mut self) -> Result<(), Aborted> {
        if !self.state.chance("aborted inside a section") {
            return Ok(());
        }
        self.state.aborts.set(self.state.aborts.get() + 1);
        self.held = None;
        self.state.interlude();
        if mutated("no_restart") {
            // Goes on with what it loaded, as if nobody had been here.
            self.held = Some(self.state.lock_cpu(self.cpu));
            return Ok(());
        }
        Err(Aborted)
    }
}

impl State {
    /// A machine of `cpus` CPUs, with the calling thread, thread 0, on the
    /// first; becomes the current one.
    pub(super) fn start(cpus: u32, has_sections: bool, chances: Chances) -> Rc<Self> {
        let state = Rc::new(Self {
            has_sections,
            cpus: (0..cpus).map(|_| Mutex::new(())).collect(),
            threads: RefCell::default(),
            spawned: Cell::new(0),
            chances,
            taken: RefCell::default(),
            aborts: Cell::new(0),
            fallbacks: Cell::new(0),
            asleep: Mutex::new(()),
            woken: Condvar::new(),
        });
        state.enter(state.new_thread(0, true));
        CURRENT.with(|current| *current.borrow_mut() = Some(Rc::clone(&state)));
        state
    }

    /// No machine is current any more; the faults that came.
    pub(super) fn end() -> Vec<Fault> {
        let state = CURRENT.with(|current| current.borrow_mut().take());
        state.map_or_else(Vec::new, |state| state.taken.take())
    }

    pub(super) fn new_thread(&self, cpu: u32, has_rseq: bool) -> Thread {
        let number = self.spawned.get();
        self.spawned.set(number + 1);
        Thread { number, cpu, has_rseq, chances: 0 }
    }

    /// The calling thread of the engine is `thread`.
    pub(super) fn enter(&self, thread: Thread) {
        self.threads.borrow_mut().insert(thread::current().id(), thread);
    }

    /// Looks at or changes the calling thread. One that was not spawned by the
    /// machine is on the first CPU.
    fn with_me<R>(&self, f: impl FnOnce(&mut Thread) -> R) -> R {
        let id = thread::current().id();
        f(self.threads.borrow_mut().entry(id).or_insert_with(|| self.new_thread(0, true)))
    }

    /// How many CPUs there are.
    pub(crate) fn cpus(&self) -> u32 {
        self.cpus.len() as u32
    }

    pub(crate) fn has_sections(&self) -> bool {
        self.has_sections
    }

    /// Where the calling thread runs, if it may run sections.
    pub(crate) fn section_cpu(&self) -> Option<u32> {
        self.with_me(|me| (me.has_rseq && self.has_sections).then_some(me.cpu))
    }

    /// Where the calling thread runs.
    pub(crate) fn cpu(&self) -> u32 {
        self.with_me(|me| me.cpu)
    }

    pub(crate) fn has_rseq(&self) -> bool {
        self.with_me(|me| me.has_rseq)
    }

    /// A chance for the kernel to interfere; whether it does.
    fn chance(&self, what: &'static str) -> bool {
        let (thread, chance, cpu) = self.with_me(|me| {
            me.chances += 1;
            (me.number, me.chances - 1, me.cpu)
        });
        let takes = self.chances.takes(thread, chance);
        if takes {
            self.taken.borrow_mut().push(Fault { thread, cpu, what });
        }
        takes
    }

    /// After a fault, with nothing held: others run on the CPU. Other threads do when
    /// the engine lets them; where there is one, an interrupt does.
    fn interlude(&self) {
        #[cfg(percpu_plain)]
        {
            let cpu = self.cpu();
            self.chances.interlude();
            self.move_me(cpu);
        }
    }

    /// What runs in [`interlude`](Self::interlude)s.
    #[cfg(percpu_plain)]
    pub(super) fn set_interrupt(&self, interrupt: Option<super::chances::Interrupt>) {
        self.chances.set_interrupt(interrupt);
    }

    /// A chance to be migrated.
    pub(crate) fn may_migrate(&self, when: &'static str) {
        if self.chance(when) {
            self.interlude();
            self.migrate_me();
        }
    }

    /// The calling thread is on `cpu` from now on.
    pub(super) fn move_me(&self, cpu: u32) {
        self.with_me(|me| me.cpu = cpu);
    }

    /// To the next CPU.
    fn migrate_me(&self) {
        let cpus = self.cpus();
        self.with_me(|me| me.cpu = (me.cpu + 1) % cpus);
    }

    fn lock_cpu(&self, cpu: u32) -> MutexGuard<'_, ()> {
        lock(&self.cpus[cpu as usize])
    }

    /// Runs `body`, with the base of this CPU's unit, as one section, again and
    /// again until it commits. `None` if this thread may run no section.
    pub(crate) fn section<R>(
        &self,
        mut body: impl FnMut(&mut Armed<'_>, usize) -> Result<R, Aborted>,
    ) -> Option<R> {
        loop {
            // The number is read inside the section: a thread that is moved
            // after that is sent back, or, unarmed, goes on with it.
            let read = self.section_cpu()?;
            if self.chance("migrated between address and commit") {
                self.interlude();
                self.migrate_me();
                if !mutated("no_arm") {
                    self.aborts.set(self.aborts.get() + 1);
                    continue;
                }
            }
            let cpu = self.cpu();
            let mut armed = Armed { state: self, cpu, held: Some(self.lock_cpu(cpu)) };
            match body(&mut armed, read as usize) {
                Ok(result) => return Some(result),
                Err(Aborted) => self.may_migrate("migrated after an abort"),
            }
        }
    }

    /// Ends or restarts the sections under way on `cpu` (M2); the barriers are
    /// the caller's, `fence::all`.
    pub(crate) fn restart_sections(&self, cpu: u32) {
        if !mutated("no_membarrier") {
            drop(self.lock_cpu(cpu));
        }
    }

    pub(crate) fn aborts(&self) -> u64 {
        self.aborts.get()
    }

    /// An operation goes to the shared unit.
    pub(crate) fn count_fallback(&self) {
        self.fallbacks.set(self.fallbacks.get() + 1);
    }

    pub(crate) fn fallbacks(&self) -> u64 {
        self.fallbacks.get()
    }

    /// The futex: sleeps if `word` holds `expected`, until a wake. One queue
    /// serves all words; to be woken too often is allowed.
    pub(crate) fn sleep(&self, word: &AtomicU32, expected: u32) {
        let queue = lock(&self.asleep);
        // Relaxed: the queue's lock orders it after the last wake.
        if word.load(Ordering::Relaxed) == expected {
            drop(self.woken.wait(queue));
        }
    }

    /// The futex: wakes whoever sleeps.
    pub(crate) fn wake_all(&self) {
        drop(lock(&self.asleep));
        self.woken.notify_all();
    }
}

/// Nothing is behind these locks that a panic could leave half done.
fn lock(mutex: &Mutex<()>) -> MutexGuard<'_, ()> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("cpus", &self.cpus.len()).finish_non_exhaustive()
    }
}
