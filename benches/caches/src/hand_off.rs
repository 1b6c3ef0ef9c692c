//! One thread gets what another puts: free objects must find their way back.

use std::alloc::GlobalAlloc;
use std::sync::Arc;
use std::thread;

use crossbeam_queue::ArrayQueue;
use percpu_benches::job::Job;
use percpu_benches::question::{Question, Setting};
use percpu_slab::Pool;

use crate::heap::{Block, JEMALLOC, MIMALLOC, SNMALLOC};
use crate::queue::{Buffer, Queue, Stash};

/// How many objects are on their way at most.
const WAY: usize = 1024;
/// Objects that travel together, so that the way itself costs little: it is the same
/// for everybody.
const LOAD: usize = 32;

/// What travels: as wide for everybody, so that the way costs everybody the same.
#[repr(align(16))]
struct Parcel<T>(T);

/// Member 0 gets, member 1 puts.
struct HandOff<T, G, P> {
    name: &'static str,
    get: G,
    put: P,
    way: ArrayQueue<[Parcel<T>; LOAD]>,
}

impl<T, G, P> Job for HandOff<T, G, P>
where
    T: Send,
    G: Fn() -> T + Send + Sync,
    P: Fn(T) + Send + Sync,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn run(&self, thread: usize, ops: u64) {
        for _ in 0..ops / LOAD as u64 {
            if thread == 0 {
                let mut load = std::array::from_fn(|_| Parcel((self.get)()));
                while let Err(back) = self.way.push(load) {
                    load = back;
                    thread::yield_now();
                }
            } else {
                let load = loop {
                    match self.way.pop() {
                        Some(load) => break load,
                        None => thread::yield_now(),
                    }
                };
                load.into_iter().for_each(|Parcel(object)| (self.put)(object));
            }
        }
    }

    fn total(&self) -> Option<u64> {
        None
    }

    fn step(&self) -> u64 {
        0
    }
}

fn hand_off<T: Send + 'static>(
    name: &'static str,
    get: impl Fn() -> T + Send + Sync + 'static,
    put: impl Fn(T) + Send + Sync + 'static,
) -> Arc<dyn Job> {
    Arc::new(HandOff { name, get, put, way: ArrayQueue::new(WAY / LOAD) })
}

fn malloc<A: GlobalAlloc + Sync>(name: &'static str, from: &'static A) -> Arc<dyn Job> {
    hand_off(name, move || Block::<_, 256>::new(from), drop)
}

pub(crate) fn question() -> Question {
    let pool: &'static Pool<[u8; 256]> = Box::leak(Box::new(Pool::new(|| [0; 256])));
    let queue: &'static Queue = Box::leak(Box::new(Queue::new()));
    let name = "256 bytes: one thread gets, one puts";
    Question::new(name, hand_off("percpu Pool", || pool.get(), drop))
        .settings(&[Setting::Pinned(2)])
        .rival(
            hand_off("ArrayQueue", || queue.get(), |buffer: Buffer| queue.put(buffer)),
            &[Some(1.0 / 0.75)],
        )
        .rival(malloc("snmalloc", &SNMALLOC), &[Some(4.0)])
        .rival(malloc("jemalloc", &JEMALLOC), &[])
        .rival(malloc("mimalloc", &MIMALLOC), &[])
        .rival(hand_off("thread-local stash", || Stash.get(), |buffer| Stash.put(buffer)), &[])
        .rival(hand_off("floor: nothing but the way", || 0_u64, drop), &[])
}
