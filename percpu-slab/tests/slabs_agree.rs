//! Slabs do what a naive twin does, whatever is asked of them.

#![cfg(not(percpu_loom))]

use proptest::collection::vec;
use proptest::prelude::*;

#[path = "common/naive_slabs.rs"]
mod naive;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 20 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn slabs_agree_with_a_map_of_objects(
        shape: [u8; 4],
        steps in vec(any::<[u8; 2]>(), 0..if cfg!(miri) { 6 } else { 40 }),
        many: u8,
    ) {
        let mut twins = naive::Twins::new(shape);
        for step in steps {
            twins.step(step);
            twins.check();
        }
        twins.finish(many);
    }
}
