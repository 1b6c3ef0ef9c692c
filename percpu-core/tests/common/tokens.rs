//! Numbered objects that pass through a stack: each is in one place at a time.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

use percpu_core::{Full, PerCpuStack, Unit};

use super::Random;

/// Somebody holds it.
const HAND: u8 = 0;
/// On its way to the stack, or in it.
const STACK: u8 = 1;
/// A handler could not put it back.
const STRAY: u8 = 2;

struct Tokens {
    places: Box<[AtomicU8]>,
    /// Tokens that were found where they could not be.
    twice: AtomicU64,
    stack: PerCpuStack<usize>,
}

static TOKENS: OnceLock<Tokens> = OnceLock::new();

impl Tokens {
    fn moved(&self, token: usize, from: u8, to: u8) {
        // Acquire, Release: nobody sees a token before it was noted.
        if self.places[token].swap(to, Ordering::AcqRel) != from {
            self.twice.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn push(&self, token: usize) -> bool {
        self.moved(token, HAND, STACK);
        match self.stack.push(token) {
            Ok(()) => true,
            Err(Full(token)) => {
                self.moved(token, STACK, HAND);
                false
            }
        }
    }

    fn pop(&self) -> Option<usize> {
        let token = self.stack.pop()?;
        self.moved(token, STACK, HAND);
        Some(token)
    }

    /// One of the operations, with what `hand` has and gets.
    fn step(&self, random: &mut Random, hand: &mut Vec<usize>) {
        let some = random.next() as usize % 12;
        #[cfg(percpu_inject)]
        super::disarm();
        match random.next() % 4 {
            0 => {
                if let Some(token) = hand.pop() {
                    if !self.push(token) {
                        hand.push(token);
                    }
                }
            }
            1 => hand.extend(self.pop()),
            2 => {
                let batch = hand.split_off(hand.len().saturating_sub(some));
                batch.iter().for_each(|&token| self.moved(token, HAND, STACK));
                let pushed = self.stack.push_batch(&batch);
                batch[pushed..].iter().for_each(|&token| self.moved(token, STACK, HAND));
                hand.extend(&batch[pushed..]);
            }
            _ => {
                let mut batch = [usize::MAX; 12];
                let popped = self.stack.pop_batch(&mut batch[..some]);
                batch[..popped].iter().for_each(|&token| self.moved(token, STACK, HAND));
                hand.extend(&batch[..popped]);
            }
        }
    }

    /// Takes everything from a unit; returns how much that was.
    fn drain(&self, unit: Unit, hand: &mut Vec<usize>) -> u64 {
        let before = hand.len();
        self.stack
            .drain_unit(unit, |token| {
                self.moved(token, STACK, HAND);
                hand.push(token);
            })
            .expect("no filter");
        (hand.len() - before) as u64
    }

    fn adopt_strays(&self, hand: &mut Vec<usize>) {
        for (token, place) in self.places.iter().enumerate() {
            let adopted =
                place.compare_exchange(STRAY, HAND, Ordering::AcqRel, Ordering::Relaxed).is_ok();
            if adopted {
                hand.push(token);
            }
        }
    }
}

/// Takes one and puts it back, or leaves it astray.
fn handler() {
    let Some(tokens) = TOKENS.get() else { return };
    if let Some(token) = tokens.pop() {
        if !tokens.push(token) {
            tokens.moved(token, HAND, STRAY);
        }
    }
    #[cfg(percpu_inject)]
    super::disarm();
}

/// Threads and signal handlers that push and pop in a storm, and one thread that
/// drains unit after unit meanwhile. Each of the others takes so many steps, and more
/// until something was drained. Once a process.
///
/// # Panics
/// If a token was lost or came out twice.
pub fn each_comes_out_once_in_a_storm(threads: usize, steps: u64) {
    const EACH: usize = 24;
    let places = (0..threads * EACH).map(|_| AtomicU8::new(HAND)).collect();
    let stack = PerCpuStack::with_capacity(32).unwrap();
    let tokens = TOKENS.get_or_init(|| Tokens { places, twice: AtomicU64::new(0), stack });
    let (working, drained) = (AtomicUsize::new(threads - 1), AtomicU64::new(0));
    let enough = |step| {
        step >= steps && (drained.load(Ordering::Relaxed) > 0 || step >= steps.max(500) * 50)
    };
    let units: Vec<_> = Unit::all().unwrap().collect();
    #[cfg(percpu_inject)]
    super::disarm();
    super::handle_sigusr1(handler);
    super::in_a_storm(threads, |n| {
        let mut random = Random(0x9E37_79B9 + n as u64);
        let mut hand: Vec<_> = (n * EACH..(n + 1) * EACH).collect();
        if n > 0 {
            (0..)
                .take_while(|&step| !enough(step))
                .for_each(|_| tokens.step(&mut random, &mut hand));
            working.fetch_sub(1, Ordering::AcqRel);
            return;
        }
        while working.load(Ordering::Acquire) > 0 {
            let unit = units[random.next() as usize % units.len()];
            drained.fetch_add(tokens.drain(unit, &mut hand), Ordering::Relaxed);
            tokens.adopt_strays(&mut hand);
            // Back with half of them.
            for _ in 0..hand.len() / 2 {
                tokens.step(&mut random, &mut hand);
            }
        }
    });
    let mut left = Vec::new();
    for &unit in &units {
        tokens.drain(unit, &mut left);
    }
    let places = |wanted: u8| {
        tokens.places.iter().filter(|place| place.load(Ordering::Acquire) == wanted).count()
    };
    println!("{} drained under way, {} left", drained.load(Ordering::Relaxed), left.len());
    assert_eq!(tokens.twice.load(Ordering::Relaxed), 0, "a token came out twice");
    assert_eq!(places(STACK), 0, "a token was lost");
    assert!(tokens.stack.is_empty());
    assert!(drained.load(Ordering::Relaxed) > 0, "nothing was ever drained");
}
