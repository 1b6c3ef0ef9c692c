//! What the crates of users expand: [`percpu!`](crate::percpu), [`field!`](crate::field!),
//! [`unregister_statics!`](crate::unregister_statics).
//!
//! An expansion reaches this crate from its root alone, and the root knows every file. So
//! macros have files of their own: what they are about does not depend on all there is.
//!
//! # Safety
//!
//! [`Field`](crate::Field) says what `field!` promises it; `statics.rs` what `percpu!` promises.

#![allow(unsafe_code)]

#[cfg(percpu_plain)]
#[macro_use]
mod lazy;
#[macro_use]
mod sections;
#[macro_use]
mod statics;

/// Declares per-CPU variables: `[pub] static NAME: Type = initial value;`.
///
/// Each declares a [`StaticPerCpu<Type>`](crate::StaticPerCpu). Every CPU's
/// copy starts with the initial value, a constant expression, duplicated as
/// `[const { .. }; N]` duplicates. The type must be `Sync`; copies are never
/// dropped. Works in crates that forbid unsafe code.
///
/// ```
/// use percpu_core::{percpu, atomic::AtomicU64};
///
/// percpu! {
///     /// Queries this process has served.
///     pub static QUERIES: AtomicU64 = AtomicU64::new(0);
///     static BUCKETS: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];
/// }
///
/// QUERIES.inc();
/// BUCKETS.at(2).add(5);
/// assert_eq!((QUERIES.sum(), BUCKETS.at(2).sum()), (1, 5));
/// ```
///
/// # Families
///
/// An attribute says what a static should lie beside. In every CPU's memory the
/// families of a program or library follow each other in this order, each at a
/// multiple of 128 bytes:
///
/// | attribute | lies | for |
/// | --- | --- | --- |
/// | `#[page_aligned]` | at a multiple of 4096 bytes, alone on its pages | what is mapped, or handed to the system |
/// | `#[hot]` | with all other hot ones in one cache line | the few words of every request: at most 64 bytes a program or library |
/// | `#[read_mostly]` | among what is hardly ever written | settings |
/// | none | close together | all else |
/// | `#[shared_aligned]` | at a multiple of 64 bytes, alone in its cache lines | what other CPUs write too |
/// | `#[cache_aligned]` | the same | what should not straddle cache lines |
///
/// ```
/// use percpu_core::{LocalLock, percpu, atomic::{AtomicBool, AtomicU32, AtomicU64}};
///
/// percpu! {
///     #[hot] static REQUESTS: AtomicU64 = AtomicU64::new(0);
///     #[hot] static DEPTH: AtomicU32 = AtomicU32::new(0);
///     #[read_mostly] static TRACED: AtomicBool = AtomicBool::new(false);
///     /// Drained by other CPUs.
///     #[shared_aligned] static INBOX: LocalLock<Vec<u64>> = LocalLock::new(Vec::new());
///     #[page_aligned] static RING: [AtomicU64; 512] = [const { AtomicU64::new(0) }; 512];
/// }
///
/// REQUESTS.inc();
/// for (_, ring) in &*RING {
///     assert!(core::ptr::from_ref(ring.get()).addr().is_multiple_of(4096));
/// }
/// ```
/// More than 64 hot bytes are [`Error::HotTooLarge`](crate::Error::HotTooLarge) from
/// [`init`](crate::init), for those of a library that is loaded later from
/// [`StaticPerCpu::prepare`](crate::StaticPerCpu::prepare), and a panic with its text
/// where no error can be returned; that is checked on Linux only. Words of different width
/// leave gaps that count: best are eight of the same. Only words are hot:
/// ```compile_fail,E0277
/// use percpu_core::{percpu, atomic::AtomicU64};
/// percpu! { #[hot] static PAIR: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2]; }
/// ```
/// A type with an alignment above 128 needs `#[page_aligned]`, and none can have
/// more than 4096:
/// ```compile_fail,E0080
/// #[repr(align(256))]
/// struct Wide(u8);
/// percpu_core::percpu! { static WIDE: Wide = Wide(0); }
/// ```
/// ```
/// #[repr(align(256))]
/// struct Wide(u8);
/// percpu_core::percpu! { #[page_aligned] static WIDE: Wide = Wide(0); }
/// assert_eq!(WIDE.hint().0, 0);
/// ```
///
/// # Handles
///
/// The handle is not the variable. It leads to the copies:
/// ```
/// use percpu_core::{Copies, percpu, atomic::AtomicU64};
/// percpu! { static N: AtomicU64 = AtomicU64::new(0); }
/// let n: &Copies<AtomicU64> = &N;
/// ```
/// and not to one of them:
/// ```compile_fail,E0308
/// use percpu_core::{percpu, atomic::AtomicU64};
/// percpu! { static N: AtomicU64 = AtomicU64::new(0); }
/// let n: &AtomicU64 = &N; // which CPU's?
/// ```
/// A type that threads may not share is refused:
/// ```compile_fail,E0277
/// percpu_core::percpu! { static N: std::cell::Cell<u64> = std::cell::Cell::new(0); }
/// ```
#[macro_export]
#[doc(alias = "DEFINE_PER_CPU")]
#[doc(alias = "DEFINE_PER_CPU_SECTION")]
#[doc(alias = "DEFINE_PER_CPU_PAGE_ALIGNED")]
#[doc(alias = "DEFINE_PER_CPU_CACHE_HOT")]
#[doc(alias = "DEFINE_PER_CPU_FIRST")]
#[doc(alias = "DEFINE_PER_CPU_READ_MOSTLY")]
#[doc(alias = "DEFINE_PER_CPU_ALIGNED")]
#[doc(alias = "DEFINE_PER_CPU_SHARED_ALIGNED")]
#[doc(alias = "DECLARE_PER_CPU")]
#[doc(alias = "EXPORT_PER_CPU_SYMBOL")]
#[doc(alias = "PER_CPU_BASE_SECTION")]
macro_rules! percpu {
    ($($(#[$($attribute:tt)*])* $vis:vis static $NAME:ident: $T:ty = $initial:expr;)*) => {$(
        $crate::__percpu_static! {
            plain [] $(#[$($attribute)*])* $vis static $NAME: $T = $initial;
        }
    )*};
}

/// Names a field of a struct, for [`Copies::field`](crate::Copies::field):
/// `field!(Type, path)`, the path as for `core::mem::offset_of!`.
///
/// ```
/// use percpu_core::{Field, PerCpu, Unit, atomic::AtomicU32, field};
///
/// struct Queue {
///     depth: AtomicU32,
///     waits: [AtomicU32; 8],
/// }
/// struct Node(Queue, Queue);
/// const DEPTH: Field<Node, AtomicU32> = field!(Node, 1.depth);
///
/// let queue = || Queue { depth: AtomicU32::new(1), waits: Default::default() };
/// let nodes = PerCpu::new_with(|_| Node(queue(), queue()))?;
/// nodes.field(DEPTH).inc();
/// nodes.field(field!(Node, 0.waits)).at(7).inc();
/// assert_eq!(nodes.field(DEPTH).sum(), 1 + Unit::all()?.count() as u32);
/// assert_eq!(nodes.field(field!(Node, 0.waits)).at(7).sum(), 1);
/// # Ok::<(), percpu_core::Error>(())
/// ```
/// Only fields of the struct itself will do, whose copies lie in it on every CPU;
/// what a field points to does not:
/// ```compile_fail,E0609
/// use percpu_core::{atomic::AtomicU32, field};
/// struct Inner { n: AtomicU32 }
/// struct Outer { inner: Box<Inner> }
/// let n = field!(Outer, inner.n);
/// ```
/// ```
/// use percpu_core::{atomic::AtomicU32, field};
/// struct Inner { n: AtomicU32 }
/// struct Outer { inner: Inner }
/// let n = field!(Outer, inner.n);
/// ```
/// nor is a field taken for what it dereferences to:
/// ```compile_fail,E0308
/// use percpu_core::{Field, field};
/// struct Outer { inner: Box<u32> }
/// let n: Field<Outer, u32> = field!(Outer, inner);
/// ```
/// Private fields stay private:
/// ```compile_fail,E0616
/// use percpu_core::{LocalLock, field};
/// let held = field!(LocalLock<u32>, held);
/// ```
/// and fields that may not be borrowed are refused: those of packed structs,
/// ```compile_fail,E0793
/// use percpu_core::{atomic::AtomicU32, field};
/// #[repr(packed)]
/// struct Packed { tag: u8, n: AtomicU32 }
/// let n = field!(Packed, n);
/// ```
/// and of unions:
/// ```compile_fail,E0133
/// use percpu_core::field;
/// union Either { small: u8, large: u32 }
/// let large = field!(Either, large);
/// ```
#[macro_export]
macro_rules! field {
    ($T:ty, $($path:tt)+) => {{
        // A pointer, which is never dereferenced to make it fit the type
        // expected; the reference shows that the field is aligned. No `unsafe`
        // covers the user's path.
        let project: fn(&$T) -> *const _ = |whole| {
            let _: &_ = &whole.$($path)+;
            &raw const whole.$($path)+
        };
        let offset = ::core::mem::offset_of!($T, $($path)+);
        // SAFETY: offset and function of the same field.
        unsafe { $crate::Field::<$T, _>::__new(offset, project) }
    }};
}

/// Gives the copies of this library's statics back; tells whether there were any.
///
/// For a library that is loaded at run time, before it is closed: its code stays
/// mapped (a thread's last restartable sequence may be there), but the memory of
/// its statics on every CPU is free for the next one. Should the library be used
/// again, its statics start from their initial values, with all operations.
///
/// `false`, and nothing done, if none of them was used, for statics in the same
/// program or library as this crate (they begin the first chunk and stay), and
/// where there are no linker sections: on other systems and under Miri.
///
/// What code keeps beside its statics is not reset: a `Counter` of
/// `percpu-counter` still subtracts what was taken from it.
///
/// # Safety
/// From the beginning of the call on, nobody uses what came from a static of the
/// library this is expanded in: no operation is under way in any thread or
/// handler, and no reference, guard, iterator or [`Element`](crate::Element) of
/// one is left. After it has returned the statics may be used again.
///
/// ```
/// use percpu_core::{percpu, unregister_statics, atomic::AtomicU64};
///
/// percpu! { static SEEN: AtomicU64 = AtomicU64::new(0); }
///
/// #[unsafe(no_mangle)]
/// pub extern "C" fn plugin_exit() {
///     // SAFETY: the host calls this last, when its threads have left the plug-in.
///     unsafe { unregister_statics!() };
/// }
/// ```
/// It asks for a promise:
/// ```compile_fail,E0133
/// percpu_core::unregister_statics!();
/// ```
#[macro_export]
macro_rules! unregister_statics {
    () => {{
        #[inline(never)]
        fn link_unit() -> $crate::__private::LinkUnit {
            $crate::__link_unit!()
        }
        $crate::__private::unregister(link_unit)
    }};
}
