//! Bitmaps, of which hints are made, against a walk from bit to bit.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use percpu_core::__fuzz::check_map;

#[derive(Arbitrary, Debug)]
struct Input {
    /// As noise, or runs that are laid one over the other.
    words: [u64; 6],
    runs: Vec<(bool, u16, u16)>,
    asked: [(u16, u16, u16, u8); 4],
}

fuzz_target!(|input: Input| {
    let mut map = input.words;
    let bits = map.len() as u16 * 64;
    for &(used, start, len) in input.runs.iter().take(16) {
        for bit in (start % bits..bits).take(usize::from(len % bits)) {
            let (word, mask) = (usize::from(bit / 64), 1 << (bit % 64));
            if used { map[word] |= mask } else { map[word] &= !mask }
        }
    }
    for (a, b, len, shift) in input.asked {
        let (a, b) = (u32::from(a % (bits + 1)), u32::from(b % (bits + 1)));
        check_map(&map, a.min(b)..a.max(b), u32::from(len % bits) + 1, u32::from(shift % 10));
    }
});
