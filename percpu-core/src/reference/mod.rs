//! Reference counts that are per-CPU until they are killed.
//!
//! ```text
//!   owner.rs   PerCpuRef<T>: the object's owner      guard.rs   Ref<T>: a reference
//!          \________________________  _____________________/
//!                                shared.rs        the allocation, its two lives
//!                                    |
//!                          modes.rs  raw.rs       RawRef: the count and its states
//!                                    |
//!                   putter.rs  count.rs  options.rs  exited.rs  error.rs
//! ```

mod count;
mod error;
mod exited;
mod guard;
mod modes;
mod options;
mod owner;
mod putter;
mod raw;
mod shared;

pub use error::RefError;
pub use exited::ExitedRef;
pub use guard::Ref;
pub use options::RefOptions;
pub use owner::{PerCpuRef, PerCpuRefBuilder};
pub use raw::RawRef;
