//! Pools on any system, and under Miri: small.

#![cfg(not(percpu_loom))]

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use percpu_core::Unit;
use percpu_slab::pool::{AsIs, KeepIf, Recycle, Reset};
use percpu_slab::{Error, FixedPool, IdPool, OwnedPoolGuard, Pool, PoolGuard};

/// Values that are made and dropped, counted, and never two of one name.
#[derive(Debug, Default)]
struct Census {
    made: AtomicUsize,
    dropped: AtomicUsize,
}

#[derive(Debug)]
struct Member {
    census: Arc<Census>,
    is_dead: bool,
    panics: bool,
}

impl Census {
    fn member(self: &Arc<Self>) -> Member {
        self.made.fetch_add(1, Relaxed);
        Member { census: Arc::clone(self), is_dead: false, panics: false }
    }

    fn counts(&self) -> (usize, usize) {
        (self.made.load(Relaxed), self.dropped.load(Relaxed))
    }

    fn pool(self: &Arc<Self>) -> Pool<Member> {
        let theirs = Arc::clone(self);
        Pool::new(move || theirs.member())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        assert!(!std::mem::replace(&mut self.is_dead, true), "dropped twice");
        self.census.dropped.fetch_add(1, Relaxed);
        assert!(!self.panics, "on demand");
    }
}

fn panics(f: impl FnOnce()) {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let outcome = catch_unwind(AssertUnwindSafe(f));
    std::panic::set_hook(hook);
    assert!(outcome.is_err(), "it was to panic");
}

/// The panic hook is the process's.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn a_value_comes_back_as_it_was_left() {
    // Between the two a thread may be moved to another CPU.
    let recycled = (0..1000).any(|_| {
        let pool = Pool::new(|| vec![0_u8; 8]);
        let mut buf = pool.get();
        buf[3] = 7;
        let address = buf.as_ptr();
        drop(buf);
        let buf = pool.get();
        let stats = pool.stats();
        match stats.created {
            1 => {
                assert_eq!((buf.as_ptr(), buf[3]), (address, 7));
                assert_eq!((stats.live, stats.cached, stats.in_use()), (1, 0, 1));
                true
            }
            created => {
                assert_eq!((created, stats.cached, buf[3]), (2, 1, 0), "a new one");
                false
            }
        }
    });
    assert!(recycled);
}

#[test]
fn reset_and_keep_if_see_each_value_that_comes_back() {
    let cleared = Pool::builder(Vec::<u8>::new).reset(|buf| buf.clear()).build().unwrap();
    for _ in 0..100 {
        let mut buf = cleared.get();
        assert!(buf.is_empty());
        buf.push(1);
    }
    let small = Pool::builder(Vec::<u8>::new).keep_if(|buf| buf.len() < 4).build().unwrap();
    let (mut kept, mut large) = (small.get(), small.get());
    kept.extend([1; 3]);
    large.extend([1; 4]);
    drop((kept, large));
    let stats = small.stats();
    assert_eq!((stats.cached, stats.live, stats.dropped()), (1, 1, 1));
}

#[test]
fn every_value_is_dropped_once_with_its_pool() {
    let census = Arc::new(Census::default());
    let pool = census.pool();
    let count = if cfg!(miri) { 70 } else { 300 };
    let guards: Vec<_> = (0..count).map(|_| pool.get()).collect();
    assert_eq!(census.counts(), (count, 0));
    drop(guards);
    let (made, dropped) = census.counts();
    assert_eq!((made - dropped) as u64, pool.stats().cached, "what is not cached was dropped");
    assert_eq!(pool.stats().live, pool.stats().cached);
    drop(pool);
    assert_eq!(census.counts(), (count, count));
}

#[test]
fn owned_guards_keep_their_pool() {
    let census = Arc::new(Census::default());
    let pool = Arc::new(census.pool());
    let (a, b) = (pool.get_owned(), pool.try_get_owned().unwrap());
    drop(pool);
    std::thread::spawn(move || drop(a)).join().unwrap();
    assert_eq!(census.counts(), (2, 0));
    drop(b);
    assert_eq!(census.counts(), (2, 2));
}

