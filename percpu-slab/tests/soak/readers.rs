//! Locks, references and grace periods: what is read is never half changed, and goes once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use percpu_core::{LocalLock, PerCpu, PerCpuRef, PerCpuRwLock, Ref, Unit};
use percpu_counter::Domain;

use crate::common::Random;
use crate::subject::{Subject, Tally, one_in, some_unit};

pub(crate) fn all() -> Vec<Box<dyn Subject>> {
    let place = |_| Mutex::new(None);
    vec![
        Box::new(Locks {
            tally: Tally::default(),
            shared: PerCpuRwLock::new((0, !0)).unwrap(),
            local: PerCpu::new_with(|_| LocalLock::new((0, 0))).unwrap(),
            written: AtomicU64::new(0),
            entered: AtomicU64::new(0),
        }),
        Box::new(References {
            tally: Tally::default(),
            owner: RwLock::new(PerCpuRef::new(Thing::default()).unwrap()),
            places: std::array::from_fn(place),
            made: AtomicU64::new(1),
        }),
        Box::new(GracePeriods {
            tally: Tally::default(),
            domain: Domain::new().unwrap(),
            deferred: AtomicU64::new(0),
            ran: Arc::default(),
            word: AtomicU64::new(0),
            cells: std::array::from_fn(|_| AtomicU64::new(0)),
        }),
    ]
}

struct Locks {
    tally: Tally,
    shared: PerCpuRwLock<(u64, u64)>,
    local: PerCpu<LocalLock<(u64, u64)>>,
    written: AtomicU64,
    entered: AtomicU64,
}

impl Subject for Locks {
    fn name(&self) -> &'static str {
        "locks"
    }

    fn work(&self, random: &mut Random) {
        for _ in 0..50 {
            let pair = self.shared.read();
            assert_eq!(pair.1, !pair.0, "half written");
            drop(pair);
            self.local.with(|(a, b)| {
                *a += 1;
                std::hint::black_box(&mut *a);
                *b += 1;
            });
        }
        self.entered.fetch_add(50, Ordering::Relaxed);
        if one_in(random, 8) {
            let mut pair = self.shared.write();
            pair.0 += 1;
            std::hint::black_box(&mut *pair);
            pair.1 = !pair.0;
            drop(pair);
            self.written.fetch_add(1, Ordering::Relaxed);
            let there = self.local.lock_on(some_unit(random)).unwrap();
            assert_eq!(there.0, there.1, "somebody was inside");
        }
        self.tally.worked(100);
    }

    fn check(&self) {
        assert_eq!(self.shared.read().0, self.written.load(Ordering::Relaxed));
        let entered = Unit::all().unwrap().map(|unit| self.local.lock_on(unit).unwrap().0);
        assert_eq!(entered.sum::<u64>(), self.entered.load(Ordering::Relaxed));
    }

    fn done(&self) -> &Tally {
        &self.tally
    }
}

/// Things that were released.
static RELEASED: AtomicU64 = AtomicU64::new(0);

const HERE: u64 = 0xA11F_EA11_FEA1_1FEA;

struct Thing(AtomicU64);

impl Default for Thing {
    fn default() -> Self {
        Self(AtomicU64::new(HERE))
    }
}

impl Drop for Thing {
    fn drop(&mut self) {
        assert_eq!(std::mem::take(self.0.get_mut()), HERE, "released twice");
        RELEASED.fetch_add(1, Ordering::Relaxed);
    }
}

struct References {
    tally: Tally,
    owner: RwLock<PerCpuRef<Thing>>,
    places: [Mutex<Option<Ref<Thing>>>; 8],
    made: AtomicU64,
}

impl Subject for References {
    fn name(&self) -> &'static str {
        "references"
    }

    fn work(&self, random: &mut Random) {
        for _ in 0..50 {
            let taken = self.owner.read().unwrap().try_get_live();
            if let Some(taken) = &taken {
                assert_eq!(taken.0.load(Ordering::Relaxed), HERE, "gone");
            }
            let place = &self.places[random.next() as usize % self.places.len()];
            let left = std::mem::replace(&mut *place.lock().unwrap(), taken);
            // One more, and both go.
            drop((left.clone(), left));
        }
        if one_in(random, 32) {
            let fresh = PerCpuRef::new(Thing::default());
            if fresh.is_err() {
                // What was given went with the refusal.
                self.made.fetch_add(1, Ordering::Relaxed);
            }
            if let Some(fresh) = self.tally.allowed(fresh) {
                self.made.fetch_add(1, Ordering::Relaxed);
                let old = std::mem::replace(&mut *self.owner.write().unwrap(), fresh);
                old.kill().unwrap();
            }
        }
        self.tally.worked(50);
    }

    fn check(&self) {
        self.places.iter().for_each(|place| drop(place.lock().unwrap().take()));
        let made = self.made.load(Ordering::Relaxed);
        assert_eq!(RELEASED.load(Ordering::Relaxed), made - 1, "one is alive");
    }

    fn done(&self) -> &Tally {
        &self.tally
    }
}

/// Cells that readers find by a word, each full of its own number while it can be found.
struct GracePeriods {
    tally: Tally,
    domain: Domain,
    deferred: AtomicU64,
    ran: Arc<AtomicU64>,
    /// Which cell is to be read, and how often it was changed.
    word: AtomicU64,
    cells: [AtomicU64; 2],
}

/// What a cell holds that nobody may find.
const AWAY: u64 = u64::MAX;

impl Subject for GracePeriods {
    fn name(&self) -> &'static str {
        "grace periods"
    }

    fn work(&self, random: &mut Random) {
        for _ in 0..50 {
            let section = self.domain.read();
            // Acquire: partner is the store below.
            let cell = (self.word.load(Ordering::Acquire) & 1) as usize;
            assert_ne!(self.cells[cell].load(Ordering::Relaxed), AWAY, "written over");
            drop(section);
        }
        if one_in(random, 16) {
            self.deferred.fetch_add(1, Ordering::Relaxed);
            let ran = Arc::clone(&self.ran);
            self.domain.defer(move || {
                ran.fetch_add(1, Ordering::Relaxed);
            });
            self.domain.poll().unwrap();
        }
        static WRITER: Mutex<()> = Mutex::new(());
        if one_in(random, 32)
            && let Ok(_one) = WRITER.try_lock()
        {
            let next = self.word.load(Ordering::Relaxed) + 1;
            let (fresh, old) = ((next & 1) as usize, (next & 1 ^ 1) as usize);
            self.cells[fresh].store(next, Ordering::Relaxed);
            // Release: partner is the load above.
            self.word.store(next, Ordering::Release);
            self.domain.synchronize().unwrap();
            self.cells[old].store(AWAY, Ordering::Relaxed);
        }
        self.tally.worked(50);
    }

    fn check(&self) {
        self.domain.barrier().unwrap();
        assert_eq!(self.domain.pending(), 0);
        assert_eq!(self.ran.load(Ordering::Relaxed), self.deferred.load(Ordering::Relaxed));
    }

    fn done(&self) -> &Tally {
        &self.tally
    }
}
