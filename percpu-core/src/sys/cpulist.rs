//! [`CpuSet`]: a set of CPU numbers and the kernel's list format.
//!
//! ```text
//!   "0-3,8,10-11\n"   <->   { 0 1 2 3 8 10 11 }
//!   "\n"              <->   { }
//! ```
//!
//! Pure: no I/O here. What a file of sysfs says is parsed strictly, because a
//! list that was torn in the middle of a number still looks like a list.

use core::fmt;
use core::str::FromStr;
use std::error::Error;

use crate::cpu::CpuId;

/// A set of CPU numbers, in ascending order.
///
/// It parses and prints the list format of the kernel (`0-3,8,10-11`), which
/// sysfs, cgroups and boot parameters share. An empty or blank text is the
/// empty set. Membership costs a binary search; the memory is four bytes a CPU.
///
/// # Errors
///
/// Parsing returns [`CpuListError`] for anything but numbers, ranges, commas
/// and blanks, for a range that runs backwards and for numbers over
/// [`CpuSet::MAX_ID`]. Overlaps and disorder are fine, as they are in the
/// kernel.
///
/// # Examples
///
/// ```
/// use percpu_core::{CpuId, CpuSet};
///
/// let cpus: CpuSet = "8,0-3,10-11\n".parse()?;
/// assert_eq!(cpus.len(), 7);
/// assert!(cpus.contains(CpuId::new(2)) && !cpus.contains(CpuId::new(9)));
/// assert_eq!(cpus.to_string(), "0-3,8,10-11");
/// # Ok::<(), percpu_core::CpuListError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
#[doc(alias = "cpumask")]
#[doc(alias = "cpulist")]
pub struct CpuSet {
    /// INVARIANT: strictly ascending.
    ids: Box<[CpuId]>,
}

impl CpuSet {
    /// The largest number that a list may name: 65,533.
    ///
    /// The core looks a CPU up in a table of 65,536 entries by the low 16 bits
    /// of `cpu_id`; the last two belong to the values -1 and -2, by which the
    /// kernel says that a thread is not registered.
    pub const MAX_ID: u32 = 65_533;

    /// How many CPUs are in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether no CPU is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Whether `cpu` is in the set.
    #[must_use]
    pub fn contains(&self, cpu: CpuId) -> bool {
        self.ids.binary_search(&cpu).is_ok()
    }

    /// The CPUs in ascending order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = CpuId> + ExactSizeIterator + Clone + '_ {
        self.ids.iter().copied()
    }

    /// The lowest CPU.
    #[must_use]
    pub fn first(&self) -> Option<CpuId> {
        self.ids.first().copied()
    }

    /// The highest CPU.
    #[must_use]
    pub fn last(&self) -> Option<CpuId> {
        self.ids.last().copied()
    }

    /// The CPUs that are in both sets.
    #[must_use]
    pub fn intersection(&self, other: &CpuSet) -> CpuSet {
        self.iter().filter(|&cpu| other.contains(cpu)).collect()
    }
}

impl FromIterator<CpuId> for CpuSet {
    fn from_iter<I: IntoIterator<Item = CpuId>>(cpus: I) -> Self {
        let mut ids: Vec<CpuId> = cpus.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        Self { ids: ids.into_boxed_slice() }
    }
}

impl FromStr for CpuSet {
    type Err = CpuListError;

    fn from_str(list: &str) -> Result<Self, CpuListError> {
        if list.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let mut runs = Vec::new();
        for item in list.split(',') {
            let item = item.trim_ascii();
            let (low, high) = match item.split_once('-') {
                Some((low, high)) => (number(low, item)?, number(high, item)?),
                None => (number(item, item)?, number(item, item)?),
            };
            if low > high {
                return Err(CpuListError::Reversed { low, high });
            }
            runs.push((low, high));
        }
        // In order, each run adds what is beyond the numbers so far: no list,
        // however repetitive, makes more than there are numbers.
        runs.sort_unstable();
        let mut ids = Vec::new();
        let mut next = 0;
        for (low, high) in runs {
            ids.extend((low.max(next)..=high).map(CpuId::new));
            next = next.max(high + 1); // at most MAX_ID + 1
        }
        Ok(Self { ids: ids.into_boxed_slice() })
    }
}

/// One decimal number of the list; `item` is what an error shows.
fn number(digits: &str, item: &str) -> Result<u32, CpuListError> {
    let digits = digits.trim_ascii();
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(CpuListError::Junk { item: item.chars().take(40).collect() });
    }
    match digits.parse() {
        Ok(id) if id <= CpuSet::MAX_ID => Ok(id),
        // Only digits, so the only way to fail is to be too large.
        _ => Err(CpuListError::TooLarge { number: digits.chars().take(40).collect() }),
    }
}

