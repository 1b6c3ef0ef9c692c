//! The statics of a link unit, once units have copies of them.
//!
//! # Safety
//!
//! Copies templates into units: the ranges are the linker's or a static's own,
//! the destinations lie in the area that the section was given. Sets the pointers
//! of handles, which are statics.

#![allow(unsafe_code)]

use core::sync::atomic::AtomicUsize as Pointer;

use super::image::Image;
use super::section::Declared;
use crate::atomic::Ordering;

/// A link unit's statics: where their templates lie, and their pointer.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) image: Image,
    /// Where the copy of the image lies.
    pub(super) room: Room,
    /// Those whose handles have their pointer, unless the statics stay.
    resolved: Option<&'static Declared>,
}

/// Room for the statics of a link unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Per-CPU pointer of its first byte.
    pub(crate) pointer: usize,
    /// Whether it can be given back. Statics that begin the first chunk stay.
    pub(crate) lent: bool,
}

/// A static that is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) declared: &'static Declared,
    /// The pointer in its handle.
    pub(crate) handle: &'static Pointer,
}

impl Section {
    pub(super) fn new(image: Image, room: Room) -> Self {
        Self { image, room, resolved: None }
    }

    /// Sets the pointer of a static's handle, unless it is set.
    pub(super) fn resolve(&mut self, asked: Option<Asked>) {
        let Some(Asked { declared, handle }) = asked else { return };
        if handle.load(Ordering::Relaxed) != 0 {
            return;
        }
        let offset = self.image.offset_of(declared.template.addr());
        let offset = offset.expect("a template lies in its link unit");
        // Release: the copies were made before. Partner: `Home::place`.
        handle.store(self.room.pointer.wrapping_add(offset), Ordering::Release);
        if self.room.lent {
            declared.link(handle, self.resolved.replace(declared));
        }
    }

    /// The handles that have a pointer have none any more.
    pub(super) fn forget(self) {
        let mut resolved = self.resolved;
        while let Some(declared) = resolved {
            resolved = declared.forget();
        }
    }

    /// Copies the templates into the unit at `base`; `readable` tells where what lies at an
    /// address can be read.
    ///
    /// # Safety
    /// In that unit the room is the section's alone, and as the section, or
    /// the unit, is not published yet, nobody looks at it. Where `readable` says, the same
    /// bytes lie.
    pub(super) unsafe fn copy(&self, base: usize, readable: impl Fn(usize) -> usize) {
        for piece in self.image.pieces() {
            let template = readable(piece.start);
            let template = core::ptr::with_exposed_provenance::<u8>(template);
            let copy = base.wrapping_add(self.room.pointer).wrapping_add(piece.offset);
            let copy = core::ptr::with_exposed_provenance_mut::<u8>(copy);
            // SAFETY: the template is `len` bytes that nobody writes; of the copy, the
            // caller promises it.
            unsafe { core::ptr::copy_nonoverlapping(template, copy, piece.len) };
        }
    }
}
