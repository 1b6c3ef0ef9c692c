//! Batches and depots in a storm of migrations and signals: every item is handed on once.

#![cfg(all(target_os = "linux", not(percpu_loom), not(miri)))]

mod common;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use common::{Random, handle_sigusr1, in_a_storm, in_child, in_each_mode, scaled};
use percpu_core::Unit;
use percpu_slab::raw::{Batches, Depot};

const THREADS: usize = 5;

fn rounds() -> u64 {
    scaled(20_000)
}

#[test]
fn every_item_of_a_batch_is_handed_on_once_in_a_storm() {
    in_each_mode("every_item_of_a_batch_is_handed_on_once_in_a_storm", || {
        let batches = Batches::new(9).unwrap();
        let handed: Box<[AtomicUsize]> =
            (0..THREADS as u64 * rounds()).map(|_| AtomicUsize::new(0)).collect();
        let (full, drained) = (AtomicU64::new(0), AtomicU64::new(0));
        let hand = |count: &AtomicU64, batch: &[u64]| {
            assert!((1..=9).contains(&batch.len()), "{batch:?}");
            count.fetch_add(batch.len() as u64, Relaxed);
            for &item in batch {
                assert_eq!(handed[item as usize].fetch_add(1, Relaxed), 0, "{item} once more");
            }
        };
        handle_sigusr1(|| ());
        in_a_storm(THREADS, |thread| {
            let mut random = Random(thread as u64 + 1);
            for round in 0..rounds() {
                let item = thread as u64 * rounds() + round;
                batches.push(item, |batch| hand(&full, batch));
                if random.next().is_multiple_of(512) {
                    let unit = random.next() as usize % Unit::all().unwrap().len();
                    let unit = Unit::all().unwrap().nth(unit).unwrap();
                    batches.drain(unit, |batch| hand(&drained, batch)).unwrap();
                }
            }
        });
        batches.flush(|batch| hand(&drained, batch)).unwrap();
        assert!(batches.is_empty());
        assert!(handed.iter().all(|item| item.load(Relaxed) == 1), "lost");
        println!("{full:?} by full batches, {drained:?} by drains");
    });
}

/// Who looks in between finds no more than there can be.
#[test]
fn every_magazine_of_a_depot_comes_out_once_in_a_storm() {
    in_child("every_magazine_of_a_depot_comes_out_once_in_a_storm", &[], || {
        let depot = Depot::new(3, 10);
        let items = THREADS as u64 * rounds();
        let came: Box<[AtomicUsize]> = (0..items).map(|_| AtomicUsize::new(0)).collect();
        let (taken, refused) = (AtomicU64::new(0), AtomicU64::new(0));
        let take = || {
            let mut out = [0; 10];
            let count = depot.take(&mut out);
            for &item in &out[..count] {
                assert_eq!(came[item as usize].fetch_add(1, Relaxed), 0, "{item} once more");
            }
            taken.fetch_add(count as u64, Relaxed);
            count
        };
        handle_sigusr1(|| ());
        in_a_storm(THREADS, |thread| {
            let mut random = Random(thread as u64 + 1);
            let first = thread as u64 * rounds();
            let mut next = first;
            while next < first + rounds() {
                let count = (1 + random.next() % 10).min(first + rounds() - next);
                let magazine: Vec<u64> = (next..next + count).collect();
                if depot.put(&magazine) {
                    next += count;
                } else {
                    refused.fetch_add(1, Relaxed);
                }
                if random.next() & 1 == 0 {
                    take();
                }
                assert!(depot.len() <= 3);
            }
        });
        while take() > 0 {}
        assert!(depot.is_empty());
        assert_eq!(taken.into_inner(), items);
        assert!(came.iter().all(|item| item.load(Relaxed) == 1), "lost");
        println!("{refused:?} times full");
    });
}
