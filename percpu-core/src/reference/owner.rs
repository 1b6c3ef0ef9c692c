//! [`PerCpuRef`]: an object with a reference count per CPU, and who decides its end.
//!
//! # Safety
//! Has the owner's share of the allocation, and makes references of such as it took
//! (`shared.rs`, O1 and O2).

#![allow(unsafe_code)]

use core::fmt;
use core::marker::PhantomData;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::ptr::NonNull;

use super::error::RefError;
use super::guard::Ref;
use super::options::RefOptions;
use super::shared::{self, Release, Shared};
use crate::error::Error;
use crate::trace;

/// An object that many threads use and one decides to end: `Arc` whose clone and
/// drop touch this CPU's word only.
///
/// References are had from here and from each other. [`kill`](Self::kill) ends it:
/// new ones can be refused ([`try_get_live`](Self::try_get_live)), and who puts the
/// last one releases the object, once. The memory stays until the owner is gone too.
///
/// ```
/// use percpu_core::{PerCpuRef, Ref};
///
/// let catalog = PerCpuRef::new(String::from("tables"))?;
/// std::thread::scope(|s| {
///     for _ in 0..4 {
///         s.spawn(|| {
///             let mine = catalog.get();             // a section
///             let kept = Ref::clone(&mine);         // one more
///             assert_eq!(*kept, "tables");
///         });
///     }
/// });
/// let last = catalog.get();
/// catalog.kill()?;
/// assert!(catalog.try_get_live().is_none() && !catalog.is_zero());
/// drop(last);                                       // releases the string
/// assert!(catalog.is_released() && catalog.try_get().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
/// Dropping the owner kills; references go on:
/// ```
/// # use percpu_core::PerCpuRef;
/// let five = PerCpuRef::new(5)?.get();
/// assert_eq!(*five, 5);
/// # Ok::<(), percpu_core::Error>(())
/// ```
/// A reference is no owner:
/// ```compile_fail,E0599
/// # use percpu_core::PerCpuRef;
/// PerCpuRef::new(5).unwrap().get().kill();
/// ```
///
/// # Dropping
/// A drop needs the fence, as a kill does, unless it was killed before. Where the
/// system refuses it (as a filter that came after start may) it is not known when
/// the last reference goes: the object is never released, references stay good, and
/// the feature `tracing` tells of it.
///
/// # Performance
/// `get` and the drop of a reference: a section each, see [`Ref`]. The count takes less
/// than 128 bytes before the object, which lie in cache lines of their own but for
/// what the last one has of the object, and 8 a CPU.
#[doc(alias = "percpu_ref")]
#[doc(alias = "percpu_ref_init")]
#[doc(alias = "percpu_ref_exit")]
pub struct PerCpuRef<T> {
    // INVARIANT: this value owns a share, and the initial reference unless dead.
    shared: NonNull<Shared<T>>,
    owns: PhantomData<Shared<T>>,
}

// SAFETY: it gives `Ref`s and takes and drops objects, from any thread.
unsafe impl<T: Send + Sync> Send for PerCpuRef<T> {}
// SAFETY: as above, from any number of them; `RawRef` and the lock in it synchronise.
unsafe impl<T: Send + Sync> Sync for PerCpuRef<T> {}

impl<T: RefUnwindSafe> UnwindSafe for PerCpuRef<T> {}
impl<T: RefUnwindSafe> RefUnwindSafe for PerCpuRef<T> {}

impl<T> PerCpuRef<T> {
    /// Takes an object in, with one reference, the owner's.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if the system refuses per-CPU memory; on first use what
    /// [`init`](crate::init) returns. The object is dropped then.
    pub fn new(value: T) -> Result<Self, Error> {
        Self::builder().build(value)
    }

    /// Another start, another release.
    pub fn builder() -> PerCpuRefBuilder<T> {
        PerCpuRefBuilder { options: RefOptions::new(), release: None }
    }

    #[inline(always)]
    fn shared(&self) -> &Shared<T> {
        // SAFETY: O1: the allocation is there while the owner's share is.
        unsafe { self.shared.as_ref() }
    }

    /// A reference.
    ///
    /// # Panics
    /// If the object was released. It is there for certain until the kill, and as
    /// long as somebody has a reference.
    #[doc(alias = "percpu_ref_get")]
    #[inline]
    #[track_caller]
    pub fn get(&self) -> Ref<T> {
        match self.try_get() {
            Some(reference) => reference,
            None => released(),
        }
    }

