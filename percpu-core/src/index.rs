//! [`Index`]: which number of the kernel's leads a thread to its unit.

use core::fmt;

/// Which number of the kernel's leads a thread to its unit, in a process with
/// restartable sequences. Chosen once, at first use, for the whole process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Index {
    /// The CPU it runs on: a unit is a CPU's, and near it.
    #[default]
    Cpu,
    /// Its concurrency id, Linux's `mm_cid`: of the threads of a process that
    /// run at one moment each has another, all below the number of threads and
    /// below the number of CPUs they may run on.
    ///
    /// For programs with few threads, or bound to few CPUs, on machines with many:
    /// only as many units are ever used. A unit is then no CPU's and bound to no
    /// node; it may be used on one CPU now and on another a moment later, and a
    /// fence for one unit is one for all.
    #[doc(alias = "mm_cid")]
    Cid,
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "CPU",
            Self::Cid => "concurrency id",
        })
    }
}
