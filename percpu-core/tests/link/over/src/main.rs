//! An executable over a Rust dylib that holds the core; statics in both.

#![forbid(unsafe_code)]

use percpu_core::atomic::AtomicU64;
use percpu_core::{LocalLock, PerCpu, percpu};

percpu! {
    static OF_EXECUTABLE: AtomicU64 = AtomicU64::new(1000);
    static SECOND: AtomicU64 = AtomicU64::new(0);
    static LOCK: LocalLock<u64> = LocalLock::new(0);
    #[read_mostly] static NAME: &'static str = "over";
    #[shared_aligned] static LAST: AtomicU64 = AtomicU64::new(2000);
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The executable's section first, then the dylib's: either may be first.
    if std::env::args().nth(1).as_deref() == Some("dylib-first") {
        shared::count();
    }
    work::count("executable's static", &OF_EXECUTABLE);
    work::count_locked("executable's lock", &LOCK);
    shared::count();
    work::count("dylib's static in the executable", &shared::OF_DYLIB);
    work::count("dylib's hot static in the executable", &shared::HOT_OF_DYLIB);
    work::count("executable's last static", &LAST);

    let here = PerCpu::zeroed()?;
    shared::count_on(&here);
    let there = shared::allocate()?;
    work::count("dylib's allocation in the executable", &there);
    drop((here, there));

    // Both sections once more: nobody wrote into anybody's words.
    let units = percpu_core::info()?.units() as u64;
    assert_eq!(OF_EXECUTABLE.sum(), 1000 * units + work::EACH);
    assert_eq!(SECOND.sum(), 0);
    assert!(NAME.iter().all(|(_, name)| *name.get() == "over"));
    assert_eq!(LAST.sum(), 2000 * units + work::EACH);
    assert_eq!(shared::HOT_OF_DYLIB.sum(), units + work::EACH);
    let turns = 2 + u64::from(std::env::args().len() > 1);
    assert_eq!(shared::OF_DYLIB.sum(), 7 * units + turns * work::EACH);
    work::print_mode();
    Ok(())
}