    /// A reference, unless the last one was put.
    #[doc(alias = "percpu_ref_tryget")]
    #[inline]
    pub fn try_get(&self) -> Option<Ref<T>> {
        // SAFETY: just taken.
        self.shared().raw.tryget().then(|| unsafe { Ref::adopt(self.shared) })
    }

    /// A reference, unless it was killed: none is given by a call that begins after
    /// [`kill_and_confirm`](Self::kill_and_confirm) has called back.
    #[doc(alias = "percpu_ref_tryget_live")]
    #[inline]
    pub fn try_get_live(&self) -> Option<Ref<T>> {
        // SAFETY: just taken.
        self.shared().raw.tryget_live().then(|| unsafe { Ref::adopt(self.shared) })
    }

    /// Puts the owner's reference; from now on the last put releases the object, which
    /// may be this one.
    ///
    /// # Errors
    /// [`RefError::AlreadyDead`]; [`RefError::Fence`]: then nothing has changed.
    ///
    /// # Performance
    /// A fence and a pass over the units in use.
    #[doc(alias = "percpu_ref_kill")]
    pub fn kill(&self) -> Result<(), RefError> {
        self.kill_and_confirm(|| ())
    }

    /// As [`kill`](Self::kill). `confirm` is called as soon as each
    /// [`try_get_live`](Self::try_get_live) that begins from then on fails, and before the
    /// object can be released. It must not kill this, nor change its mode: that would
    /// wait for itself. If it panics, the kill has been made all the same.
    ///
    /// # Errors
    /// As [`kill`](Self::kill); `confirm` was not called.
    #[doc(alias = "percpu_ref_kill_and_confirm")]
    pub fn kill_and_confirm(&self, confirm: impl FnOnce()) -> Result<(), RefError> {
        // Dropped last, also should `confirm` panic: after the lock that it runs under.
        let mut initial = None;
        self.shared().raw.condemn(|| {
            // SAFETY: the initial reference, which `condemn` gives up with this call.
            initial = Some(unsafe { Ref::adopt(self.shared) });
            confirm();
        })
    }

    /// One count for all CPUs until [`switch_to_percpu`](Self::switch_to_percpu), also
    /// after `reinit`. `confirm` is called when no CPU counts by itself any more, with the
    /// same duty as in [`kill_and_confirm`](Self::kill_and_confirm).
    ///
    /// # Errors
    /// [`RefError::Fence`]; nothing has changed.
    #[doc(alias = "percpu_ref_switch_to_atomic")]
    pub fn switch_to_atomic(&self, confirm: impl FnOnce()) -> Result<(), RefError> {
        self.shared().raw.switch_to_atomic(confirm)
    }

    /// [`switch_to_atomic`](Self::switch_to_atomic) for who wants to hear nothing but
    /// its return.
    ///
    /// # Errors
    /// As that.
    #[doc(alias = "percpu_ref_switch_to_atomic_sync")]
    pub fn switch_to_atomic_sync(&self) -> Result<(), RefError> {
        self.shared().raw.switch_to_atomic_sync()
    }

    /// Lets the CPUs count by themselves again; if it is dead, once it lives.
    ///
    /// # Errors
    /// [`RefError::NotReusable`].
    #[doc(alias = "percpu_ref_switch_to_percpu")]
    pub fn switch_to_percpu(&self) -> Result<(), RefError> {
        self.shared().raw.switch_to_percpu()
    }

    /// Takes another object in after the release of the last one.
    ///
    /// # Errors
    /// The object, and [`RefError::NotReusable`] without
    /// [`allow_reinit`](PerCpuRefBuilder::allow_reinit), [`RefError::NotZero`] until
    /// [`is_released`](Self::is_released).
    ///
    /// ```
    /// # use percpu_core::PerCpuRef;
    /// let slot = PerCpuRef::builder().allow_reinit().build("first")?;
    /// slot.kill()?;
    /// slot.reinit("second").map_err(|(_, error)| error)?;
    /// assert_eq!(*slot.get(), "second");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "percpu_ref_reinit")]
    pub fn reinit(&self, value: T) -> Result<(), (T, RefError)> {
        self.shared().reinit(value)
    }

    /// Takes the kill back, if the object is still there.
    ///
    /// # Errors
    /// [`RefError::NotReusable`], [`RefError::NotDead`]; [`RefError::Zero`] if the last
    /// reference was put.
    #[doc(alias = "percpu_ref_resurrect")]
    pub fn resurrect(&self) -> Result<(), RefError> {
        self.shared().raw.resurrect()
    }

