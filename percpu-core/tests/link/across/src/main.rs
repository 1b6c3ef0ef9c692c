//! Statics of one crate, used by two others and by the executable.

#![forbid(unsafe_code)]

use percpu_core::{atomic::AtomicU64, field, percpu};

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
    assert_eq!((base::HOT.sum(), right::own_hot()), ((units + 2 * n) as u32, n));
    let kinds = [0, 1, 2].map(|kind| base::STATS.field(field!(base::Stats, kinds)).at(kind).sum());
    assert_eq!(base::STATS.field(field!(base::Stats, calls)).sum(), 2 * units + 3 * n);
    assert_eq!(kinds, [n as u32, 0, n as u32]);
    assert_eq!(base::SHARED.sum(), (4 * units + n) as u32);
    assert_eq!(base::ALIGNED.sum(), (5 * units + n) as u32);
    for (unit, pointers) in &*base::POINTERS {
        let (name, call) = pointers.get();
        assert_eq!((*name, call()), ("base", 7));
        let stats = (&raw const *base::STATS.on(unit).get()).addr();
        let lines = [
            (&raw const *base::SHARED.on(unit).get()).addr(),
            (&raw const *base::ALIGNED.on(unit).get()).addr(),
        ];
        assert!(
            stats.is_multiple_of(4096)
                && lines.iter().all(|line| line.is_multiple_of(64))
                && lines[0] != lines[1]
        );
    }
    println!("statics of four crates: {} and {} exact", base::TOTAL.sum(), base::CALLS.sum());
    work::print_mode();
    Ok(())
}