#[test]
fn a_value_that_is_taken_out_counts_no_longer() {
    let census = Arc::new(Census::default());
    let theirs = Arc::clone(&census);
    let pool = Arc::new(Pool::builder(move || theirs.member()).limit(2).build().unwrap());
    let (a, b) = (pool.get(), pool.get_owned());
    assert_eq!(pool.try_get().unwrap_err(), Error::LimitReached { limit: 2 });
    let (a, b) = (PoolGuard::into_inner(a), OwnedPoolGuard::detach(b));
    assert_eq!((pool.stats().live, Arc::strong_count(&pool)), (0, 1));
    drop((pool.get(), pool.get(), a, b));
    drop(pool);
    assert_eq!(census.counts(), (4, 4));
}

#[test]
fn a_forgotten_guard_is_a_value_less() {
    let census = Arc::new(Census::default());
    let pool = census.pool();
    std::mem::forget(pool.get());
    drop(pool.get());
    assert_eq!((pool.stats().live, pool.stats().in_use()), (2, 1));
    drop(pool);
    assert_eq!(census.counts(), (2, 1));

    let fixed = FixedPool::new(2, |_| census.member()).unwrap();
    std::mem::forget(fixed.get().unwrap());
    assert_eq!(fixed.used(), 1);
    let _other = fixed.get().unwrap();
    assert!(fixed.get().is_err());
    drop(_other);
    drop(fixed);
    assert_eq!(census.counts(), (4, 3), "a fixed pool drops its objects in any case");
}

#[test]
fn limits_count_values_of_any_cpu() {
    let pool = Pool::builder(|| [0_u64; 4]).limit(40).magazine(4).build().unwrap();
    let guards: Vec<_> = (0..40).map(|_| pool.try_get().unwrap()).collect();
    assert!(pool.try_get().is_err());
    drop(guards);
    // Wherever they lie, all of those that exist are found; and more are made only for
    // those that were dropped.
    let again: Vec<_> = (0..40).map(|_| pool.try_get().unwrap()).collect();
    assert!(pool.try_get().is_err());
    assert_eq!(pool.stats().live, 40);
    drop(again);
}

#[test]
fn get_panics_at_the_limit_and_goes_on_after_it() {
    let _alone = ALONE.lock();
    let pool = Pool::builder(|| 1).limit(1).build().unwrap();
    let one = pool.get();
    panics(|| drop(pool.get()));
    drop(one);
    assert_eq!(*pool.get(), 1);
}

#[test]
fn a_constructor_that_panics_makes_nothing() {
    let _alone = ALONE.lock();
    let fails = Arc::new(AtomicBool::new(true));
    let theirs = Arc::clone(&fails);
    let pool = Pool::builder(move || assert!(!theirs.load(Relaxed), "on demand"))
        .limit(1)
        .build()
        .unwrap();
    panics(|| drop(pool.get()));
    panics(|| drop(pool.prefill(1)));
    assert_eq!((pool.stats().created, pool.stats().live), (0, 0));
    fails.store(false, Relaxed);
    drop(pool.try_get().unwrap());
    assert_eq!((pool.stats().created, pool.stats().live), (1, 1));
}

#[test]
fn a_reset_that_panics_loses_its_value_alone() {
    let _alone = ALONE.lock();
    let census = Arc::new(Census::default());
    let theirs = Arc::clone(&census);
    let pool = Pool::builder(move || (0, theirs.member()))
        .reset(|value| assert_ne!(value.0, 6, "on demand"))
        .limit(2)
        .build()
        .unwrap();
    let (mut a, b) = (pool.get(), pool.get());
    a.0 = 6;
    panics(|| drop(a));
    assert_eq!(census.counts(), (2, 1));
    drop(b);
    assert_eq!((pool.stats().live, pool.stats().cached), (1, 1));
    let _both = (pool.try_get().unwrap(), pool.try_get().unwrap());
    assert_eq!(census.counts(), (3, 1));
}

