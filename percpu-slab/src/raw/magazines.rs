//! [`Magazines`]: free items on every CPU, above a depot a node.
//!
//! # Why
//! Most of what is freed is wanted again soon, by the same CPU. So each CPU has a stack
//! of free items that only its own sections change. When it runs empty or full, a whole
//! magazine comes from the depot or goes there, so that a CPU that only frees feeds one
//! that only allocates; and only when the depot has none, or no room, the source below
//! is asked.
//!
//! ```text
//!            get                                 put
//!             | pop                          push |
//!        |  stack of this CPU:  at most `limit` items  |
//!     empty |                                     | full:  grow, or
//!           |  take a magazine    put a magazine  |
//!        |  depot of this node: at most `depot` magazines  |
//!     empty |                                     | full
//!           |  refill                    release  |
//!        |  source                                     |
//! ```
//!
//! # Words
//! | word | who changes it |
//! | --- | --- |
//! | stacks | `RawStack` says |
//! | limit | whoever grows, decays, shrinks; 0 for ever by `close` |
//! | `closed` | `close`, once, after the stack is closed |
//! | `words`, of each CPU | its own sections: counts, and `REFILLS` |
//!
//! # Policy
//! A limit that holds what the swings of traffic ask for: a CPU that ran empty and then
//! runs full would have needed neither with a magazine more, so the limit grows by one.
//! A CPU that only frees, or only allocates, has no use for more. `decay` takes back an
//! eighth, for a timer to call: what is still needed grows again.
//!
//! # Invariants
//! - M1: an item is at one place: at a user's, on one stack, in one cell of a depot, in
//!   the hands of a thread in a slow path, or below. In a thread's hands it is some
//!   [`Held`](super::miss::Held)'s, which puts it back if the source panics.
//! - M2: `put` touches the magazines for the last time when its item is pushed, or
//!   released: until then the item keeps alive what holds them. So what it does with
//!   other items comes before. The magazines may be freed before `put` has returned, so
//!   no byte of them is frozen (`unfrozen.rs` of percpu-core).
//! - M3: once `close` has returned no item comes to a stack or a depot again but those
//!   that whoever brought them takes out again: the stacks are closed, and whoever has
//!   put a magazine looks at `closed` after it.
//!
//! # Orderings
//! - Items: those of the stacks and the depots.
//! - `closed`: a store, a full fence, the look into the depots; against a put, a full
//!   fence, the look at `closed`. One of the two sees the other.

use percpu_core::__raw::{RawStack, Unfrozen, mutated};
use percpu_core::PerCpu;
use percpu_core::atomic::{AtomicBool, AtomicU64};

use super::depot::Depot;
use super::magazine_options::MagazineOptions;
use super::source::Source;
use crate::error::Error;

/// Free items on every CPU, above a depot a node.
///
/// An item comes out once for each time that it went in. What a source makes items of,
/// and whose they are while nobody has them, is the source's business: whoever drops
/// magazines [closes](Self::close) or [flushes](Self::flush) them first.
///
/// ```
/// use percpu_slab::raw::{MagazineOptions, Magazines, Source};
///
/// struct Numbers(std::sync::atomic::AtomicU64);
/// impl Source for Numbers {
///     type Error = std::convert::Infallible;
///     fn refill(&self, out: &mut [u64]) -> Result<usize, Self::Error> {
///         let count = out.len() as u64;
///         let first = 1 + self.0.fetch_add(count, std::sync::atomic::Ordering::Relaxed);
///         out.iter_mut().zip(first..).for_each(|(out, number)| *out = number);
///         Ok(out.len())
///     }
///     fn release(&self, _: &[u64]) {}
/// }
///
/// let numbers = Numbers(0.into());
/// let magazines = Magazines::new(MagazineOptions::default())?;
/// let Ok(number) = magazines.get(&numbers);
/// magazines.put(number, &numbers);
/// assert_eq!(magazines.cached(), 28, "a magazine came, and is there");
/// magazines.close(&numbers)?;
/// assert_eq!(magazines.cached(), 0);
/// # Ok::<(), percpu_slab::Error>(())
/// ```
///
/// # Performance
/// A [`get`](Self::get) or [`put`](Self::put) that hits is one section: no lock, no
/// lock prefix, no line that another CPU writes.
#[doc(alias = "slub_percpu_sheaves")]
pub struct Magazines(pub(super) Unfrozen<Parts>);

/// Of magazines (M2).
pub(super) struct Parts {
    /// What operations try first: the stack, unless they are to be counted; then one
    /// that is empty and has no room.
    front: RawStack,
    /// The stack, if operations are to be counted.
    behind: Option<RawStack>,
    pub(super) closed: AtomicBool,
    /// Whether `closed` may ever be set.
    pub(super) closes: bool,
    pub(super) options: MagazineOptions,
    pub(super) depots: Box<[Depot]>,
    pub(super) words: PerCpu<[AtomicU64; WORDS]>,
    /// Models see M2 held.
    #[cfg(percpu_loom)]
    life: super::life::Life,
}

