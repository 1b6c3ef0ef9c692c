//! The linker's sections of `area/section.rs`: a static's template, and where they begin and
//! end in the link unit that asks.
//!
//! # Safety
//!
//! Names symbols that the linker defines: the first byte of a section and the byte
//! after its last.

#![allow(unsafe_code)]

/// The template of a static, `TEMPLATE`, in the section of its family, and that
/// family's number, `FAMILY`.
#[doc(hidden)]
#[macro_export]
macro_rules! __template {
    (page_aligned, $T:ty, $initial:expr) => {
        $crate::__template!(
            0,
            "percpu_core_0_1_page",
            $crate::__private::PageAligned<$T>,
            page_aligned,
            $initial
        );
    };
    (hot, $T:ty, $initial:expr) => {
        $crate::__template!(1, "percpu_core_0_1_hot", $T, new, $initial);
    };
    (read_mostly, $T:ty, $initial:expr) => {
        $crate::__template!(2, "percpu_core_0_1_read_mostly", $T, new, $initial);
    };
    (plain, $T:ty, $initial:expr) => {
        $crate::__template!(3, "percpu_core_0_1_data", $T, new, $initial);
    };
    (shared_aligned, $T:ty, $initial:expr) => {
        $crate::__template!(
            4,
            "percpu_core_0_1_shared",
            $crate::__private::CacheAligned<$T>,
            cache_aligned,
            $initial
        );
    };
    (cache_aligned, $T:ty, $initial:expr) => {
        $crate::__template!(shared_aligned, $T, $initial);
    };
    ($family:literal, $section:literal, $Held:ty, $new:ident, $initial:expr) => {
        #[allow(dead_code, reason = "told only where there are no linker sections")]
        const FAMILY: usize = $family;
        $crate::__in_section! {
            $section
            static TEMPLATE: $crate::__private::Template<$Held> =
                $crate::__private::Template::$new($initial);
        }
    };
}

/// The static, in the section.
#[doc(hidden)]
#[macro_export]
#[cfg(percpu_linux)]
macro_rules! __in_section {
    ($section:literal $($static:tt)*) => {
        #[used]
        #[unsafe(link_section = $section)]
        $($static)*
    };
}

/// The static, anywhere.
#[doc(hidden)]
#[macro_export]
#[cfg(not(percpu_linux))]
macro_rules! __in_section {
    ($section:literal $($static:tt)*) => { $($static)* };
}

/// The [`LinkUnit`] in which this is expanded.
#[doc(hidden)]
#[macro_export]
#[cfg(percpu_linux)]
macro_rules! __link_unit {
    ($($one:tt)*) => {
        $crate::__link_unit_of!(
            "percpu_core_0_1_page",
            "percpu_core_0_1_hot",
            "percpu_core_0_1_read_mostly",
            "percpu_core_0_1_data",
            "percpu_core_0_1_shared"
        )
    };
}

/// The same, of named sections.
#[doc(hidden)]
#[macro_export]
#[cfg(percpu_linux)]
macro_rules! __link_unit_of {
    ($($section:literal),*) => {{
        let mut unit = $crate::__private::LinkUnit {
            families: [$({
                unsafe extern "C" {
                    #[link_name = concat!("__start_", $section)]
                    static START: u8;
                    #[link_name = concat!("__stop_", $section)]
                    static STOP: u8;
                }
                $crate::__private::SectionRange { start: &raw const START, stop: &raw const STOP }
            }),*],
        };
        // Hidden: each link unit means its own sections, not the first loaded.
        // Weak: it may lack some. The compiler takes addresses of two statics
        // to differ and not to be null, which is wrong for a section that is not
        // there: behind this it knows nothing about them any more.
        // SAFETY: directives only; what is said to be changed is a local.
        unsafe {
            ::core::arch::asm!(
                $(
                    concat!(".hidden __start_", $section),
                    concat!(".hidden __stop_", $section),
                    concat!(".weak __start_", $section),
                    concat!(".weak __stop_", $section),
                )*
                "/* {0} */",
                in(reg) &raw mut unit,
                options(nostack, preserves_flags)
            )
        };
        unit
    }};
}

/// The template alone: a link unit of one.
#[doc(hidden)]
#[macro_export]
#[cfg(not(percpu_linux))]
macro_rules! __link_unit {
    () => {
        $crate::__private::LinkUnit::NONE
    };
    ($family:expr, $template:expr) => {
        $crate::__private::LinkUnit::of_one($family, &raw const $template)
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_sections_names_carry_the_version() {
        let version =
            concat!(env!("CARGO_PKG_VERSION_MAJOR"), "_", env!("CARGO_PKG_VERSION_MINOR"));
        assert_eq!(version, "0_1", "the macros name the sections by hand");
    }
}
