//! A reader-writer lock whose readers write nothing but their own CPU's word.
//!
//! ```text
//!   face          PerCpuRwLock<T>, its guards
//!    raw          RawPerCpuRwLock: lock_api's traits
//!  protocol       who gets in, and when
//! words  active   readers: by a word on every unit, and by a shared one
//!  queue          who waits
//! ```

mod active;
mod face;
mod protocol;
mod queue;
mod raw;
mod words;

pub use face::{
    MappedPerCpuRwLockReadGuard, MappedPerCpuRwLockWriteGuard, PerCpuRwLock, PerCpuRwLockReadGuard,
    PerCpuRwLockWriteGuard,
};
pub use raw::RawPerCpuRwLock;
