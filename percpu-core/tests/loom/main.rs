//! Models: the crate's own code in every interleaving and under every fault
//! that the bounds allow. Run by `ci/loom.sh`; `ci/loom-mutations.sh` breaks
//! one thing after the other and expects the model named there to notice.
#![cfg(all(percpu_loom, not(percpu_plain)))]

mod accounting;
mod drawn;
mod fence;
mod local_lock;
mod plan;
mod reference;
mod scaled;
mod sized;
mod stack;
mod structures;
mod switch;
mod units;
mod words;
