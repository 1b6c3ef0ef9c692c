//! Hardened caches find what the kernel's `slub_kunit` breaks, and tell as much of it.
//!
//! # Safety
//! Bytes around objects and in free ones are written on purpose, in memory that stays
//! mapped as long as the cache is there.

#![cfg(not(percpu_loom))]
#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use percpu_slab::hardened::{Action, Corruption, Kind, Report};
use percpu_slab::raw::ObjectCache;
use percpu_slab::{Cache, Object};

type Bytes = [u8; 64];

fn cache() -> Cache<Bytes> {
    Cache::builder().name("test").hardened(true).build().unwrap()
}

fn address<T>(object: &Object<T>) -> usize {
    Object::as_ptr(object).expose_provenance()
}

fn write(address: usize, byte: u8) {
    let at = std::ptr::with_exposed_provenance_mut::<u8>(address);
    // SAFETY: in the place of an object.
    unsafe { at.write(byte) };
}

fn read(address: usize) -> u8 {
    let at = std::ptr::with_exposed_provenance::<u8>(address);
    // SAFETY: in the place of an object, and painted.
    unsafe { at.read() }
}

/// As many reports as the kernel's test expects, of one thing; and then none.
#[track_caller]
fn expect(cache: &Cache<Bytes>, reports: usize, kind: Kind, offset: isize) -> Report {
    let report = cache.validate().unwrap();
    assert_eq!(report.reports(), reports, "{report}");
    assert_eq!(report.corruptions[0].kind, kind, "{report}");
    assert_eq!(report.corruptions[0].offset, offset, "{report}");
    assert_eq!(cache.validate().unwrap().reports(), 0);
    report
}

/// `test_clobber_zone`.
#[test]
fn a_byte_behind_an_object_makes_two_reports() {
    let cache = cache();
    let object = cache.alloc([0; 64]).unwrap();
    let line = line!() - 1;
    write(address(&object) + 64, 0x12);
    let report = expect(&cache, 2, Kind::RightRedZone, 64);
    let corruption = &report.corruptions[0];
    assert_eq!((corruption.expected, corruption.found), (0xcc, 0x12));
    let site = corruption.allocated_at.unwrap().site.unwrap();
    assert_eq!((site.file(), site.line()), (file!(), line));
    assert_eq!(corruption.action, Action::Repaired);
    drop(object);
    assert!(cache.validate().unwrap().is_clean());
}

/// `test_clobber_zone`, of the zone of a free object.
#[test]
fn a_byte_behind_a_free_object_makes_two_reports() {
    let cache = cache();
    let object = cache.alloc([0; 64]).unwrap();
    let at = address(&object);
    drop(object);
    write(at + 64, 0x12);
    let report = expect(&cache, 2, Kind::RightRedZone, 64);
    assert_eq!(report.corruptions[0].expected, 0xbb);
    assert!(report.corruptions[0].freed_at.is_some());
}

#[test]
fn a_byte_before_an_object_makes_two_reports() {
    let cache = cache();
    let object = cache.alloc([0; 64]).unwrap();
    write(address(&object) - 1, 0);
    expect(&cache, 2, Kind::LeftRedZone, -1);
    drop(object);
}

/// `test_first_word`.
#[test]
fn the_first_byte_changed_after_the_free_makes_two_reports() {
    let cache = cache();
    let object = cache.alloc([0; 64]).unwrap();
    let at = address(&object);
    drop(object);
    assert_eq!((read(at), read(at + 63)), (0x6b, 0xa5));
    write(at, 0x78);
    expect(&cache, 2, Kind::Poison, 0);
}

/// `test_clobber_50th_byte`.
#[test]
fn the_50th_byte_changed_after_the_free_makes_two_reports() {
    let cache = cache();
    let object = cache.alloc([0; 64]).unwrap();
    let at = address(&object);
    drop(object);
    write(at + 50, 0x9a);
    expect(&cache, 2, Kind::Poison, 50);
}

