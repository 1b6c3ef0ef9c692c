//! Every contender counts right: a fast wrong counter is no rival.

use percpu_benches::crew::{Crew, Crowd};
use percpu_benches::job::Group;

// One test for all groups: static contenders are the same word in each.
#[test]
fn every_total_is_exact() {
    const OPS: u64 = 5_000;
    for group in Group::ALL {
        for job in group.jobs() {
            let before = job.total();
            // Fresh threads for each: shards are handed out anew, thread ids are reused.
            let _crowd = Crowd::new(3, std::slice::from_ref(&job), OPS);
            let crew = Crew::new(2);
            crew.run(1, &job, OPS);
            crew.run(2, &job, OPS);
            let counted = job.total().zip(before).map(|(after, before)| after - before);
            match job.name() {
                "floor (asm add, thread-local)" | "thread-local Cell (private)" => {
                    assert_eq!(counted, None);
                }
                name => {
                    assert_eq!(counted, Some((3 + 1 + 2) * OPS * job.step()), "{group}: {name}")
                }
            }
        }
    }
}

#[test]
fn names_are_unique_within_a_group() {
    for group in Group::ALL {
        let mut names: Vec<_> = group.jobs().iter().map(|job| job.name()).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "{group}");
    }
}
