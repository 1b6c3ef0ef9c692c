//! Hidden templates: out of reach once their statics are registered.
//!
//! A template is no CPU's copy, and code that gets at one by mistake would
//! change nothing that counts. In hardened mode the pages that a link unit's
//! templates fill alone may not be accessed any more, so such code crashes. The
//! library itself goes on with a copy that can only be read, for units that
//! become active later and for sums over those that never do:
//!
//! ```text
//!   section in the image:   |.. other data, h|idden, hidden, hidd|en, other data ..|
//!                                            ^ no access          ^ whole pages
//!   copy, read-only:        | the image of the link unit, whole |
//! ```
//!
//! Link units stay hidden for ever: code with sections is never unmapped, and
//! a link unit that is registered again finds its copy. So the list of copies
//! only grows, and is read without a lock.
//!
//! # Safety
//!
//! Takes pages away that lie inside a linker section of ours: nobody but
//! `units`, `home` and this file reads templates, and nobody writes them.

#![allow(unsafe_code)]

use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, Ordering};

use super::image::{Image, Piece};
use crate::error::Error;
use crate::mutate::mutated;
use crate::sys::memory::{Machine, Mapping, Span, System, Wanted};
use crate::sys::protect::{Access, protect};

#[derive(Debug, Default)]
pub(crate) struct Hidden {
    /// The latest. INVARIANT: null, or leaked by `hide`, and so are all `next`.
    latest: AtomicPtr<Node>,
}

#[derive(Debug)]
struct Node {
    image: Image,
    /// The read-only copy of the image; never given back.
    copy: Mapping,
    next: Option<NonNull<Node>>,
}

impl Hidden {
    /// Hides the templates of `image`, if it is not done yet. Called by one
    /// thread at a time, before any handle of the link unit has its pointer.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`]; all is as before.
    pub(crate) fn hide(&self, image: &Image) -> Result<(), Error> {
        let pages = || image.pieces().filter_map(own_pages);
        if pages().next().is_none() || self.nodes().any(|node| node.image.is(image)) {
            return Ok(());
        }
        let align = Machine.page_size();
        let bytes = image.size().next_multiple_of(align);
        let name = c"percpu: templates";
        let wanted = Wanted { len: bytes, align, name, huge: false, dump: true };
        let refused = |errno| Error::OutOfMemory { bytes, errno };
        let copy = Machine.reserve(wanted).map_err(refused)?;
        for piece in image.pieces() {
            copy_template(piece.start, copy.base() + piece.offset, piece.len);
        }
        // SAFETY: the whole of a mapping that only this function knows.
        unsafe { protect(copy.base(), bytes, Access::Read) }?;
        let next = NonNull::new(self.latest.load(Ordering::Relaxed));
        let node = Box::new(Node { image: *image, copy, next });
        for (nth, (start, len)) in pages().enumerate() {
            let access = if mutated("not_hidden") { Access::Read } else { Access::None };
            // SAFETY: pages filled by templates; who needs them reads the copy.
            if let Err(error) = unsafe { protect(start, len, access) } {
                for (start, len) in pages().take(nth) {
                    // SAFETY: the same pages, as they were. Merging what was
                    // split needs no memory, so it is not refused.
                    let _ = unsafe { protect(start, len, Access::Write) };
                }
                return Err(error);
            }
        }
        // Release: the node is whole. Partner: `nodes`.
        self.latest.store(Box::leak(node), Ordering::Release);
        Ok(())
    }

    /// Where what was at `template` can be read, if it was hidden.
    pub(crate) fn copy_of(&self, template: usize) -> Option<usize> {
        self.nodes().find_map(|node| Some(node.copy.base() + node.image.offset_of(template)?))
    }

    /// Bytes that may not be accessed any more.
    pub(crate) fn bytes(&self) -> usize {
        self.nodes()
            .flat_map(|node| node.image.pieces())
            .filter_map(own_pages)
            .map(|(_, len)| len)
            .sum()
    }

    fn nodes(&self) -> impl Iterator<Item = &'static Node> {
        // Acquire: partner of the Release in `hide`.
        let latest = NonNull::new(self.latest.load(Ordering::Acquire));
        // SAFETY: the invariant: leaked, and never changed.
        let follow = |node: NonNull<Node>| unsafe { node.as_ref() };
        core::iter::successors(latest.map(follow), move |node| node.next.map(follow))
    }
}

/// The whole pages inside of a piece: address and bytes.
fn own_pages(piece: &Piece) -> Option<(usize, usize)> {
    let page = Machine.page_size();
    let start = piece.start.next_multiple_of(page);
    let stop = (piece.start + piece.len) / page * page;
    (stop > start).then(|| (start, stop - start))
}

fn copy_template(template: usize, copy: usize, len: usize) {
    let template = ptr::with_exposed_provenance::<u8>(template);
    let copy = ptr::with_exposed_provenance_mut::<u8>(copy);
    // SAFETY: a linker section, which nobody writes, and a mapping that only
    // `hide` knows.
    unsafe { ptr::copy_nonoverlapping(template, copy, len) };
}
