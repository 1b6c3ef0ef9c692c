//! TEMPORARY: stands in for percpu-core and percpu-counter until they have the
//! calls that [`super::stats`] and [`super::report`] make; one shared copy, not
//! per-CPU at all. To be deleted then.
#![allow(missing_docs, missing_debug_implementations)]

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub struct Error;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("out of per-CPU memory")
    }
}

impl std::error::Error for Error {}

pub struct PerCpu<T>(Box<T>);

impl<const N: usize> PerCpu<[AtomicU64; N]> {
    pub fn zeroed() -> Result<Self, Error> {
        Ok(PerCpu(Box::new([const { AtomicU64::new(0) }; N])))
    }

    #[inline]
    pub fn at(&self, i: usize) -> Handle<'_> {
        Handle(&self.0[i])
    }
}

pub struct Handle<'a>(&'a AtomicU64);

impl Handle<'_> {
    #[inline]
    pub fn inc(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn sum(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

pub struct Counter(AtomicU64);

impl Counter {
    pub fn new() -> Result<Self, Error> {
        Ok(Counter(AtomicU64::new(0)))
    }

    #[inline]
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub fn sum(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

pub fn info() -> Result<&'static str, Error> {
    Ok("mode: not yet known (percpu-core is not linked in)")
}
