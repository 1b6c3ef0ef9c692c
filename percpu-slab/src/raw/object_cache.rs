//! [`ObjectCache`]: objects of one layout, from this CPU's magazine.
//!
//! # Why
//! What a program allocates and frees all day is of few layouts. So an object that is
//! freed lies in a magazine of the CPU that freed it, and is handed out there again; the
//! slabs below are asked once a magazine at most.
//!
//! # Safety
//! The handle is one of those who keep the core (L1 and L2 of `cache_core.rs`); whoever
//! frees an object promises that it is one.

#![allow(unsafe_code)]

use core::alloc::Layout;
use core::fmt;
use core::panic::Location;
use core::ptr::{self, NonNull};
use std::sync::Arc;

use percpu_core::__raw::mutated;
#[cfg(not(percpu_loom))]
use percpu_core::hotplug::{HotplugError, State};

use super::cache_core::{Below, Core, NOT_PLAIN, Parts, core_of, end_if, item, pointer};
use super::claim::Claim;
use super::hooks::Hooks;
use super::magazine_options::MagazineOptions;
use super::magazines::Magazines;
use super::sizes::Geometry;
use super::slab_options::SlabOptions;
use super::slabs::Slabs;
use crate::error::Error;
use crate::hardened::report::Report;

/// What an [`ObjectCache`] is like.
#[derive(Debug, Default)]
pub struct ObjectCacheOptions {
    /// Of its magazines.
    pub magazines: MagazineOptions,
    /// Of its slabs.
    pub slabs: SlabOptions,
    /// What stands between the cache and its slabs, in the place of magazines.
    pub hooks: Option<Arc<dyn Hooks>>,
}

/// Objects of one layout, from this CPU's magazine.
///
/// The untyped half of [`Cache`](crate::Cache). An object is allocated memory, not
/// initialised, of at least the layout that was asked for.
///
/// ```
/// use percpu_slab::raw::ObjectCache;
/// use std::alloc::Layout;
///
/// let cache = ObjectCache::new(Layout::new::<[u64; 4]>(), Default::default())?;
/// let object = cache.alloc()?;
/// drop(cache); // the object's span keeps what is needed
/// // SAFETY: an object that was allocated and is not used any more.
/// unsafe { ObjectCache::free(object) };
/// # Ok::<(), percpu_slab::Error>(())
/// ```
///
/// # Performance
/// Allocating and freeing are one section each. Freeing loads one word of the span
/// before, which all objects of a MiB share and nobody writes.
#[doc(alias = "kmem_cache")]
pub struct ObjectCache {
    /// INVARIANT: a core that L1 and L2 hold for.
    core: NonNull<Core>,
    counted: bool,
    #[cfg(not(percpu_loom))]
    state: Option<State>,
}

// SAFETY: the core's parts are all shared between threads (`_core_is_shared`); the
// state is only dropped.
unsafe impl Send for ObjectCache {}
// SAFETY: as above.
unsafe impl Sync for ObjectCache {}

impl ObjectCache {
    /// A cache of objects of `layout`, none yet.
    ///
    /// # Errors
    /// [`Error::Layout`], [`Error::Option`]; as [`PerCpu::zeroed`](percpu_core::PerCpu::zeroed).
    pub fn new(layout: Layout, options: ObjectCacheOptions) -> Result<Self, Error> {
        let ObjectCacheOptions { magazines, slabs, hooks } = options;
        let place = hooks.as_ref().map_or(layout, |hooks| hooks.place(layout));
        if hooks.is_some() && slabs.constructor.is_some() {
            // It would be called for places, not for objects.
            return Err(Error::Option { name: "constructor with hooks", value: 1, min: 0, max: 0 });
        }
        let counted = magazines.count_hits;
        // SAFETY: nobody reaches the slabs but by the core: objects are freed once and
        // not used before or after, as `free` asks for; who is told `true` drops the core
        // (L2), when nobody has it any more (L3). What a constructor may be called with
        // is for whoever made the options.
        let slabs = unsafe { Slabs::new(place, slabs) }?;
        let magazines = Magazines::new(magazines)?;
        let plain = hooks.is_none() && !counted && slabs.0.numa.nodes == 1;
        let core = Box::into_raw(Box::new(Core::new(Parts {
            magazines,
            slabs,
            hooks,
            layout,
            #[cfg(percpu_loom)]
            life: super::cache_core::life::Life::new(),
        })));
        let owner = core.expose_provenance() | if plain { 0 } else { NOT_PLAIN };
        // From here on whatever fails drops the handle, and so the core.
        #[allow(unused_mut, reason = "no hotplug in models")]
        let mut cache = Self {
            core: NonNull::new(core).expect("a box is not null"),
            counted,
            #[cfg(not(percpu_loom))]
            state: None,
        };
        cache.core().slabs.set_owner(owner);
        #[cfg(not(percpu_loom))]
        cache.follow_hotplug()?;
        Ok(cache)
    }

