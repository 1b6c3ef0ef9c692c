//! What does it cost to know the current CPU?
//!
//! The only benchmark with a system call in the measured part: it is the question.

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

fn current_cpu(c: &mut Criterion) {
    let mut bench = c.benchmark_group("current CPU");
    // The first one initialises the process and registers the thread: not the question.
    percpu_core::Unit::current().expect("this machine has a first chunk");
    bench.bench_function("percpu Unit::current", |b| b.iter(percpu_core::Unit::current));
    #[cfg(target_os = "linux")]
    {
        use percpu_benches::raw;
        bench.bench_function("sched_getcpu", |b| b.iter(raw::sched_getcpu));
        bench.bench_function("getcpu system call", |b| b.iter(raw::getcpu_syscall));
        #[cfg(target_arch = "x86_64")]
        if raw::has_rdtscp() {
            bench.bench_function("rdtscp", |b| b.iter(raw::rdtscp));
        }
    }
    bench.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = current_cpu
}
criterion_main!(benches);
