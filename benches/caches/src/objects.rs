//! Objects of a cache: one after the other, and many in random order.

use std::cell::RefCell;
use std::hint::black_box;

use percpu_benches::question::{Question, job};
use percpu_slab::{Cache, Object};

use crate::heap::{Block, JEMALLOC, MIMALLOC, SNMALLOC};

const LIVE: usize = 100_000;

pub(crate) fn all() -> Vec<Question> {
    vec![one_by_one(), random()]
}

fn one_by_one() -> Question {
    let asked = [Some(1.0 / 0.8); 2];
    let cache = Cache::<[u64; 8]>::new().expect("memory");
    let value = [7; 8];
    Question::new(
        "Cache: alloc + drop, 64 bytes",
        job("percpu Cache", move |_| drop(black_box(cache.alloc(value).expect("memory")))),
    )
    .rival(job("mimalloc", |_| one(&MIMALLOC)), &asked)
    .rival(job("jemalloc", |_| one(&JEMALLOC)), &[])
    .rival(job("snmalloc", |_| one(&SNMALLOC)), &[])
    .floor()
}

#[inline(always)]
fn one<A: std::alloc::GlobalAlloc>(from: &'static A) {
    let mut block = Block::<_, 64>::new(from);
    block.touch();
    drop(black_box(block));
}

/// Each thread's own objects: a random one is dropped, another takes its place.
fn random() -> Question {
    fn replace<T>(objects: &RefCell<(fastrand::Rng, Vec<T>)>, make: impl Fn() -> T) {
        let (random, objects) = &mut *objects.borrow_mut();
        if objects.is_empty() {
            objects.extend((0..LIVE).map(|_| make()));
        }
        let at = random.usize(..LIVE);
        let old = objects.swap_remove(at);
        drop(old);
        objects.push(make());
    }
    macro_rules! contender {
        ($name:expr, $object:ty, $make:expr) => {{
            thread_local! {
                static OBJECTS: RefCell<(fastrand::Rng, Vec<$object>)> =
                    RefCell::new((fastrand::Rng::with_seed(1), Vec::new()));
            }
            job($name, move |_| OBJECTS.with(|objects| replace(objects, $make)))
        }};
    }
    let cache: &'static Cache<[u64; 8]> = Box::leak(Box::new(Cache::new().expect("memory")));
    let asked = [Some(1.0); 2];
    Question::new(
        "100,000 live objects of 64 bytes: a random one replaced",
        contender!("percpu Cache", Object<[u64; 8]>, || cache.alloc([7; 8]).expect("memory")),
    )
    .rival(contender!("mimalloc", Block<mimalloc::MiMalloc, 64>, || filled(&MIMALLOC)), &asked)
    .rival(
        contender!("jemalloc", Block<tikv_jemallocator::Jemalloc, 64>, || filled(&JEMALLOC)),
        &[],
    )
    .rival(contender!("snmalloc", Block<snmalloc_rs::SnMalloc, 64>, || filled(&SNMALLOC)), &[])
}

#[inline(always)]
fn filled<A: std::alloc::GlobalAlloc>(from: &'static A) -> Block<A, 64> {
    let mut block = Block::new(from);
    block.touch();
    block
}