#[test]
fn a_destructor_that_panics_keeps_no_other_value() {
    let _alone = ALONE.lock();
    let census = Arc::new(Census::default());
    let pool = census.pool();
    let mut guards: Vec<_> = (0..20).map(|_| pool.get()).collect();
    guards[7].panics = true;
    drop(guards);
    panics(|| {
        let _ = pool.clear();
    });
    let stats = pool.stats();
    let (made, dropped) = census.counts();
    assert_eq!((stats.live, stats.dropped()), ((made - dropped) as u64, dropped as u64));
    pool.get().panics = true;
    panics(|| drop(pool));
    assert_eq!(census.counts().0, census.counts().1);
}

#[test]
fn a_full_cpu_spills_values_whose_destructors_panic() {
    let _alone = ALONE.lock();
    let census = Arc::new(Census::default());
    let theirs = Arc::clone(&census);
    let pool = Pool::builder(move || theirs.member()).magazine(2).max_magazines(1).depot(0);
    let pool = pool.build().unwrap();
    let mut guards: Vec<_> = (0..8).map(|_| pool.get()).collect();
    guards.iter_mut().for_each(|guard| guard.panics = true);
    let mut panicked = 0;
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    // Two in a magazine: one spill would panic twice.
    guards.iter_mut().step_by(2).for_each(|guard| guard.panics = false);
    for guard in guards {
        panicked += usize::from(catch_unwind(AssertUnwindSafe(|| drop(guard))).is_err());
    }
    std::panic::set_hook(hook);
    let (made, dropped) = census.counts();
    assert!(panicked > 0 && dropped > 0, "{panicked} panicked, {dropped} dropped");
    assert_eq!((made - dropped) as u64, pool.stats().cached);
    assert_eq!(pool.stats().live, pool.stats().cached);
    std::mem::forget(pool);
}

#[test]
fn constructors_and_destructors_may_use_their_pool() {
    static POOL: std::sync::LazyLock<Pool<Nested>> = std::sync::LazyLock::new(|| {
        let depth = AtomicUsize::new(0);
        Pool::new(move || {
            if depth.fetch_add(1, Relaxed) < 3 {
                drop(POOL.get());
            }
            Nested
        })
    });
    struct Nested;
    impl Drop for Nested {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                let _ = POOL.stats();
                POOL.prefill(0).unwrap();
            }
        }
    }
    let count = if cfg!(miri) { 70 } else { 600 };
    let guards: Vec<_> = (0..count).map(|_| POOL.get()).collect();
    drop(guards);
    POOL.clear().unwrap();
    assert_eq!((POOL.stats().live, POOL.stats().cached), (0, 0));
}

#[test]
fn values_of_any_size_and_alignment() {
    #[repr(align(256))]
    #[derive(Debug, PartialEq)]
    struct Wide(u8);
    let wide = Pool::new(|| Wide(3));
    for _ in 0..3 {
        let guards = [wide.get(), wide.get()];
        let is_aligned = |wide: &Wide| std::ptr::from_ref(wide).addr().is_multiple_of(256);
        assert!(guards.iter().all(|guard| is_aligned(guard)));
        assert_eq!(*guards[1], Wide(3));
    }
    let units = Pool::builder(|| ()).limit(70).build().unwrap();
    let guards: Vec<_> = (0..70).map(|_| units.get()).collect();
    assert!(units.try_get().is_err());
    drop(guards);
    assert_eq!(units.stats().live - units.stats().cached, 0);
    units.clear().unwrap();
    assert_eq!(units.stats().live, 0);
}

