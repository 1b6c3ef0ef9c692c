//! [`Info`]: what this process runs on.

use core::fmt;

use crate::area::layout::Layout;
use crate::config::FirstChunk;
use crate::error::Error;
use crate::index::Index;
use crate::mode::Mode;
use crate::process::{self, Process};
use crate::sys::topology::Topology;

/// What this process runs on; from [`info`]. `Display` prints the mode and the
/// lines that the kernel prints at boot.
#[derive(Clone, Copy)]
pub struct Info {
    process: &'static Process,
}

/// What this process runs on; sets per-CPU memory up if it is not.
///
/// ```
/// let info = percpu_core::info()?;
/// println!("{info}");
/// assert!(info.active_units() <= info.units());
/// # Ok::<(), percpu_core::Error>(())
/// ```
///
/// # Errors
/// As [`init`](crate::init).
pub fn info() -> Result<Info, Error> {
    process::get().map(|process| Info { process })
}

impl Info {
    /// By which mechanism operations run, and why.
    pub fn mode(&self) -> Mode {
        self.process.mode
    }

    /// Which number leads a thread to its unit. [`Index::Cpu`] in portable mode, where
    /// none does: threads take units by turns.
    pub fn index(&self) -> Index {
        self.process.index
    }

    /// The machine as seen at first use.
    pub fn topology(&self) -> &'static Topology {
        &self.process.topology
    }

    /// The layout of every chunk.
    pub fn layout(&self) -> &'static Layout {
        self.process.memory.layout()
    }

    /// Which first chunk was chosen; never `Auto`.
    pub fn first_chunk(&self) -> FirstChunk {
        self.process.kind
    }

    /// How many units there are, the shared one included.
    pub fn units(&self) -> usize {
        self.process.units.count() as usize
    }

    /// How many of them are active.
    pub fn active_units(&self) -> usize {
        self.process.units.active().len()
    }

    /// How many chunks there are, the first included.
    pub fn chunks(&self) -> usize {
        self.process.memory.chunk_count()
    }

    /// Largest allocation a CPU may have, in bytes.
    pub fn largest_allocation(&self) -> usize {
        self.process.memory.max_size()
    }

    /// Bytes of initial values that [hardened mode](crate::Config::hardened) made
    /// inaccessible so far.
    pub fn hidden_bytes(&self) -> usize {
        self.process.units.hidden_bytes()
    }

    /// Sections that were aborted and restarted so far, in all threads.
    pub fn aborts(&self) -> u64 {
        process::aborts()
    }

    /// Operations that went without sections in a process that has them: those of
    /// threads without restartable sequences, on the shared unit. Always 0 in
    /// portable mode, where every operation goes that way.
    pub fn fallbacks(&self) -> u64 {
        process::fallbacks()
    }

    /// What was wrong with the environment's settings, and what of the configuration
    /// is not to be had here, if anything.
    pub fn warnings(&self) -> &'static [String] {
        &self.process.warnings
    }
}

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "percpu: mode {}", self.mode())?;
        if self.index() != Index::Cpu {
            writeln!(f, "percpu: units by {}", self.index())?;
        }
        writeln!(f, "percpu: {}", self.topology().report_line())?;
        writeln!(f, "percpu: {}", self.layout().embedded_line())?;
        write!(f, "{}", self.layout())?;
        for warning in self.warnings() {
            write!(f, "\npercpu: warning: {warning}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Info")
            .field("mode", &self.mode())
            .field("index", &self.index())
            .field("first_chunk", &self.first_chunk())
            .field("units", &self.units())
            .field("active_units", &self.active_units())
            .field("chunks", &self.chunks())
            .field("aborts", &self.aborts())
            .field("fallbacks", &self.fallbacks())
            .finish_non_exhaustive()
    }
}
