//! Hardened caches: every allocation and every free is checked.
//!
//! ```text
//!   cache     alloc         drop, free
//!               |              |
//!   Checks    what is it? who did it? is it as it was?       State: all that is known
//!               |              |                             of every object
//!   Shape     | red zone | object or poison | red zone |
//!               |              |
//!   Slabs     places, larger than the objects
//! ```

mod checks;
mod memory;
mod registry;
pub(crate) mod report;
mod shape;
mod state;

pub(crate) use checks::{Callback, Checks};
pub use report::{Action, Corruption, Kind, Report, Track};
pub(crate) use shape::Shape;
