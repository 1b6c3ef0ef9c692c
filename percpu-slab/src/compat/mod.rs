//! The face of the crate [`sharded-slab`](https://docs.rs/sharded-slab/0.1.7), on per-CPU
//! magazines: switch by changing a `use` line.
//!
//! ```
//! // use sharded_slab::Slab;
//! use percpu_slab::compat::Slab;
//!
//! let slab = Slab::new();
//! let key = slab.insert("hello world").unwrap();
//! assert_eq!(slab.get(key).unwrap(), "hello world");
//! ```
//! [`Slab`] keeps values that are moved in and out; [`Pool`] has values that are made
//! once, and made empty ([`Clear`]) for each next use. Both give `usize` keys, and
//! guards that may live as long as they like.
//!
//! # What is different
//! - Any number of threads may use a slab, and a thread leaves nothing behind when it
//!   ends. The constants of [`Config`] that divide slots among threads do nothing.
//! - An idle slab holds a few pages, however many threads have used it.
//! - Guards are `Send`, all of them, if the value is `Send` and `Sync`: the last guard
//!   ends the value, wherever that is. A slab is `Sync` if its values are that, too.
//! - A key is used again after as many values of its slot as
//!   [`USED_BITS`](Slab::USED_BITS) have room for: of 64 bits, 2<sup>32</sup>.
//! - `remove` and `clear` are `true` for one call a value, also while guards are left,
//!   and `take` finds nothing after them.
//! - [`Pool::clear`] of a value that is being created is put off until it is.
//! - A [`VacantEntry`] that is dropped gives its slot back.
//! - A poisoned lock can be cleared, and is not poisoned then.
//!
//! The types of [the crate](crate) cost less: their guards write no line that others
//! read. They stay in their thread.
//!
//! ```text
//!   Slab, Pool                     the faces
//!     └ guard                      what keeps a value
//!         └ store                  values in slots, by key
//!             ├ state              who may do what with a slot
//!             ├ config             how a key is made
//!             └ keyed::slots       free slots on every CPU
//! ```

mod by_key;
mod clear;
mod config;
mod entry;
mod face;
mod guard;
mod iter;
pub mod pool;
mod slab;
pub(crate) mod state;
mod store;

pub use clear::Clear;
pub use config::{Config, DefaultConfig};
pub use entry::{Entry, OwnedEntry, VacantEntry};
pub use iter::UniqueIter;
#[doc(inline)]
pub use pool::Pool;
pub use slab::Slab;
