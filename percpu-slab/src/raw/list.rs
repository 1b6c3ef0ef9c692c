//! [`List`]: a doubly linked list of slabs or spans, for whoever holds the node's lock.
//!
//! # Safety
//!
//! Follows addresses of elements that whoever put them in keeps alive until they are
//! taken out.

#![allow(unsafe_code)]

use core::marker::PhantomData;
// Not loom's: only touched by whoever holds the node's lock, which the models check.
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The neighbours of an element.
#[derive(Debug, Default)]
pub(super) struct Link {
    next: AtomicUsize,
    /// 0: it is on no list.
    prev: AtomicUsize,
}

/// Before the first one.
const FRONT: usize = 1;

impl Link {
    pub(super) fn is_linked(&self) -> bool {
        self.prev.load(Relaxed) != 0
    }
}

/// What can be on a list: the address of something with a [`Link`].
pub(super) trait Linked: Copy {
    /// Even, and not 0.
    fn word(self) -> usize;

    /// The reverse.
    ///
    /// # Safety
    /// The word is of an element that is alive.
    unsafe fn of(word: usize) -> Self;

    fn link(&self) -> &Link;
}

/// A list of elements.
///
/// INVARIANT: what is on it is alive.
#[derive(Debug)]
pub(super) struct List<L> {
    first: usize,
    len: usize,
    elements: PhantomData<L>,
}

impl<L: Linked> List<L> {
    pub(super) const fn new() -> Self {
        Self { first: 0, len: 0, elements: PhantomData }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn first(&self) -> Option<L> {
        Self::at(self.first)
    }

    /// The one behind an element of this list.
    pub(super) fn after(&self, element: L) -> Option<L> {
        Self::at(element.link().next.load(Relaxed))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = L> + '_ {
        core::iter::successors(self.first(), |&element| self.after(element))
    }

    fn at(word: usize) -> Option<L> {
        // SAFETY: the invariant; words come from `first` and links of this list.
        (word != 0).then(|| unsafe { L::of(word) })
    }

    /// # Safety
    /// The element is on no list, and stays alive until it is taken off this one.
    pub(super) unsafe fn push_front(&mut self, element: L) {
        debug_assert!(!element.link().is_linked());
        if let Some(first) = self.first() {
            first.link().prev.store(element.word(), Relaxed);
        }
        element.link().next.store(self.first, Relaxed);
        element.link().prev.store(FRONT, Relaxed);
        self.first = element.word();
        self.len += 1;
    }

    /// Takes an element of this list off it.
    pub(super) fn remove(&mut self, element: L) {
        debug_assert!(element.link().is_linked());
        let next = element.link().next.load(Relaxed);
        let prev = element.link().prev.swap(0, Relaxed);
        match prev {
            FRONT => self.first = next,
            _ => {
                if let Some(prev) = Self::at(prev) {
                    prev.link().next.store(next, Relaxed);
                }
            }
        }
        if let Some(next) = Self::at(next) {
            next.link().prev.store(prev, Relaxed);
        }
        self.len -= 1;
    }
}
