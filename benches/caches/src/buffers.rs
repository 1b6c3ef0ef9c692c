//! Buffers of 256 bytes, taken and given back: one at a time and in bursts.

use std::hint::black_box;
use std::sync::Arc;

use percpu_benches::job::Job;
use percpu_benches::question::{Question, Setting, job};
use percpu_slab::Pool;

use crate::heap::{Block, JEMALLOC, MIMALLOC, SNMALLOC};
use crate::queue::{Queue, Stash};

const BURST: usize = 32;
/// Our own time over a rival's, at most, as the factor that is asked.
const fn at_most(share: f64) -> Option<f64> {
    Some(1.0 / share)
}

fn pool() -> Pool<[u8; 256]> {
    Pool::new(|| [0; 256])
}

/// The same for everybody: `$get` and `$put` on `$from`, once or in bursts.
macro_rules! contender {
    ($name:expr, $shape:ident, $from:ident => $get:expr, $put:expr) => {
        job($name, move |_| $shape!($get, $put))
    };
}

macro_rules! once {
    ($get:expr, $put:expr) => {{
        let object = black_box($get);
        $put(object);
    }};
}

macro_rules! in_an_array {
    ($get:expr, $put:expr) => {{
        let objects: [_; BURST] = black_box(std::array::from_fn(|_| $get));
        objects.into_iter().for_each($put);
    }};
}

macro_rules! in_a_vec {
    ($get:expr, $put:expr) => {{
        let mut objects = Vec::with_capacity(BURST);
        for _ in 0..BURST {
            objects.push($get);
        }
        black_box(&mut objects).drain(..).for_each($put);
    }};
}

macro_rules! ours {
    ($shape:ident) => {{
        let pool = pool();
        contender!("percpu Pool", $shape, pool => pool.get(), drop)
    }};
}

macro_rules! malloc {
    ($name:expr, $from:expr, $shape:ident) => {
        contender!($name, $shape, x => Block::<_, 256>::new(&$from), drop)
    };
}

macro_rules! kept {
    ($name:expr, $new:expr, $shape:ident) => {{
        let kept = $new;
        contender!($name, $shape, kept => kept.get(), |object| kept.put(object))
    }};
}

pub(crate) fn all() -> Vec<Question> {
    vec![single(), array(), vector()]
}

fn single() -> Question {
    let settings = [Setting::Pinned(1), Setting::Pinned(2), Setting::Free(8)];
    let share = |share| [at_most(share), at_most(share), None];
    Question::new("256 bytes: get + put", ours!(once))
        .settings(&settings)
        .rival(malloc!("jemalloc", JEMALLOC, once), &share(0.65))
        .rival(kept!("thread-local stash", Stash, once), &share(0.95))
        .rival(malloc!("mimalloc", MIMALLOC, once), &[None, None, at_most(0.8)])
        .rival(malloc!("snmalloc", SNMALLOC, once), &[])
        .rival(kept!("ArrayQueue", Queue::new(), once), &[])
        .floor()
}

fn array() -> Question {
    let asked = [at_most(0.7); 2];
    Question::new("256 bytes: 32 gets, 32 puts, array", ours!(in_an_array))
        .rival(malloc!("mimalloc", MIMALLOC, in_an_array), &asked)
        .rival(malloc!("jemalloc", JEMALLOC, in_an_array), &[])
        .rival(malloc!("snmalloc", SNMALLOC, in_an_array), &[])
        .rival(kept!("thread-local stash", Stash, in_an_array), &[])
}

fn vector() -> Question {
    let asked = [at_most(1.1); 2];
    Question::new("256 bytes: 32 gets, 32 puts, Vec", ours!(in_a_vec))
        .rival(kept!("thread-local stash", Stash, in_a_vec), &asked)
        .rival(malloc!("mimalloc", MIMALLOC, in_a_vec), &[])
        .rival(malloc!("jemalloc", JEMALLOC, in_a_vec), &[])
}

/// For a process without restartable sequences.
pub(crate) fn portable() -> Question {
    let ours: Arc<dyn Job> = ours!(once);
    Question::new("portable, 256 bytes: get + put", ours)
        .rival(kept!("ArrayQueue", Queue::new(), once), &[at_most(1.2), at_most(0.1)])
        .rival(kept!("thread-local stash", Stash, once), &[])
        .rival(malloc!("jemalloc", JEMALLOC, once), &[])
}
