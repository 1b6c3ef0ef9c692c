//! [`Pages`]: which slots are free, page by page.
//!
//! A page is a power of two of slots with consecutive indices. Pages fill from the first
//! one on, so that the last ones come to be vacant as a whole; then their memory may go
//! back. A page remembers what the generations of its slots must start from when it is
//! used again.
//!
//! ```text
//!               first use                   none in use: discard
//!   no slots ───────────────> backed <──────────────────────────> not backed
//!                                             a slot is taken
//! ```
//! A slot that is retired counts as neither free nor in use; a page of such slots alone
//! is not backed again.

use core::ops::Range;

/// A page's slots that are free.
#[derive(Debug)]
struct Page {
    /// A bit a slot.
    free: Box<[u64]>,
    count: usize,
    retired: usize,
    /// What a slot whose word is 0 starts from.
    generation: u32,
    /// Whether there may be memory behind it.
    is_backed: bool,
}

/// Which slots are free, page by page.
#[derive(Debug)]
pub(super) struct Pages {
    /// A page has `1 << shift` slots. The first page is number 1, so that no index is 0.
    shift: u32,
    pages: Vec<Page>,
    /// A bit a page: whether it has free slots.
    open: Vec<u64>,
    /// None of the words before this one has a bit.
    first_open: usize,
    /// Slots that somebody has.
    taken: usize,
    retired: usize,
    backed: usize,
    /// Backed pages none of whose slots anybody has.
    empty: usize,
}

/// What came of a slot that was given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// Others of its page are in use.
    InUse,
    /// Its page, with this number, has none in use.
    Empty(usize),
}

impl Page {
    /// Whether nobody has any of its `slots`.
    fn is_empty(&self, slots: usize) -> bool {
        self.count + self.retired == slots
    }
}

impl Pages {
    pub(super) fn new(shift: u32) -> Self {
        Self {
            shift,
            pages: Vec::new(),
            open: Vec::new(),
            first_open: 0,
            taken: 0,
            retired: 0,
            backed: 0,
            empty: 0,
        }
    }

    fn slots(&self) -> usize {
        1 << self.shift
    }

    /// The indices of a page.
    pub(super) fn indices(&self, number: usize) -> Range<u64> {
        let number = number as u64;
        number << self.shift..(number + 1) << self.shift
    }

    /// Which one the next page is.
    pub(super) fn next(&self) -> usize {
        self.pages.len() + 1
    }

    /// Adds that page, all free.
    pub(super) fn add(&mut self) {
        let slots = self.slots();
        let mut free = vec![u64::MAX; slots.div_ceil(64)].into_boxed_slice();
        if slots < 64 {
            free[0] = (1 << slots) - 1;
        }
        self.pages.push(Page { free, count: slots, retired: 0, generation: 0, is_backed: false });
        self.set_open(self.pages.len(), true);
    }

    /// Takes free slots of one page, the first that has any, and gives each with the
    /// generation that it starts from to `f`; how many.
    pub(super) fn take(&mut self, wanted: usize, mut f: impl FnMut(u32, u32)) -> usize {
        let Some(number) = self.first_with_free() else { return 0 };
        let (first, slots) = (self.indices(number).start, self.slots());
        let page = &mut self.pages[number - 1];
        let count = wanted.min(page.count);
        if !page.is_backed {
            page.is_backed = true;
            self.backed += 1;
        } else if page.is_empty(slots) {
            self.empty -= 1;
        }
        page.count -= count;
        let mut left = count;
        for (at, word) in page.free.iter_mut().enumerate() {
            while left > 0 && *word != 0 {
                let bit = word.trailing_zeros();
                *word &= *word - 1;
                // An index has 32 bits.
                f((first + 64 * at as u64) as u32 + bit, page.generation);
                left -= 1;
            }
        }
        self.taken += count;
        if self.pages[number - 1].count == 0 {
            self.set_open(number, false);
        }
        count
    }

