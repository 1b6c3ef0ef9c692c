//! The tables of the kernel, and of layouts.

#![cfg(not(percpu_loom))]

use percpu_slab::Error;
use percpu_slab::raw::{
    Geometry, MAX_OBJECTS, MAX_ORDER, SPAN, magazine, min_objects, min_partial,
};

fn geometry(size: usize, align: usize, cpus: usize) -> Geometry {
    Geometry::new(size, align, min_objects(cpus), MAX_ORDER).unwrap()
}

#[test]
fn slabs_are_as_large_as_the_kernels() {
    assert_eq!([1, 2, 3, 4, 8, 64].map(min_objects), [8, 12, 12, 16, 20, 32]);
    // Of a machine with two CPUs.
    for (size, objects, order) in [(64, 64, 0), (256, 16, 0), (1024, 16, 2), (4096, 8, 3)] {
        let found = geometry(size, 8, 2);
        assert_eq!((found.objects, found.order), (objects, order), "of {size} bytes");
    }
    // What would waste a sixteenth at its end gets more pages, if that helps.
    let found = geometry(192, 8, 2);
    assert_eq!((found.objects, found.order), (21, 0));
    let found = geometry(680, 8, 2);
    assert_eq!((found.objects, found.order), (12, 1));
    let found = geometry(3000, 8, 2);
    assert_eq!((found.objects, found.order), (10, 3));
    // 1360 of 4096 bytes, 1352 of 8192 and 1336 of 16384 are more than that, 1304 of 32768
    // are not; where there are no slabs so large, an eighth may be lost.
    let of = |max_order| {
        let found = Geometry::new(1368, 8, 2, max_order).unwrap();
        (found.objects, found.order)
    };
    assert_eq!([3, 2].map(of), [(23, 3), (11, 2)]);
}

#[test]
fn every_layout_fits_or_is_refused() {
    for shift in 0..=20 {
        for size in [(1_usize << shift) - 1, 1 << shift, (1 << shift) + 1, 3 << shift] {
            for align in (0..=20).map(|shift| 1_usize << shift) {
                let Ok(found) = Geometry::new(size, align, 12, MAX_ORDER) else {
                    assert!(size.max(align) > SPAN / 4, "{size} at {align} is refused");
                    continue;
                };
                assert!(found.size >= size.max(8) && found.size % align == 0);
                assert!((1..=MAX_OBJECTS).contains(&found.objects), "{found:?}");
                assert!(found.objects * found.size <= found.slab_bytes(), "{found:?}");
                assert!((1..=256).contains(&found.slabs), "{found:?}");
                assert!(found.slabs * found.slab_bytes() < SPAN, "{found:?}");
            }
        }
    }
    let refused = Error::Layout { size: SPAN, align: 8, max: SPAN / 2 };
    assert_eq!(Geometry::new(SPAN, 8, 12, MAX_ORDER), Err(refused));
    // More pages than a span has are not asked for.
    let found = Geometry::new(8, 8, usize::MAX, 60).unwrap();
    assert!(found.objects <= MAX_OBJECTS && found.slab_bytes() <= SPAN / 2);
    assert_eq!(found.objects, found.slab_bytes() / 8, "nothing is behind the last that counts");
    let as_many = 2 * found.objects > MAX_OBJECTS || found.slab_bytes() == SPAN / 2;
    assert!(as_many, "twice {} were no more than may be", found.objects);
    assert!(matches!(Geometry::new(8, 24, 12, MAX_ORDER), Err(Error::Layout { .. })));
}

#[test]
fn magazines_and_what_is_kept_go_by_the_size() {
    let sizes = [8, 255, 256, 1023, 1024, 4095, 4096, 1 << 16];
    assert_eq!(sizes.map(magazine), [60, 60, 28, 28, 12, 12, 4, 4]);
    let sizes = [0, 8, 1 << 10, 1 << 12, 1 << 14, 1 << 19, 1 << 20, 1 << 22];
    assert_eq!(sizes.map(min_partial), [5, 5, 5, 6, 7, 9, 10, 10]);
}