    /// Registers to be emptied of what is kept for a CPU that goes.
    #[cfg(not(percpu_loom))]
    fn follow_hotplug(&mut self) -> Result<(), Error> {
        let owner = self.core.as_ptr().expose_provenance();
        let state = State::new("percpu-slab")
            .drain(move |unit| {
                // SAFETY: the handle has the state removed, which waits for callbacks,
                // before it lets go of the core.
                let core = unsafe { &*core_of(owner) };
                // A refused fence leaves the objects where they are.
                let _ = core.magazines.drain(unit, &Below::new(core));
            })
            .register_nocalls()
            .map_err(|error| match error {
                HotplugError::Core(error) => Error::PerCpu(error),
                other => unreachable!("nothing is set up, so nothing fails: {other}"),
            })?;
        self.state = Some(state);
        Ok(())
    }

    #[inline(always)]
    pub(super) fn core(&self) -> &Core {
        // SAFETY: L1, and this is the handle.
        unsafe { self.core.as_ref() }
    }

    /// What an object has room for.
    #[doc(alias = "kmem_cache_size")]
    pub fn layout(&self) -> Layout {
        self.core().layout
    }

    /// How its objects lie in slabs.
    pub fn geometry(&self) -> &Geometry {
        self.core().slabs.geometry()
    }

    /// Whether allocations that a magazine served are counted.
    pub fn counts_hits(&self) -> bool {
        self.counted
    }

    /// Allocates an object.
    ///
    /// # Errors
    /// [`Error::LimitReached`], [`Error::OutOfMemory`], after objects that lie with other
    /// CPUs were looked for.
    #[doc(alias = "kmem_cache_alloc")]
    #[inline(always)]
    #[track_caller]
    pub fn alloc(&self) -> Result<NonNull<u8>, Error> {
        // On several nodes what is cached is this one's. With hooks nothing is.
        let Some(item) = self.core().magazines.get_at_once() else {
            return self.alloc_slow(None, Location::caller());
        };
        let object = ptr::with_exposed_provenance_mut(item as usize);
        // SAFETY: only objects are put into these magazines, and none is null.
        Ok(unsafe { NonNull::new_unchecked(object) })
    }

    /// Allocates an object of which only the first `bytes` are used: a hardened cache
    /// looks after the others as it does after those behind the object.
    ///
    /// # Errors
    /// [`Error::Layout`] if an object has fewer bytes; as [`alloc`](Self::alloc).
    #[doc(alias = "kmalloc")]
    #[track_caller]
    pub fn alloc_sized(&self, bytes: usize) -> Result<NonNull<u8>, Error> {
        let Parts { layout, hooks, .. } = &**self.core();
        if bytes > layout.size() {
            let (align, max) = (layout.align(), layout.size());
            return Err(Error::Layout { size: bytes, align, max });
        }
        match hooks {
            Some(_) => self.alloc_slow(Some(bytes), Location::caller()),
            None => self.alloc(),
        }
    }

    #[cold]
    #[inline(never)]
    fn alloc_slow(
        &self,
        bytes: Option<usize>,
        site: &'static Location<'static>,
    ) -> Result<NonNull<u8>, Error> {
        let core = self.core();
        let below = Below::new(core);
        let get = || match &core.hooks {
            Some(hooks) => hooks.get(bytes.unwrap_or(core.layout.size()), Some(site), &below),
            None => core.magazines.get_slow(&below),
        };
        get().or_else(|error| core.gather(error, &below, get)).map(pointer)
    }

