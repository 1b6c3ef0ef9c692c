//! One operation: how much of the rest does the linker drop?

#![forbid(unsafe_code)]

use percpu_core::{atomic::AtomicU64, percpu};

percpu! { static WORD: AtomicU64 = AtomicU64::new(0); }

fn main() {
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| (0..50_000).for_each(|_| WORD.inc()));
        }
    });
    assert_eq!(WORD.sum(), 200_000);
}