#[test]
fn what_is_dropped_by_hand() {
    let pool = Pool::builder(|| 0).magazine(4).build().unwrap();
    assert_eq!(pool.prefill(6).unwrap(), 6);
    assert_eq!((pool.stats().created, pool.stats().cached), (6, 6));
    let drained: usize = Unit::all().unwrap().map(|unit| pool.drain(unit).unwrap()).sum();
    assert_eq!((drained, pool.clear().unwrap(), pool.stats().live), (6, 0, 0));
    pool.prefill(6).unwrap();
    assert_eq!((pool.shrink().unwrap(), pool.decay().unwrap(), pool.stats().live), (6, 0, 0));
    // No more than there is room for.
    let tiny = Pool::builder(|| 0).magazine(2).max_magazines(1).depot(1).build().unwrap();
    let filled = tiny.prefill(100).unwrap();
    assert_eq!((filled as u64, filled), (tiny.stats().cached, tiny.stats().live as usize));
    assert!(filled < 100, "{filled}");
}

#[test]
fn hits_and_misses_are_all_operations() {
    let pool = Pool::builder(|| 0).count_hits(true).build().unwrap();
    for burst in [1, 10, 100] {
        drop((0..burst).map(|_| pool.get()).collect::<Vec<_>>());
    }
    let traffic = pool.stats().traffic;
    assert_eq!(traffic.hits() + traffic.misses(), 2 * 111);
    assert!(traffic.hits() > traffic.misses(), "{traffic}");
}

#[test]
fn what_is_printed() {
    let pool = Pool::builder(|| String::from("x")).name("lines").limit(5).build().unwrap();
    let guard = pool.get();
    assert_eq!(format!("{guard} {guard:?} {}", pool.name()), "x \"x\" lines");
    let text = pool.stats().to_string();
    assert!(text.starts_with("pool lines\nvalues: 1 live of 5, 1 in use, 0 cached of at most "));
    assert!(text.contains("\nso far: 1 created, 0 dropped\ngets: 0 hits, 1 misses\n"), "{text}");
    assert!(format!("{pool:?}").contains("\"lines\""));
    let ids = IdPool::new(3).unwrap();
    let id = ids.get().unwrap();
    assert_eq!(format!("{ids}, {id}, {id:?}"), "1 of 3 ids in use, 0, Id(0)");
    let fixed = FixedPool::new(3, |index| index).unwrap();
    let object = fixed.get().unwrap();
    assert_eq!(format!("{fixed}: {object} {object:?}"), "1 of 3 objects in use: 0 0");
}

#[test]
fn pools_and_guards_are_shared_as_far_as_their_values_are() {
    fn is_send_sync<T: Send + Sync>() {}
    fn is_send<T: Send>() {}
    is_send_sync::<Pool<Cell<u8>>>();
    is_send_sync::<Pool<Vec<u8>, Reset<fn(&mut Vec<u8>)>>>();
    is_send_sync::<Pool<Vec<u8>, KeepIf<fn(&mut Vec<u8>) -> bool>>>();
    is_send::<PoolGuard<'_, Cell<u8>>>();
    is_send::<OwnedPoolGuard<Cell<u8>, AsIs>>();
    is_send_sync::<PoolGuard<'_, u8>>();
    is_send_sync::<OwnedPoolGuard<u8>>();
    is_send_sync::<IdPool>();
    is_send_sync::<FixedPool<Cell<u8>>>();
    is_send_sync::<percpu_slab::pool::FixedGuard<'_, u8>>();
    is_send_sync::<percpu_slab::pool::OwnedFixedGuard<u8>>();
    is_send::<percpu_slab::pool::OwnedFixedGuard<Cell<u8>>>();
}

#[test]
fn a_pool_with_a_reset_has_a_name() {
    type Clear = Reset<fn(&mut Vec<u8>)>;
    struct Buffers(Pool<Vec<u8>, Clear>);
    let clear: fn(&mut Vec<u8>) = Vec::clear;
    let buffers = Buffers(Pool::builder(Vec::new).reset(clear).build().unwrap());
    buffers.0.get().push(1);
    assert!(buffers.0.get().is_empty());
    assert!(AsIs.recycle(&mut 1));
}

