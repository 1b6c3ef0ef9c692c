//! [`Cache`]: objects of one type.
//!
//! # Safety
//! Writes values into objects of a cache that was built for their layout.

#![allow(unsafe_code)]

use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;

use percpu_core::Unit;

use super::failed::{AllocError, LiveObjects};
use super::object::Object;
use super::stats::CacheStats;
use crate::error::Error;
use crate::hardened::Report;
use crate::raw::ObjectCache;

/// Objects of one type, allocated from this CPU's magazine: the kernel's `kmem_cache`.
///
/// ```
/// use percpu_slab::Cache;
///
/// #[derive(Default)]
/// struct Session {
///     id: u64,
///     peer: [u8; 32],
/// }
///
/// let sessions = Cache::<Session>::builder().name("sessions").limit(10_000).build()?;
/// let session = sessions.alloc(Session { id: 7, ..Session::default() })?;
/// assert_eq!(session.id, 7);
/// drop(session); // its memory is this CPU's, for the next one
/// println!("{}", sessions.stats());
/// # Ok::<(), percpu_slab::Error>(())
/// ```
///
/// Memory that is free is kept by CPU and bounded, whatever threads there are;
/// [`stats`](Self::stats) shows all of it. An object whose cache was dropped stays valid;
/// the last one gives the memory back. An `Arc`, or a static, shares a cache.
///
/// A cache may be used between threads whatever `T` is, as it has no `T`:
/// ```
/// fn is_shared<T: Send + Sync>() {}
/// is_shared::<percpu_slab::Cache<std::rc::Rc<u8>>>();
/// ```
///
/// # Forks
/// The child of a process with one thread goes on with its caches, and with its copies of
/// their objects. Where other threads may be in the middle of a refill or a free when a
/// process forks, the child should make new caches: a lock that such a thread held
/// stays locked there, and whoever needs it waits for ever.
///
/// # Performance
/// An allocation is one section, beside writing the value; a miss in a magazine brings
/// a whole one from the depot or from the slabs.
#[doc(alias = "kmem_cache")]
pub struct Cache<T> {
    /// Dropped first: what waits here are objects.
    #[cfg(all(feature = "crossbeam-epoch", not(percpu_loom)))]
    pub(crate) deferred: crate::epoch::Handle,
    /// INVARIANT: its objects fit a `T`.
    pub(crate) objects: ObjectCache,
    pub(crate) name: Box<str>,
    pub(crate) limit: Option<usize>,
    _of: PhantomData<fn(T) -> T>,
}

impl<T> Cache<T> {
    /// # Safety
    /// Objects fit a `T`.
    pub(crate) unsafe fn of(objects: ObjectCache, name: Box<str>, limit: Option<usize>) -> Self {
        Self {
            #[cfg(all(feature = "crossbeam-epoch", not(percpu_loom)))]
            deferred: Default::default(),
            objects,
            name,
            limit,
            _of: PhantomData,
        }
    }

    /// Its name, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it stands on, which knows no `T`.
    pub fn as_raw(&self) -> &ObjectCache {
        &self.objects
    }

    /// Allocates an object for `value`.
    ///
    /// # Errors
    /// [`Error::LimitReached`], [`Error::OutOfMemory`]; the value comes back. Objects that
    /// are free but lie with other CPUs were looked for.
    #[doc(alias = "kmem_cache_alloc")]
    #[inline]
    #[track_caller]
    pub fn alloc(&self, value: T) -> Result<Object<T>, AllocError<T>> {
        match self.objects.alloc() {
            // SAFETY: just allocated; `objects` fits.
            Ok(object) => Ok(unsafe { Object::write(object, value) }),
            Err(error) => Err(AllocError { error, value }),
        }
    }

    /// Allocates an object for what `make` returns, which is not called if there is none.
    ///
    /// ```
    /// let cache = percpu_slab::Cache::<[u8; 4096]>::new()?;
    /// let page = cache.alloc_with(|| [0; 4096])?;
    /// assert_eq!(page[4095], 0);
    /// # Ok::<(), percpu_slab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`alloc`](Self::alloc).
    ///
    /// # Panics
    /// If `make` does; the object is free again.
    #[inline]
    #[track_caller]
    pub fn alloc_with(&self, make: impl FnOnce() -> T) -> Result<Object<T>, Error> {
        let object = self.objects.alloc()?;
        // SAFETY: as in `alloc`.
        Ok(unsafe { Object::write_with(object, make) })
    }

    /// Allocates an object for `T::default()`.
    ///
    /// # Errors
    /// As [`alloc`](Self::alloc).
    ///
    /// # Panics
    /// If `T::default` does; the object is free again.
    #[inline]
    #[track_caller]
    pub fn alloc_default(&self) -> Result<Object<T>, Error>
    where
        T: Default,
    {
        self.alloc_with(T::default)
    }

    /// Allocates an object whose value is still to be written.
    ///
    /// # Errors
    /// As [`alloc`](Self::alloc).
    #[inline]
    #[track_caller]
    pub fn alloc_uninit(&self) -> Result<Object<MaybeUninit<T>>, Error> {
        let object = self.objects.alloc()?;
        // SAFETY: just allocated; it fits a `T`, and so one that is not initialised.
        Ok(unsafe { Object::write(object, MaybeUninit::uninit()) })
    }

