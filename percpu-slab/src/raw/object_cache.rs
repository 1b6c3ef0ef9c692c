//! [`ObjectCache`]: objects of one layout, from this CPU's magazine.
//!
//! # Why
//! What a program allocates and frees all day is of few layouts. So an object that is
//! freed lies in a magazine of the CPU that freed it, and is handed out there again; the
//! slabs below are asked once a magazine at most. An object knows its cache: the span
//! that it lies in has the core's address in its first word.
//!
//! ```text
//!   handle --> core: Magazines, Slabs
//!                ^
//!                | owner word, one a span
//!   object ---> span (the object's address without its low bits)
//! ```
//!
//! # Invariants
//! - L1: the core is there as long as the handle is, or an object is anywhere but in its
//!   slab: at a user's, in a magazine, in a depot, in the hands of a thread.
//! - L2: the handle's drop closes the magazines, then the slabs. From then on
//!   `Slabs::close` and `Slabs::free` say once that all objects are in their slabs.
//!   Whoever is told frees the core, and nobody else does.
//! - L3: a free holds its object, which keeps the core (L1), until it is pushed or given
//!   to its slab. That is the last time it touches the core (M2 of `magazines.rs`); what
//!   the slabs said is on its own stack, in [`Below`].
//! - L4: if the magazines cannot be closed, because the system refuses a fence, what lies
//!   in them stays out of its slab. So the core stays, with those objects: leaked, but
//!   sound.
//!
//! No operation counts a reference: the object that it holds is one.
//!
//! # Orderings
//! - The core's fields before the first object: the slabs publish an object to whoever
//!   gets it (Release and Acquire of its slab's state, or the node's lock), and the owner
//!   word was stored before. From thread to thread an object goes as any value does.
//! - All uses of the core before it is freed: each free's last use is before its release
//!   of the object to a slab or a magazine, whoever takes it from there acquires that,
//!   and whoever is told that all objects have come acquires each free.
//!
//! # Safety
//! Turns the owner word, which only this file sets, back into the core, and frees the
//! core when nobody is left (L1, L2, L3).

#![allow(unsafe_code)]

use core::alloc::Layout;
use core::cell::Cell;
use core::fmt;
use core::panic::Location;
use core::ptr::{self, NonNull};
use std::sync::Arc;

use percpu_core::__raw::mutated;
use percpu_core::Unit;
#[cfg(not(percpu_loom))]
use percpu_core::hotplug::{HotplugError, State};

use super::hooks::{Hooks, Site};
use super::magazine_options::MagazineOptions;
use super::magazine_stats::MagazineStats;
use super::magazines::Magazines;
use super::sizes::Geometry;
use super::slab_options::SlabOptions;
use super::slab_stats::SlabStats;
use super::slabs::Slabs;
use super::source::Source;
use crate::error::Error;
use crate::hardened::report::Report;

/// In an owner word: there are several nodes, or hooks, or hits are counted, so that a
/// free has to look closer. A core's address has this bit clear.
const NOT_PLAIN: usize = 1;

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

// The bits of `NOT_PLAIN` are clear in its address.
#[repr(align(64))]
struct Core {
    magazines: Magazines,
    slabs: Slabs,
    hooks: Option<Arc<dyn Hooks>>,
    /// Of what users get.
    layout: Layout,
    /// Who uses the core says so, for models.
    #[cfg(percpu_loom)]
    life: life::Life,
}

/// What a thread gives below, and whether that was the last of all objects.
struct Below<'a> {
    slabs: &'a Slabs,
    last: Cell<bool>,
}

impl<'a> Below<'a> {
    fn new(core: &'a Core) -> Self {
        Self { slabs: &core.slabs, last: Cell::new(false) }
    }
}

impl Source for Below<'_> {
    type Error = Error;

    fn refill(&self, out: &mut [u64]) -> Result<usize, Error> {
        self.slabs.refill(out)
    }

    fn release(&self, items: &[u64]) {
        if self.slabs.free(items) {
            self.last.set(true);
        }
    }
}

// SAFETY: the core's parts are all shared between threads (`_core_is_shared`); the
// state is only dropped.
unsafe impl Send for ObjectCache {}
// SAFETY: as above.
unsafe impl Sync for ObjectCache {}

