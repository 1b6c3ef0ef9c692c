//! A cache as the allocator of collections.

#![cfg(not(percpu_loom))]

use std::alloc::Layout;

use allocator_api2::alloc::Allocator;
use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;
use percpu_slab::Cache;

#[test]
fn boxes_and_vectors_of_fitting_layouts_live_in_a_cache() {
    let cache = Cache::<[u64; 8]>::new().unwrap();
    let allocator = cache.as_allocator();
    let boxes: std::vec::Vec<_> = (0..100_u32).map(|i| Box::new_in(i, allocator)).collect();
    let mut vector = Vec::with_capacity_in(3, allocator);
    vector.extend(0..8_u64);
    vector.shrink_to_fit();
    assert_eq!(cache.stats().live, 101);
    assert!(boxes.iter().enumerate().all(|(i, value)| i == **value as usize));
    assert_eq!(vector.iter().sum::<u64>(), 28);
    drop((boxes, vector));
    assert_eq!(cache.stats().live, 0);
}

#[test]
fn what_does_not_fit_is_refused() {
    let cache = Cache::<[u64; 8]>::new().unwrap();
    let allocator = cache.as_allocator();
    assert!(allocator.allocate(Layout::new::<[u64; 9]>()).is_err());
    assert!(allocator.allocate(Layout::from_size_align(8, 16).unwrap()).is_err());
    assert!(Vec::<u64, _>::new_in(allocator).try_reserve(9).is_err());
    let mut full = Vec::with_capacity_in(8, allocator);
    full.extend(0..8_u64);
    assert!(full.try_reserve(1).is_err());
    assert_eq!(*full, [0, 1, 2, 3, 4, 5, 6, 7], "as it was");
    let limited = Cache::<u64>::builder().limit(1).build().unwrap();
    let one = Box::try_new_in(1_u64, limited.as_allocator()).unwrap();
    assert!(Box::try_new_in(2_u64, limited.as_allocator()).is_err());
    drop(one);
    assert!(Box::try_new_in(2_u64, limited.as_allocator()).is_ok());
}
