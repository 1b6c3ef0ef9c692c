//! [`Crew`]: threads that stay, each pinned to a CPU, which start a job together;
//! [`Crowd`]: threads that only exist.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::contender::MAX_THREADS;
use crate::job::Job;
use crate::question::Setting;

/// Threads that stay for a whole run, member `k` pinned to the `k`-th CPU that
/// this process may use.
///
/// They stay so that per-thread state, such as a thread's shard, is the same in
/// every run and was set up before the first.
#[derive(Debug)]
pub struct Crew {
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    orders: Sender<Order>,
    times: Receiver<Duration>,
    cpu: Option<usize>,
}

/// One job for one member.
struct Order {
    job: Arc<dyn Job>,
    ops: u64,
    /// Members still to arrive; all start when it is zero.
    missing: Arc<AtomicUsize>,
}

impl Crew {
    /// Starts `threads` members.
    ///
    /// # Panics
    ///
    /// With none or more than [`MAX_THREADS`], or when no thread can be had.
    pub fn new(threads: usize) -> Self {
        assert!((1..=MAX_THREADS).contains(&threads), "a crew of 1 to {MAX_THREADS}");
        Self::on(threads, &core_affinity::get_core_ids().unwrap_or_default())
    }

    /// Starts as many as the setting says.
    ///
    /// # Panics
    ///
    /// When no thread can be had.
    pub fn of(setting: Setting) -> Self {
        match setting {
            Setting::Pinned(threads) => Self::new(threads),
            Setting::Free(threads) => Self::on(threads, &[]),
        }
    }

    fn on(threads: usize, cpus: &[core_affinity::CoreId]) -> Self {
        let members = (0..threads).map(|thread| {
            let cpu = (!cpus.is_empty()).then(|| cpus[thread % cpus.len()]);
            Member::start(thread, cpu)
        });
        Self { members: members.collect() }
    }

    /// Runs `ops` operations of `job` on each of the first `threads` members at
    /// once; returns the time each took, by its own clock.
    ///
    /// # Panics
    ///
    /// With more threads than members, or when the job panics.
    pub fn run(&self, threads: usize, job: &Arc<dyn Job>, ops: u64) -> Vec<Duration> {
        let members = &self.members[..threads];
        let missing = Arc::new(AtomicUsize::new(threads));
        for member in members {
            let order = Order { job: Arc::clone(job), ops, missing: Arc::clone(&missing) };
            member.orders.send(order).expect("a member waits for orders");
        }
        members.iter().map(|member| member.times.recv().expect("the job panicked")).collect()
    }

    /// As [`Crew::run`]: the mean over the members, which is the cost of an
    /// operation to a thread even when one of them was held up and ended alone.
    pub fn mean(&self, threads: usize, job: &Arc<dyn Job>, ops: u64) -> Duration {
        let times = self.run(threads, job, ops);
        times.iter().sum::<Duration>() / times.len() as u32
    }

    /// How many operations of `job` take so many members about `length`; `least` at least.
    /// Warms the contender up as well: first touches and registrations of all members
    /// are behind it.
    pub fn calibrate(
        &self,
        job: &Arc<dyn Job>,
        threads: usize,
        least: u64,
        length: Duration,
    ) -> u64 {
        let mut ops = least;
        self.run(self.members.len(), job, ops);
        while self.mean(threads, job, ops) < length {
            ops *= 2;
        }
        ops
    }

    /// How many members.
    #[allow(clippy::len_without_is_empty, reason = "one at least")]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// The CPU of each member, or `None` where it could not be pinned.
    pub fn cpus(&self) -> Vec<Option<usize>> {
        self.members.iter().map(|member| member.cpu).collect()
    }
}

impl Member {
    fn start(thread: usize, cpu: Option<core_affinity::CoreId>) -> Self {
        let (orders, inbox) = channel::<Order>();
        let (report, times) = channel();
        let (report_pin, pinned) = channel();
        // Ends by itself when the crew, and with it `orders`, is dropped.
        thread::Builder::new()
            .name(format!("member-{thread}"))
            .spawn(move || {
                let cpu = cpu.filter(|&cpu| core_affinity::set_for_current(cpu));
                if report_pin.send(cpu.map(|cpu| cpu.id)).is_err() {
                    return;
                }
                for Order { job, ops, missing } in inbox {
                    start_together(&missing);
                    let start = Instant::now();
                    job.run(thread, ops);
                    let time = start.elapsed();
                    // The crew may own the last other reference: let it drop the job.
                    drop(job);
                    if report.send(time).is_err() {
                        return;
                    }
                }
            })
            .expect("a thread");
        let cpu = pinned.recv().expect("a member reports its CPU");
        Self { orders, times, cpu }
    }
}

/// Threads that used every job once and stay, asleep: what a server has besides
/// the threads that are measured.
///
/// Contenders with state per thread grow with the number of threads there are.
/// Asked for before the [`Crew`], as a thread's number decides where its state lies.
#[derive(Debug)]
pub struct Crowd {
    /// A thread of the crowd ends when its sender is dropped.
    stay: Vec<Sender<()>>,
}

impl Crowd {
    /// Starts `threads` threads, each of which runs `ops` operations of each of
    /// `jobs`, one thread after the other.
    ///
    /// # Panics
    ///
    /// When no thread can be had, or a job panics.
    pub fn new(threads: usize, jobs: &[Arc<dyn Job>], ops: u64) -> Self {
        let stay = (0..threads).map(|_| {
            let (stay, end) = channel::<()>();
            let (report, done) = channel();
            let jobs = jobs.to_vec();
            thread::Builder::new()
                .name("crowd".into())
                .spawn(move || {
                    jobs.iter().for_each(|job| job.run(0, ops));
                    drop(jobs);
                    // The crowd waits for this, so only its end can make these fail.
                    let _ = report.send(());
                    let _ = end.recv();
                })
                .expect("a thread");
            done.recv().expect("a job panicked");
            stay
        });
        Self { stay: stay.collect() }
    }

    /// How many threads.
    pub fn len(&self) -> usize {
        self.stay.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.stay.is_empty()
    }
}

/// Waits for the others. Spins, as a futex would wake some of them 50 us late;
/// yields, as they may share a CPU.
fn start_together(missing: &AtomicUsize) {
    // AcqRel with the Acquire below: what a member did before is seen by all after.
    missing.fetch_sub(1, Ordering::AcqRel);
    while missing.load(Ordering::Acquire) > 0 {
        thread::yield_now();
    }
}