    /// Allocates an object of zero bytes.
    ///
    /// ```
    /// let cache = percpu_slab::Cache::<[u8; 4096]>::new()?;
    /// assert!(cache.alloc_zeroed()?.iter().all(|&byte| byte == 0));
    /// # Ok::<(), percpu_slab::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`alloc`](Self::alloc).
    #[cfg(not(percpu_loom))]
    #[doc(alias = "kmem_cache_zalloc")]
    #[inline]
    #[track_caller]
    pub fn alloc_zeroed(&self) -> Result<Object<T>, Error>
    where
        T: percpu_core::Zeroable,
    {
        let mut object = self.alloc_uninit()?;
        *object = MaybeUninit::zeroed();
        // SAFETY: zero bytes are a valid `T`: `Zeroable`.
        Ok(unsafe { Object::assume_init(object) })
    }

    /// Gives what is cached for `unit` to its slabs. CPUs that went offline are emptied
    /// without being asked, if somebody tells [`hotplug`](percpu_core::hotplug) of it.
    ///
    /// # Errors
    /// [`percpu_core::Error::FenceRefused`]; nothing was moved.
    pub fn drain(&self, unit: Unit) -> Result<(), Error> {
        #[cfg(all(feature = "crossbeam-epoch", not(percpu_loom)))]
        self.deferred.drain(unit)?;
        self.objects.drain(unit)
    }

    /// Gives all that is cached to its slabs.
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    #[doc(alias = "flush_all")]
    pub fn flush(&self) -> Result<(), Error> {
        #[cfg(all(feature = "crossbeam-epoch", not(percpu_loom)))]
        self.deferred.flush()?;
        self.objects.flush()
    }

    /// Gives memory back: all that is cached goes to its slabs, slabs without objects to
    /// the system. Returns how many bytes these were.
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    #[doc(alias = "kmem_cache_shrink")]
    pub fn shrink(&self) -> Result<usize, Error> {
        self.objects.shrink()
    }

    /// Lets magazines that grew under traffic become smaller again, by an eighth; for a
    /// timer.
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    pub fn decay(&self) -> Result<(), Error> {
        self.objects.decay()
    }

    /// What it holds and did.
    #[doc(alias = "slabinfo")]
    pub fn stats(&self) -> CacheStats {
        CacheStats::of(&self.name, self.limit, &self.objects)
    }

    /// Looks at every object of a hardened cache: tells what is wrong, what was noticed
    /// since the last look, and repairs it. `None` if the cache is not
    /// [hardened](crate::CacheBuilder::hardened).
    ///
    /// ```
    /// use percpu_slab::hardened::Kind;
    ///
    /// let cache = percpu_slab::Cache::<[u8; 64]>::builder().hardened(true).build()?;
    /// let object = cache.alloc([0; 64])?;
    /// let behind = std::ptr::with_exposed_provenance_mut::<u8>(object.as_ptr().addr() + 64);
    /// // SAFETY: a mistake: the byte behind the object. Nobody else writes it, though.
    /// unsafe { behind.write(0) };
    /// let report = cache.validate().expect("it is hardened");
    /// assert_eq!(report.corruptions[0].kind, Kind::RightRedZone);
    /// assert!(cache.validate().unwrap().is_clean(), "it was repaired");
    /// # Ok::<(), percpu_slab::Error>(())
    /// ```
    #[doc(alias = "validate_slab_cache")]
    pub fn validate(&self) -> Option<Report> {
        self.objects.validate()
    }

    /// Drops the cache and says whether objects of it are alive.
    ///
    /// Where the system refuses a fence, what is cached stays where it is, counts as alive,
    /// and its memory is never given back; so it is with a cache that is only dropped.
    ///
    /// ```
    /// let cache = percpu_slab::Cache::<u64>::new()?;
    /// let object = cache.alloc(7)?;
    /// assert_eq!(cache.destroy().unwrap_err().count, 1);
    /// assert_eq!(*object, 7, "it lives on");
    /// # Ok::<(), percpu_slab::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`LiveObjects`]: how many there are. They stay valid and keep the memory until
    /// they are dropped; the cache is gone.
    #[doc(alias = "kmem_cache_destroy")]
    pub fn destroy(self) -> Result<(), LiveObjects> {
        #[cfg(all(feature = "crossbeam-epoch", not(percpu_loom)))]
        self.deferred.barrier().ok();
        let hooks = self.objects.hooks().cloned();
        match self.objects.destroy() {
            0 => Ok(()),
            count => {
                let leaks = hooks.map(|hooks| hooks.leaks()).unwrap_or_default();
                Err(LiveObjects { cache: self.name.into(), count, leaks })
            }
        }
    }
}

impl<T> fmt::Debug for Cache<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("name", &self.name)
            .field("limit", &self.limit)
            .field("objects", &self.objects)
            .finish()
    }
}
