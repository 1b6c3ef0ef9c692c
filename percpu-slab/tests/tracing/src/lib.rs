//! The crate `sharded-slab`, from `percpu_slab::compat`.

pub use percpu_slab::compat::*;
