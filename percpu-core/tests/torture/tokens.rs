//! Numbered tokens that go through what a case stores them in: each is in one place.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::*};

use percpu_core::Unit;

use crate::common::{self, Random};
use crate::harness::Run;

/// So many there are, and so many has a worker at first.
const ALL: usize = 1536;
const EACH: usize = 24;
/// The most that go in or out at once.
pub const MOST: usize = 64;

const HAND: u8 = 0;
/// On the way into the store, or in it.
const STORED: u8 = 1;
/// A handler could not put it back.
const STRAY: u8 = 2;

static PLACES: [AtomicU8; ALL] = [const { AtomicU8::new(HAND) }; ALL];
/// Tokens that were found where they could not be.
static TWICE: AtomicU64 = AtomicU64::new(0);
static DRAINED: AtomicU64 = AtomicU64::new(0);
/// Nobody's.
static FREE: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// What a case stores them in.
pub struct Store {
    /// How many of these, from the first on, went in.
    pub push: fn(&[usize]) -> usize,
    /// Adds some that came out, at most so many.
    pub pop: fn(&mut Vec<usize>, usize),
    /// Adds all that a unit had.
    pub drain: fn(Unit, &mut Vec<usize>),
}

pub fn prepare() {
    FREE.lock().unwrap().extend(0..ALL);
}

fn moved(token: usize, from: u8, to: u8) {
    // Acquire, Release: nobody sees a token before it was noted.
    if PLACES[token].swap(to, AcqRel) != from {
        TWICE.fetch_add(1, Relaxed);
    }
}

pub fn came_out(token: usize) {
    moved(token, STORED, HAND);
}

/// Before it goes in: it may be out again at once.
pub fn goes_in(token: usize) {
    moved(token, HAND, STORED);
}

pub fn did_not_go_in(token: usize) {
    moved(token, STORED, HAND);
}

pub fn went_astray(token: usize) {
    moved(token, HAND, STRAY);
}

pub fn worker(thread: usize, run: &Run, store: &Store) -> u64 {
    let mut random = Random(0x9E37_79B9 + thread as u64);
    let mut hand: Vec<_> = {
        let mut free = FREE.lock().unwrap();
        let rest = free.len().saturating_sub(EACH);
        free.split_off(rest)
    };
    let mut done = 0;
    while run.goes_on() {
        let some = random.next() as usize % MOST + 1;
        if random.next().is_multiple_of(2) {
            (store.pop)(&mut hand, some);
        } else {
            push(store, &mut hand, some);
        }
        done += 1;
    }
    FREE.lock().unwrap().append(&mut hand);
    done
}

fn push(store: &Store, hand: &mut Vec<usize>, some: usize) {
    let from = hand.len().saturating_sub(some);
    hand[from..].iter().for_each(|&token| goes_in(token));
    let pushed = (store.push)(&hand[from..]);
    hand[from + pushed..].iter().for_each(|&token| did_not_go_in(token));
    hand.drain(from..from + pushed);
}

/// Drains unit after unit, and gives what it has back.
pub fn remote(run: &Run, store: &Store) {
    let mut hand = Vec::new();
    while run.goes_on() {
        for unit in common::active_units() {
            let before = hand.len();
            (store.drain)(unit, &mut hand);
            DRAINED.fetch_add((hand.len() - before) as u64, Relaxed);
            let half = hand.len() / 2;
            push(store, &mut hand, half.min(MOST));
        }
        adopt_strays(&mut hand);
        std::thread::yield_now();
    }
    FREE.lock().unwrap().append(&mut hand);
}

fn adopt_strays(hand: &mut Vec<usize>) {
    for (token, place) in PLACES.iter().enumerate() {
        if place.compare_exchange(STRAY, HAND, AcqRel, Relaxed).is_ok() {
            hand.push(token);
        }
    }
}

pub fn check(store: &Store) {
    let mut free = FREE.lock().unwrap();
    for unit in common::active_units() {
        (store.drain)(unit, &mut free);
    }
    adopt_strays(&mut free);
    assert_eq!(TWICE.load(Relaxed), 0, "a token came out twice");
    let stored = PLACES.iter().filter(|place| place.load(Acquire) != HAND).count();
    assert_eq!(stored, 0, "a token was lost");
    free.sort_unstable();
    assert!(free.iter().copied().eq(0..ALL), "{} tokens of {ALL}", free.len());
    DRAINED.store(0, Relaxed);
}

/// Something was drained under way.
pub fn enough() -> bool {
    DRAINED.load(Relaxed) > 0
}
