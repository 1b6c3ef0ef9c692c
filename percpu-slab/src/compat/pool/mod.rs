//! [`Pool`]: values that are made once and cleared for each next use, by key.

mod borrowed;
mod by_key;
mod owned;
mod values;

pub use borrowed::{Ref, RefMut};
pub use owned::{OwnedRef, OwnedRefMut};
pub use values::Pool;