#[test]
fn each_id_is_had_once_and_all_of_them_from_one_cpu() {
    for count in [1, 2, 7, 64, 65, 300].into_iter().filter(|&count| !cfg!(miri) || count <= 7) {
        let ids = IdPool::new(count).unwrap();
        for _ in 0..3 {
            let guards: Vec<_> = (0..count).map(|_| ids.get().unwrap()).collect();
            let mut numbers: Vec<_> = guards.iter().map(|id| id.number()).collect();
            numbers.sort_unstable();
            assert_eq!(numbers, (0..count as u32).collect::<Vec<_>>());
            let refused = ids.get().unwrap_err();
            assert_eq!((refused.count, refused.out_of_reach), (count, 0));
            assert_eq!((ids.used(), ids.free()), (count, 0));
            drop(guards);
            assert_eq!((ids.used(), ids.free()), (0, count));
        }
        assert!(ids.cached() <= count.div_ceil(2).max(2 * Unit::all().unwrap().len()));
    }
    for count in [0, usize::MAX] {
        assert!(matches!(IdPool::new(count), Err(Error::Option { name: "count", .. })));
    }
}

#[test]
fn what_is_given_back_twice_is_refused() {
    let ids = IdPool::new(10).unwrap();
    let (number, guard) = (ids.take().unwrap(), ids.get().unwrap());
    assert!(ids.put(10).is_err() && ids.put(u32::MAX).is_err(), "there is none");
    assert!(ids.put(guard.number()).is_err(), "a guard has it");
    ids.put(number).unwrap();
    assert_eq!(ids.put(number).unwrap_err().id, number);
    let held = guard.number();
    let number = guard.into_number();
    assert_eq!(ids.iter_used().collect::<Vec<_>>(), [held]);
    ids.put(number).unwrap();
    assert!(!ids.is_used(number));
    assert_eq!((0..10).filter(|_| ids.take().is_ok()).count(), 10);
}

#[test]
fn objects_of_a_fixed_pool_stay_what_they_are() {
    let census = Arc::new(Census::default());
    let mut pool = FixedPool::new(40, |index| (index, 0_u64, census.member())).unwrap();
    for round in 0..3 {
        let mut guards: Vec<_> = (0..40).map(|_| pool.get().unwrap()).collect();
        assert!(pool.get().is_err() && pool.try_get().is_err());
        for guard in &mut guards {
            assert_eq!((guard.0, guard.1), (percpu_slab::pool::FixedGuard::index(guard), round));
            guard.1 += 1;
        }
    }
    assert!(pool.iter_mut().all(|object| object.1 == 3));
    assert_eq!((pool.capacity(), pool.used(), pool.free()), (40, 0, 40));
    assert_eq!(census.counts(), (40, 0));
    drop(pool);
    assert_eq!(census.counts(), (40, 40));
}

#[test]
fn a_fixed_pool_outlives_its_last_object() {
    let census = Arc::new(Census::default());
    let pool = Arc::new(FixedPool::new(4, |_| census.member()).unwrap());
    let guards: Vec<_> = (0..4).map(|_| pool.get_owned().unwrap()).collect();
    drop(pool);
    for guard in guards {
        assert_eq!(census.counts(), (4, 0), "an object is in use");
        std::thread::spawn(move || drop(guard)).join().unwrap();
    }
    assert_eq!(census.counts(), (4, 4));
}

#[test]
fn a_constructor_of_fixed_objects_that_panics_leaves_none() {
    let _alone = ALONE.lock();
    let census = Arc::new(Census::default());
    panics(|| {
        let make = |index| {
            assert!(index < 3, "on demand");
            census.member()
        };
        drop(FixedPool::new(9, make));
    });
    assert_eq!(census.counts(), (3, 3));
}

#[cfg(feature = "serde")]
#[test]
fn statistics_as_data() {
    let pool = Pool::builder(|| 0).name("numbers").limit(3).build().unwrap();
    let _value = pool.get();
    let data = serde_json::to_value(pool.stats()).unwrap();
    assert_eq!(
        (&data["name"], &data["live"], &data["limit"]),
        (&"numbers".into(), &1.into(), &3.into())
    );
    assert_eq!(data["traffic"]["get_misses"], 1);
}
