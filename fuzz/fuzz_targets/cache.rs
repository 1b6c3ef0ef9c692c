//! A cache of objects, one or many at a time, set aside, deferred or as the allocator of
//! boxes, hardened or not, from several CPUs, against a list of what is alive.
//!
//! # Safety
//! Puts objects together again that it took apart, each once.

#![no_main]
#![allow(unsafe_code)]

use allocator_api2::boxed::Box as BoxIn;
use arbitrary::Arbitrary;
use crossbeam_epoch::{Guard, pin};
use libfuzzer_sys::fuzz_target;
use percpu_fuzz::{run_on, units};
use percpu_slab::{Cache, Error, Object, free_bulk};

#[derive(Arbitrary, Debug)]
struct Input {
    size: Size,
    limit: Option<u8>,
    magazine: u8,
    magazines: u8,
    depot: u8,
    align: u8,
    hardened: bool,
    steps: Vec<Step>,
}

/// Of an object, in words.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Size {
    One,
    Five,
    Many,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    RunOn(u8),
    Alloc(u8),
    AllocWith,
    AllocZeroed,
    Bulk(u8),
    Array,
    Free(u8),
    FreeBulk(u8, u8),
    IntoInner(u8),
    Apart(u8),
    Prefill(u8),
    FromPrefilled(u8),
    Return,
    Boxed,
    Unbox(u8),
    /// Whether a guard is kept, of which there is one, until the next is not.
    Pin(bool),
    Defer(u8, u8),
    HandOver,
    Barrier,
    Drain(u8),
    Flush,
    Shrink,
    Decay,
    Validate,
}

/// Words that say which object this is.
type Value<const N: usize> = [u64; N];

struct Twins<'a, const N: usize> {
    cache: &'a Cache<Value<N>>,
    limit: Option<usize>,
    live: Vec<(u64, Object<Value<N>>)>,
    boxes: Vec<(u64, BoxIn<Value<N>, percpu_slab::CacheAllocator<'a, Value<N>>>)>,
    prefilled: Option<percpu_slab::Prefilled<'a, Value<N>>>,
    guard: Option<Guard>,
    /// Deferred since there is the guard; and before, which may be free by now.
    deferred: [usize; 2],
    next: u64,
}

impl<const N: usize> Twins<'_, N> {
    /// Objects that the cache counts as alive.
    fn out(&self) -> usize {
        let aside = self.prefilled.as_ref().map_or(0, |prefilled| prefilled.len());
        self.live.len() + self.boxes.len() + aside + self.cache.deferred()
    }

    fn came(&mut self, stamp: u64, object: Object<Value<N>>) {
        assert_eq!(*object, [stamp; N]);
        assert!(self.live.iter().all(|(_, other)| !Object::ptr_eq(other, &object)), "twice");
        self.live.push((stamp, object));
    }

    /// `n` more were refused.
    fn refused(&self, n: usize, error: &Error) {
        let limit = self.limit.expect("a limit, or memory");
        assert_eq!(*error, Error::LimitReached { limit });
        assert!(self.out() + n > limit, "{} and {n} are within {limit}", self.out());
    }

    fn stamps(&mut self, n: usize) -> u64 {
        self.next += n as u64;
        self.next - n as u64
    }

    fn take(&mut self, nth: u8) -> (u64, Object<Value<N>>) {
        self.live.swap_remove(usize::from(nth) % self.live.len())
    }
}