    /// Whether the last reference was put; its putter may still be at the release.
    #[doc(alias = "percpu_ref_is_zero")]
    pub fn is_zero(&self) -> bool {
        self.shared().raw.is_zero()
    }

    /// Whether it was killed.
    #[doc(alias = "percpu_ref_is_dying")]
    pub fn is_dying(&self) -> bool {
        self.shared().raw.is_dying()
    }

    /// Whether the object was released, and the release has returned.
    pub fn is_released(&self) -> bool {
        self.shared().is_vacant()
    }

    /// Whether the CPUs count by themselves, as of a moment ago.
    pub fn is_percpu(&self) -> bool {
        self.shared().raw.is_percpu()
    }

    /// How many references there are, the owner's included. Exact when nobody
    /// counts meanwhile; else as of no one moment, and for people only.
    pub fn count(&self) -> u64 {
        self.shared().raw.count()
    }
}

#[cold]
#[track_caller]
fn released() -> ! {
    panic!("get of an object that was killed and released; try_get says so instead")
}

impl<T> Drop for PerCpuRef<T> {
    fn drop(&mut self) {
        /// Gives the owner's share back, also should the release panic.
        struct Leave<T>(NonNull<Shared<T>>);
        impl<T> Drop for Leave<T> {
            fn drop(&mut self) {
                // SAFETY: the owner's share; the owner is going away.
                unsafe { shared::leave(self.0) };
            }
        }
        let _leave = Leave(self.shared);
        // Else the initial reference stays for ever, and its life's share with it.
        if !self.is_dying() && self.kill().is_err() {
            trace::misuse("an object is leaked: the fence that ends its references was refused");
        }
    }
}

impl<T> fmt::Debug for PerCpuRef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PerCpuRef").field(&self.shared().raw).finish()
    }
}

/// `references: 3, per-CPU`; `references: 2, atomic, dying`.
impl<T> fmt::Display for PerCpuRef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared().raw.fmt(f)
    }
}

/// How a [`PerCpuRef`] starts, and what becomes of its object; from
/// [`PerCpuRef::builder`].
#[must_use = "nothing is made until `build`"]
pub struct PerCpuRefBuilder<T> {
    options: RefOptions,
    release: Option<Release<T>>,
}

impl<T> PerCpuRefBuilder<T> {
    /// Starts in atomic mode, and stays so until
    /// [`switch_to_percpu`](PerCpuRef::switch_to_percpu); see [`RefOptions::init_atomic`].
    #[doc(alias = "PERCPU_REF_INIT_ATOMIC")]
    pub fn init_atomic(mut self) -> Self {
        self.options = self.options.init_atomic();
        self
    }

    /// May be killed and used again, and switched both ways.
    #[doc(alias = "PERCPU_REF_ALLOW_REINIT")]
    pub fn allow_reinit(mut self) -> Self {
        self.options = self.options.allow_reinit();
        self
    }

    /// What is done with an object after the last reference to it was put, on the
    /// thread that put it. Without this it is dropped there.
    ///
    /// ```
    /// use percpu_core::PerCpuRef;
    /// use std::sync::mpsc;
    ///
    /// let (gone, done) = mpsc::channel();
    /// let buffer = PerCpuRef::builder().on_release(move |b| gone.send(b).unwrap()).build(vec![1])?;
    /// drop(buffer);
    /// assert_eq!(done.recv()?, [1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_release(mut self, release: impl Fn(T) + Send + Sync + 'static) -> Self {
        self.release = Some(Box::new(release));
        self
    }

    /// With an object.
    ///
    /// # Errors
    /// As [`PerCpuRef::new`], and [`Error::FenceRefused`] if it starts in atomic mode.
    pub fn build(self, value: T) -> Result<PerCpuRef<T>, Error> {
        self.of(Some(value))
    }

    /// Dead and without an object, until [`reinit`](PerCpuRef::reinit).
    ///
    /// # Errors
    /// As [`build`](Self::build), in atomic mode.
    #[doc(alias = "PERCPU_REF_INIT_DEAD")]
    pub fn build_dead(self) -> Result<PerCpuRef<T>, Error> {
        self.of(None)
    }

    fn of(self, value: Option<T>) -> Result<PerCpuRef<T>, Error> {
        let shared = Shared::allocate(value, self.options, self.release)?;
        Ok(PerCpuRef { shared, owns: PhantomData })
    }
}

impl<T> fmt::Debug for PerCpuRefBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerCpuRefBuilder").field("options", &self.options).finish_non_exhaustive()
    }
}
