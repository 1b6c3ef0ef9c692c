//! [`Depot`]: a bounded ring of full magazines.
//!
//! # Words
//! A cell is a turn, a length and the items, on cache lines of its own. Of cell
//! `position % cells`, by turns:
//!
//! | turn | the cell is | who may go on |
//! | --- | --- | --- |
//! | `2 * position` | empty | the putter that moves `tail` from `position` |
//! | `2 * position + 1` | full | the taker that moves `head` from `position` |
//!
//! # Invariants
//! - D1: between the compare-exchange that gave it a cell and its store of the next
//!   turn, a putter or taker has the cell to itself.
//! - D2: whoever is preempted there makes others see a full or an empty depot. They
//!   go on to what lies below: nobody waits for anybody.
//!
//! # Orderings
//! - Items: `turn` store Release, `turn` load Acquire by whoever is next at the cell.
//! - `head`, `tail`: Relaxed. They only say who goes on; the turn says whether.

use core::fmt;

use percpu_core::__raw::mutated;
use percpu_core::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Words of a cache line.
const LINE: usize = 8;
/// Words of a cell before its items: turn, length.
const HEADER: usize = 2;

/// One cache line of cells.
#[repr(align(64))]
struct Line([AtomicU64; LINE]);

/// A position, on lines of its own: two, as processors fetch them by pairs.
#[repr(align(128))]
struct Position(AtomicUsize);

/// A bounded ring of full magazines: how items come from CPUs that free more than they
/// allocate to CPUs that do the opposite.
///
/// Any thread may put and take; nobody ever waits. First in, first out.
///
/// ```
/// use percpu_slab::raw::Depot;
///
/// let depot = Depot::new(2, 4);
/// assert!(depot.put(&[1, 2, 3]) && depot.put(&[4]));
/// assert!(!depot.put(&[5]), "it holds two magazines");
/// let mut magazine = [0; 4];
/// assert_eq!((depot.take(&mut magazine), &magazine[..3]), (3, &[1, 2, 3][..]));
/// assert_eq!((depot.take(&mut magazine), depot.take(&mut magazine)), (1, 0));
/// ```
///
/// # Performance
/// Two compare-exchanges a magazine on lines that travel, and the items' lines.
#[doc(alias = "node_barn")]
pub struct Depot {
    cells: Box<[Line]>,
    /// Of cells.
    count: usize,
    /// Items.
    magazine: usize,
    head: Position,
    tail: Position,
}

impl Depot {
    /// An empty ring for `magazines` of at most `items` items each; 0 magazines is a
    /// depot that is always full and always empty.
    pub fn new(magazines: usize, items: usize) -> Self {
        let lines = (HEADER + items).div_ceil(LINE);
        let turn =
            |word: usize| if word.is_multiple_of(lines * LINE) { word / (lines * LINE) } else { 0 };
        let line = |line: usize| {
            Line(core::array::from_fn(|i| AtomicU64::new(2 * turn(line * LINE + i) as u64)))
        };
        Self {
            cells: (0..magazines * lines).map(line).collect(),
            count: magazines,
            magazine: items,
            head: Position(AtomicUsize::new(0)),
            tail: Position(AtomicUsize::new(0)),
        }
    }

    /// How many magazines it can hold.
    pub fn capacity(&self) -> usize {
        self.count
    }

    /// How many magazines it held a moment ago.
    pub fn len(&self) -> usize {
        let head = self.head.0.load(Ordering::Relaxed);
        self.tail.0.load(Ordering::Relaxed).saturating_sub(head).min(self.count)
    }

    /// Whether it held none a moment ago.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many items its magazines had a moment ago.
    pub fn items(&self) -> usize {
        let head = self.head.0.load(Ordering::Relaxed);
        let cells = (head..head + self.len()).map(|position| {
            let cell = self.cell(position % self.count);
            // Relaxed, both: a number.
            let full = cell.word(0).load(Ordering::Relaxed) == 2 * position as u64 + 1;
            if full { cell.word(1).load(Ordering::Relaxed) as usize } else { 0 }
        });
        cells.sum()
    }

    /// Puts a magazine in; `false` if it is full.
    ///
    /// # Panics
    /// If there are no items, or more than a magazine has.
    pub fn put(&self, items: &[u64]) -> bool {
        assert!((1..=self.magazine).contains(&items.len()), "{} items", items.len());
        let Some((position, cell)) = self.claim(&self.tail, 0) else { return false };
        // Relaxed: the turn orders it, as all in here.
        cell.word(1).store(items.len() as u64, Ordering::Relaxed);
        for (i, &item) in items.iter().enumerate() {
            cell.word(HEADER + i).store(item, Ordering::Relaxed);
        }
        cell.pass(2 * position as u64 + 1);
        true
    }

    /// Takes the oldest magazine, from `out[0]` on; returns how many items it had, 0
    /// if there is none.
    ///
    /// # Panics
    /// If `out` is shorter than a magazine.
    pub fn take(&self, out: &mut [u64]) -> usize {
        assert!(out.len() >= self.magazine, "no room for a magazine of {}", self.magazine);
        let Some((position, cell)) = self.claim(&self.head, 1) else { return 0 };
        let len = cell.word(1).load(Ordering::Relaxed) as usize;
        for (i, out) in out[..len].iter_mut().enumerate() {
            *out = cell.word(HEADER + i).load(Ordering::Relaxed);
        }
        cell.pass(2 * (position + self.count) as u64);
        len
    }

    /// The cell at `end`, if it is this end's turn.
    fn claim(&self, end: &Position, full: u64) -> Option<(usize, Cell<'_>)> {
        if self.count == 0 {
            return None;
        }
        let mut position = end.0.load(Ordering::Relaxed);
        loop {
            let cell = self.cell(position % self.count);
            let expected = 2 * position as u64 + full;
            // Acquire: pairs with the Release in `pass`.
            let seen = match mutated("depot_take_relaxed") {
                true => Ordering::Relaxed,
                false => Ordering::Acquire,
            };
            let turn = cell.word(0).load(seen);
            let next = position + 1;
            if turn == expected {
                match end.0.compare_exchange_weak(
                    position,
                    next,
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => return Some((position, cell)),
                    Err(now) => position = now,
                }
            } else if turn < expected {
                return None;
            } else {
                position = end.0.load(Ordering::Relaxed);
            }
        }
    }

    fn cell(&self, index: usize) -> Cell<'_> {
        let lines = self.cells.len() / self.count;
        Cell(&self.cells[index * lines..][..lines])
    }
}

impl fmt::Debug for Depot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Depot").field("magazines", &self.len()).field("of", &self.count).finish()
    }
}

struct Cell<'a>(&'a [Line]);

impl<'a> Cell<'a> {
    #[inline]
    fn word(&self, index: usize) -> &'a AtomicU64 {
        &self.0[index / LINE].0[index % LINE]
    }

    /// Lets the next one have it.
    fn pass(&self, turn: u64) {
        // Release: pairs with the Acquire in `claim`.
        let passed = match mutated("depot_pass_relaxed") {
            true => Ordering::Relaxed,
            false => Ordering::Release,
        };
        self.word(0).store(turn, passed);
    }
}
