//! Two versions of the core in one binary: each has its own statics, units and
//! sums, and neither sees the other's.

#![forbid(unsafe_code)]

old::percpu! {
    static OLD: old::atomic::AtomicU64 = old::atomic::AtomicU64::new(100);
    #[page_aligned] static OLD_PAGE: old::atomic::AtomicU64 = old::atomic::AtomicU64::new(50);
    static OLD_LOCK: old::LocalLock<u64> = old::LocalLock::new(0);
}

new::percpu! {
    static NEW: new::atomic::AtomicU64 = new::atomic::AtomicU64::new(10);
    static NEW_ROW: [new::atomic::AtomicU64; 9] = [const { new::atomic::AtomicU64::new(1) }; 9];
    #[page_aligned] static NEW_PAGE: new::atomic::AtomicU64 = new::atomic::AtomicU64::new(20);
    #[hot] static NEW_HOT: new::atomic::AtomicU64 = new::atomic::AtomicU64::new(30);
    static NEW_LOCK: new::LocalLock<u64> = new::LocalLock::new(0);
}

const THREADS: u64 = 4;
const ROUNDS: u64 = 50_000;

fn main() {
    let old_word = old::PerCpu::<old::atomic::AtomicU64>::zeroed().expect("old memory");
    let new_word = new::PerCpu::<new::atomic::AtomicU64>::zeroed().expect("new memory");
    std::thread::scope(|s| {
        for _ in 0..THREADS {
            s.spawn(|| {
                for round in 0..ROUNDS {
                    OLD.inc();
                    NEW.add(2);
                    OLD_PAGE.inc();
                    NEW_PAGE.inc();
                    NEW_HOT.inc();
                    NEW_ROW.at(round as usize % 9).inc();
                    old_word.add(3);
                    new_word.fetch_add(4);
                    *OLD_LOCK.lock() += 1;
                    *NEW_LOCK.lock() += 2;
                }
            });
        }
    });
    let n = THREADS * ROUNDS;
    let (old_info, new_info) = (old::info().expect("old"), new::info().expect("new"));
    assert_eq!(OLD.sum(), n + 100 * old_info.units() as u64);
    assert_eq!(NEW.sum(), 2 * n + 10 * new_info.units() as u64);
    assert_eq!(OLD_PAGE.sum(), n + 50 * old_info.units() as u64);
    assert_eq!(NEW_PAGE.sum(), n + 20 * new_info.units() as u64);
    assert_eq!(NEW_HOT.sum(), n + 30 * new_info.units() as u64);
    let row = (0..9).map(|i| NEW_ROW.at(i).sum()).sum::<u64>();
    assert_eq!(row, n + 9 * new_info.units() as u64);
    assert_eq!((old_word.sum(), new_word.sum()), (3 * n, 4 * n));
    let old_sum = OLD_LOCK.iter().map(|(unit, _)| *OLD_LOCK.lock_on(unit).expect("fence"));
    assert_eq!(old_sum.sum::<u64>(), n);
    let new_sum = NEW_LOCK.iter().map(|(unit, _)| *NEW_LOCK.lock_on(unit).expect("fence"));
    assert_eq!(new_sum.sum::<u64>(), 2 * n);
    println!("both versions: {} and {} exact", OLD.sum(), NEW.sum());
    let hidden = [old_info.hidden_bytes(), new_info.hidden_bytes()];
    let hardened = std::env::var_os("PERCPU_HARDENED").is_some_and(|value| value == "1");
    assert_eq!(hidden, [if hardened { 4096 } else { 0 }; 2]);
    println!("mode {} and {}", old_info.mode(), new_info.mode());
}
