//! What readers find is never written over, and every callback runs once, under
//! migration and signals.

#![cfg(all(target_os = "linux", not(percpu_loom)))]

mod common;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use percpu_counter::Domain;

const PLACES: usize = 4;
const CELLS: usize = 4_096;
const POISON: u64 = u64::MAX;

/// Boxes that readers find at places, in safe code: cells that are handed around by
/// number, each full of one value while it can be found, and of poison else.
struct Boxes {
    domain: Arc<Domain>,
    places: [AtomicUsize; PLACES],
    cells: Box<[[AtomicU64; 4]]>,
    /// Cells that nobody can find, and how many values were ever made.
    free: Mutex<Vec<usize>>,
    made: AtomicU64,
    found: AtomicU64,
    deferred: AtomicU64,
    ran: AtomicU64,
    torn: AtomicU64,
}

static BOXES: OnceLock<Boxes> = OnceLock::new();

impl Boxes {
    fn new() -> Self {
        let cell = |value: u64| std::array::from_fn(|_| AtomicU64::new(value));
        Self {
            domain: Arc::new(Domain::new().unwrap()),
            places: std::array::from_fn(AtomicUsize::new),
            cells: (0..CELLS).map(|n| cell(if n < PLACES { n as u64 } else { POISON })).collect(),
            free: Mutex::new((PLACES..CELLS).collect()),
            made: AtomicU64::new(PLACES as u64),
            found: AtomicU64::new(0),
            deferred: AtomicU64::new(0),
            ran: AtomicU64::new(0),
            torn: AtomicU64::new(0),
        }
    }

    /// Looks at a place, in a section of the caller's; and once more after `meanwhile`.
    fn look(&self, place: usize, meanwhile: impl FnOnce()) {
        // Acquire: partner is the swap in `replace`.
        let cell = &self.cells[self.places[place].load(Ordering::Acquire)];
        let value = cell[0].load(Ordering::Relaxed);
        meanwhile();
        let same = cell.iter().all(|word| word.load(Ordering::Relaxed) == value);
        if !same || value == POISON {
            self.torn.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Puts a new value in place; the cell of the old one, which readers may have.
    fn replace(&self, place: usize) -> Option<usize> {
        let cell = self.free.lock().unwrap().pop()?;
        let value = self.made.fetch_add(1, Ordering::Relaxed);
        self.cells[cell].iter().for_each(|word| word.store(value, Ordering::Relaxed));
        // Release: partner is the load in `look`.
        Some(self.places[place].swap(cell, Ordering::AcqRel))
    }

    /// Nobody has this cell any more.
    fn poison(&self, cell: usize) {
        self.cells[cell].iter().for_each(|word| word.store(POISON, Ordering::Relaxed));
        self.free.lock().unwrap().push(cell);
    }
}

fn boxes() -> &'static Boxes {
    BOXES.get_or_init(Boxes::new)
}

/// A handler reads, too; whatever it interrupted.
fn handler() {
    if let Some(boxes) = BOXES.get() {
        boxes.domain.with(|| boxes.look(0, || ()));
    }
}

fn read(boxes: &'static Boxes, until: Instant, mut random: common::Random) {
    while Instant::now() < until {
        for _ in 0..32 {
            let place = random.next() as usize % PLACES;
            match random.next() % 64 {
                0 => boxes.domain.with(|| boxes.look(place, std::thread::yield_now)),
                1 => {
                    // Nested, and the inner one stays.
                    let outer = boxes.domain.read();
                    let inner = boxes.domain.read();
                    drop(outer);
                    boxes.look(place, std::thread::yield_now);
                    drop(inner);
                }
                2 => {
                    let reading = boxes.domain.read_owned();
                    boxes.look(place, std::thread::yield_now);
                    drop(reading);
                }
                _ => boxes.domain.with(|| boxes.look(place, || ())),
            }
            boxes.found.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn replace(boxes: &'static Boxes, until: Instant, mut random: common::Random) {
    while Instant::now() < until {
        let place = random.next() as usize % PLACES;
        let Some(old) = boxes.replace(place) else {
            // All cells wait for readers.
            boxes.domain.barrier().unwrap();
            continue;
        };
        if random.next().is_multiple_of(8) {
            boxes.domain.synchronize().unwrap();
            boxes.poison(old);
        } else {
            boxes.deferred.fetch_add(1, Ordering::Relaxed);
            boxes.domain.defer(move || {
                boxes.poison(old);
                boxes.ran.fetch_add(1, Ordering::Relaxed);
            });
        }
    }
}

#[test]
fn nothing_is_written_over_while_it_is_read_in_a_storm() {
    common::in_each_mode("nothing_is_written_over_while_it_is_read_in_a_storm", || {
        let boxes = boxes();
        boxes.domain.with(|| ());
        common::handle_sigusr1(handler);
        common::in_a_storm(16, |n| {
            let random = common::Random(0x9E37_79B9_7F4A_7C15 + n as u64);
            // Under Miri nothing comes to its end in the tenth of a second that is left of it.
            let longer = Duration::from_secs(if cfg!(miri) { 3 } else { 0 });
            let end = common::end_in(300) + longer;
            if n < 12 { read(boxes, end, random) } else { replace(boxes, end, random) }
        });
        boxes.domain.barrier().unwrap();
        let (deferred, ran) =
            (boxes.deferred.load(Ordering::Relaxed), boxes.ran.load(Ordering::Relaxed));
        let (made, found) =
            (boxes.made.load(Ordering::Relaxed), boxes.found.load(Ordering::Relaxed));
        println!("{made} values, {found} sections, {}", boxes.domain);
        assert_eq!(boxes.torn.load(Ordering::Relaxed), 0, "read after its end");
        assert_eq!((ran, boxes.domain.pending()), (deferred, 0), "each once");
        assert_eq!(boxes.free.lock().unwrap().len(), CELLS - PLACES, "no cell is lost");
        let live = |cell: &[AtomicU64; 4]| cell[0].load(Ordering::Relaxed) != POISON;
        assert_eq!(boxes.cells.iter().filter(|cell| live(cell)).count(), PLACES);
        assert!(boxes.domain.grace_periods() > 0 && found > 0);
        // Nobody counts as inside.
        assert!(boxes.domain.is_past(boxes.domain.start()));
    });
}
