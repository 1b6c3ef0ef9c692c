//! Lists of instructions to magazines, carried out one by one, with every item accounted
//! for after each: in the manner of tcmalloc's fuzzer of its per-CPU caches.
//!
//! The same interpreter runs on the pretend machine (`tests/loom/magazines.rs`), on this
//! one (`tests/magazines.rs`), and under the fuzzer (`fuzz/fuzz_targets/magazines.rs`).

use std::cell::{Cell, RefCell};

use percpu_core::Unit;
use percpu_slab::raw::{MagazineOptions, Magazines, Source};

/// How a thread gets to another CPU.
pub trait Machine {
    fn cpus(&self) -> usize;
    fn run_on(&self, cpu: usize);
}

/// Two bytes: what to do, and with which or how many.
pub const BYTES: usize = 2;

/// Items `1..=ITEMS`; those that nobody has.
struct Numbers {
    free: RefCell<Vec<u64>>,
    refuses: Cell<bool>,
}

const ITEMS: u64 = 400;

impl Source for Numbers {
    type Error = ();

    fn refill(&self, out: &mut [u64]) -> Result<usize, ()> {
        let mut free = self.free.borrow_mut();
        if self.refuses.get() || free.is_empty() {
            return Err(());
        }
        // Fewer than asked for, now and then.
        let count = out.len().min(free.len()).min(1 + free.len() % 16);
        let left = free.len() - count;
        out[..count].copy_from_slice(&free[left..]);
        free.truncate(left);
        Ok(count)
    }

    fn release(&self, items: &[u64]) {
        let mut free = self.free.borrow_mut();
        for item in items {
            assert!(!free.contains(item), "{item} comes back twice");
        }
        free.extend(items);
    }
}

/// Carries out `program` on new magazines.
pub fn run(machine: &impl Machine, options: MagazineOptions, program: &[u8]) {
    let numbers = Numbers { free: (1..=ITEMS).collect::<Vec<_>>().into(), refuses: false.into() };
    let magazines = Magazines::new(options).unwrap();
    let most = magazines.max_cached().unwrap();
    // By whoever has them: this program.
    let mut held = Vec::new();
    let mut stopped = vec![false; machine.cpus()];
    let mut closed = false;
    let mut operations = 0_usize;
    machine.run_on(0);
    for instruction in program.chunks_exact(BYTES) {
        let n = usize::from(instruction[1]);
        match instruction[0] % 16 {
            0..4 => {
                operations = operations.saturating_add(1);
                held.extend(magazines.get(&numbers));
            }
            4..7 if !held.is_empty() => {
                operations = operations.saturating_add(1);
                magazines.put(held.swap_remove(n % held.len()), &numbers);
            }
            7 => {
                let mut items = vec![0; n % 100];
                if magazines.get_batch(&mut items, &numbers).is_ok() {
                    operations = operations.saturating_add(items.len());
                    held.extend(items);
                } else {
                    // What it got and gave back again; counted as far as it came.
                    operations = usize::MAX;
                }
            }
            8 => {
                let items = held.split_off(held.len() - held.len().min(n % 100));
                operations = operations.saturating_add(items.len());
                magazines.put_batch(&items, &numbers);
            }
            9 => magazines.set_limit(n),
            10 => magazines.decay(&numbers).unwrap(),
            11 => magazines.shrink(&numbers).unwrap(),
            12 => drained(&magazines, &numbers, n),
            13 => {
                // A CPU stops: its thread goes elsewhere, its magazines are drained; or
                // starts again.
                let cpu = n % stopped.len();
                stopped[cpu] = !stopped[cpu];
                if stopped.iter().all(|&stopped| stopped) {
                    stopped[cpu] = false;
                }
                machine.run_on(stopped.iter().position(|stopped| !stopped).unwrap());
                if stopped[cpu] {
                    drained(&magazines, &numbers, cpu);
                }
            }
            14 if !stopped[n % stopped.len()] => machine.run_on(n % stopped.len()),
            15 if n < 8 => {
                magazines.close(&numbers).unwrap();
                closed = true;
            }
            15 => numbers.refuses.set(n < 100),
            _ => {}
        }
        // Every item is at one place.
        let free = numbers.free.borrow();
        let cached = magazines.cached();
        assert_eq!(free.len() + cached + held.len(), ITEMS as usize, "lost, or made up");
        let mut known: Vec<_> = free.iter().chain(&held).collect();
        known.sort_unstable();
        known.dedup();
        assert_eq!(known.len(), free.len() + held.len(), "twice");
        // And no place has more than it may.
        assert!(cached <= most, "{cached} of {most}");
        assert!(cached == 0 || !closed, "{cached} after the close");
        let limit = magazines.limit();
        assert!(limit <= options.magazine * options.max_magazines && (limit == 0) == closed);
        for unit in Unit::all().unwrap() {
            assert!(magazines.cached_on(unit) <= options.magazine * options.max_magazines);
        }
        let stats = magazines.stats();
        if options.count_hits && operations < usize::MAX {
            assert_eq!(stats.hits() + stats.misses(), operations as u64, "{stats}");
        }
    }
    magazines.put_batch(&held, &numbers);
    magazines.close(&numbers).unwrap();
    assert_eq!(magazines.cached(), 0);
    let mut all = numbers.free.into_inner();
    all.sort_unstable();
    assert!(all.into_iter().eq(1..=ITEMS), "lost, or twice");
}

/// Drains the `n`th unit: nothing is left there.
fn drained(magazines: &Magazines, numbers: &Numbers, n: usize) {
    let mut units = Unit::all().unwrap();
    let unit = units.nth(n % units.len()).unwrap();
    magazines.drain(unit, numbers).unwrap();
    assert_eq!(magazines.cached_on(unit), 0);
}

/// Some options, by number.
pub fn options(n: u8) -> MagazineOptions {
    MagazineOptions {
        magazine: [1, 4, 12, 28, 60][usize::from(n) % 5],
        magazines: [1, 2][usize::from(n >> 3) % 2],
        max_magazines: [2, 3, 8][usize::from(n >> 4) % 3],
        depot: [0, 1, 3, 10][usize::from(n >> 6) % 4],
        count_hits: n % 2 == 1,
    }
}
