//! Areas of the process: taken for statics and for who asks, zero in every unit, given back.
//!
//! # Safety
//!
//! Turns units' bases into copies, of areas that nobody else knows.

#![allow(unsafe_code)]

use core::ptr;

use super::admission::current_unit;
use super::first_use::{get, get_or_panic};
use super::instance::{Process, existing};
use crate::area::allocator::Fresh;
use crate::area::image::Image;
use crate::area::registered::{Asked, Room};
use crate::area::request::Request;
use crate::area::section::LinkUnit;
use crate::error::Error;
use crate::mutate::mutated;

/// Sets the pointer of a static's handle; registers the statics of its link
/// unit if they are new.
pub(crate) fn resolve_static(asked: Asked) -> Result<(), Error> {
    let process = get()?;
    let image = Image::of(&(asked.declared.unit)());
    let mut found = None;
    let used = process.units.register(&image, Some(asked), || {
        image.check()?;
        #[cfg(percpu_linux)]
        crate::sys::object::pin(asked.declared.unit as *const _);
        let request = Request::section(image.size(), image.align());
        let pointer = process.memory.alloc(request, process.units.shared())?.pointer;
        found = Some(pointer);
        Ok(Room { pointer, lent: true })
    })?;
    // Another thread was first: give back the area that nobody used.
    if let Some(pointer) = found.filter(|_| !used) {
        process.memory.free(pointer, image.size(), process.units.shared());
    }
    Ok(())
}

/// Gives back the copies of a link unit's statics; whether there were any.
///
/// # Safety
/// As `Units::unregister` asks.
pub(crate) unsafe fn unregister_statics(unit: &LinkUnit) -> bool {
    let Some(process) = existing() else { return false };
    let image = Image::of(unit);
    // SAFETY: the caller's promise.
    let Some(pointer) = (unsafe { process.units.unregister(&image) }) else { return false };
    process.memory.free(pointer, image.size(), process.units.shared());
    true
}

/// An area that is zero in every unit, and nobody else's until `give_back`.
/// Inlined, so that the size is known where it is zeroed.
#[inline(always)]
pub(crate) fn alloc_zeroed(request: Request) -> Result<usize, Error> {
    let process = get()?;
    let fresh = alloc(process, request)?;
    if fresh.needs_zero && !mutated("no_zero") {
        // Fresh memory is zero, and what was used is dirty in active units only.
        for base in process.units.active() {
            zero(base, fresh.pointer, request.size);
        }
    }
    Ok(fresh.pointer)
}

/// An area as the allocator has it, used before or not.
pub(crate) fn alloc(process: &Process, request: Request) -> Result<Fresh, Error> {
    process.memory.alloc(request, current_unit(process))
}

/// Takes back an area of `size` bytes whose owner is going away.
#[inline]
pub(crate) fn give_back(pointer: usize, size: usize) {
    let process = get_or_panic();
    process.memory.free(pointer, size, current_unit(process));
}

/// Zeroes `len` bytes at `pointer` in every unit that is not active.
pub(crate) fn zero_inactive(process: &Process, pointer: usize, len: usize) {
    for unit in 0..process.units.count() {
        if process.units.base(unit).is_none() && !mutated("no_zero_inactive") {
            zero(process.units.home(unit), pointer, len);
        }
    }
}

#[inline]
fn zero(base: usize, pointer: usize, len: usize) {
    let copy = ptr::with_exposed_provenance_mut::<u8>(base.wrapping_add(pointer));
    // SAFETY: the callers own the area at `pointer` alone: it is not handed out
    // yet, or being dropped; every chunk is mapped in every unit.
    if unsafe { is_zero(copy, len) } {
        return;
    }
    // SAFETY: as above.
    unsafe { copy.write_bytes(0, len) };
}

/// Whether a small area is zero. Most copies still are when their area is used
/// again, as one CPU's was written: looked at first, lines that another CPU has
/// are not taken from it for nothing.
///
/// # Safety
/// `len` bytes at `copy` are mapped, and nobody writes there.
#[cfg(percpu_rseq)]
#[inline]
unsafe fn is_zero(copy: *const u8, len: usize) -> bool {
    /// Beyond, writing costs less than looking.
    const SMALL: usize = 256;
    if len > SMALL {
        return false;
    }
    // Some bytes may be padding of what lay there, which no value ever filled. The
    // machine has something there all the same; to the compiler these lines, of
    // which it knows nothing, may have written it.
    // SAFETY: no instruction.
    unsafe { core::arch::asm!("/* {0} */", in(reg) copy, options(nostack, preserves_flags)) };
    // SAFETY: the caller's promise, and initialised as far as one can tell.
    let bytes = unsafe { core::slice::from_raw_parts(copy, len) };
    bytes.iter().fold(0, |any, byte| any | byte) == 0
}

/// Not told where padding cannot be looked at, as under Miri.
///
/// # Safety
/// None is needed; the other body has a requirement.
#[cfg(not(percpu_rseq))]
unsafe fn is_zero(_: *const u8, _: usize) -> bool {
    false
}