/// `test_kmalloc_redzone_access`: 18 bytes of 32, of which the 19th and the 20th are
/// written.
#[test]
fn bytes_of_an_object_that_were_not_asked_for_are_a_red_zone() {
    let cache = Cache::<[u8; 32]>::builder().hardened(true).build().unwrap();
    let object = cache.as_raw().alloc_sized(18).unwrap();
    let at = object.as_ptr().expose_provenance();
    assert_eq!([17, 18, 31, 32].map(|i| read(at + i)), [0x6b, 0xcc, 0xcc, 0xcc]);
    write(at + 17, 0);
    write(at + 18, 0xab);
    write(at + 19, 0xab);
    let report = cache.validate().unwrap();
    assert_eq!(report.reports(), 2, "{report}");
    let corruption = &report.corruptions[0];
    assert_eq!((corruption.kind, corruption.offset, corruption.len), (Kind::RightRedZone, 18, 2));
    // SAFETY: allocated above.
    assert!(unsafe { cache.as_raw().free_checked(object) });
    assert!(cache.validate().unwrap().is_clean());
    assert!(cache.as_raw().alloc_sized(33).is_err());
}

/// `test_krealloc_redzone_zeroing`, as far as a cache of one layout has it: the bytes
/// behind those asked for hold the zone's value, whatever the object held before.
#[test]
fn a_smaller_request_of_a_used_object_has_its_zone() {
    let cache = cache();
    let mut seen = std::collections::BTreeSet::new();
    for bytes in (0..=64).rev() {
        let object = cache.as_raw().alloc_sized(bytes).unwrap();
        let at = object.as_ptr().expose_provenance();
        seen.insert(at);
        for i in 0..bytes {
            write(at + i, 0xee);
        }
        for i in bytes..72 {
            assert_eq!(read(at + i), 0xcc, "byte {i} of {bytes}");
        }
        // SAFETY: allocated above, and not used any more.
        unsafe { ObjectCache::free(object) };
    }
    assert!(seen.len() < 65, "objects were used again");
    assert_eq!(cache.validate().unwrap().reports(), 0);
    cache.destroy().unwrap();
}

/// `test_leak_destroy`: two reports an object; and the objects live on.
#[test]
fn a_cache_destroyed_with_a_live_object_tells_who_allocated_it() {
    let cache = cache();
    let object = cache.alloc([7; 64]).unwrap();
    let line = line!() - 1;
    drop(cache.alloc([0; 64]).unwrap());
    let left = cache.destroy().unwrap_err();
    assert_eq!((left.count, left.leaks.len()), (1, 1));
    assert_eq!((left.leaks[0].reports(), left.leaks[0].kind), (2, Kind::Leak));
    assert_eq!(left.leaks[0].object, address(&object));
    assert_eq!(left.leaks[0].allocated_at.unwrap().site.unwrap().line(), line);
    assert!(left.to_string().contains("tests/hardened.rs"), "{left}");
    assert_eq!(*object, [7; 64], "it lives on");
    drop(object);
}

#[test]
fn an_object_that_was_overwritten_is_not_used_again() {
    let cache = Cache::<Bytes>::builder().hardened(true).limit(20).build().unwrap();
    let object = cache.alloc([0; 64]).unwrap();
    let bad = address(&object);
    write(bad + 70, 1);
    drop(object);
    // And one that is overwritten after its free, which an allocation finds.
    let object = cache.alloc([0; 64]).unwrap();
    let late = address(&object);
    drop(object);
    write(late + 3, 1);
    let mut objects = Vec::new();
    while let Ok(object) = cache.alloc([0; 64]) {
        assert!(address(&object) != bad && address(&object) != late, "it is used again");
        objects.push(object);
    }
    assert_eq!(objects.len(), 18, "two of twenty are frozen");
    let report = cache.validate().unwrap();
    assert_eq!((report.frozen, report.live, report.free), (2, 18, 0), "{report}");
    assert_eq!(
        report.corruptions.iter().map(|c| c.action).collect::<Vec<_>>(),
        [Action::Frozen; 2]
    );
    assert_eq!((read(bad + 70), read(late + 3)), (0xcc, 0x6b), "what was wrong was repaired");
    drop(objects);
    cache.destroy().expect("frozen objects are nobody's");
}

