//! Statics: the template of each link unit and where its copies lie.
//!
//! `percpu!` puts the initial value of each static into one linker section.
//! Every link unit (the executable, each library) has its own, with its own
//! start and stop symbols, so a static carries a function of *its* link unit
//! that tells them. Where there is no such section (other systems, Miri) each
//! static is a section of its own.
//!
//! ```text
//!   link unit A: [ a | b | c ]      first chunk:  [ a b c | dynamic ... ]   (the core's own)
//!   link unit B: [ d | e ]          some chunk:   [ ... d e ... ]           (at first use)
//! ```
//!
//! The section's name carries the crate's version: two versions in one binary
//! must not see each other's statics.
//!
//! # Safety
//!
//! Names symbols that the linker defines: the first byte of a link unit's section
//! and the byte after its last. Shares templates between threads, which only ever
//! read them.

#![allow(unsafe_code)]

use core::cell::UnsafeCell;

/// The initial value of a static, never touched after the image is loaded.
/// Interior mutability keeps all of them in one kind of section (writable).
#[doc(hidden)]
#[repr(transparent)]
#[derive(Debug)]
pub struct Template<T>(UnsafeCell<T>);

// SAFETY: nobody reads or writes through a template but by copying its bytes
// and by shared references to `T`, which `T: Sync` allows.
unsafe impl<T: Sync> Sync for Template<T> {}

impl<T> Template<T> {
    #[doc(hidden)]
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }
}

/// First byte of a link unit's section and the byte after its last.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct SectionRange {
    pub start: *const u8,
    pub stop: *const u8,
}

impl SectionRange {
    pub(crate) fn start(self) -> usize {
        self.start.expose_provenance()
    }

    pub(crate) fn len(self) -> usize {
        self.stop.addr() - self.start.addr()
    }
}

/// The template of a static, `TEMPLATE`, in the section.
#[doc(hidden)]
#[macro_export]
#[cfg(percpu_linux)]
macro_rules! __template {
    ($T:ty, $initial:expr) => {
        #[used]
        #[unsafe(link_section = "percpu_core_0_1_data")]
        static TEMPLATE: $crate::__private::Template<$T> =
            $crate::__private::Template::new($initial);
    };
}

/// The template of a static, `TEMPLATE`, anywhere.
#[doc(hidden)]
#[macro_export]
#[cfg(not(percpu_linux))]
macro_rules! __template {
    ($T:ty, $initial:expr) => {
        static TEMPLATE: $crate::__private::Template<$T> =
            $crate::__private::Template::new($initial);
    };
}

/// A [`SectionRange`] of the link unit in which this is expanded.
#[doc(hidden)]
#[macro_export]
#[cfg(percpu_linux)]
macro_rules! __section_range {
    ($template:ident) => {{
        unsafe extern "C" {
            #[link_name = "__start_percpu_core_0_1_data"]
            static START: u8;
            #[link_name = "__stop_percpu_core_0_1_data"]
            static STOP: u8;
        }
        // Hidden: each link unit means its own section, not the first loaded.
        // SAFETY: assembler directives only, no instruction.
        unsafe {
            ::core::arch::asm!(
                ".hidden __start_percpu_core_0_1_data",
                ".hidden __stop_percpu_core_0_1_data",
                options(nomem, nostack, preserves_flags)
            )
        };
        $crate::__private::SectionRange { start: &raw const START, stop: &raw const STOP }
    }};
}

/// The template alone: a section of one.
#[doc(hidden)]
#[macro_export]
#[cfg(not(percpu_linux))]
macro_rules! __section_range {
    ($template:ident) => {{
        let start = (&raw const $template).cast::<u8>();
        $crate::__private::SectionRange {
            start,
            stop: start.wrapping_add(::core::mem::size_of_val(&$template)),
        }
    }};
}

/// The core's own static: with it every link unit that holds the core has a
/// section, so a program without statics links.
#[used]
#[cfg_attr(percpu_linux, unsafe(link_section = "percpu_core_0_1_data"))]
static ANCHOR: Template<[u64; 8]> = Template::new([0; 8]);

/// The section of the link unit that holds the core; for most programs that is
/// the executable, and the section holds all statics there are.
#[inline(never)]
pub(crate) fn own() -> SectionRange {
    __section_range!(ANCHOR)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_section_name_carries_the_version() {
        let name = concat!(
            "percpu_core_",
            env!("CARGO_PKG_VERSION_MAJOR"),
            "_",
            env!("CARGO_PKG_VERSION_MINOR"),
            "_data"
        );
        assert_eq!(name, "percpu_core_0_1_data", "the macros name the section by hand");
    }
}
