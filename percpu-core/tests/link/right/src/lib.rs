//! Uses `base`'s statics, and some of its own.

#![forbid(unsafe_code)]

use percpu_core::atomic::{AtomicBool, AtomicU8, AtomicU64};
use percpu_core::{field, percpu};
use percpu_counter::counter;

percpu! {
    static BYTE: AtomicU8 = AtomicU8::new(0);
    static OWN: AtomicU64 = AtomicU64::new(0);
    static FLAG: AtomicBool = AtomicBool::new(false);
    #[hot] static OWN_HOT: AtomicU64 = AtomicU64::new(0);
    static ROW: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];
}
counter! { static MINE: Counter; }

/// `n` times.
pub fn run(n: u64) {
    for i in 0..n {
        base::TOTAL.add(2);
        base::CALLS.inc();
        *base::LOCK.lock() += 2;
        OWN.add(3);
        BYTE.inc();
        FLAG.or(true);
        ROW.at(i as usize % 5).inc();
        MINE.inc();
        OWN_HOT.inc();
        base::HOT.inc();
        base::ALIGNED.inc();
        base::STATS.field(field!(base::Stats, calls)).add(2);
        base::STATS.field(field!(base::Stats, kinds)).at(2).inc();
    }
}

/// Of the private statics: the words, the row, the counter, the byte.
pub fn own() -> (u64, u64, u64, u8) {
    (OWN.sum(), (0..5).map(|i| ROW.at(i).sum()).sum(), MINE.sum(), BYTE.sum())
}

/// Of the hot static, which is not far from `base`'s on any CPU.
pub fn own_hot() -> u64 {
    for ((_, own), (_, other)) in OWN_HOT.iter().zip(&*base::HOT) {
        let (own, other) = ((&raw const *own.get()).addr(), (&raw const *other.get()).addr());
        assert_eq!(own / 64, other / 64, "one cache line");
    }
    OWN_HOT.sum()
}
