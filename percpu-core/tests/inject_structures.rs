//! As `inject.rs`, for the sections on several words: with a delay at their
//! points a double word stays whole, and nodes and records are conserved.

#![cfg(all(target_os = "linux", percpu_inject, not(percpu_loom), not(miri)))]

mod common;

use std::sync::atomic::{AtomicU64 as Tally, Ordering::Relaxed};

use percpu_core::{DoubleWord, ListNode, LocalBuffer, LocalList, info, percpu};

percpu! {
    static PAIR: DoubleWord = DoubleWord::new(0, !0);
    static LIST: LocalList<u64> = LocalList::new();
    static BUFFER: LocalBuffer<[u64; 3], 8> = LocalBuffer::new();
}

/// How often `PAIR` was changed.
static CHANGES: Tally = Tally::new(0);
/// What went into `BUFFER`, less what came out.
static INSIDE: Tally = Tally::new(0);
/// What handlers could not put back into `LIST`.
static LEFT: Tally = Tally::new(0);

fn change_pair() {
    let mut seen = PAIR.load();
    loop {
        assert_eq!(seen.1, !seen.0, "torn");
        let next = seen.0 + 1;
        match PAIR.compare_exchange(seen, (next, !next)) {
            Ok(_) => break,
            Err(found) => seen = found,
        }
    }
    CHANGES.fetch_add(1, Relaxed);
}

fn turn_buffer(n: u64) {
    // Counted first: a handler may take it out at once.
    INSIDE.fetch_add(n, Relaxed);
    if BUFFER.push([n, !n, n ^ 9]).is_err() {
        INSIDE.fetch_sub(n, Relaxed);
    }
    if let Some([first, second, third]) = BUFFER.pop() {
        assert_eq!((second, third), (!first, first ^ 9), "torn");
        INSIDE.fetch_sub(first, Relaxed);
    }
}

fn handler() {
    change_pair();
    turn_buffer(1);
    if let Some(node) = LIST.pop() {
        if let Err(node) = LIST.push(node) {
            // Handlers free nothing.
            LEFT.fetch_add(**Box::leak(node), Relaxed);
        }
    }
}

fn conserved_with_delays_at(points: &[usize]) {
    const THREADS: usize = 6;
    const NODES: u64 = 8;
    LIST.prepare().unwrap();
    PAIR.load();
    common::handle_sigusr1(handler);
    points.iter().for_each(|&point| percpu_core::__inject::set(point, 2_000));
    let left = Tally::new(0);
    common::in_a_storm(THREADS, |n| {
        let mut own: Vec<_> = (1..=NODES).map(ListNode::new).collect();
        for round in 0..2_000 {
            change_pair();
            turn_buffer(round * THREADS as u64 + n as u64);
            own.extend(LIST.pop());
            if let Some(node) = own.pop() {
                own.extend(LIST.push(node).err());
            }
        }
        left.fetch_add(own.into_iter().map(ListNode::into_value).sum(), Relaxed);
    });
    points.iter().for_each(|&point| percpu_core::__inject::set(point, 0));
    let pairs: u64 = PAIR.iter().map(|(_, pair)| pair.load().0).sum();
    assert_eq!(pairs, CHANGES.load(Relaxed), "double word");
    let mut inside = 0;
    BUFFER.drain(|_, [n, ..]| inside += n).unwrap();
    assert_eq!(inside, INSIDE.load(Relaxed), "buffer");
    let mut values = left.load(Relaxed) + LEFT.load(Relaxed);
    LIST.drain(|_, node| values += node.into_value()).unwrap();
    assert_eq!(values, THREADS as u64 * NODES * (NODES + 1) / 2, "list");
    let info = info().unwrap();
    println!("points {points:?}: {} aborts, {}", info.aborts(), info.mode());
    assert!(info.mode().is_rseq(), "this test is about sections");
    assert!(info.aborts() > 0);
}

#[test]
fn structures_are_conserved_with_a_delay_after_the_address() {
    common::in_child("structures_are_conserved_with_a_delay_after_the_address", &[], || {
        conserved_with_delays_at(&[1, 2]);
    });
}

#[test]
fn structures_are_conserved_with_a_delay_before_the_commit() {
    common::in_child("structures_are_conserved_with_a_delay_before_the_commit", &[], || {
        conserved_with_delays_at(&[2]);
    });
}

#[test]
fn structures_are_conserved_by_concurrency_id() {
    let by_id = [("PERCPU_INDEX", "cid")];
    common::in_child("structures_are_conserved_by_concurrency_id", &by_id, || {
        conserved_with_delays_at(&[1, 2]);
    });
}
