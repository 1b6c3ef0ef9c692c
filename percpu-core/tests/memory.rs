//! Dynamic memory: zeroed, aligned, disjoint, given back; errors as values.
//!
//! # Safety
//!
//! Types of zero bytes with alignments of their own; a limit set in a child.

#![cfg(all(target_os = "linux", not(percpu_loom)))]
#![allow(unsafe_code)]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use common::Random;
use percpu_core::{CpuId, Error, PerCpu, Unit, Zeroable, info};

#[repr(C, align(64))]
struct Line([AtomicU64; 8]);
// SAFETY: eight words of zero.
unsafe impl Zeroable for Line {}

#[derive(Debug)]
#[repr(align(8192))]
struct TwoPages(#[allow(dead_code)] u8);
// SAFETY: zero bytes are a zero.
unsafe impl Zeroable for TwoPages {}

#[repr(align(4096))]
struct Page([AtomicU64; 512]);
// SAFETY: words of zero.
unsafe impl Zeroable for Page {}

#[test]
fn areas_are_zero_aligned_and_disjoint_in_every_unit() {
    let mut random = Random(1);
    let mut words: Vec<(PerCpu<[AtomicU64; 3]>, u64)> = Vec::new();
    let mut lines: Vec<PerCpu<Line>> = Vec::new();
    for round in 1..common::scaled(3_000) {
        match random.next() % 5 {
            0 | 1 => {
                let new = PerCpu::<[AtomicU64; 3]>::zeroed().unwrap();
                for (_, copy) in &new {
                    for word in copy.get() {
                        assert_eq!(word.swap(round, Relaxed), 0, "fresh or zeroed");
                    }
                }
                words.push((new, round));
            }
            2 => {
                let new = PerCpu::<Line>::zeroed().unwrap();
                for (_, copy) in &new {
                    assert_eq!(std::ptr::from_ref(copy.get()).addr() % 64, 0);
                    for word in &copy.get().0 {
                        assert_eq!(word.swap(u64::MAX, Relaxed), 0);
                    }
                }
                lines.push(new);
            }
            3 if !words.is_empty() => {
                let (old, mark) = words.swap_remove(random.next() as usize % words.len());
                for (_, copy) in &old {
                    assert!(copy.get().iter().all(|word| word.load(Relaxed) == mark));
                }
            }
            _ => drop(lines.pop()),
        }
    }
    for (old, mark) in &words {
        assert!(old.iter().all(|(_, copy)| copy.get().iter().all(|w| w.load(Relaxed) == *mark)));
    }
}

#[test]
fn any_thread_may_free() {
    std::thread::scope(|scope| {
        let (send, receive) = std::sync::mpsc::channel::<PerCpu<AtomicU64>>();
        scope.spawn(move || {
            for (n, word) in receive.iter().enumerate() {
                assert_eq!(word.sum(), n as u64);
            }
        });
        for n in 0..common::scaled(20_000) {
            let word = PerCpu::<AtomicU64>::zeroed().unwrap();
            word.add(n);
            send.send(word).unwrap();
        }
    });
}

#[test]
fn many_threads_allocate_and_free_at_once() {
    std::thread::scope(|scope| {
        for seed in 1..=8 {
            scope.spawn(move || {
                let mut random = Random(seed);
                let mut live = Vec::new();
                for _ in 0..common::scaled(5_000) {
                    if random.next() % 2 == 1 {
                        let word = PerCpu::<AtomicU64>::zeroed().unwrap();
                        assert_eq!(word.sum(), 0);
                        word.add(seed);
                        live.push(word);
                    } else if !live.is_empty() {
                        let old = live.swap_remove(random.next() as usize % live.len());
                        assert_eq!(old.sum(), seed);
                    }
                }
            });
        }
    });
}

#[test]
fn bad_requests_are_typed_errors_and_the_next_call_works() {
    #[derive(Debug)]
    struct Empty;
    // SAFETY: nothing is trivially valid.
    unsafe impl Zeroable for Empty {}
    let max = info().unwrap().largest_allocation();
    assert_eq!(PerCpu::<Empty>::zeroed().unwrap_err(), Error::ZeroSize);
    assert_eq!(PerCpu::<[u8; 0]>::zeroed().unwrap_err(), Error::ZeroSize);
    assert_eq!(
        PerCpu::<[u8; 32 * 1024 + 1]>::zeroed().unwrap_err(),
        Error::TooLarge { size: max + 1, max }
    );
    assert_eq!(
        PerCpu::<TwoPages>::zeroed().unwrap_err(),
        Error::Alignment { align: 8192, max: 4096 }
    );
    assert_eq!(
        PerCpu::new_with(|_| TwoPages(0)).unwrap_err(),
        Error::Alignment { align: 8192, max: 4096 }
    );
    for number in [999, 65_535, u32::MAX] {
        let cpu = CpuId::new(number);
        assert_eq!(Unit::try_from(cpu), Err(Error::UnknownCpu { cpu }));
    }
    assert!(PerCpu::<[u8; 32 * 1024]>::zeroed().is_ok());
    let page = PerCpu::<Page>::zeroed().unwrap();
    assert!(page.iter().all(|(_, p)| std::ptr::from_ref(p.get()).addr() % 4096 == 0));
    assert!(page.iter().all(|(_, p)| p.get().0.iter().all(|w| w.load(Relaxed) == 0)));
}

#[test]
fn every_value_is_made_and_dropped_once() {
    struct Counted(Arc<AtomicU64>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    let drops = Arc::new(AtomicU64::new(0));
    let units = Unit::all().unwrap().count() as u64;
    let mut made = Vec::new();
    let values = PerCpu::new_with(|unit| {
        made.push(unit);
        Counted(Arc::clone(&drops))
    })
    .unwrap();
    assert!(made.iter().copied().eq(Unit::all().unwrap()));
    assert_eq!(drops.load(Relaxed), 0);
    drop(values);
    assert_eq!(drops.load(Relaxed), units);

    // A panic half-way drops what was made, and the memory comes back zero.
    drops.store(0, Relaxed);
    let mut left = units - 1;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        PerCpu::new_with(|_| {
            left = left.checked_sub(1).expect("as planned");
            Counted(Arc::clone(&drops))
        })
    }));
    assert!(outcome.is_err());
    assert_eq!(drops.load(Relaxed), units - 1);
    assert_eq!(Arc::strong_count(&drops), 1);
    assert_eq!(PerCpu::<AtomicU64>::zeroed().unwrap().sum(), 0);
}

