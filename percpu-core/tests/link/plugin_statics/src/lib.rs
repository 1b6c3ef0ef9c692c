//! A plug-in with statics of its own, over the dylib that holds the core. Its
//! link unit lacks the family `read_mostly`.

use percpu_core::atomic::{AtomicU32, AtomicU64};
use percpu_core::{LocalLock, Unit, percpu};
// For its core: without it this would link one of its own.
use shared as _;

percpu! {
    static WORD: AtomicU64 = AtomicU64::new(3);
    #[hot] static HOT: AtomicU32 = AtomicU32::new(0);
    #[shared_aligned] static SHARED: LocalLock<u64> = LocalLock::new(0);
    #[page_aligned] static PAGE: AtomicU64 = AtomicU64::new(7);
    static NAME: &'static str = "plug-in";
}

/// One round on each.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_round() {
    work::round(&WORD);
    WORD.inc();
    HOT.inc();
    PAGE.add(12);
    *SHARED.lock() += 1;
}

/// What all rounds together added to the word; the others must agree.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_sum() -> u64 {
    let units = percpu_core::info().map_or(0, |info| info.units() as u64);
    let sum = WORD.sum() - 3 * units;
    let locked = SHARED.iter().map(|(unit, _)| SHARED.lock_on(unit).map_or(0, |n| *n));
    assert_eq!((12 * u64::from(HOT.sum()), 12 * locked.sum::<u64>()), (sum, sum));
    assert_eq!(PAGE.sum() - 7 * units, sum);
    assert!(NAME.iter().all(|(_, name)| *name.get() == "plug-in"));
    sum
}

/// Whether sections are in use.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_has_sections() -> bool {
    percpu_core::info().is_ok_and(|info| info.mode().is_rseq())
}

/// Where the first CPU's copies are; they must be aligned.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_address() -> usize {
    let first = Unit::all().ok().and_then(|mut units| units.next()).expect("a unit");
    assert!((&raw const *SHARED.on(first).get()).addr().is_multiple_of(64));
    assert!((&raw const *PAGE.on(first).get()).addr().is_multiple_of(4096));
    (&raw const *WORD.on(first).get()).addr()
}

/// Gives all copies back.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_unregister() -> bool {
    // SAFETY: the host calls this with nobody in the plug-in.
    unsafe { percpu_core::unregister_statics!() }
}