impl<'a, const N: usize> Twins<'a, N> {
    fn step(&mut self, step: Step) {
        let cache = self.cache;
        match step {
            Step::RunOn(cpu) => run_on(cpu),
            Step::Alloc(n) => {
                for _ in 0..=n % 16 {
                    let stamp = self.stamps(1);
                    match cache.alloc([stamp; N]) {
                        Ok(object) => self.came(stamp, object),
                        Err(error) => {
                            assert_eq!(error.into_value(), [stamp; N], "the value comes back");
                            let limit = self.limit.expect("a limit, or memory");
                            assert!(self.out() >= limit);
                        }
                    }
                }
            }
            Step::AllocWith => {
                let stamp = self.stamps(1);
                match cache.alloc_with(|| [stamp; N]) {
                    Ok(object) => self.came(stamp, object),
                    Err(error) => self.refused(1, &error),
                }
            }
            Step::AllocZeroed => match cache.alloc_uninit() {
                Ok(object) => self.came(0, Object::write_value(object, [0; N])),
                Err(error) => self.refused(1, &error),
            },
            Step::Bulk(n) => {
                let n = usize::from(n);
                let first = self.stamps(n);
                match cache.alloc_bulk(n, |nth| [first + nth as u64; N]) {
                    Ok(objects) => {
                        assert_eq!(objects.len(), n);
                        let stamps = first..;
                        stamps.zip(objects).for_each(|(stamp, object)| self.came(stamp, object));
                    }
                    Err(error) => self.refused(n, &error),
                }
            }
            Step::Array => {
                let first = self.stamps(3);
                match cache.alloc_array([first, first + 1, first + 2].map(|stamp| [stamp; N])) {
                    Ok(objects) => {
                        let stamps = first..;
                        stamps.zip(objects).for_each(|(stamp, object)| self.came(stamp, object));
                    }
                    Err(error) => self.refused(3, error.error()),
                }
            }
            Step::Free(nth) if !self.live.is_empty() => {
                let (stamp, object) = self.take(nth);
                assert_eq!(*object, [stamp; N]);
            }
            Step::FreeBulk(from, n) if !self.live.is_empty() => {
                let from = usize::from(from) % self.live.len();
                let to = (from + usize::from(n)).min(self.live.len());
                free_bulk(self.live.drain(from..to).map(|(stamp, object)| {
                    assert_eq!(*object, [stamp; N]);
                    object
                }));
            }
            Step::IntoInner(nth) if !self.live.is_empty() => {
                let (stamp, object) = self.take(nth);
                assert_eq!(Object::into_inner(object), [stamp; N]);
            }
            Step::Apart(nth) if !self.live.is_empty() => {
                let (stamp, object) = self.take(nth);
                let pointer = Object::into_raw(object);
                // SAFETY: it came from `into_raw`, once.
                self.live.push((stamp, unsafe { Object::from_raw(pointer) }));
            }
            Step::Prefill(n) => {
                let n = usize::from(n % 100);
                let had = self.prefilled.as_ref().map_or(0, |prefilled| prefilled.len());
                let answer = match &mut self.prefilled {
                    Some(prefilled) => prefilled.refill(n),
                    none => cache.prefill(n).map(|prefilled| *none = Some(prefilled)),
                };
                match answer {
                    Ok(()) => assert_eq!(self.prefilled.as_ref().unwrap().len(), had.max(n)),
                    Err(error) => self.refused(n - had, &error),
                }
            }
            Step::FromPrefilled(n) => {
                for _ in 0..=n % 16 {
                    let stamp = self.stamps(1);
                    let Some(prefilled) = &mut self.prefilled else { break };
                    let had = prefilled.len();
                    match prefilled.alloc([stamp; N]) {
                        Ok(object) => self.came(stamp, object),
                        Err(value) => assert_eq!((value, had), ([stamp; N], 0)),
                    }
                }
            }
            Step::Return => self.prefilled = None,
            Step::Boxed => {
                let stamp = self.stamps(1);
                match BoxIn::try_new_in([stamp; N], cache.as_allocator()) {
                    Ok(boxed) => self.boxes.push((stamp, boxed)),
                    Err(_) => assert!(self.out() >= self.limit.expect("a limit, or memory")),
                }
            }
            Step::Unbox(nth) if !self.boxes.is_empty() => {
                let (stamp, boxed) = self.boxes.swap_remove(usize::from(nth) % self.boxes.len());
                assert_eq!(*boxed, [stamp; N]);
            }
            Step::Pin(keep) => {
                // What one guard kept the next does not.
                self.deferred = [0, self.deferred[0] + self.deferred[1]];
                self.guard = None;
                self.guard = keep.then(pin);
            }
            Step::Defer(from, n) if !self.live.is_empty() => {
                let from = usize::from(from) % self.live.len();
                let to = (from + usize::from(n)).min(self.live.len());
                for (stamp, object) in self.live.drain(from..to) {
                    assert_eq!(*object, [stamp; N]);
                    cache.defer_drop(object, &pin());
                    self.deferred[usize::from(self.guard.is_none())] += 1;
                }
            }
            Step::HandOver => cache.flush_deferred().expect("a fence"),
            Step::Barrier => {
                let free = cache.deferred_barrier().expect("a fence");
                assert!(free || self.guard.is_some(), "nobody is in the way");
                if free {
                    assert_eq!((self.deferred[0], cache.deferred()), (0, 0));
                    self.deferred[1] = 0;
                }
            }
            Step::Drain(nth) => {
                let units = units();
                cache.drain(units[usize::from(nth) % units.len()]).expect("a fence");
            }
            Step::Flush => {
                cache.flush().expect("a fence");
                assert_eq!(cache.stats().cached, 0);
            }
            Step::Shrink => {
                cache.shrink().expect("a fence");
                assert_eq!(cache.stats().cached, 0);
            }
            Step::Decay => cache.decay().expect("a fence"),
            Step::Validate => assert!(cache.validate().is_none_or(|report| report.is_clean())),
            _ => {}
        }
    }

