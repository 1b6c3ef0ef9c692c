//! Keyed slabs: insert and take, get by several threads.

use std::hint::black_box;
use std::sync::Arc;

use percpu_benches::job::Job;
use percpu_benches::question::{Question, job};
use percpu_slab::{Key, Slab};

pub(crate) fn all() -> Vec<Question> {
    vec![insert_take(), get(), get_compat()]
}

fn insert_take() -> Question {
    let ours = percpu_slab::Slab::<u64>::new().expect("memory");
    let compat = percpu_slab::compat::Slab::<u64>::new();
    let theirs = sharded_slab::Slab::<u64>::new();
    Question::new(
        "Slab: insert + take",
        job("percpu Slab", move |turn| {
            let key = ours.insert(turn).expect("memory");
            black_box(ours.take(black_box(key)));
        }),
    )
    .rival(
        job("sharded-slab", move |turn| {
            let key = theirs.insert(turn).expect("room");
            black_box(theirs.take(black_box(key)));
        }),
        &[Some(3.0); 2],
    )
    .rival(
        job("percpu compat::Slab", move |turn| {
            let key = compat.insert(turn).expect("memory");
            black_box(compat.take(black_box(key)));
        }),
        &[],
    )
    .floor()
}

/// Each thread gets a value over and over: `keys` has the key of each.
struct Get {
    name: &'static str,
    slab: Slab<u64>,
    keys: [Key; 2],
}

impl Get {
    /// The same value for all threads, or one for each, on lines of their own.
    fn job(name: &'static str, apart: bool) -> Arc<dyn Job> {
        let slab = Slab::new().expect("memory");
        // A slot has two words: more than two lines.
        let keys: Vec<_> = (0..32).map(|value| slab.insert(value).expect("memory")).collect();
        let keys = [keys[0], if apart { keys[31] } else { keys[0] }];
        assert!(!apart || keys[0].index().abs_diff(keys[1].index()) > 16, "lines of their own");
        Arc::new(Self { name, slab, keys })
    }
}

impl Job for Get {
    fn name(&self) -> &'static str {
        self.name
    }

    fn run(&self, thread: usize, ops: u64) {
        let key = self.keys[thread % self.keys.len()];
        for _ in 0..ops {
            black_box(*self.slab.get(black_box(key)).expect("it is there"));
        }
    }

    fn total(&self) -> Option<u64> {
        None
    }

    fn step(&self) -> u64 {
        0
    }
}

/// One key, by one thread and by two: the second must cost no more than it would with a
/// key of its own, whatever two threads that run at once cost on the machine.
fn get() -> Question {
    let theirs = sharded_slab::Slab::<u64>::new();
    let their_key = theirs.insert(7).expect("room");
    Question::new("Slab: get, one key", Get::job("percpu Slab", false))
        .rival(Get::job("percpu Slab, a key a thread", true), &[None, Some(1.0 / 1.15)])
        .rival(
            job("sharded-slab", move |_| {
                black_box(*theirs.get(black_box(their_key)).expect("it is there"));
            }),
            &[Some(3.0); 2],
        )
        .floor()
}

fn get_compat() -> Question {
    let ours = percpu_slab::compat::Slab::<u64>::new();
    let theirs = sharded_slab::Slab::<u64>::new();
    let key = ours.insert(7).expect("memory");
    let their_key = theirs.insert(7).expect("room");
    Question::new(
        "compat::Slab: get, one key",
        job("percpu compat::Slab", move |_| {
            black_box(*ours.get(black_box(key)).expect("it is there"));
        }),
    )
    .rival(
        job("sharded-slab", move |_| {
            black_box(*theirs.get(black_box(their_key)).expect("it is there"));
        }),
        &[],
    )
}
