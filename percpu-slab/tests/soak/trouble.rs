//! What the system does to the process meanwhile: refuses memory, forks it, takes CPUs
//! away.
//!
//! # Safety
//!
//! Sets a resource limit of this process, forks and waits; a child ends without returning.

#![allow(unsafe_code)]

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Barrier, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use percpu_core::hotplug;

use crate::common::Random;

/// Heap that is there when memory is refused.
const PREHEATED: usize = 256 << 20;

/// What a forked child may take before it counts as stuck.
const CHILD: libc::c_uint = 60;

#[derive(Debug, Default)]
struct Shared {
    over: AtomicBool,
    /// Written by who refuses memory, read by who needs some of the system's that is not
    /// this library's to ask for.
    gate: RwLock<()>,
    /// Workers that have started; memory is refused when all have.
    started: AtomicUsize,
    refusals: AtomicU64,
    forks: AtomicU64,
    threads: AtomicU64,
    transitions: AtomicU64,
}

pub(crate) struct Trouble {
    workers: usize,
    shared: Arc<Shared>,
    makers: Vec<JoinHandle<()>>,
}

/// Grows the heap, which keeps what is freed.
pub(crate) fn preheat() {
    let blocks: Vec<_> = (0..PREHEATED >> 16).map(|_| vec![1_u8; 1 << 16]).collect();
    drop(std::hint::black_box(blocks));
}

impl Trouble {
    /// For rounds of that many workers.
    pub(crate) fn start(workers: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let make = |work: fn(&Shared, usize)| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || work(&shared, workers))
        };
        let makers = vec![make(refuse_memory), make(take_cpus)];
        Self { workers, shared, makers }
    }

    /// A worker has started: it has what memory a thread needs.
    pub(crate) fn started(&self) {
        assert!(self.shared.started.fetch_add(1, Relaxed) < self.workers);
    }

    /// Runs `work` between two rounds: nothing is refused until all workers have started
    /// again.
    pub(crate) fn pause<R>(&self, work: impl FnOnce() -> R) -> R {
        let _open = self.shared.gate.write().unwrap();
        self.shared.started.store(0, Relaxed);
        work()
    }

    /// Forks a child that runs `work` and must end well; then sleeps a little.
    pub(crate) fn fork(&self, work: impl FnOnce() -> bool) {
        let child = {
            let _open = self.shared.gate.read().unwrap();
            // SAFETY: the child calls `work` and ends.
            unsafe { libc::fork() }
        };
        match child {
            -1 => panic!("fork: {}", std::io::Error::last_os_error()),
            0 => {
                // SAFETY: ends the child if it waits for somebody who is not there.
                unsafe { libc::alarm(CHILD) };
                let good = work();
                // SAFETY: ends the child.
                unsafe { libc::_exit(i32::from(!good)) };
            }
            child => {
                let mut status = 0;
                // SAFETY: waits for that child.
                while unsafe { libc::waitpid(child, &raw mut status, 0) } == -1 {
                    assert_eq!(
                        std::io::Error::last_os_error().kind(),
                        std::io::ErrorKind::Interrupted
                    );
                }
                assert_eq!(status, 0, "the forked child failed");
                self.shared.forks.fetch_add(1, Relaxed);
            }
        }
        thread::sleep(Duration::from_millis(20));
    }

    /// Runs `work` on a thread of its own.
    pub(crate) fn with_a_thread(&self, seed: u64, work: &(impl Fn(Random) + Sync)) {
        let started = Barrier::new(2);
        thread::scope(|scope| {
            let open = self.shared.gate.read().unwrap();
            scope.spawn(|| {
                // Its stacks are there.
                started.wait();
                work(Random(seed | 1));
            });
            started.wait();
            drop(open);
        });
        self.shared.threads.fetch_add(1, Relaxed);
    }

    pub(crate) fn end(self) -> Came {
        self.shared.over.store(true, Relaxed);
        self.makers.into_iter().for_each(|maker| maker.join().unwrap());
        let read = |count: &AtomicU64| count.load(Relaxed);
        let Shared { refusals, forks, threads, transitions, .. } = &*self.shared;
        Came {
            refusals: read(refusals),
            forks: read(forks),
            threads: read(threads),
            transitions: read(transitions),
        }
    }
}

/// Lets the process have no more memory than it has, for some milliseconds now and then.
fn refuse_memory(shared: &Shared, workers: usize) {
    let mut before = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: fills the local.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut before) }, 0);
    let limit_to = |rlim_cur| {
        let limit = libc::rlimit { rlim_cur, ..before };
        // SAFETY: reads the local.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
    };
    while !shared.over.load(Relaxed) {
        let shut = shared.gate.write().unwrap();
        if shared.started.load(Relaxed) == workers {
            // Less than it has: what there is stays, and nothing comes.
            limit_to(1 << 20);
            thread::sleep(Duration::from_millis(15));
            limit_to(before.rlim_cur);
            shared.refusals.fetch_add(1, Relaxed);
        }
        drop(shut);
        thread::sleep(Duration::from_millis(60));
    }
}

/// Takes CPUs offline and online again, if `PERCPU_SOAK_HOTPLUG` is set; and tells the
/// library of it in any case, as a program does that looks now and then.
fn take_cpus(shared: &Shared, _: usize) {
    let wanted = std::env::var_os("PERCPU_SOAK_HOTPLUG").is_some();
    let mut random = Random(77);
    let mut taken = None;
    let mut last = Instant::now();
    let set = |cpu: u64, online: bool| {
        let file = format!("/sys/devices/system/cpu/cpu{cpu}/online");
        std::fs::write(file, if online { "1" } else { "0" }).is_ok()
    };
    let mut over = false;
    while !over {
        over = shared.over.load(Relaxed);
        if wanted && (last.elapsed() > Duration::from_millis(300) || over) {
            last = Instant::now();
            let _open = shared.gate.read().unwrap();
            if let Some(cpu) = taken.take() {
                assert!(set(cpu, true), "CPU {cpu} does not come back");
            } else if !over {
                // Never CPU 0, which many machines cannot be without.
                let cpus = percpu_core::info().unwrap().topology().possible().len() as u64;
                taken = Some(1 + random.next() % (cpus - 1).max(1)).filter(|&cpu| set(cpu, false));
                shared.transitions.fetch_add(2 * u64::from(taken.is_some()), Relaxed);
            }
        }
        {
            let _open = shared.gate.read().unwrap();
            hotplug::poll().unwrap();
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// How much trouble there was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Came {
    refusals: u64,
    forks: u64,
    threads: u64,
    transitions: u64,
}

impl Came {
    pub(crate) fn assert_it_was_trouble(self) {
        assert!(self.refusals > 0 && self.forks > 0 && self.threads > 0, "{self}");
        let wanted = std::env::var_os("PERCPU_SOAK_HOTPLUG").is_some();
        assert!(!wanted || self.transitions > 0, "no CPU could be taken offline");
    }
}

impl fmt::Display for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { refusals, forks, threads, transitions } = self;
        write!(
            f,
            "memory was refused {refusals} times; {forks} forks, {threads} threads that ended, \
             {transitions} CPUs that went or came"
        )
    }
}