#[test]
#[cfg_attr(miri, ignore = "a process of its own, with a machine of its own")]
fn what_new_with_wrote_in_inactive_units_is_cleaned() {
    common::in_child("what_new_with_wrote_in_inactive_units_is_cleaned", &[], || {
        percpu_core::config()
            .topology(percpu_core::Topology::uniform(64, 4).unwrap())
            .apply()
            .unwrap();
        let written = PerCpu::new_with(|_| AtomicU64::new(7)).unwrap();
        assert_eq!(written.sum(), 7 * 65, "all units count, active or not");
        assert!(info().unwrap().active_units() <= 3);
        drop(written);
        let fresh = PerCpu::<AtomicU64>::zeroed().unwrap();
        assert_eq!(fresh.iter().map(|(_, word)| word.load()).sum::<u64>(), 0);
    });
}

#[test]
#[cfg_attr(miri, ignore = "sets a limit of the process")]
fn a_refused_reservation_is_an_error_and_leaks_nothing() {
    common::in_child("a_refused_reservation_is_an_error_and_leaks_nothing", &[], || {
        let limit = |bytes: libc::rlim_t| {
            let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
            // SAFETY: sets a limit from a local.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
        };
        // Not even the first chunk: the error is a value, and nothing is kept.
        let maps = common::maps().len();
        limit(1 << 20);
        let refused = percpu_core::init();
        let word = PerCpu::<AtomicU64>::zeroed().map(drop);
        limit(libc::RLIM_INFINITY);
        assert!(matches!(refused, Err(Error::OutOfMemory { .. })), "{refused:?}");
        assert_eq!(word, refused);
        assert!(common::maps().len() <= maps + 1, "at most the heap grew");

        // The same calls work now; then until no further chunk is to be had.
        let words = PerCpu::<AtomicU64>::zeroed().unwrap();
        words.inc();
        let mut live: Vec<PerCpu<[u8; 32 * 1024]>> = Vec::with_capacity(100_000);
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: libc::rlim_t = statm.split(' ').next().unwrap().parse().unwrap();
        limit(pages * 4096 + (64 << 20));
        let error = loop {
            match PerCpu::zeroed() {
                Ok(one) => live.push(one),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::OutOfMemory { .. }), "{error:?}");
        let maps = common::maps();
        for _ in 0..50 {
            assert_eq!(PerCpu::<[u8; 32 * 1024]>::zeroed().map(drop), Err(error.clone()));
        }
        // The system may have made one of two.
        assert!(common::maps().len() <= maps.len(), "a refusal leaves no mapping");
        live.pop();
        assert!(PerCpu::<[u8; 32 * 1024]>::zeroed().is_ok(), "what was freed serves again");
        assert_eq!(words.sum(), 1);
    });
}

/// Embed wants units in multiples of 2 MiB; page does with less.
#[test]
#[cfg_attr(miri, ignore = "sets a limit of the process")]
fn a_smaller_layout_is_taken_where_the_larger_is_refused() {
    common::in_child("a_smaller_layout_is_taken_where_the_larger_is_refused", &[], || {
        use percpu_core::{FirstChunk, Topology, config};
        let limit = |bytes: libc::rlim_t| {
            let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
            // SAFETY: sets a limit from a local.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) }, 0);
        };
        config().topology(Topology::uniform(2, 1).unwrap()).apply().unwrap();
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: libc::rlim_t = statm.split(' ').next().unwrap().parse().unwrap();
        limit(pages * 4096 + (3 << 19));
        percpu_core::init().unwrap();
        limit(libc::RLIM_INFINITY);
        let info = info().unwrap();
        assert_eq!(info.first_chunk(), FirstChunk::Page);
        assert_eq!(info.layout().nr_groups(), 1);
        let words: Vec<_> = (0..1_000).map(|_| PerCpu::<[AtomicU64; 64]>::zeroed()).collect();
        assert!(info.chunks() > 1);
        for word in &words {
            word.as_ref().unwrap().at(63).inc();
        }
        assert!(words.iter().all(|word| word.as_ref().unwrap().at(63).sum() == 1));
    });
}

#[test]
fn a_late_configuration_is_an_error() {
    percpu_core::init().unwrap();
    assert_eq!(percpu_core::config().apply(), Err(Error::AlreadyInitialised));
    assert!(PerCpu::<AtomicU64>::zeroed().is_ok());
}
