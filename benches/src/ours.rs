//! The project's own contenders.

/// What the names of all of ours begin with.
pub const PREFIX: &str = "percpu";

/// The static word.
pub const STATIC: &str = "percpu static word";

/// One block of words for all.
pub const PACKED: &str = "percpu packed";