    /// Allocates objects, `objects.len()` of them or none.
    ///
    /// # Errors
    /// As [`alloc`](Self::alloc).
    #[doc(alias = "kmem_cache_alloc_bulk")]
    #[track_caller]
    pub fn alloc_batch(&self, objects: &mut [u64]) -> Result<(), Error> {
        let core = self.core();
        let below = Below::new(core);
        if core.hooks.is_none() {
            let mut get = || core.magazines.get_batch(objects, &below);
            return get().or_else(|error| core.gather(error, &below, get));
        }
        for i in 0..objects.len() {
            match self.alloc_slow(None, Location::caller()) {
                Ok(object) => objects[i] = item(object),
                Err(error) => {
                    // SAFETY: just allocated.
                    unsafe { Self::free_batch(&objects[..i]) };
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Frees an object, on any thread.
    ///
    /// # Safety
    /// It came from [`alloc`](Self::alloc) of some cache, was not freed since, and nobody
    /// uses it any more.
    #[doc(alias = "kmem_cache_free")]
    #[inline(always)]
    #[track_caller]
    pub unsafe fn free(object: NonNull<u8>) {
        // SAFETY: the caller's promise.
        drop(unsafe { Claim::new(object, Some(Location::caller())) });
    }

    /// Frees an object through its cache. A hardened cache sees to it that it is one: if
    /// not, nothing is done but to tell and count it, and the answer is `false`.
    ///
    /// # Safety
    /// As [`free`](Self::free), and the object is of this cache. Of a hardened cache it may
    /// be anything, as long as the user of an object in use gives it up.
    #[doc(alias = "kmem_cache_free")]
    #[track_caller]
    pub unsafe fn free_checked(&self, object: NonNull<u8>) -> bool {
        let site = Some(Location::caller());
        let Some(hooks) = &self.core().hooks else {
            // SAFETY: the caller's promise.
            drop(unsafe { Claim::new(object, site) });
            return true;
        };
        if !hooks.claim(item(object), site) {
            return false;
        }
        // SAFETY: an object in use, say the hooks, and this call's now.
        drop(unsafe { Claim::granted(object) });
        true
    }

    /// Looks at every object of a hardened cache.
    pub fn validate(&self) -> Option<Report> {
        self.hooks().map(|hooks| hooks.validate())
    }

    /// What stands between it and its slabs.
    pub(crate) fn hooks(&self) -> Option<&Arc<dyn Hooks>> {
        self.core().hooks.as_ref()
    }

    /// Frees objects, all of one cache or of many, by magazines.
    ///
    /// # Safety
    /// As [`free`](Self::free), for each of them.
    #[doc(alias = "kmem_cache_free_bulk")]
    #[track_caller]
    pub unsafe fn free_batch(objects: &[u64]) {
        let mut rest = objects;
        while let Some(&first) = rest.first() {
            // SAFETY: the caller's promise.
            let owner_of = |object: u64| unsafe { Slabs::owner_of(object as usize) };
            let owner = owner_of(first);
            let same = |object: &&u64| owner_of(**object) == owner;
            let (run, others) = rest.split_at(rest.iter().take_while(same).count());
            rest = others;
            if owner & NOT_PLAIN == 0 {
                let core = core_of(owner);
                // SAFETY: L1: the objects are there, so their core is.
                let last = unsafe { &*core }.free_run(run);
                // SAFETY: the run was freed, which told `last`.
                unsafe { end_if(last, core) };
            } else {
                for &object in run {
                    // SAFETY: as this function.
                    unsafe { Self::free(pointer(object)) };
                }
            }
        }
    }

    /// How many caches of models have memory.
    #[cfg(percpu_loom)]
    #[doc(hidden)]
    pub fn cores() -> usize {
        super::cache_core::life::CORES.get()
    }

    /// From now on no more than so many slabs can be made, for tests; `None` ends it.
    #[doc(hidden)]
    pub fn fail_after(&self, slabs: Option<usize>) {
        self.core().slabs.fail_after(slabs, None);
    }

    /// Lets go of the cache; how many objects are left, which keep its memory until they
    /// are freed.
    ///
    /// A thread that is in the middle of freeing or of refilling holds up to a magazine
    /// of objects, which count as left.
    pub fn destroy(mut self) -> usize {
        let left = self.close();
        core::mem::forget(self);
        left
    }

    /// Lets go of the core. Nothing may touch it afterwards.
    fn close(&mut self) -> usize {
        // Waits for callbacks that run.
        #[cfg(not(percpu_loom))]
        drop(self.state.take());
        let core = self.core();
        core.is_used();
        let below = Below::new(core);
        let closed_early = mutated("cache_slabs_closed_first") && core.slabs.close();
        match &core.hooks {
            Some(hooks) => hooks.flush(true, &below),
            // A refused fence leaves objects in magazines, and so the core (L4).
            None => drop(core.magazines.close(&below)),
        }
        if closed_early {
            return 0;
        }
        // Before the slabs are closed: then the core may go at any time.
        let left = match &core.hooks {
            // Frozen objects are out of their slabs too, but nobody's.
            Some(hooks) => hooks.leaks().len(),
            None => core.slabs.stats().live.max(1),
        };
        if core.slabs.close() {
            // SAFETY: this thread was told that all objects are in their slabs (L2).
            drop(unsafe { Box::from_raw(self.core.as_ptr()) });
            return 0;
        }
        left
    }
}

impl Drop for ObjectCache {
    #[doc(alias = "kmem_cache_destroy")]
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for ObjectCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = self.core();
        f.debug_struct("ObjectCache")
            .field("layout", &core.layout)
            .field("magazines", &core.magazines)
            .field("slabs", &core.slabs)
            .field("hooks", &core.hooks)
            .finish()
    }
}
