//! The contract, for `sharded_slab`.

use sharded_slab as slab;

#[path = "pool.rs"]
mod pool;
#[path = "slab.rs"]
mod slabs;
