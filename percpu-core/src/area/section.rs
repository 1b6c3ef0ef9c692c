//! Statics: the templates of each link unit, by family.
//!
//! `percpu!` puts the initial value of each static into the linker section of
//! its family. Every link unit (the executable, each library) has its own
//! sections, with their own start and stop symbols, so a static carries a
//! function of *its* link unit that tells them. `image` makes one of them:
//!
//! ```text
//!   link unit A: page  hot  read_mostly  data  shared      first chunk: [ A's image | reserved | dynamic ]
//!   link unit B:       hot               data              reserved:            [ B's image ]
//! ```
//!
//! A family that a link unit does not use has no section there, so its symbols
//! are weak: both are then zero, or at least equal. Where there are no such
//! sections (other systems, Miri) each static is a link unit of its own.
//!
//! The sections' names (`macros/sections.rs`) carry the crate's version: two versions
//! in one binary must not see each other's statics.
//!
//! # Safety
//!
//! Shares templates between threads, which only ever read them.

#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

/// Families, in the order of an image.
pub(crate) const FAMILIES: usize = 5;
/// Whole pages.
pub(crate) const PAGE: usize = 0;
/// One cache line for all of them.
pub(crate) const HOT: usize = 1;

/// The alignment of page-aligned statics: the smallest page there is.
pub(crate) const PAGE_ALIGN: usize = 4096;
/// The alignment of the other families, and the most that a type in them may
/// have: two cache lines, which some CPUs fetch together.
pub(crate) const GROUP_ALIGN: usize = 128;

/// The initial value of a static, never touched after the image is loaded.
/// Interior mutability keeps all of them in one kind of section (writable).
#[doc(hidden)]
#[repr(transparent)]
#[derive(Debug)]
pub struct Template<T>(UnsafeCell<T>);

// SAFETY: nobody reads or writes through a template but by copying its bytes
// and by shared references to `T`, which `T: Sync` allows.
unsafe impl<T: Sync> Sync for Template<T> {}

/// A value that shares its pages with no other.
#[doc(hidden)]
#[repr(C, align(4096))]
#[derive(Debug)]
pub struct PageAligned<T>(T);

/// A value that shares its cache lines with no other.
#[doc(hidden)]
#[repr(C, align(64))]
#[derive(Debug)]
pub struct CacheAligned<T>(T);

impl<T> Template<T> {
    #[doc(hidden)]
    pub const fn new(value: T) -> Self {
        const { assert!(align_of::<T>() <= GROUP_ALIGN, "aligned to more than 128: #[page_aligned]") };
        Self(UnsafeCell::new(value))
    }
}

impl<T> Template<CacheAligned<T>> {
    #[doc(hidden)]
    pub const fn cache_aligned(value: T) -> Self {
        Self::new(CacheAligned(value))
    }
}

impl<T> Template<PageAligned<T>> {
    #[doc(hidden)]
    pub const fn page_aligned(value: T) -> Self {
        const { assert!(align_of::<T>() <= PAGE_ALIGN, "an alignment of more than a page") };
        Self(UnsafeCell::new(PageAligned(value)))
    }
}

/// What `percpu!` tells of a static beside its handle.
#[doc(hidden)]
#[derive(Debug)]
pub struct Declared {
    /// The initial value.
    pub(crate) template: *const (),
    /// Its link unit.
    pub(crate) unit: fn() -> LinkUnit,
    /// The pointer in its handle, while it is set, and the next static of which
    /// that is so. INVARIANT: null or static. Changed under the lock of `units`.
    handle: AtomicPtr<AtomicUsize>,
    next: AtomicPtr<Declared>,
}

// SAFETY: the template is shared as `Template` is; the rest is Sync.
unsafe impl Sync for Declared {}

impl Declared {
    #[doc(hidden)]
    pub const fn new(template: *const (), unit: fn() -> LinkUnit) -> Self {
        let (handle, next) = (ptr::null_mut(), ptr::null_mut());
        Self { template, unit, handle: AtomicPtr::new(handle), next: AtomicPtr::new(next) }
    }

    /// Remembers that `handle` is set, in front of `next`.
    pub(crate) fn link(&self, handle: &'static AtomicUsize, next: Option<&'static Self>) {
        // Relaxed, here and below: one thread at a time, by the lock of `units`.
        self.handle.store(ptr::from_ref(handle).cast_mut(), Ordering::Relaxed);
        let next = next.map_or(ptr::null(), ptr::from_ref);
        self.next.store(next.cast_mut(), Ordering::Relaxed);
    }

    /// Unsets the handle. Returns what was behind in the list.
    pub(crate) fn forget(&self) -> Option<&'static Self> {
        let handle = self.handle.swap(ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: the invariant.
        if let Some(handle) = unsafe { handle.as_ref() } {
            handle.store(0, Ordering::Relaxed);
        }
        let next = self.next.swap(ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: the invariant.
        unsafe { next.as_ref() }
    }
}

/// First byte of a section and the byte after its last.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct SectionRange {
    pub start: *const u8,
    pub stop: *const u8,
}

impl SectionRange {
    const NONE: Self = Self { start: ptr::null(), stop: ptr::null() };

    pub(crate) fn start(self) -> usize {
        self.start.expose_provenance()
    }

    pub(crate) fn len(self) -> usize {
        self.stop.addr().saturating_sub(self.start.addr())
    }
}

/// The sections of a link unit, by family.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct LinkUnit {
    pub families: [SectionRange; FAMILIES],
}

impl LinkUnit {
    /// Without statics.
    #[doc(hidden)]
    pub const NONE: Self = Self { families: [SectionRange::NONE; FAMILIES] };

    /// With one static.
    #[doc(hidden)]
    pub fn of_one<T>(family: usize, template: *const Template<T>) -> Self {
        let start = template.cast::<u8>();
        let mut unit = Self::NONE;
        unit.families[family] = SectionRange { start, stop: start.wrapping_add(size_of::<T>()) };
        unit
    }
}

/// How many words the core's own static has.
pub(crate) const OWN_WORDS: usize = 8;

/// The core's own static: the link unit that holds the core has a section, so
/// a program without statics has a first chunk. Zero, and there from the first
/// moment on: its copies are the words of `accounting`.
#[used]
#[cfg_attr(percpu_linux, unsafe(link_section = "percpu_core_0_1_data"))]
static ANCHOR: Template<[AtomicU64; OWN_WORDS]> =
    Template::new([const { AtomicU64::new(0) }; OWN_WORDS]);

/// Address of the template of the core's own static, for `Image::offset_of`.
pub(crate) fn own_words() -> usize {
    (&raw const ANCHOR).addr()
}

/// The link unit that holds the core; for most programs that is the executable,
/// and its sections hold all statics there are.
#[inline(never)]
pub(crate) fn own() -> LinkUnit {
    // So that no linker drops it as unused.
    core::hint::black_box(&raw const ANCHOR);
    __link_unit!(3, ANCHOR)
}
