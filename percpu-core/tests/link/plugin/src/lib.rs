//! A plug-in for C-like hosts, with its own copy of the core.

use percpu_core::atomic::AtomicU64;
use percpu_core::percpu;

percpu! { static OF_PLUGIN: AtomicU64 = AtomicU64::new(0); }

/// One round on the plug-in's static; the thread's last section is the
/// plug-in's when it returns.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_round() {
    work::round(&OF_PLUGIN);
    OF_PLUGIN.inc();
}

/// Sum of the static, as counted by every copy of this plug-in.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_sum() -> u64 {
    OF_PLUGIN.sum()
}

/// Whether sections are in use: closing it shows nothing otherwise.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_has_sections() -> bool {
    percpu_core::info().is_ok_and(|info| info.mode().is_rseq())
}
