//! The zones of objects where they are, and who this thread is.
//!
//! # Safety
//! A place is an address with exposed provenance of as many bytes as its shape says.
//! Nobody else looks at its zones: not the user, whose bytes are no zone while the
//! object is in use, and not another thread, because the state's lock is held. Every
//! byte of a zone was written before it is read, by `paint`.

#![allow(unsafe_code)]

use super::shape::{Damage, Shape, Use, Zone, check};

/// The bytes of a zone.
///
/// # Safety
/// `place` begins memory of `shape.place()` whose `zone` nobody else looks at
/// meanwhile, and whose bytes are initialised.
unsafe fn bytes<'a>(place: usize, zone: &Zone) -> &'a mut [u8] {
    let first = core::ptr::with_exposed_provenance_mut::<u8>(place + zone.range.start);
    // SAFETY: as asked for: bytes of the place that are the caller's alone.
    unsafe { core::slice::from_raw_parts_mut(first, zone.range.len()) }
}

/// Writes the zones of an object in this state.
///
/// # Safety
/// `place` begins memory of `shape.place()`, and nobody else looks at the zones that an
/// object in this state has.
pub(super) unsafe fn paint(shape: &Shape, place: usize, state: Use) {
    for zone in shape.zones(state) {
        let first = core::ptr::with_exposed_provenance_mut::<u8>(place + zone.range.start);
        // SAFETY: as asked for; writing needs no bytes that are initialised.
        unsafe { core::ptr::write_bytes(first, zone.byte, zone.range.len()) };
    }
}

/// Looks at the zones of an object in this state, tells what is wrong, and paints it
/// over.
///
/// # Safety
/// As [`paint`], and the zones were painted before.
pub(super) unsafe fn repair(
    shape: &Shape,
    place: usize,
    state: Use,
    mut found: impl FnMut(&Zone, Damage),
) {
    for zone in shape.zones(state) {
        // SAFETY: as asked for.
        let bytes = unsafe { bytes(place, &zone) };
        if let Some(damage) = check(bytes, zone.byte) {
            found(&zone, damage);
            bytes.fill(zone.byte);
        }
    }
}

/// The system's number of this thread.
#[cfg(all(target_os = "linux", not(miri)))]
pub(super) fn thread() -> u64 {
    // SAFETY: it takes nothing and cannot fail.
    let thread = unsafe { libc::gettid() };
    thread.unsigned_abs().into()
}

/// Threads by number, as they come.
#[cfg(not(all(target_os = "linux", not(miri))))]
pub(super) fn thread() -> u64 {
    use core::sync::atomic::{AtomicU64, Ordering};

    static NEXT: AtomicU64 = AtomicU64::new(1);
    std::thread_local! {
        // Relaxed: a number, and nothing hangs on it.
        static NUMBER: u64 = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    NUMBER.try_with(|&number| number).unwrap_or(0)
}