fn _core_is_shared() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Core>();
}

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
        let plain = hooks.is_none() && !counted && slabs.numa.nodes == 1;
        let core = Box::into_raw(Box::new(Core {
            magazines,
            slabs,
            hooks,
            layout,
            #[cfg(percpu_loom)]
            life: life::Life::new(),
        }));
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
    fn core(&self) -> &Core {
        // SAFETY: L1, and this is the handle.
        unsafe { self.core.as_ref() }
    }

    /// What an object has room for.
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
        // With hooks there is never one; on several nodes what is cached is this one's.
        if !self.counted {
            if let Some(item) = self.core().magazines.get_cached() {
                let object = ptr::with_exposed_provenance_mut(item as usize);
                // SAFETY: only objects are put into these magazines, and none is null.
                return Ok(unsafe { NonNull::new_unchecked(object) });
            }
        }
        self.alloc_slow(self.core().layout.size(), Some(Location::caller()))
    }

    /// Allocates an object of which only the first `bytes` are used: a hardened cache
    /// looks after the others as it does after those behind the object.
    ///
    /// # Errors
    /// [`Error::Layout`] if an object has fewer bytes; as [`alloc`](Self::alloc).
    #[doc(alias = "kmalloc")]
    #[track_caller]
    pub fn alloc_sized(&self, bytes: usize) -> Result<NonNull<u8>, Error> {
        let Core { layout, hooks, .. } = self.core();
        if bytes > layout.size() {
            let (align, max) = (layout.align(), layout.size());
            return Err(Error::Layout { size: bytes, align, max });
        }
        match hooks {
            Some(_) => self.alloc_slow(bytes, Some(Location::caller())),
            None => self.alloc(),
        }
    }

    #[cold]
    #[inline(never)]
    fn alloc_slow(&self, bytes: usize, site: Site) -> Result<NonNull<u8>, Error> {
        let core = self.core();
        let below = Below::new(core);
        let get = || match &core.hooks {
            Some(hooks) => hooks.get(bytes, site, &below),
            None => core.magazines.get(&below),
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
        let site = Some(Location::caller());
        for i in 0..objects.len() {
            match self.alloc_slow(core.layout.size(), site) {
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
        let owner = unsafe { Slabs::owner_of(object.addr().get()) };
        drop(Claim { object, owner });
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

    /// Gives what is cached for `unit` to its slabs.
    ///
    /// # Errors
    /// [`percpu_core::Error::FenceRefused`]; nothing was moved.
    pub fn drain(&self, unit: Unit) -> Result<(), Error> {
        let core = self.core();
        core.magazines.drain(unit, &Below::new(core))
    }

    /// Gives all that is cached to its slabs.
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    pub fn flush(&self) -> Result<(), Error> {
        let core = self.core();
        core.flush(&Below::new(core))
    }

    /// Gives memory back: all that is cached goes to its slabs, and slabs without objects
    /// go to the system. Returns how many bytes these were.
    ///
    /// # Errors
    /// As [`drain`](Self::drain); slabs that have no objects went nevertheless.
    pub fn shrink(&self) -> Result<usize, Error> {
        let before = self.slab_stats().bytes;
        let flushed = self.flush();
        self.core().slabs.shrink();
        flushed?;
        Ok(before.saturating_sub(self.slab_stats().bytes))
    }

    /// Lets magazines that grew under traffic become smaller again; for a timer.
    ///
    /// # Errors
    /// As [`drain`](Self::drain).
    pub fn decay(&self) -> Result<(), Error> {
        let core = self.core();
        core.magazines.decay(&Below::new(core))
    }

    /// What its magazines did.
    pub fn magazine_stats(&self) -> MagazineStats {
        self.core().magazines.stats()
    }

    /// What its slabs hold.
    pub fn slab_stats(&self) -> SlabStats {
        self.core().slabs.stats()
    }

    /// What its slabs of one node hold.
    ///
    /// # Panics
    /// If there is no such node.
    pub fn slab_stats_of(&self, node: usize) -> SlabStats {
        self.core().slabs.stats_of(node)
    }

    /// How many objects are free, but with a CPU or in a depot; of a moment ago.
    pub fn cached(&self) -> usize {
        self.core().cached()
    }

    /// How many objects are with users, or in the hands of threads; of a moment ago.
    pub fn live(&self) -> usize {
        let out = self.slab_stats().live;
        out.saturating_sub(self.cached())
    }

    /// How many caches of models have memory.
    #[cfg(percpu_loom)]
    #[doc(hidden)]
    pub fn cores() -> usize {
        life::CORES.get()
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

impl Core {
    /// To be called by whoever uses the core, so that a model notices if the core is
    /// freed beside it.
    #[inline(always)]
    fn is_used(&self) {
        #[cfg(percpu_loom)]
        self.life.is_used();
    }

    /// Free objects that may lie with other CPUs come to where `again` finds them.
    #[cold]
    fn gather<R>(
        &self,
        error: Error,
        below: &Below<'_>,
        mut again: impl FnMut() -> Result<R, Error>,
    ) -> Result<R, Error> {
        if self.cached() == 0 || self.flush(below).is_err() {
            return Err(error);
        }
        again()
    }

    fn flush(&self, below: &Below<'_>) -> Result<(), Error> {
        match &self.hooks {
            Some(hooks) => {
                hooks.flush(false, below);
                Ok(())
            }
            None => self.magazines.flush(below),
        }
    }

    fn cached(&self) -> usize {
        self.hooks.as_ref().map_or_else(|| self.magazines.cached(), |hooks| hooks.kept())
    }

    /// Frees an object that was claimed, not by this CPU's magazine alone; whether it was
    /// the last.
    fn free(&self, object: u64) -> bool {
        self.is_used();
        let below = Below::new(self);
        if let Some(hooks) = &self.hooks {
            // They may use themselves when the object has gone.
            Arc::clone(hooks).put(object, &below);
        } else if self.is_of_another_node(object) {
            below.release(&[object]);
        } else {
            self.magazines.put(object, &below);
        }
        below.last.get()
    }

    /// Frees objects of this core; whether they were the last.
    fn free_run(&self, objects: &[u64]) -> bool {
        self.is_used();
        let below = Below::new(self);
        self.magazines.put_batch(objects, &below);
        below.last.get()
    }

    /// Whether the object should not come to this CPU's magazine.
    #[doc(alias = "can_free_to_pcs")]
    fn is_of_another_node(&self, object: u64) -> bool {
        let numa = &self.slabs.numa;
        // SAFETY: the object is the caller's.
        numa.nodes > 1 && (numa.here)() != unsafe { Slabs::node_of(object as usize) }
    }
}

/// An object that is being freed, and is when this is dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    /// INVARIANT: an object that nobody has but this.
    object: NonNull<u8>,
    /// INVARIANT: its owner word.
    owner: usize,
}

impl Claim {
    /// Claims an object; `None` if its hooks say that it is none.
    ///
    /// # Safety
    /// As [`ObjectCache::free`], but the object may be used until this is dropped.
    #[inline(always)]
    pub(crate) unsafe fn new(object: NonNull<u8>, site: Site) -> Option<Self> {
        // SAFETY: the caller's promise.
        let owner = unsafe { Slabs::owner_of(object.addr().get()) };
        let claim = Self { object, owner };
        if owner & NOT_PLAIN != 0 && !claim.is_granted(site) {
            core::mem::forget(claim);
            return None;
        }
        Some(claim)
    }

    #[cold]
    #[inline(never)]
    fn is_granted(&self, site: Site) -> bool {
        // SAFETY: L1: the object is there, so its core is.
        let core = unsafe { &*core_of(self.owner) };
        core.hooks.as_ref().is_none_or(|hooks| hooks.claim(item(self.object), site))
    }

    #[cold]
    #[inline(never)]
    fn free_slow(object: u64, owner: usize) {
        let core = core_of(owner);
        // SAFETY: L1: the object is there, so its core is.
        let last = unsafe { &*core }.free(object);
        // SAFETY: the object was freed, which told `last`.
        unsafe { end_if(last, core) };
    }
}

impl Drop for Claim {
    #[inline(always)]
    fn drop(&mut self) {
        if self.owner & NOT_PLAIN == 0 {
            // SAFETY: L1: the object is there, so its core is.
            let core = unsafe { &*core_of(self.owner) };
            core.is_used();
            if core.magazines.put_cached(item(self.object)) {
                if mutated("cache_used_after_put") {
                    core.is_used();
                }
                return;
            }
        }
        Self::free_slow(item(self.object), self.owner);
    }
}

/// Frees the core if all objects have come.
///
/// # Safety
/// `last` is what the slabs said of a free of this thread's.
unsafe fn end_if(last: bool, core: *mut Core) {
    if last {
        // SAFETY: all objects are in their slabs for good, and this thread was told so:
        // nobody else has or will have the core (L2, L3).
        drop(unsafe { Box::from_raw(core) });
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

/// What models look at: how many cores there are, and whether one is freed while
/// somebody uses it.
#[cfg(percpu_loom)]
mod life {
    use percpu_core::model::loom::cell::UnsafeCell;
    use std::cell::Cell;

    std::thread_local! {
        // All threads of a model are one.
        pub(super) static CORES: Cell<usize> = const { Cell::new(0) };
    }

    /// A use is a read and the end a write: loom demands that each read happens before.
    pub(super) struct Life(UnsafeCell<()>);

    impl Life {
        pub(super) fn new() -> Self {
            CORES.set(CORES.get() + 1);
            Self(UnsafeCell::new(()))
        }

        pub(super) fn is_used(&self) {
            self.0.with(|_| ());
        }
    }

    impl Drop for Life {
        fn drop(&mut self) {
            CORES.set(CORES.get() - 1);
            self.0.with_mut(|_| ());
        }
    }

    // SAFETY: nothing is in the cell.
    unsafe impl Sync for Life {}
}

#[inline(always)]
fn core_of(owner: usize) -> *mut Core {
    ptr::with_exposed_provenance_mut(owner & !NOT_PLAIN)
}

/// Items are addresses whose provenance is exposed.
#[inline(always)]
pub(crate) fn pointer(item: u64) -> NonNull<u8> {
    NonNull::new(ptr::with_exposed_provenance_mut(item as usize)).expect("an item is never 0")
}

#[inline(always)]
fn item(object: NonNull<u8>) -> u64 {
    object.as_ptr().expose_provenance() as u64
}
