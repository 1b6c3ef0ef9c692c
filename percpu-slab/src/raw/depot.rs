//! [`Depot`]: a bounded ring of full magazines.
//!
//! # Words
//! A cell is the items, a turn and a length, on cache lines of its own; items come first,
//! so that they are copied by whole lines. Of cell `position % cells`, by turns:
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
/// Words of a cell after its items: turn, length.
const TRAILER: usize = 2;

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
        let lines = (items + TRAILER).div_ceil(LINE);
        let cells: Box<[Line]> = (0..magazines * lines)
            .map(|_| Line(core::array::from_fn(|_| AtomicU64::new(0))))
            .collect();
        for (position, cell) in cells.chunks(lines).enumerate() {
            // Relaxed: nobody else has it yet.
            Cell(cell).turn_word().store(2 * position as u64, Ordering::Relaxed);
        }
        Self {
            cells,
            count: magazines,
            magazine: items,
            head: Position(AtomicUsize::new(0)),
            tail: Position(AtomicUsize::new(0)),
        }
    }

    /// The one of this thread's node, or the first where nobody tells which that is.
    pub(crate) fn here(depots: &[Self]) -> &Self {
        if depots.len() > 1 {
            if let Ok(node) = percpu_core::current_node() {
                if let Some(depot) = depots.get(node.get() as usize) {
                    return depot;
                }
            }
        }
        &depots[0]
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
            let full = cell.turn_word().load(Ordering::Relaxed) == 2 * position as u64 + 1;
            if full { cell.len_word().load(Ordering::Relaxed) as usize } else { 0 }
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
        cell.len_word().store(items.len() as u64, Ordering::Relaxed);
        for (Line(line), items) in cell.0.iter().zip(items.chunks(LINE)) {
            line.iter().zip(items).for_each(|(word, &item)| word.store(item, Ordering::Relaxed));
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
        let len = cell.len_word().load(Ordering::Relaxed) as usize;
        for (Line(line), out) in cell.0.iter().zip(out[..len].chunks_mut(LINE)) {
            line.iter().zip(out).for_each(|(word, out)| *out = word.load(Ordering::Relaxed));
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
            let turn = cell.turn(seen);
            let next = position + 1;
            if turn == expected || mutated("depot_ignores_turn") {
                if mutated("depot_claim_in_two_steps") {
                    end.0.store(next, Ordering::Relaxed);
                    return Some((position, cell));
                }
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
    fn turn_word(&self) -> &'a AtomicU64 {
        &self.0[self.0.len() - 1].0[LINE - 2]
    }

    #[inline]
    fn len_word(&self) -> &'a AtomicU64 {
        &self.0[self.0.len() - 1].0[LINE - 1]
    }

    /// Whose turn it is.
    fn turn(&self, order: Ordering) -> u64 {
        if cfg!(percpu_loom) {
            // Of a thread that loads and then stores a word loom remembers the load only,
            // and would not try the store before another thread's earlier load.
            let (Ok(turn) | Err(turn)) =
                self.turn_word().compare_exchange(u64::MAX, u64::MAX, order, order);
            return turn;
        }
        self.turn_word().load(order)
    }

    /// Lets the next one have it.
    fn pass(&self, turn: u64) {
        // Release: pairs with the Acquire in `claim`.
        let passed = match mutated("depot_pass_relaxed") {
            true => Ordering::Relaxed,
            false => Ordering::Release,
        };
        self.turn_word().store(turn, passed);
    }
}
