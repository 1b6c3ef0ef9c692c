//! [`Tickets`] as they are used; the models are in `loom.rs`.
#![cfg(not(percpu_loom))]

use std::collections::BTreeSet;
use std::thread;

use tickets::{BLOCK, Tickets};

#[test]
fn threads_draw_different_numbers() {
    let tickets = Tickets::new().unwrap();
    let each = 3 * BLOCK as usize;
    let all: BTreeSet<u64> = thread::scope(|scope| {
        let draw = || (0..each).map(|_| tickets.draw()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(draw)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(all.len(), 4 * each);
}
