//! What does adding to a word cost?

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use percpu_benches::crew::Crew;
use percpu_benches::job::Group;

fn word_add(c: &mut Criterion) {
    let crew = Crew::new(2);
    for group in Group::ALL {
        for threads in [1, 2] {
            let plural = if threads == 1 { "" } else { "s" };
            let mut bench = c.benchmark_group(format!("{group}, {threads} thread{plural}"));
            for job in group.jobs() {
                bench.bench_function(BenchmarkId::from_parameter(job.name()), |b| {
                    b.iter_custom(|ops| crew.mean(threads, &job, ops));
                });
            }
            bench.finish();
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = word_add
}
criterion_main!(benches);