    /// Takes a slot back.
    pub(super) fn give(&mut self, index: u32) -> Given {
        let (number, at) = self.place(index);
        let page = &mut self.pages[number - 1];
        let bit = 1 << (at % 64);
        debug_assert!(page.free[at / 64] & bit == 0, "slot {index} is free already");
        page.free[at / 64] |= bit;
        page.count += 1;
        if page.count == 1 {
            self.set_open(number, true);
        }
        self.left(number)
    }

    /// A slot that somebody has is not used again.
    pub(super) fn retire(&mut self, index: u32) -> Given {
        let (number, _) = self.place(index);
        self.pages[number - 1].retired += 1;
        self.retired += 1;
        self.left(number)
    }

    /// Nobody has a slot of this page any more that somebody had.
    fn left(&mut self, number: usize) -> Given {
        self.taken -= 1;
        if self.pages[number - 1].is_empty(self.slots()) {
            self.empty += 1;
            return Given::Empty(number);
        }
        Given::InUse
    }

    /// Whether an empty page is worth keeping: there are few, and it will be used.
    pub(super) fn is_kept(&self, number: usize, few: usize) -> bool {
        self.empty <= few && self.pages[number - 1].count > 0
    }

    /// The free slots of a page.
    pub(super) fn free(&self, number: usize) -> impl Iterator<Item = u64> + '_ {
        let page = &self.pages[number - 1];
        let is_free = |at: usize| page.free[at / 64] & (1 << (at % 64)) != 0;
        let first = self.indices(number).start;
        (0..self.slots()).filter(move |&at| is_free(at)).map(move |at| first + at as u64)
    }

    /// An empty page is not backed any more, and its slots start from `generation`.
    pub(super) fn unback(&mut self, number: usize, generation: u32) {
        let page = &mut self.pages[number - 1];
        page.is_backed = false;
        page.generation = page.generation.max(generation);
        self.backed -= 1;
        self.empty -= 1;
    }

    /// The backed pages that nobody has slots of.
    pub(super) fn all_empty(&self) -> Vec<usize> {
        let slots = self.slots();
        let is_empty = |page: &Page| page.is_backed && page.is_empty(slots);
        let pages = self.pages.iter().enumerate().filter(|(_, page)| is_empty(page));
        pages.map(|(at, _)| at + 1).collect()
    }

    /// The first page from the one of `index` on that has slots in use.
    pub(super) fn in_use_from(&self, index: u64) -> Option<Range<u64>> {
        let number = ((index >> self.shift) as usize).max(1);
        let slots = self.slots();
        let is_used = |page: &Page| !page.is_empty(slots);
        let rest = self.pages.get(number - 1..)?;
        let at = rest.iter().position(is_used)?;
        Some(self.indices(number + at))
    }

    /// Slots that somebody has.
    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// Slots whose generations are used up.
    pub(super) fn retired(&self) -> usize {
        self.retired
    }

    /// Pages that there may be memory behind.
    pub(super) fn backed(&self) -> usize {
        self.backed
    }

    /// Pages that there ever were.
    pub(super) fn len(&self) -> usize {
        self.pages.len()
    }

    /// Bytes that all this takes.
    pub(super) fn bytes(&self) -> usize {
        let words = self.pages.first().map_or(0, |page| size_of_val(&*page.free));
        self.pages.capacity() * size_of::<Page>()
            + self.pages.len() * words
            + self.open.capacity() * size_of::<u64>()
    }

    /// The number of a slot's page, and which of its slots it is.
    fn place(&self, index: u32) -> (usize, usize) {
        let index = index as usize;
        (index >> self.shift, index & (self.slots() - 1))
    }

    fn set_open(&mut self, number: usize, is_open: bool) {
        let (at, bit) = ((number - 1) / 64, (number - 1) % 64);
        if at == self.open.len() {
            self.open.push(0);
        }
        if is_open {
            self.open[at] |= 1 << bit;
            self.first_open = self.first_open.min(at);
        } else {
            self.open[at] &= !(1 << bit);
        }
    }

    fn first_with_free(&mut self) -> Option<usize> {
        while self.first_open < self.open.len() {
            match self.open[self.first_open] {
                0 => self.first_open += 1,
                word => return Some(64 * self.first_open + word.trailing_zeros() as usize + 1),
            }
        }
        None
    }
}
