//! Sorting lines with threads: every line is a block of its own, allocated by one thread
//! and freed by whichever comes to it.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::thread;

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

/// A line without its end.
pub type Line = Box<[u8]>;

/// What must be the same before and after: how many lines there are, their bytes, and
/// the sum of their hashes, which no order changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// Lines.
    pub lines: usize,
    /// Bytes of them.
    pub bytes: usize,
    hashes: u64,
}

impl Inventory {
    /// Of these lines.
    pub fn of<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let none = Self { lines: 0, bytes: 0, hashes: 0 };
        lines.fold(none, |sum, line| Self {
            lines: sum.lines + 1,
            bytes: sum.bytes + line.len(),
            hashes: sum.hashes.wrapping_add(hasher.hash_one(line)),
        })
    }
}

/// Text of so many lines, of words of random letters.
///
/// ```
/// let text = percpu_examples::sort::generate(100, 7);
/// assert_eq!(text.iter().filter(|&&byte| byte == b'\n').count(), 100);
/// ```
pub fn generate(lines: usize, seed: u64) -> Vec<u8> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut text = Vec::new();
    for _ in 0..lines {
        for word in 0..random.random_range(1..12) {
            if word > 0 {
                text.push(b' ');
            }
            let letters = random.random_range(1..14);
            text.extend((0..letters).map(|_| random.random_range(b'a'..=b'z')));
        }
        text.push(b'\n');
    }
    text
}

/// The lines of a text; what follows its last line end is one if it is not empty.
pub fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let none = text.is_empty();
    text.split(|&byte| byte == b'\n').filter(move |_| !none)
}

/// Sorts the lines of a text on so many threads, by their bytes.
///
/// ```
/// let sorted = percpu_examples::sort::sorted(b"slab\npage\nobject\n", 2);
/// assert!(sorted.iter().map(|line| &**line).eq([&b"object"[..], b"page", b"slab"]));
/// ```
///
/// # Panics
/// If a thread cannot be made.
pub fn sorted(text: &[u8], threads: usize) -> Vec<Line> {
    let mut parts: Vec<Vec<Line>> = thread::scope(|s| {
        let parts = split(text, threads);
        let of = |part| move || sort_part(part);
        let workers: Vec<_> = parts.into_iter().map(|part| s.spawn(of(part))).collect();
        workers.into_iter().map(|worker| worker.join().expect("no worker panics")).collect()
    });
    // By pairs: what one thread allocated another one moves on or frees.
    while parts.len() > 1 {
        parts = thread::scope(|s| {
            let mut pairs = Vec::new();
            let mut rest = parts.into_iter();
            while let Some(a) = rest.next() {
                let b = rest.next().unwrap_or_default();
                pairs.push(s.spawn(move || merge(a, b)));
            }
            pairs.into_iter().map(|pair| pair.join().expect("no worker panics")).collect()
        });
    }
    parts.pop().unwrap_or_default()
}

/// Parts of a text that end with a line, at most so many.
fn split(mut text: &[u8], parts: usize) -> Vec<&[u8]> {
    let size = text.len().div_ceil(parts.max(1)).max(1);
    let mut all = Vec::new();
    while !text.is_empty() {
        let from = size.min(text.len());
        let end = text[from..].iter().position(|&byte| byte == b'\n');
        let (part, rest) = text.split_at(end.map_or(text.len(), |end| from + end + 1));
        all.push(part);
        text = rest;
    }
    all
}

fn sort_part(part: &[u8]) -> Vec<Line> {
    let mut lines: Vec<Line> = lines(part).map(Into::into).collect();
    lines.sort_unstable();
    lines
}

fn merge(a: Vec<Line>, b: Vec<Line>) -> Vec<Line> {
    let mut merged = Vec::new();
    let (mut a, mut b) = (a.into_iter().peekable(), b.into_iter().peekable());
    loop {
        let from = match (a.peek(), b.peek()) {
            (Some(one), Some(other)) if one <= other => &mut a,
            (Some(_), None) => &mut a,
            (_, Some(_)) => &mut b,
            (None, None) => return merged,
        };
        merged.extend(from.next());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_threads_comes_to_the_same_end() {
        let text = generate(2_000, 1);
        let mut expected: Vec<_> = lines(&text).collect();
        expected.sort_unstable();
        for threads in [1, 2, 3, 8, 5_000] {
            let sorted = sorted(&text, threads);
            assert!(sorted.iter().map(|line| &**line).eq(expected.iter().copied()), "{threads}");
        }
    }

    #[test]
    fn what_is_a_line() {
        for (text, count) in [("", 0), ("\n", 0), ("a", 1), ("a\n", 1), ("a\n\nb", 3), ("\n\n", 2)]
        {
            assert_eq!(lines(text.as_bytes()).count(), count, "{text:?}");
            assert_eq!(sorted(text.as_bytes(), 3).len(), count, "{text:?}");
        }
    }

    #[test]
    fn an_inventory_knows_lines_but_not_their_order() {
        let of = |text: &str| Inventory::of(text.split(' ').map(str::as_bytes));
        assert_eq!(of("a bc d"), of("d a bc"));
        assert_ne!(of("a bc d"), of("a bc e"));
    }
}