#[test]
fn a_wrong_free_does_nothing_but_to_be_told() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&told);
    let cache = Cache::<Bytes>::builder()
        .hardened(true)
        .on_corruption(move |corruption: &Corruption| {
            theirs.lock().unwrap().push((corruption.kind, corruption.object));
        })
        .build()
        .unwrap();
    let other = self::cache();
    let (mine, theirs) = (cache.alloc([1; 64]).unwrap(), other.alloc([2; 64]).unwrap());
    let local = 7u64;
    let free = |address: usize| {
        let pointer = NonNull::new(std::ptr::with_exposed_provenance_mut(address)).unwrap();
        // SAFETY: a mistake, in a hardened cache.
        unsafe { cache.as_raw().free_checked(pointer) }
    };
    let line = line!() - 2;
    let wrong = [
        (Kind::MisalignedFree, address(&mine) + 8),
        (Kind::WrongCache, address(&theirs)),
        (Kind::ForeignFree, std::ptr::from_ref(&local).expose_provenance()),
        (Kind::ForeignFree, 16),
    ];
    for (_, address) in wrong {
        assert!(!free(address));
    }
    assert_eq!((mine[0], theirs[0], local), (1, 2, 7));
    assert_eq!(*told.lock().unwrap(), wrong);
    let report = cache.validate().unwrap();
    assert_eq!((report.reports(), report.live), (8, 1), "{report}");
    assert_eq!(report.corruptions[0].found_at.unwrap().site.unwrap().line(), line);
    let at = address(&mine);
    drop(mine);
    assert!(!free(at));
    assert_eq!(told.lock().unwrap().last(), Some(&(Kind::DoubleFree, at)));
    drop(theirs);
    cache.destroy().unwrap();
    other.destroy().unwrap();
}

/// Whose value is dropped twice is a mistake that the second drop does not make worse.
#[test]
fn a_value_that_is_dropped_twice_is_dropped_once() {
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    struct Value(#[allow(dead_code)] String);
    impl Drop for Value {
        fn drop(&mut self) {
            DROPS.fetch_add(1, Relaxed);
        }
    }
    let cache = Cache::<Value>::builder().hardened(true).build().unwrap();
    let pointer = Object::into_raw(cache.alloc(Value("a".into())).ok().unwrap());
    for _ in 0..3 {
        // SAFETY: a mistake, but for the first time, in a hardened cache.
        drop(unsafe { Object::from_raw(pointer) });
    }
    assert_eq!(DROPS.load(Relaxed), 1);
    let report = cache.validate().unwrap();
    assert_eq!(
        report.corruptions.iter().map(|c| c.kind).collect::<Vec<_>>(),
        [Kind::DoubleFree; 2]
    );
    assert!(report.corruptions[0].freed_at.unwrap().site.is_none(), "by a drop");
}

#[test]
fn a_callback_may_panic_and_the_cache_goes_on() {
    let cache = Cache::<Bytes>::builder()
        .hardened(true)
        .on_corruption(|corruption| panic!("{corruption}"))
        .build()
        .unwrap();
    let object = cache.alloc([0; 64]).unwrap();
    write(address(&object) + 64, 0);
    let message = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(object)))
        .unwrap_err()
        .downcast::<String>()
        .unwrap();
    assert!(message.starts_with("right red zone overwritten: object 0x"), "{message}");
    let again = cache.alloc([1; 64]).unwrap();
    assert_eq!(again[0], 1);
    assert_eq!(cache.validate().map(|report| report.frozen), Some(1));
}

#[test]
fn a_cache_that_is_not_hardened_has_nothing_to_tell() {
    let cache = Cache::<Bytes>::new().unwrap();
    let object = cache.alloc([0; 64]).unwrap();
    assert_eq!(cache.validate(), None);
    assert_eq!(cache.destroy().unwrap_err().leaks, []);
    drop(object);
}

