//! A chunk's index against a naive one: every answer and every invariant.
//!
//! The input is a shape of four bytes, then a step each four bytes; what a step
//! means is said at `Twins::step`, which the property tests share.
#![no_main]

use libfuzzer_sys::fuzz_target;
use percpu_core::__fuzz::{Chunk, FreeError, Pages};

#[path = "../../percpu-core/src/area/naive.rs"]
mod naive;

fuzz_target!(|data: &[u8]| {
    let Some((&[blocks, start, end, pages], steps)) = data.split_first_chunk() else { return };
    let block = if pages.is_multiple_of(8) { 4096 } else { 256 };
    let unit = block * (usize::from(blocks % 8) + 1);
    // Each hides at most half of the smallest unit.
    let hidden = |byte: u8| usize::from(byte % 33) * 4;
    let mut twins = naive::Twins::new(unit, block, hidden(start), hidden(end));
    for step in steps.chunks_exact(4).take(512) {
        twins.step(step.try_into().expect("four bytes"));
        twins.check();
    }
    twins.finish();
});
