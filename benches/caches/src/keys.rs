//! Keyed slabs: insert and take, get by several threads.

use std::hint::black_box;

use percpu_benches::question::{Question, job};

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

/// One key, by one thread and by two.
fn get() -> Question {
    let ours = percpu_slab::Slab::<u64>::new().expect("memory");
    let theirs = sharded_slab::Slab::<u64>::new();
    let key = ours.insert(7).expect("memory");
    let their_key = theirs.insert(7).expect("room");
    Question::new(
        "Slab: get, one key",
        job("percpu Slab", move |_| {
            black_box(*ours.get(black_box(key)).expect("it is there"));
        }),
    )
    .growth(1.15)
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
