//! The contract, for `percpu_slab::compat`.

use percpu_slab::compat as slab;

#[path = "pool.rs"]
mod pool;
#[path = "slab.rs"]
mod slabs;
