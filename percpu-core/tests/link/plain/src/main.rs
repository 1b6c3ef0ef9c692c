//! No statics of its own. With a number: so many short threads instead, each
//! with one operation.

#![forbid(unsafe_code)]

use percpu_core::atomic::{AtomicU64, Ordering::Relaxed};
use percpu_core::{LocalLock, PerCpu};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words = PerCpu::<AtomicU64>::zeroed()?;
    if let Some(threads) = std::env::args().nth(1) {
        short_threads(&words, threads.parse()?);
    } else {
        work::count("dynamic word", &words);
        let locks = PerCpu::new_with(|_| LocalLock::new(0))?;
        work::count_locked("dynamic lock", &locks);
    }
    work::print_mode();
    Ok(())
}

/// Eight at a time, so that threads end while others begin.
fn short_threads(words: &PerCpu<AtomicU64>, threads: u64) {
    let left = AtomicU64::new(threads);
    let take = || left.fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1)).is_ok();
    std::thread::scope(|s| {
        for _ in 0..8 {
            s.spawn(|| {
                while take() {
                    std::thread::scope(|s| {
                        s.spawn(|| words.inc());
                    });
                }
            });
        }
    });
    assert_eq!(words.sum(), threads);
    println!("{threads} threads with one operation each");
}
