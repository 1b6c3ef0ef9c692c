//! The crate `prometheus`, on per-CPU storage: the same answers as its own types.

#![cfg(not(percpu_loom))]

use percpu_counter::prometheus::{
    Counter, CounterVec, Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    PerCpuF64, PerCpuI64, PerCpuU64,
};
use prometheus::core::{Atomic, AtomicF64, AtomicI64, AtomicU64};
use prometheus::{Opts, Registry, TextEncoder};
use proptest::prelude::*;

#[test]
fn a_registry_encodes_all_of_them() {
    let registry = Registry::new_custom(Some("db".into()), None).unwrap();
    let requests = IntCounter::new("requests_total", "Requests served").unwrap();
    let seconds = Counter::new("seconds_total", "Time spent").unwrap();
    let open = IntGauge::with_opts(Opts::new("open", "Connections").const_label("pool", "a"));
    let open = open.unwrap();
    let load = Gauge::new("load", "Load").unwrap();
    let reads = IntCounterVec::new(Opts::new("reads_total", "Reads"), &["table", "hit"]).unwrap();
    let waits = CounterVec::new(Opts::new("waits_total", "Waits"), &["lock"]).unwrap();
    let pages = IntGaugeVec::new(Opts::new("pages", "Pages"), &["kind"]).unwrap();
    let heat = GaugeVec::new(Opts::new("heat", "Temperature"), &["core"]).unwrap();
    registry.register(Box::new(requests.clone())).unwrap();
    registry.register(Box::new(seconds.clone())).unwrap();
    registry.register(Box::new(open.clone())).unwrap();
    registry.register(Box::new(load.clone())).unwrap();
    registry.register(Box::new(reads.clone())).unwrap();
    registry.register(Box::new(waits.clone())).unwrap();
    registry.register(Box::new(pages.clone())).unwrap();
    registry.register(Box::new(heat.clone())).unwrap();

    requests.inc();
    requests.inc_by(41);
    seconds.inc_by(0.5);
    seconds.inc();
    open.set(10);
    open.inc();
    open.sub(4);
    open.dec();
    load.set(0.25);
    load.add(1.0);
    load.sub(0.5);
    reads.with_label_values(&["t1", "yes"]).inc_by(3);
    reads.with_label_values(&["t2", "no"]).inc();
    reads.with_label_values(&["t1", "yes"]).inc();
    waits.with_label_values(&["wal"]).inc_by(1.5);
    pages.with_label_values(&["free"]).sub(2);
    heat.with_label_values(&["0"]).set(f64::INFINITY);

    let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let expected = "\
# HELP db_heat Temperature
# TYPE db_heat gauge
db_heat{core=\"0\"} inf
# HELP db_load Load
# TYPE db_load gauge
db_load 0.75
# HELP db_open Connections
# TYPE db_open gauge
db_open{pool=\"a\"} 6
# HELP db_pages Pages
# TYPE db_pages gauge
db_pages{kind=\"free\"} -2
# HELP db_reads_total Reads
# TYPE db_reads_total counter
db_reads_total{hit=\"no\",table=\"t2\"} 1
db_reads_total{hit=\"yes\",table=\"t1\"} 4
# HELP db_requests_total Requests served
# TYPE db_requests_total counter
db_requests_total 42
# HELP db_seconds_total Time spent
# TYPE db_seconds_total counter
db_seconds_total 1.5
# HELP db_waits_total Waits
# TYPE db_waits_total counter
db_waits_total{lock=\"wal\"} 1.5
";
    assert_eq!(text, expected);

    requests.reset();
    seconds.reset();
    reads.reset();
    assert_eq!((requests.get(), seconds.get()), (0, 0.0));
    assert_eq!(reads.with_label_values(&["t1", "yes"]).get(), 0, "a new one");
    let local = requests.local();
    local.inc_by(5);
    local.flush();
    assert_eq!(requests.get(), 5);
}

/// What a test does to a number.
#[derive(Clone, Copy, Debug)]
enum Operation<T> {
    Add(T),
    Sub(T),
    Set(T),
}

fn operations<T: std::fmt::Debug + Clone + 'static>(
    value: impl Strategy<Value = T> + Clone + 'static,
) -> impl Strategy<Value = Vec<Operation<T>>> {
    let one = prop_oneof![
        6 => value.clone().prop_map(Operation::Add),
        3 => value.clone().prop_map(Operation::Sub),
        1 => value.prop_map(Operation::Set),
    ];
    proptest::collection::vec(one, 0..60)
}

fn apply<A: Atomic>(to: &A, operation: Operation<A::T>) {
    match operation {
        Operation::Add(n) => to.inc_by(n),
        Operation::Sub(n) => to.dec_by(n),
        Operation::Set(n) => to.set(n),
    }
}

proptest! {
    #[test]
    fn unsigned_integers_are_the_crates_own(first: u64, all in operations(any::<u64>())) {
        let (ours, theirs) = (PerCpuU64::new(first), AtomicU64::new(first));
        for operation in all {
            apply(&ours, operation);
            apply(&theirs, operation);
            prop_assert_eq!(Atomic::get(&ours), theirs.get());
        }
    }

    #[test]
    fn signed_integers_are_the_crates_own(first: i64, all in operations(any::<i64>())) {
        let (ours, theirs) = (PerCpuI64::new(first), AtomicI64::new(first));
        for operation in all {
            apply(&ours, operation);
            apply(&theirs, operation);
            prop_assert_eq!(Atomic::get(&ours), theirs.get());
        }
    }

    #[test]
    fn a_raised_number_is_the_greater(first: u64, at_least: u64, signed: (i64, i64)) {
        let number = PerCpuU64::new(first);
        number.raise(at_least);
        prop_assert_eq!(number.get(), first.max(at_least));
        let number = PerCpuI64::new(signed.0);
        number.raise(signed.1);
        prop_assert_eq!(number.get(), signed.0.max(signed.1));
    }

    /// On one CPU after the other, so that the copies differ.
    #[test]
    fn floats_differ_from_the_crates_own_by_rounding_alone(
        first in -1e9..1e9_f64,
        all in operations(prop_oneof![-1e9..1e9_f64, -1.0..1.0_f64, Just(1e200), Just(-1e200)]),
    ) {
        let (ours, theirs) = (PerCpuF64::new(first), AtomicF64::new(first));
        let (mut count, mut absolute) = (1, first.abs());
        for (n, operation) in all.into_iter().enumerate() {
            machine::run_on(n, || apply(&ours, operation));
            apply(&theirs, operation);
            match operation {
                Operation::Add(n) | Operation::Sub(n) => (count, absolute) = (count + 1, absolute + n.abs()),
                Operation::Set(n) => (count, absolute) = (1, n.abs()),
            }
            // Each of the two is as far from the exact sum as it may be.
            let bound = 2.0 * f64::from(count) * f64::EPSILON / 2.0 * absolute;
            let (ours, theirs) = (Atomic::get(&ours), theirs.get());
            prop_assert!((ours - theirs).abs() <= bound, "{ours} for {theirs}, {bound} allowed");
        }
        machine::run_on(0, || ());
    }

    #[test]
    fn whole_floats_are_exact(
        all in operations((-(1_i64 << 40)..1_i64 << 40).prop_map(|n| n as f64)),
    ) {
        let (ours, theirs) = (PerCpuF64::default(), AtomicF64::new(0.0));
        for (n, operation) in all.into_iter().enumerate() {
            machine::run_on(n, || apply(&ours, operation));
            apply(&theirs, operation);
            prop_assert_eq!(Atomic::get(&ours), theirs.get());
        }
    }
}

#[test]
fn a_set_leaves_nothing_of_what_was_added_before() {
    let number = PerCpuF64::default();
    for large in [1e300, f64::MAX, f64::INFINITY, f64::NAN] {
        (0..4).for_each(|n| machine::run_on(n, || number.add(large)));
        number.set(0.5);
        assert_eq!(number.get(), 0.5);
        (0..4).for_each(|n| machine::run_on(n, || number.add(0.125)));
        assert_eq!(number.get(), 1.0);
    }
    number.add(f64::INFINITY);
    assert_eq!(number.get(), f64::INFINITY);
    number.sub(f64::INFINITY);
    assert!(number.get().is_nan());
}

#[test]
fn numbers_say_what_and_where_they_are() {
    let (unsigned, signed, float) = (PerCpuU64::new(7), PerCpuI64::new(-7), PerCpuF64::new(0.5));
    assert_eq!(format!("{unsigned} {signed} {float}"), "7 -7 0.5");
    assert_eq!(format!("{unsigned:?}"), "PerCpuU64 { value: 7, storage: per CPU }");
    assert_eq!(format!("{signed:?}"), "PerCpuI64 { value: -7, storage: per CPU }");
    let place = match percpu_counter::__core::info().unwrap().mode().is_rseq() {
        true => "per CPU",
        false => "one atomic: no restartable sequences",
    };
    assert_eq!(format!("{float:?}"), format!("PerCpuF64 {{ value: 0.5, storage: {place} }}"));
    assert_eq!(PerCpuU64::default().get(), 0);
    assert_eq!(PerCpuI64::default().get(), 0);
}

/// Where the thread runs.
#[cfg(target_os = "linux")]
mod machine {
    use super::common;

    /// Runs `work` on one of the CPUs, the `n`th as it were.
    pub(super) fn run_on(n: usize, work: impl FnOnce()) {
        thread_local!(static CPUS: Vec<u64> = {
            let allowed = common::allowed();
            (0..64).map(|cpu| 1 << cpu).filter(|bit| allowed & bit != 0).collect()
        });
        CPUS.with(|cpus| common::set_affinity(cpus[n % cpus.len()]));
        work();
        CPUS.with(|cpus| common::set_affinity(cpus.iter().sum()));
    }
}

#[cfg(not(target_os = "linux"))]
mod machine {
    pub(super) fn run_on(_: usize, work: impl FnOnce()) {
        work();
    }
}

#[cfg(target_os = "linux")]
mod common;

#[cfg(target_os = "linux")]
mod stress {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

    use percpu_counter::__core::PerCpu;
    use prometheus::core::Number as _;

    use super::*;

    const THREADS: usize = 8;
    const EACH: u64 = 5_000;

    #[test]
    fn nothing_is_lost_in_a_storm() {
        common::in_each_mode("stress::nothing_is_lost_in_a_storm", || {
            let each = common::scaled(EACH);
            let requests = IntCounter::new("a", "a").unwrap();
            let open = IntGauge::new("b", "b").unwrap();
            let half = Counter::new("c", "c").unwrap();
            let labelled = IntCounterVec::new(Opts::new("d", "d"), &["thread"]).unwrap();
            common::handle_sigusr1(|| ());
            common::in_a_storm(THREADS, |thread| {
                let mine = labelled.with_label_values(&[&(thread % 2).to_string()]);
                // One of them is on the shared unit, where sections can be left.
                if thread == 0 {
                    common::leave_rseq();
                }
                for n in 0..each {
                    requests.inc();
                    half.inc_by(0.5);
                    mine.inc_by(2);
                    if n % 2 == thread as u64 % 2 { open.add(3) } else { open.dec() }
                }
            });
            let all = THREADS as u64 * each;
            assert_eq!(requests.get(), all);
            assert_eq!(half.get(), all as f64 / 2.0);
            assert_eq!(open.get(), all as i64);
            let labels = ["0", "1"].map(|label| labelled.with_label_values(&[label]).get());
            assert_eq!(labels, [all, all]);
        });
    }

    /// What is there after the last `set` is what was added after it: every addition that
    /// began later, none that had returned before.
    fn set_against_adds<A: Atomic>(one: A::T, set: impl Fn(&A, u64), count: impl Fn(A::T) -> u64) {
        let number = A::new(A::T::from_i64(0));
        let (begun, done, over) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        let (mut at_most, mut at_least) = (0, 0);
        std::thread::scope(|s| {
            let _over = common::Over(&over);
            for _ in 0..3 {
                s.spawn(|| {
                    while !over.load(SeqCst) {
                        begun.fetch_add(1, SeqCst);
                        number.inc_by(one);
                        done.fetch_add(1, SeqCst);
                    }
                });
            }
            for round in 1..=common::scaled(30) {
                let done_before = done.load(SeqCst);
                set(&number, round);
                let begun_before = begun.load(SeqCst);
                (at_most, at_least) = (done_before, begun_before);
                assert!(count(number.get()) <= begun.load(SeqCst) - done_before);
                std::thread::yield_now();
            }
        });
        let all = done.load(SeqCst);
        let rest = count(number.get());
        assert!(rest <= all - at_most, "{rest} of {all}, {at_most} of them before the set");
        assert!(rest >= all - at_least, "{rest} of {all}, {at_least} of them before its end");
    }

    #[test]
    fn a_set_parts_what_is_before_from_what_is_after() {
        common::in_each_mode("stress::a_set_parts_what_is_before_from_what_is_after", || {
            set_against_adds::<PerCpuU64>(1, |number, _| number.set(0), |n| n);
            set_against_adds::<PerCpuI64>(-1, |number, _| number.set(0), |n| n.unsigned_abs());
            set_against_adds::<PerCpuF64>(1.0, |number, _| number.set(0.0), |n| n as u64);
            // Raised by more than all additions together, a number begins again.
            let low = |n| n & u64::from(u32::MAX);
            set_against_adds::<PerCpuU64>(1, |number, round| number.raise(round << 32), low);
        });
    }

    /// Whatever the system gives, in pieces of `N` words.
    fn take_all<const N: usize>() -> Vec<PerCpu<[std::sync::atomic::AtomicU64; N]>> {
        std::iter::from_fn(|| PerCpu::zeroed().ok()).collect()
    }

    #[test]
    #[cfg_attr(miri, ignore = "starts a shell")]
    fn where_memory_is_refused_one_atomic_counts() {
        const NAME: &str = "stress::where_memory_is_refused_one_atomic_counts";
        if std::env::var_os("PERCPU_TEST_CHILD").is_none() {
            common::child(NAME, &[], |command| {
                // A limit on address space, which only a shell sets without unsafe code.
                let mut shell = std::process::Command::new("sh");
                shell.args(["-c", "ulimit -v 400000 && exec \"$0\" \"$@\""]);
                shell.arg(command.get_program()).args(command.get_args());
                shell.env("PERCPU_TEST_CHILD", "1");
                *command = shell;
            });
            return;
        }
        let taken = (take_all::<4096>(), take_all::<256>(), take_all::<16>(), take_all::<1>());
        let unsigned = PerCpuU64::new(u64::MAX);
        assert!(format!("{unsigned:?}").contains("storage: one atomic: "), "{unsigned:?}");
        let (signed, float) = (PerCpuI64::new(-5), PerCpuF64::new(0.5));
        for debug in [format!("{signed:?}"), format!("{float:?}")] {
            assert!(debug.contains("storage: one atomic: "), "{debug}");
        }
        // Threads need memory too; what is an atomic stays one.
        drop(taken);
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..1_000 {
                        unsigned.add(1);
                        signed.sub(2);
                        float.add(0.5);
                    }
                });
            }
        });
        assert_eq!((unsigned.get(), signed.get(), float.get()), (3_999, -8_005, 2_000.5));
        unsigned.raise(5_000);
        signed.raise(-9_000);
        assert_eq!((unsigned.get(), signed.get()), (5_000, -8_005));
        unsigned.set(1);
        signed.set(-1);
        float.set(-1.5);
        assert_eq!((unsigned.get(), signed.get(), float.get()), (1, -1, -1.5));
    }
}

#[test]
fn they_may_be_shared_and_sent() {
    fn both<T: Send + Sync>() {}
    both::<PerCpuU64>();
    both::<PerCpuI64>();
    both::<PerCpuF64>();
    both::<IntCounter>();
    both::<GaugeVec>();
}
