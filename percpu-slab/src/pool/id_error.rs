//! [`Exhausted`], [`NotTaken`]: why there is no id, or why one was not given back.

use core::fmt;

/// Every id, or object, was found to be in use.
///
/// One that is given back meanwhile may be missed, and so may those that a thread just
/// carries between its CPU and the list of all; whoever is alone misses none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "ENOSPC")]
pub struct Exhausted {
    /// How many there are.
    pub count: usize,
    /// How many of them were seen on CPUs that the system refuses to stop
    /// ([`percpu_core::Error::FenceRefused`]), or that were not asked: free, and out of reach.
    pub out_of_reach: usize,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.out_of_reach {
            0 => write!(f, "all {} are in use", self.count),
            n => write!(f, "all {} are in use, but for {n} that other CPUs keep", self.count),
        }
    }
}

impl core::error::Error for Exhausted {}

/// This number is not in use, or a guard has it, or there is no such id: it was not
/// given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotTaken {
    /// The number.
    pub id: u32,
}

impl fmt::Display for NotTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "id {} is not in use by number: was it given back twice?", self.id)
    }
}

impl core::error::Error for NotTaken {}