// Of each CPU, counts but for the first.
/// How often it ran empty since it last ran full.
pub(super) const REFILLS: usize = 0;
pub(super) const GETS: usize = 1;
pub(super) const PUTS: usize = 2;
pub(super) const GET_MISSES: usize = 3;
pub(super) const PUT_MISSES: usize = 4;
pub(super) const SOURCE_GETS: usize = 5;
pub(super) const SOURCE_PUTS: usize = 6;
pub(super) const DEPOT_GETS: usize = 7;
pub(super) const DEPOT_PUTS: usize = 8;
const WORDS: usize = 9;

impl Magazines {
    /// Empty magazines.
    ///
    /// # Errors
    /// [`Error::Option`]; as [`PerCpu::zeroed`].
    pub fn new(options: MagazineOptions) -> Result<Self, Error> {
        options.check()?;
        #[cfg(not(percpu_loom))]
        let nodes = percpu_core::info()?.topology().nr_node_ids();
        #[cfg(percpu_loom)]
        let nodes = 1;
        let stack = RawStack::with_capacity(options.magazine * options.max_magazines)?;
        stack.update_limit(|_| Some(options.initial()));
        let (front, behind) = match options.count_hits {
            true => (RawStack::with_capacity(0)?, Some(stack)),
            false => (stack, None),
        };
        Ok(Self(Unfrozen::new(Parts {
            front,
            behind,
            closed: AtomicBool::new(false),
            closes: true,
            depots: (0..nodes).map(|_| Depot::new(options.depot, options.magazine)).collect(),
            words: PerCpu::zeroed()?,
            options,
            #[cfg(percpu_loom)]
            life: super::life::Life::new(),
        })))
    }

    /// For who never calls [`close`](Self::close): a full magazine then costs no fence,
    /// which would wait until the depot's lines have come from other CPUs.
    pub(crate) fn never_closed(mut self) -> Self {
        self.0.closes = false;
        self
    }

    /// In models: these are not freed beside whoever says so.
    #[inline(always)]
    pub(super) fn is_used(&self) {
        #[cfg(percpu_loom)]
        self.0.life.is_used();
    }

    /// Takes an item of this CPU's, if it has one.
    #[inline]
    pub fn get_cached(&self) -> Option<u64> {
        self.count(GETS, 1);
        let item = self.stack().pop();
        if item.is_none() {
            self.0.words.at(GET_MISSES).inc();
        }
        item
    }

    /// Gives this CPU an item, if it has room.
    #[inline]
    pub fn put_cached(&self, item: u64) -> bool {
        // Before: M2.
        self.count(PUTS, 1);
        let put = self.stack().push(item);
        if !put {
            self.0.words.at(PUT_MISSES).inc();
        }
        put
    }

    /// Takes an item: this CPU's, or one of the depot, or a new one.
    ///
    /// # Errors
    /// The source's.
    #[inline(always)]
    pub fn get<S: Source>(&self, source: &S) -> Result<u64, S::Error> {
        match self.get_at_once() {
            Some(item) => Ok(item),
            None => self.get_slow(source),
        }
    }

    /// What `get` tries first, for who has a slow path of his own that calls `get`.
    #[inline(always)]
    pub(crate) fn get_at_once(&self) -> Option<u64> {
        self.0.front.try_pop()
    }

    /// Gives an item back. The source must be the one that it came from.
    #[inline(always)]
    pub fn put<S: Source>(&self, item: u64, source: &S) {
        if !self.put_hit(item) {
            self.put_slow(item, source);
        }
    }

    /// The first part of `put`; `false`: go on with `put_slow`.
    #[inline(always)]
    pub(crate) fn put_hit(&self, item: u64) -> bool {
        self.0.front.try_push(item)
    }

    #[inline(always)]
    pub(super) fn stack(&self) -> &RawStack {
        self.0.behind.as_ref().unwrap_or(&self.0.front)
    }

    pub(super) fn stack_mut(&mut self) -> &mut RawStack {
        let parts = &mut *self.0;
        parts.behind.as_mut().unwrap_or(&mut parts.front)
    }

    /// Counts operations, if they are to be counted.
    #[inline]
    pub(super) fn count(&self, word: usize, n: u64) {
        if self.0.behind.is_some() {
            self.0.words.at(word).add(n);
        }
    }

    /// `limit` as `f` has it; `false` if it wants nothing changed, or all is closed.
    pub(super) fn update_limit(&self, f: impl Fn(usize) -> Option<usize>) -> bool {
        // 0 stays 0: closed.
        let reopens = mutated("magazines_limit_reopens");
        self.stack().update_limit(|limit| if limit == 0 && !reopens { None } else { f(limit) })
    }
}
