//! Objects that are replaced and killed while references to them come and go, each
//! accounted for.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use percpu_core::{PerCpuRef, Ref};

use super::{Over, Random};

const ALIVE: u64 = 0xA11F_EA11_FEA1_1FEA;
const GONE: u64 = 0xDEAD_DEAD_DEAD_DEAD;

/// An object that knows whether it was released, once and not before its users left.
pub struct Thing {
    number: usize,
    canary: [AtomicU64; 6],
    releases: Arc<[AtomicU8]>,
}

impl Thing {
    pub fn check(&self) {
        for word in &self.canary {
            assert_eq!(word.load(Ordering::Relaxed), ALIVE, "thing {} is gone", self.number);
        }
    }
}

impl Drop for Thing {
    fn drop(&mut self) {
        self.check();
        self.canary.iter().for_each(|word| word.store(GONE, Ordering::Relaxed));
        assert_eq!(self.releases[self.number].fetch_add(1, Ordering::Relaxed), 0, "released twice");
    }
}

/// The owner of one, and whether its kill was confirmed.
struct Owned {
    owner: PerCpuRef<Thing>,
    confirmed: AtomicBool,
}

/// Places for references, and the owner of the moment.
pub struct Arena {
    releases: Arc<[AtomicU8]>,
    made: AtomicU64,
    current: RwLock<Arc<Owned>>,
    slots: [Mutex<Option<Ref<Thing>>>; 8],
    over: AtomicBool,
    gets: AtomicU64,
    refused: AtomicU64,
}

impl Arena {
    pub fn new(things: usize) -> Self {
        let releases: Arc<[AtomicU8]> = (0..=things).map(|_| AtomicU8::new(0)).collect();
        let first = Self::make(&releases, 0);
        Self {
            releases,
            made: AtomicU64::new(1),
            current: RwLock::new(first),
            slots: Default::default(),
            over: AtomicBool::new(false),
            gets: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    fn make(releases: &Arc<[AtomicU8]>, number: usize) -> Arc<Owned> {
        let canary = [const { AtomicU64::new(ALIVE) }; 6];
        let thing = Thing { number, canary, releases: Arc::clone(releases) };
        let owner = PerCpuRef::builder().allow_reinit().build(thing).unwrap();
        Arc::new(Owned { owner, confirmed: AtomicBool::new(false) })
    }

    /// Uses and moves references until `replace` is over.
    pub fn use_references(&self, mut random: Random) {
        // Also should this one panic.
        let _over = Over(&self.over);
        while !self.over.load(Ordering::Acquire) {
            let choice = random.next();
            let slot = &self.slots[(choice >> 8) as usize % self.slots.len()];
            match choice % 4 {
                // From the owner, into a place.
                0 => {
                    let owned = Arc::clone(&self.current.read().unwrap());
                    let late = owned.confirmed.load(Ordering::Acquire);
                    let got = match choice & 16 {
                        0 => owned.owner.try_get(),
                        _ => {
                            let got = owned.owner.try_get_live();
                            assert!(!late || got.is_none(), "a live one after the confirmation");
                            got
                        }
                    };
                    let count = if got.is_some() { &self.gets } else { &self.refused };
                    count.fetch_add(1, Ordering::Relaxed);
                    if let Some(got) = got {
                        got.check();
                        let before = slot.lock().unwrap().replace(got);
                        before.iter().for_each(|before| before.check());
                    }
                }
                // Out of a place, where somebody else put it.
                1 => {
                    let taken = slot.lock().unwrap().take();
                    if let Some(taken) = taken {
                        let more: Vec<_> = (0..choice >> 16 & 3).map(|_| taken.clone()).collect();
                        drop(taken);
                        more.iter().for_each(|one| one.check());
                    }
                }
                // A clone of what stays there.
                _ => {
                    let clone = slot.lock().unwrap().clone();
                    clone.iter().for_each(|clone| clone.check());
                }
            }
        }
    }

    /// Replaces the object as often as there are things, in each way there is.
    pub fn replace(&self, mut random: Random) {
        let _over = Over(&self.over);
        for number in 1..self.releases.len() {
            let choice = random.next();
            let owned = Arc::clone(&self.current.read().unwrap());
            if choice & 1 == 0 {
                owned.owner.switch_to_atomic_sync().unwrap();
                owned.owner.switch_to_percpu().unwrap();
            }
            let next = Self::make(&self.releases, number);
            self.made.fetch_add(1, Ordering::Relaxed);
            // Killed while it can still be had, and taken back perhaps; or by its drop.
            if choice & 6 == 0 {
                let kept = owned.owner.get();
                owned.owner.kill().unwrap();
                owned.owner.resurrect().unwrap();
                kept.check();
            }
            if choice & 8 == 0 {
                let confirm = || owned.confirmed.store(true, Ordering::Release);
                owned.owner.kill_and_confirm(confirm).unwrap();
                std::thread::yield_now();
            }
            *self.current.write().unwrap() = next;
            // Each is used; also where there are few CPUs, and much else runs.
            while self.gets.load(Ordering::Relaxed) < 4 * number as u64 {
                if self.over.load(Ordering::Acquire) {
                    return;
                }
                std::thread::yield_now();
            }
        }
    }

    /// Lets all go: each was released, once. What was done, in words.
    pub fn account(self) -> String {
        for slot in self.slots {
            drop(slot.into_inner().unwrap());
        }
        drop(self.current);
        let made = self.made.into_inner() as usize;
        let releases = self.releases.iter().take(made);
        let missing = releases.filter(|n| n.load(Ordering::Relaxed) != 1).count();
        assert_eq!(missing, 0, "of {made} things so many were never released");
        let (gets, refused) = (self.gets.into_inner(), self.refused.into_inner());
        assert!(gets > made as u64, "nobody got anything");
        format!("{made} things, {gets} references from owners, {refused} refused")
    }
}
