//! Statics of one crate, used by two others and by the executable.

#![forbid(unsafe_code)]

use percpu_core::{atomic::AtomicU64, percpu};

percpu! { static OWN: AtomicU64 = AtomicU64::new(0); }

const THREADS: u64 = 4;
const ROUNDS: u64 = 50_000;

fn main() -> Result<(), percpu_core::Error> {
    std::thread::scope(|s| {
        for _ in 0..THREADS {
            s.spawn(|| {
                for _ in 0..ROUNDS / 100 {
                    left::run(100);
                    right::run(100);
                    for _ in 0..100 {
                        base::TOTAL.add(4);
                        base::CALLS.add(2);
                        *base::LOCK.lock() += 4;
                        OWN.inc();
                    }
                }
            });
        }
    });
    let n = THREADS * ROUNDS;
    let units = percpu_core::info()?.units() as u64;
    assert_eq!(base::TOTAL.sum(), 3 * units + 7 * n);
    assert_eq!(base::CALLS.sum(), 4 * n);
    let locked = base::LOCK.iter().map(|(unit, _)| base::LOCK.lock_on(unit).map(|sum| *sum));
    assert_eq!(locked.sum::<Result<u64, _>>()?, 7 * n);
    assert_eq!((left::own(), OWN.sum()), (n, n));
    assert_eq!(right::own(), (3 * n, n, n, n as u8));
    println!("statics of four crates: {} and {} exact", base::TOTAL.sum(), base::CALLS.sum());
    work::print_mode();
    Ok(())
}
