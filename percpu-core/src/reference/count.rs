//! [`Count`]: what the shared word of a reference count says.
//!
//! ```text
//!   63 .. 1                                                  0
//!   references, or BIAS and those that came this way         dead
//! ```
//! While the words of the CPUs count too, the shared word has the bias: whatever
//! part of the count is here, it is far from zero, and who puts the last of that
//! part is told nothing. Without the bias this is the whole count.
//!
//! ```text
//!   0            2^61   2^62             2^63            3 * 2^62          2^64
//!   | references  | abort | BIAS and a part of the count   | below zero      |
//! ```
//! Who takes references one by one does not come near the borders; but they cost
//! nothing to watch, as in `Arc`.

/// One reference in the word.
pub(super) const ONE: u64 = 2;
/// The word's flag of a reference count that was killed.
pub(super) const DEAD: u64 = 1;
/// In the word while the words of the CPUs count.
pub(super) const BIAS: u64 = 1 << 63;

/// References in the word: `n` of them, wrapping.
pub(super) const fn references(n: u64) -> u64 {
    n.wrapping_mul(ONE)
}

/// The shared word, as it was at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count(pub(super) u64);

impl Count {
    /// Whether the words of the CPUs count too.
    pub(super) const fn is_biased(self) -> bool {
        self.0.wrapping_sub(1 << 62) < BIAS
    }

    pub(super) const fn is_dead(self) -> bool {
        self.0 & DEAD != 0
    }

    /// The references, if this is the whole count; 0 if it is below zero.
    pub(super) const fn whole(self) -> Option<u64> {
        match self.0 >> 62 {
            _ if self.is_biased() => None,
            0 => Some(self.0 / ONE),
            _ => Some(0),
        }
    }

    /// The part of the count that is in this word, modulo 2^63.
    pub(super) const fn part(self) -> u64 {
        match self.is_biased() {
            true => self.0.wrapping_sub(BIAS) / ONE,
            false => self.0 / ONE,
        }
    }

    /// Whether nobody should count further: a quarter of the way to the border.
    pub(super) const fn is_at_limit(self) -> bool {
        self.0 >> 61 & 0b11 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_says_what_was_put_into_it() {
        let whole = Count(references(3) | DEAD);
        assert_eq!((whole.whole(), whole.is_dead(), whole.is_biased()), (Some(3), true, false));
        for part in [0, 1, 1 << 59, 1_u64.wrapping_neg(), (1_u64 << 59).wrapping_neg()] {
            let biased = Count(BIAS.wrapping_add(references(part)));
            assert_eq!((biased.whole(), biased.is_dead()), (None, false));
            assert_eq!(biased.part(), part & (u64::MAX >> 1), "modulo 2^63");
            assert!(!biased.is_at_limit());
        }
        assert_eq!(Count(references(1_u64.wrapping_neg())).whole(), Some(0), "below zero");
    }

    #[test]
    fn the_limit_comes_before_the_borders() {
        for (from, to) in [(0, 1 << 62), (BIAS, 3 << 62)] {
            assert!(!Count(from).is_at_limit());
            assert!(!Count(from + (1 << 61) - 1).is_at_limit());
            assert!(Count(from + (1 << 61)).is_at_limit());
            assert!(Count(to - 1).is_at_limit());
            assert_eq!(Count(to - 1).is_biased(), from == BIAS);
        }
    }
}