#[test]
fn magazines_keep_nothing_and_shrink_gives_all_back() {
    let cache = cache();
    let many = if cfg!(miri) { 200 } else { 1000 };
    let objects: Vec<_> = (0..many).map(|_| cache.alloc([0; 64]).unwrap()).collect();
    drop(objects);
    let stats = cache.stats();
    assert_eq!((stats.refills, stats.flushes, stats.depot_puts), (0, 0, 0));
    assert_eq!((stats.live, stats.cached), (0, many));
    assert!(cache.shrink().unwrap() > 64 * many);
    assert_eq!((cache.stats().cached, cache.stats().bytes), (0, 0));
    assert!(cache.validate().unwrap().is_clean());
}

/// Objects of all alignments, and of none.
#[test]
fn objects_of_any_layout_are_aligned_and_checked() {
    #[repr(align(512))]
    struct Large(#[allow(dead_code)] [u8; 700]);
    fn check<T>(value: fn() -> T) {
        let cache = Cache::<T>::builder().hardened(true).build().unwrap();
        let objects: Vec<_> = (0..40).map(|_| cache.alloc(value()).ok().unwrap()).collect();
        for object in &objects {
            assert_eq!(address(object) % align_of::<T>(), 0);
        }
        let last = address(&objects[39]) + size_of::<T>().max(1);
        write(last, 0);
        drop(objects);
        let report = cache.validate().unwrap();
        assert_eq!((report.reports(), report.free, report.frozen), (2, 39, 1), "{report}");
    }
    check(|| ());
    check(|| 1u8);
    check(|| [1u64; 9]);
    check(|| Large([0; 700]));
}

/// As many threads as are interesting, each with objects that others free.
#[test]
fn threads_that_make_no_mistake_hear_of_none() {
    let cache = Arc::new(Cache::<u64>::builder().hardened(true).build().unwrap());
    let rounds = if cfg!(miri) { 50 } else { 3000 };
    let (send, receive) = std::sync::mpsc::channel::<Object<u64>>();
    let receive = Arc::new(Mutex::new(receive));
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (cache, send, receive) = (Arc::clone(&cache), send.clone(), Arc::clone(&receive));
            scope.spawn(move || {
                for round in 0..rounds {
                    let object = cache.alloc(thread << 32 | round).unwrap();
                    match round % 3 {
                        0 => drop(object),
                        _ => send.send(object).unwrap(),
                    }
                    if round % 2 == 0 {
                        let other = receive.lock().unwrap().try_recv();
                        drop(other);
                    }
                    if round % 500 == 0 {
                        assert!(cache.validate().unwrap().is_clean());
                    }
                }
            });
        }
    });
    drop((send, receive));
    let report = cache.validate().unwrap();
    assert!(report.is_clean() && report.live == 0, "{report}");
    Arc::into_inner(cache).unwrap().destroy().unwrap();
}

#[test]
fn an_object_in_use_while_its_cache_goes_is_checked_when_it_is_freed() {
    let found = Arc::new(AtomicUsize::new(0));
    let theirs = Arc::clone(&found);
    let cache = Cache::<Bytes>::builder()
        .hardened(true)
        .on_corruption(move |_| {
            theirs.fetch_add(1, Relaxed);
        })
        .build()
        .unwrap();
    let (sound, broken) = (cache.alloc([0; 64]).unwrap(), cache.alloc([0; 64]).unwrap());
    drop(cache);
    drop(sound);
    write(address(&broken) + 64, 0);
    drop(broken);
    assert_eq!(found.load(Relaxed), 1);
}

#[test]
fn what_is_passed_around_is_shared_and_sent() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Report>();
    is_shared::<Corruption>();
    is_shared::<Cache<Bytes>>();
}

#[cfg(feature = "serde")]
#[test]
fn a_report_is_data() {
    let cache = cache();
    let object = cache.alloc([0; 64]).unwrap();
    write(address(&object) + 64, 0x12);
    let report = serde_json::to_value(cache.validate().unwrap()).unwrap();
    let corruption = &report["corruptions"][0];
    assert_eq!(corruption["kind"], "RightRedZone");
    assert_eq!(corruption["found"], 0x12);
    let site = corruption["allocated_at"]["site"].as_str().unwrap();
    assert!(site.contains("tests/hardened.rs:"), "{site}");
}
