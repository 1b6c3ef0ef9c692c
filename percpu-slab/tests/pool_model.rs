//! Pools against naive ones: whatever is done, each has what it should have.

#![cfg(not(percpu_loom))]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use percpu_core::Unit;
use percpu_slab::{Error, IdPool, Pool, PoolGuard};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Get,
    Drop(usize),
    TakeOut(usize),
    Prefill(usize),
    Drain(usize),
    Clear,
    Decay,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => Just(Step::Get),
        6 => (0..64_usize).prop_map(Step::Drop),
        1 => (0..64_usize).prop_map(Step::TakeOut),
        1 => (0..12_usize).prop_map(Step::Prefill),
        1 => (0..8_usize).prop_map(Step::Drain),
        1 => Just(Step::Clear),
        1 => Just(Step::Decay),
    ];
    prop::collection::vec(step, 0..if cfg!(miri) { 30 } else { 200 })
}

/// A value with a name, which it takes out of `exist` when it is dropped.
struct Named(u64, Arc<std::sync::Mutex<BTreeSet<u64>>>);

impl Drop for Named {
    fn drop(&mut self) {
        assert!(self.1.lock().unwrap().remove(&self.0), "{} was dropped twice", self.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 64 }))]

    /// Of a pool it is known at each step which values exist, and which of them are in
    /// use; not where the others lie.
    #[test]
    fn a_pool_has_the_values_that_nobody_has(
        steps in steps(),
        limit in 1..40_usize,
        magazine in 1..6_usize,
        most in 1..4_usize,
        depot in 0..3_usize,
    ) {
        let exist = Arc::new(std::sync::Mutex::new(BTreeSet::new()));
        let next = AtomicU64::new(0);
        let theirs = Arc::clone(&exist);
        let make = move || {
            let name = next.fetch_add(1, Relaxed);
            theirs.lock().unwrap().insert(name);
            Named(name, Arc::clone(&theirs))
        };
        let builder = Pool::builder(make).limit(limit).magazine(magazine);
        let pool = builder.max_magazines(most).depot(depot).build().unwrap();
        let count = || exist.lock().unwrap().len();
        let mut guards: Vec<PoolGuard<'_, Named>> = Vec::new();
        let mut out = Vec::new();
        for step in steps {
            match step {
                Step::Get => match pool.try_get() {
                    Ok(guard) => {
                        let name = guard.0;
                        prop_assert!(guards.iter().all(|other| other.0 != name), "had twice");
                        guards.push(guard);
                    }
                    Err(error) => {
                        prop_assert_eq!(error, Error::LimitReached { limit });
                        prop_assert_eq!(guards.len(), limit, "there was one");
                    }
                },
                Step::Drop(n) if n < guards.len() => drop(guards.swap_remove(n)),
                Step::TakeOut(n) if n < guards.len() => {
                    out.push(PoolGuard::into_inner(guards.swap_remove(n)));
                }
                Step::Prefill(n) => {
                    let before = count();
                    match pool.prefill(n) {
                        Ok(made) => prop_assert!(made <= n && count() <= before + n),
                        Err(_) => prop_assert_eq!(count() - out.len(), limit),
                    }
                }
                Step::Drain(n) => {
                    let before = count();
                    let unit = Unit::all().unwrap().nth(n);
                    let dropped = unit.map_or(0, |unit| pool.drain(unit).unwrap());
                    prop_assert_eq!(before - count(), dropped);
                }
                Step::Clear => {
                    let before = count();
                    prop_assert_eq!(pool.clear().unwrap(), before - guards.len() - out.len());
                }
                Step::Decay => _ = pool.decay().unwrap(),
                Step::Drop(_) | Step::TakeOut(_) => {}
            }
            let stats = pool.stats();
            prop_assert_eq!(stats.live as usize, count() - out.len());
            prop_assert_eq!(stats.in_use() as usize, guards.len());
            prop_assert_eq!(stats.created - stats.dropped(), stats.live);
            prop_assert!(stats.live as usize <= limit && stats.cached <= stats.max_cached);
        }
        drop(guards);
        drop(pool);
        prop_assert_eq!(count(), out.len());
    }

    /// Ids against a set.
    #[test]
    fn an_id_pool_is_a_set(
        count in 1..80_usize,
        steps in prop::collection::vec((0..4_u8, 0..100_u32), 0..300),
    ) {
        let ids = IdPool::new(count).unwrap();
        let mut used = BTreeSet::new();
        let mut held = Vec::new();
        for (step, id) in steps {
            match step {
                0 => match ids.take() {
                    Ok(id) => prop_assert!((id as usize) < count && used.insert(id)),
                    Err(refused) => {
                        prop_assert_eq!((used.len(), refused.count), (count, count));
                    }
                },
                1 => match ids.get() {
                    Ok(id) => {
                        prop_assert!(used.insert(id.number()));
                        held.push(id);
                    }
                    Err(_) => prop_assert_eq!(used.len(), count),
                },
                2 => {
                    let is_held = held.iter().any(|guard| guard.number() == id);
                    prop_assert_eq!(ids.put(id).is_ok(), !is_held && used.remove(&id));
                }
                _ => {
                    if let Some(guard) = held.pop() {
                        used.remove(&guard.number());
                    }
                    let unit = Unit::all().unwrap().nth(id as usize);
                    unit.into_iter().for_each(|unit| ids.drain(unit).unwrap());
                }
            }
            prop_assert_eq!(ids.iter_used().collect::<BTreeSet<_>>(), used.clone());
        }
    }
}
