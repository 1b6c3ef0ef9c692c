//! What disturbs the threads of a case: signals, other CPUs, preemption; and what they
//! do to themselves at a point.
//!
//! # Safety
//!
//! System calls on this process's own threads, which are joined after.

#![allow(unsafe_code)]

use std::io;
use std::os::unix::thread::JoinHandleExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::common::{self, Random};
use crate::injection::Storm;

/// On a busy machine it takes a while until all has happened that must.
const LONG: Duration = Duration::from_secs(60);

/// Lets `storm` blow over `workers`, which stay until it is over, for so long, and then
/// until `enough`, a minute at most.
pub fn blow<T>(storm: Storm, workers: &[JoinHandle<T>], time: Duration, enough: impl Fn() -> bool) {
    let start = Instant::now();
    let cpus = common::allowed();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let _preemptors = (storm == Storm::Preemption).then(|| Preemptors::start(cpus));
    let goes_on = |elapsed| elapsed < time || (elapsed < LONG && !enough());
    while goes_on(start.elapsed()) && !workers.iter().any(|worker| worker.is_finished()) {
        match storm {
            Storm::Quiet | Storm::Preemption => thread::sleep(time.min(Duration::from_millis(5))),
            Storm::Signals => {
                for worker in workers {
                    let thread = worker.as_pthread_t() as libc::pthread_t;
                    // SAFETY: a thread that is not joined yet.
                    unsafe { libc::pthread_kill(thread, libc::SIGUSR1) };
                }
                thread::sleep(Duration::from_micros(100));
            }
            Storm::Affinity => {
                let victim = &workers[random.next() as usize % workers.len()];
                let mask = random.next() & cpus;
                let thread = victim.as_pthread_t() as libc::pthread_t;
                common::pthread_affinity(thread, if mask == 0 { cpus } else { mask });
                thread::sleep(Duration::from_micros(50));
            }
        }
    }
}

/// This thread sends itself what `common::handle_sigusr1` handles.
pub fn raise() {
    // SAFETY: the signal has a handler.
    unsafe { libc::raise(libc::SIGUSR1) };
}

/// A thread a CPU that wakes up again and again, before all others there.
struct Preemptors {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Preemptors {
    fn start(cpus: u64) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let bits = (0..64).map(|cpu| 1 << cpu).filter(|bit| cpus & bit != 0);
        let threads = bits
            .map(|bit: u64| {
                let over = Arc::clone(&over);
                thread::spawn(move || {
                    common::set_affinity(bit);
                    if let Err(error) = real_time() {
                        // One that slept is preferred by the usual scheduler too.
                        static SAID: AtomicBool = AtomicBool::new(false);
                        if !SAID.swap(true, Relaxed) {
                            println!("preemption by ordinary threads: {error}");
                        }
                    }
                    while !over.load(Relaxed) {
                        thread::sleep(Duration::from_micros(50));
                        let start = Instant::now();
                        while start.elapsed() < Duration::from_micros(2) {}
                    }
                })
            })
            .collect();
        Self { over, threads }
    }
}

impl Drop for Preemptors {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().expect("it only sleeps and spins");
        }
    }
}

fn real_time() -> io::Result<()> {
    let first = libc::sched_param { sched_priority: 1 };
    // SAFETY: the calling thread's policy; the parameter is a local.
    match unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &first) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
