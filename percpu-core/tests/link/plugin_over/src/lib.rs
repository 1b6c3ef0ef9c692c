//! A plug-in over the dylib that holds the core. It has sections (the
//! operations are inlined) but no static, so nothing but its being loaded can
//! tell the core about it.

use shared::OF_DYLIB;

/// One round on the dylib's static; the thread's last section is the plug-in's
/// when it returns.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_round() {
    work::round(&OF_DYLIB);
    OF_DYLIB.inc();
}

/// Sum of the static, less what it started with.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_sum() -> u64 {
    let units = percpu_core::info().map_or(0, |info| info.units() as u64);
    OF_DYLIB.sum() - 7 * units
}

/// Whether sections are in use: closing it shows nothing otherwise.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_has_sections() -> bool {
    percpu_core::info().is_ok_and(|info| info.mode().is_rseq())
}
