//! Slabs against a map of the objects that are out: every answer and every count.
//!
//! The input is a shape of four bytes, how many are freed at a time in the end, then a
//! step each two bytes; what a step means is said at `Twins::step`, which the property
//! test shares.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../percpu-slab/tests/common/naive_slabs.rs"]
mod naive;

fuzz_target!(|data: &[u8]| {
    let Some((&shape, rest)) = data.split_first_chunk() else { return };
    let Some((&many, steps)) = rest.split_first() else { return };
    let mut twins = naive::Twins::new(shape);
    for step in steps.chunks_exact(2).take(256) {
        twins.step(step.try_into().expect("two bytes"));
        twins.check();
    }
    twins.finish(many);
});
