//! What an operation on a per-CPU word costs beside what people use today.
//!
//! ```text
//!   benches/word_add  benches/current_cpu   bin/ratios   tests/exact
//!          \                 |                  |            /
//!           +---------- job: timed loops over contenders ---+
//!           |                |                              |
//!         crew            contender                       stats
//!    pinned threads    the trait of all    median and minimum, nothing more
//!                       /          \
//!                   rivals        ours
//!                       \
//!                       raw: the only unsafe code
//! ```
//!
//! Everything compared is compared within one run of one program: figures of
//! two runs differ by more than many of the differences of interest.

pub mod answer;
pub mod contender;
pub mod crew;
pub mod job;
pub mod ours;
pub mod question;
pub mod raw;
pub mod rivals;
pub mod stats;
