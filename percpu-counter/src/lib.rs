//! Counters on per-CPU words.
#![forbid(unsafe_code)]
