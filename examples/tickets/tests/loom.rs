//! Models of [`Tickets`]:
//!
//! ```sh
//! RUSTFLAGS="--cfg percpu_loom" cargo test --release --test loom -- --nocapture
//! ```
#![cfg(all(percpu_loom, not(percpu_plain)))]

use std::sync::Arc;

use percpu_core::PerCpu;
use percpu_core::atomic::{AtomicU64, Ordering};
use percpu_core::model::{Builder, Outcomes, scaled};
use tickets::{BLOCK, Tickets};

/// What is modelled, right or broken.
trait Draws: Send + Sync + 'static {
    fn new() -> Self;
    fn draw(&self) -> u64;
}

impl Draws for Tickets {
    fn new() -> Self {
        Tickets::new().unwrap()
    }

    fn draw(&self) -> u64 {
        self.draw()
    }
}

/// Threads that draw, on a machine of two CPUs; returns what each drew.
fn draw_against_draw<D: Draws>(seen: impl Fn(Vec<u64>) + Send + Sync + 'static) {
    const DRAWS: usize = scaled(2, 10);
    const THREADS: usize = scaled(2, 4);
    Builder::new().faults(1).preemptions(2).check(move |machine| {
        let tickets = Arc::new(D::new());
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let tickets = Arc::clone(&tickets);
                machine.spawn_on(0, move || [(); DRAWS].map(|()| tickets.draw()))
            })
            .collect();
        let mut all: Vec<u64> = vec![];
        threads.into_iter().for_each(|thread| all.extend(thread.join().unwrap()));
        all.sort_unstable();
        assert!(all.is_sorted_by(|a, b| a < b), "drawn twice: {all:?}");
        seen(all);
    });
}

#[test]
fn no_ticket_is_drawn_twice() {
    // Whether both threads drew from the same blocks, so that none was skipped. A model
    // that never saw either explored too little.
    static SKIPPED: Outcomes<bool> = Outcomes::new();
    draw_against_draw::<Tickets>(|all| SKIPPED.saw(all.last() >= Some(&(all.len() as u64))));
    SKIPPED.assert_exactly([false, true]);
}

/// A block a CPU, as it should be, but changed by a load and a store: who is preempted
/// between them draws what others have drawn meanwhile.
struct ByStore {
    blocks: AtomicU64,
    next: PerCpu<AtomicU64>,
}

impl Draws for ByStore {
    fn new() -> Self {
        Self { blocks: AtomicU64::new(0), next: PerCpu::zeroed().unwrap() }
    }

    fn draw(&self) -> u64 {
        let mut next = self.next.load();
        if next.is_multiple_of(BLOCK) {
            next = self.blocks.fetch_add(BLOCK, Ordering::Relaxed);
        }
        self.next.store(next + 1);
        next
    }
}

#[test]
#[should_panic(expected = "drawn twice")]
fn load_and_store_is_noticed() {
    draw_against_draw::<ByStore>(|_| ());
}

/// Where the block begins and how many are gone, each changed in one step. Who is
/// migrated between the two takes one CPU's number of another CPU's block.
struct ByTwoWords {
    blocks: AtomicU64,
    block: PerCpu<AtomicU64>,
    gone: PerCpu<AtomicU64>,
}

impl Draws for ByTwoWords {
    fn new() -> Self {
        let blocks = AtomicU64::new(0);
        let block = PerCpu::new_with(|_| AtomicU64::new(blocks.fetch_add(8, Ordering::Relaxed)));
        Self { block: block.unwrap(), gone: PerCpu::zeroed().unwrap(), blocks }
    }

    fn draw(&self) -> u64 {
        let block = self.block.load();
        match self.gone.fetch_add(1) {
            gone @ 0..8 => block + gone,
            // Rare enough not to be worth a block.
            _ => self.blocks.fetch_add(1, Ordering::Relaxed),
        }
    }
}

#[test]
#[should_panic(expected = "drawn twice")]
fn migration_between_two_words_is_noticed() {
    draw_against_draw::<ByTwoWords>(|_| ());
}
