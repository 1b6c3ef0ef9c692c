//! A reader-writer lock whose readers write nothing but their own CPU's word.
//!
//! ```text
//!   face      PerCpuRwLock<T>, its guards
//!    raw      RawPerCpuRwLock: lock_api's traits
//!  protocol   who gets in, and when
//! queue  words  who waits; the readers' words
//! ```

mod face;
mod protocol;
mod queue;
mod raw;
mod words;

pub use face::{
    MappedPerCpuRwLockReadGuard, MappedPerCpuRwLockWriteGuard, PerCpuRwLock,
    PerCpuRwLockReadGuard, PerCpuRwLockWriteGuard,
};
pub use raw::RawPerCpuRwLock;
