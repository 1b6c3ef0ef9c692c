//! [`Mode`]: by which mechanism this process runs its this-CPU operations.

use core::fmt;

/// By which mechanism this process runs its this-CPU operations. Chosen once,
/// at first use, for the whole process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// Restartable sequences: plain instructions on this CPU's copy.
    Rseq(Registration),
    /// Atomic instructions on a copy picked per thread; just as correct.
    Portable(PortableReason),
}

/// Who registers threads for restartable sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Registration {
    /// The C library, for every thread (glibc 2.35 and later).
    Libc,
    /// This crate, for each thread at its first operation.
    Own,
}

/// Why a process runs in portable mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PortableReason {
    /// Asked for, by `Config::mechanism` or `PERCPU_MODE=portable`.
    Requested,
    /// This build has no sections: another target, `percpu_force_portable`,
    /// ThreadSanitizer, Miri or loom.
    NotCompiled,
    /// The kernel refused to register a thread.
    RegistrationRefused {
        /// The system's error number (ENOSYS: no rseq; EPERM: a filter).
        errno: i32,
    },
    /// The kernel wants a larger or more aligned area than this build has.
    AreaTooSmall {
        /// Bytes wanted.
        size: usize,
        /// Alignment wanted, in bytes.
        align: usize,
    },
    /// The crate would have to register threads itself, but it lives in a
    /// library whose thread-local memory is not at a fixed place.
    DynamicThreadLocals,
    /// The kernel has no membarrier for restartable sequences (Linux 5.10).
    NoMembarrier {
        /// The system's error number.
        errno: i32,
    },
    /// An arm64 kernel from 6.19 to 7.0, some of which do not abort sections.
    SuspectKernel,
}

/// The mechanism asked for; see [`Config::mechanism`](crate::Config::mechanism).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mechanism {
    /// Restartable sequences where they work, else portable.
    #[default]
    Auto,
    /// Restartable sequences, or an error.
    Rseq,
    /// The portable bodies, even where restartable sequences work.
    Portable,
}

impl Mode {
    /// Whether operations run as restartable sequences.
    pub fn is_rseq(self) -> bool {
        matches!(self, Self::Rseq(_))
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rseq(Registration::Libc) => f.write_str("rseq (threads registered by libc)"),
            Self::Rseq(Registration::Own) => f.write_str("rseq (threads registered by percpu)"),
            Self::Portable(reason) => write!(f, "portable ({reason})"),
        }
    }
}

impl fmt::Display for PortableReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested => f.write_str("as requested"),
            Self::NotCompiled => f.write_str("this build has no restartable sections"),
            Self::RegistrationRefused { errno } => {
                write!(f, "the kernel refused to register a thread, error {errno}")
            }
            Self::AreaTooSmall { size, align } => {
                write!(f, "the kernel wants an rseq area of {size} bytes aligned to {align}")
            }
            Self::DynamicThreadLocals => f.write_str(
                "libc registers no threads and this library's thread-local memory moves",
            ),
            Self::NoMembarrier { errno } => {
                write!(f, "the kernel has no rseq membarrier, error {errno}")
            }
            Self::SuspectKernel => {
                f.write_str("this arm64 kernel may not abort sections; PERCPU_MODE=rseq insists")
            }
        }
    }
}