impl fmt::Display for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let follows = |a: &CpuId, b: &CpuId| a.get().checked_add(1) == Some(b.get());
        for (index, run) in self.ids.chunk_by(follows).enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match run {
                [one] => write!(f, "{comma}{one}")?,
                [low, .., high] => write!(f, "{comma}{low}-{high}")?,
                [] => {}
            }
        }
        Ok(())
    }
}

impl fmt::Debug for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CpuSet({self})")
    }
}

/// Why a text is not a list of CPUs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CpuListError {
    /// Neither a number nor a range: a letter, a sign, an empty item, or a
    /// range without an end.
    Junk {
        /// The item as written, cut at 40 characters.
        item: String,
    },
    /// A range runs backwards, as in `5-2`.
    Reversed {
        /// The first number.
        low: u32,
        /// The second, lower, number.
        high: u32,
    },
    /// A number is over [`CpuSet::MAX_ID`].
    TooLarge {
        /// The number as written, cut at 40 characters.
        number: String,
    },
}

impl fmt::Display for CpuListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Junk { item } => {
                write!(f, "`{item}` is neither a CPU number nor a range such as 0-3")
            }
            Self::Reversed { low, high } => {
                write!(f, "the range {low}-{high} runs backwards: write {high}-{low}")
            }
            Self::TooLarge { number } => {
                write!(f, "CPU number {number} is over the largest supported, {}", CpuSet::MAX_ID)
            }
        }
    }
}

impl Error for CpuListError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(list: &str) -> Vec<u32> {
        list.parse::<CpuSet>().unwrap().iter().map(CpuId::get).collect()
    }

    #[test]
    fn lists_that_the_kernel_writes() {
        assert_eq!(ids("0\n"), [0]);
        assert_eq!(ids("0-3,8,10-11\n"), [0, 1, 2, 3, 8, 10, 11]);
        assert_eq!(ids(" 1 , 4 - 5 \n"), [1, 4, 5]);
        assert_eq!(ids("7-7"), [7]);
        assert_eq!(ids("65533"), [65_533]);
        for blank in ["", "\n", "  \t\n"] {
            assert!(ids(blank).is_empty());
        }
    }

    #[test]
    fn overlap_and_disorder_are_a_set() {
        assert_eq!(ids("5,0-3,2-4,5"), [0, 1, 2, 3, 4, 5]);
        assert_eq!(ids("1-9,2-3,8-10,0"), (0..=10).collect::<Vec<_>>());
        assert_eq!(ids("0-65533,".repeat(100).trim_end_matches(',')).len(), 65_534);
    }

    #[test]
    fn each_fault_has_its_error() {
        let error = |list: &str| list.parse::<CpuSet>().unwrap_err();
        for junk in
            ["x", "0-", "-3", "1,,2", "0,", ",", "0-3-5", "+1", "1 2", "0x3", "0-3:1/2", "٣"]
        {
            assert!(matches!(error(junk), CpuListError::Junk { .. }), "{junk}: {}", error(junk));
        }
        assert!(error("x").to_string().starts_with("`x` is neither"));
        assert_eq!(error("5-2"), CpuListError::Reversed { low: 5, high: 2 });
        assert!(error("5-2").to_string().ends_with("write 2-5"));
        assert!(error("65534").to_string().ends_with("largest supported, 65533"));
        for large in ["65534", "0-65535", "4294967296", "99999999999999999999999"] {
            assert!(matches!(error(large), CpuListError::TooLarge { .. }), "{large}");
        }
    }

    #[test]
    fn prints_ranges() {
        for list in ["", "0", "0-1", "0-3,8,10-11", "0,2,4", "65533"] {
            assert_eq!(list.parse::<CpuSet>().unwrap().to_string(), list);
        }
        let odd: CpuSet = [u32::MAX, u32::MAX - 1, 0].map(CpuId::new).into_iter().collect();
        assert_eq!(odd.to_string(), "0,4294967294-4294967295");
    }

    #[test]
    fn sets() {
        let a: CpuSet = "0-3,9".parse().unwrap();
        let b: CpuSet = "2-9".parse().unwrap();
        assert_eq!(a.intersection(&b).to_string(), "2-3,9");
        assert_eq!((a.first(), a.last()), (Some(CpuId::new(0)), Some(CpuId::new(9))));
        assert_eq!(format!("{a:?}"), "CpuSet(0-3,9)");
    }
}