    fn check(&self) {
        let [kept, others] = self.deferred;
        let waiting = self.cache.deferred();
        assert!((kept..=kept + others).contains(&waiting), "{kept} to {others} more, {waiting}");
        let stats = self.cache.stats();
        assert_eq!(stats.live, self.out(), "{stats}");
        assert!(stats.live + stats.cached <= stats.total, "{stats}");
        assert!(self.limit.is_none_or(|limit| stats.live + stats.cached <= limit), "{stats}");
        assert_eq!(stats.total, stats.slabs * stats.objects_per_slab, "{stats}");
    }
}

/// Makes the steps; what is alive then.
fn on<const N: usize>(
    cache: &Cache<Value<N>>,
    limit: Option<usize>,
    steps: &[Step],
) -> Vec<(u64, Object<Value<N>>)> {
    let (live, boxes) = (Vec::new(), Vec::new());
    let mut twins = Twins {
        cache,
        limit,
        live,
        boxes,
        prefilled: None,
        guard: None,
        deferred: [0; 2],
        next: 1,
    };
    for &step in steps.iter().take(128) {
        twins.step(step);
        twins.check();
    }
    assert!(twins.boxes.iter().all(|(stamp, boxed)| **boxed == [*stamp; N]));
    twins.step(Step::Pin(false));
    twins.step(Step::Barrier);
    twins.live
}

fn run<const N: usize>(input: &Input) {
    let mut builder = Cache::<Value<N>>::builder()
        .magazine(usize::from(input.magazine % 60) + 1)
        .max_magazines(usize::from(input.magazines % 4) + 1)
        .depot(usize::from(input.depot % 4))
        .align(1 << (input.align % 8))
        .hardened(input.hardened)
        .on_corruption(|found| panic!("{found}"));
    let limit = input.limit.map(usize::from);
    if let Some(limit) = limit {
        builder = builder.limit(limit);
    }
    let cache = builder.build().expect("memory");
    let live = on(&cache, limit, &input.steps);
    let left = live.len();
    let answer = cache.destroy();
    assert_eq!(answer.map_or_else(|error| error.count, |()| 0), left);
    assert!(live.iter().all(|(stamp, object)| **object == [*stamp; N]), "they live on");
}

fuzz_target!(|input: Input| {
    run_on(0);
    match input.size {
        Size::One => run::<1>(&input),
        Size::Five => run::<5>(&input),
        Size::Many => run::<130>(&input),
    }
});
