//! [`Error`]: what can go wrong, and what to do about it.

use core::fmt;

use crate::area::layout_error::LayoutError;
use crate::area::sanity::SanityError;
use crate::cpu::CpuId;
use crate::mode::PortableReason;
use crate::sys::topology_error::TopologyError;

/// What can go wrong, and what to do about it.
///
/// Every error leaves the process as it was: nothing is leaked or locked, and
/// the next call may succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A value of size zero has no copies to speak of.
    ZeroSize,
    /// More than one copy may hold.
    TooLarge {
        /// Bytes asked for.
        size: usize,
        /// Bytes allowed; raise `Config::minimum_unit` for more.
        max: usize,
    },
    /// An alignment above a page.
    Alignment {
        /// Bytes asked for.
        align: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// The `#[hot]` statics of one program or library take more than they may:
    /// all of them are to share a cache line.
    HotTooLarge {
        /// Bytes they take, what lies between words of different width included.
        size: usize,
        /// Bytes they may take.
        max: usize,
    },
    /// The system refused address space or memory.
    OutOfMemory {
        /// Bytes asked of the system.
        bytes: usize,
        /// The system's error number.
        errno: i32,
    },
    /// No memory without asking the system, and the request forbade that.
    WouldBlock {
        /// Bytes asked for.
        size: usize,
    },
    /// The memory set apart for late statics is used up.
    ReservedFull {
        /// Bytes asked for.
        size: usize,
    },
    /// This CPU is not possible on this machine.
    UnknownCpu {
        /// The number asked for.
        cpu: CpuId,
    },
    /// No CPU has a unit of its own in this process: the index is the concurrency id.
    NoUnitOfCpu {
        /// The number asked for.
        cpu: CpuId,
    },
    /// The system does not tell on which CPU a thread runs.
    NoCurrentCpu,
    /// The configuration came after the first use.
    AlreadyInitialised,
    /// Restartable sequences were demanded and are not to be had.
    NoRseq {
        /// Why not.
        reason: PortableReason,
    },
    /// The system refused the fence: sections in flight could not be restarted.
    FenceRefused {
        /// The system's error number.
        errno: i32,
    },
    /// The system refused a thread.
    Thread {
        /// The system's error number, if it gave one.
        errno: Option<i32>,
    },
    /// An allocator that was made without a limit cannot have one: what it handed
    /// out was not charged.
    NotLimited,
    /// The machine's topology makes no sense.
    Topology(TopologyError),
    /// The first chunk cannot be laid out.
    Layout(LayoutError),
    /// A layout was found that must not be put to use.
    Sanity {
        /// The rule it breaks.
        rule: SanityError,
        /// The layout, as the kernel's boot log would print it.
        layout: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroSize => f.write_str("a value of size zero cannot be per-CPU"),
            Self::TooLarge { size, max } => write!(
                f,
                "{size} bytes a CPU are more than the {max} that one allocation may have; \
                 raise Config::minimum_unit before first use"
            ),
            Self::Alignment { align, max } => {
                write!(f, "an alignment of {align} is more than a page ({max})")
            }
            Self::HotTooLarge { size, max } => write!(
                f,
                "the hot statics take {size} bytes, more than a cache line ({max}); \
                 take #[hot] away from some"
            ),
            Self::OutOfMemory { bytes, errno } => write!(
                f,
                "the system refused {bytes} bytes of per-CPU memory (error {errno}); \
                 is RLIMIT_AS or the memory limit too low?"
            ),
            Self::WouldBlock { size } => write!(
                f,
                "no {size} bytes a CPU are at hand without asking the system; \
                 percpu_core::balance() brings some up"
            ),
            Self::ReservedFull { size } => {
                write!(f, "the reserved region has no {size} bytes left; raise Config::reserved")
            }
            Self::UnknownCpu { cpu } => write!(f, "CPU {cpu} is not possible on this machine"),
            Self::NoUnitOfCpu { cpu } => {
                write!(f, "units are indexed by concurrency id: CPU {cpu} has none of its own")
            }
            Self::NoCurrentCpu => {
                f.write_str("the system does not tell on which CPU a thread runs")
            }
            Self::AlreadyInitialised => {
                f.write_str("per-CPU memory is in use already; configure it before first use")
            }
            Self::NoRseq { reason } => {
                write!(f, "restartable sequences were demanded, but {reason}")
            }
            Self::FenceRefused { errno } => {
                write!(f, "the system refused the membarrier fence (error {errno})")
            }
            Self::Thread { errno } => {
                write!(f, "the system refused a thread")?;
                errno.map_or(Ok(()), |errno| write!(f, " (error {errno})"))
            }
            Self::NotLimited => f.write_str(
                "this allocator was made without a limit, so nothing was charged; \
                 make it with AccountingAlloc::with_limit",
            ),
            Self::Topology(error) => write!(f, "the CPU topology is unusable: {error}"),
            Self::Layout(error) => write!(f, "no layout for the first chunk: {error}"),
            Self::Sanity { rule, layout } => {
                write!(f, "the first chunk breaks a rule: {rule}\n{layout}")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Topology(error) => Some(error),
            Self::Layout(error) => Some(error),
            Self::Sanity { rule, .. } => Some(rule),
            _ => None,
        }
    }
}

impl From<TopologyError> for Error {
    fn from(error: TopologyError) -> Self {
        Self::Topology(error)
    }
}

impl From<LayoutError> for Error {
    fn from(error: LayoutError) -> Self {
        Self::Layout(error)
    }
}
