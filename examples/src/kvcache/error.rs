//! All that can go wrong, in words for the person who ran it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why the program ends without a good report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The default input is not on this machine.
    #[error(
        "the sources of the crates this program was built from are not on this machine \
         (looked in {looked}); pass --input DIR"
    )]
    NoSources {
        /// Where they were looked for.
        looked: String,
    },
    /// The program cannot run under the allocator that was asked for.
    #[error("cannot run under this allocator: {0}")]
    Allocator(io::Error),
    /// `--input` itself cannot be opened.
    #[error("cannot open --input {}: {source}", path.display())]
    NoInput {
        /// The argument.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something below the input cannot be read.
    #[error("cannot read {}: {source} (--skip-unreadable passes over such files)", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There are files, perhaps, but no page of text in them.
    #[error("no text to load below {}: {skipped}", path.display())]
    NoText {
        /// The input.
        path: PathBuf,
        /// What was passed over and why.
        skipped: String,
    },
    /// The database file cannot be made.
    #[error(
        "cannot make a database file in {}: {source}; --db-dir names another folder",
        dir.display()
    )]
    NoDatabase {
        /// `--db-dir` or the system's temporary folder.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No room for the database file.
    #[error(
        "no room for the database in {} while {doing}: {source}; \
         --db-dir names another folder, --max-bytes loads less",
        dir.display()
    )]
    DiskFull {
        /// `--db-dir` or the system's temporary folder.
        dir: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the database said.
        source: Arc<redb::Error>,
    },
    /// The database failed in another way.
    #[error("the database failed while {doing}: {source}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What the database said.
        source: Arc<redb::Error>,
    },
    /// A write came after one that failed.
    #[error("no more writes: an earlier one failed")]
    EarlierWrite,
    /// No thread could be started.
    #[error("cannot start thread {number} of {wanted}: {source}; try fewer --threads")]
    Thread {
        /// Which one failed.
        number: usize,
        /// How many were asked for.
        wanted: usize,
        /// What the system said.
        source: io::Error,
    },
    /// A serving thread panicked: a bug here, not the user's mistake.
    #[error("a serving thread panicked")]
    ThreadPanicked,
    /// No per-CPU memory for the counters.
    #[error("no per-CPU memory for the counters: {0}")]
    PerCpu(#[from] percpu_core::Error),
    /// None for the latencies.
    #[error("no histogram of the latencies: {0}")]
    Histogram(#[from] percpu_counter::histogram::BuildError),
    /// Signal handlers could not be set.
    #[error("cannot watch for signals: {0}")]
    Signals(io::Error),
    /// The report could not be written (a closed pipe is not an error).
    #[error("cannot write the report: {0}")]
    Output(io::Error),
    /// Ended by a signal before there was anything to report.
    #[error("interrupted while loading")]
    Interrupted,
    /// Counters and tallies, or cache and database, disagree.
    #[error("self-check FAILED, {} differences:\n  {}", .0.len(), .0.join("\n  "))]
    SelfCheck(Vec<String>),
}

impl Error {
    /// Whether another error, in another thread, came before and explains this.
    pub fn follows_another(&self) -> bool {
        match self {
            Error::EarlierWrite => true,
            Error::Database { source, .. } => matches!(**source, redb::Error::PreviousIo),
            _ => false,
        }
    }

    /// What the process reports: 1, or 130 after an interrupt as shells do.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Interrupted => 130,
            _ => 1,
        }
    }
}
