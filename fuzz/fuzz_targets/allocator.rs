//! The allocator on a pretend machine, while the system refuses what the input says:
//! every area looked after, every invariant after each step.
//!
//! The input is a shape of four bytes, then a step each four bytes; what these mean is
//! said at `Shape::of` and `Drive::step`, which the property test shares.

#![no_main]

use libfuzzer_sys::fuzz_target;
use percpu_core::__fuzz::{Drive, Shape};

fuzz_target!(|data: &[u8]| {
    let Some((&shape, steps)) = data.split_first_chunk() else { return };
    let Some(mut drive) = Drive::new(&Shape::of(shape)) else { return };
    for step in steps.chunks_exact(4).take(128) {
        drive.step(step.try_into().expect("four bytes"));
        drive.check();
    }
    drive.finish();
});
