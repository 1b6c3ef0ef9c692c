//! A million rounds between two system calls that nobody else makes.

use percpu_core::atomic::AtomicU64;
use percpu_core::{LocalLock, PerCpu, percpu};

percpu! {
    static WORD: AtomicU64 = AtomicU64::new(0);
    static LOCK: LocalLock<u64> = LocalLock::new(0);
}

fn mark() {
    // SAFETY: takes nothing and changes nothing.
    unsafe { libc::getppid() };
}

fn rounds(dynamic: &PerCpu<AtomicU64>, n: u64) -> u64 {
    let mut seen = 0_u64;
    for _ in 0..n {
        WORD.inc();
        dynamic.add(2);
        *LOCK.lock() += 1;
        seen = seen.wrapping_add(WORD.load()).wrapping_add(dynamic.fetch_add(1));
    }
    seen
}

fn main() -> Result<(), percpu_core::Error> {
    assert!(percpu_core::info()?.mode().is_rseq(), "no sections: this shows nothing");
    let dynamic = PerCpu::zeroed()?;
    // Every CPU's unit becomes active, and its pages are touched.
    let touched: u64 = WORD.iter().chain(dynamic.iter()).map(|(_, word)| word.load()).sum();
    assert_eq!(touched, 0);
    for (unit, _) in &*LOCK {
        *LOCK.lock_on(unit)? = 0;
    }
    let mut seen = rounds(&dynamic, 10_000);
    mark();
    seen = seen.wrapping_add(rounds(&dynamic, 1_000_000));
    mark();
    std::hint::black_box(seen);
    assert_eq!((WORD.sum(), dynamic.sum()), (1_010_000, 3_030_000));
    Ok(())
}
