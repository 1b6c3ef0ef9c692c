//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread::available_parallelism;

use clap::Parser;
use clap::builder::RangedU64ValueParser;

use super::store::PAGE;
use super::workload::Workload;
use crate::allocator::Allocator;
use crate::bytes;

/// A read-through page cache in front of an embedded database, counted on
/// per-CPU words.
///
/// Loads text files into a database, serves a skewed mix of reads and writes
/// through a bounded cache, and ends with a table, the machine's per-CPU
/// layout, and a check that every counter is exact.
#[derive(Debug, Parser)]
#[command(name = "kvcache", version)]
pub struct Args {
    /// A folder (or one file) of text to load [default: the sources of the
    /// crates that this program was built from]
    #[arg(long, value_name = "DIR")]
    pub input: Option<PathBuf>,

    /// Load at most this much text (a number of bytes, or with K, M, G)
    #[arg(long, value_name = "SIZE", default_value = "256M", value_parser = size)]
    pub max_bytes: u64,

    /// Pass over files that cannot be read, in place of an error
    #[arg(long)]
    pub skip_unreadable: bool,

    /// Where the database file goes; it has no name there and needs no
    /// clean-up [default: the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    pub db_dir: Option<PathBuf>,

    /// Serve for so many seconds in all, shared out evenly over the workloads
    /// and, with --compare, over both kinds of counters
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = RangedU64ValueParser::<u64>::new().range(1..=86_400))]
    pub seconds: u64,

    /// Threads that serve [default: twice the CPUs this process may use]
    #[arg(long, value_name = "N",
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=4_096))]
    pub threads: Option<usize>,

    /// Room in the cache
    #[arg(long, value_name = "MIB", default_value_t = 32,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_048_576))]
    pub cache_mib: usize,

    /// One workload only [default: b, then c]
    #[arg(long, value_enum)]
    pub workload: Option<Workload>,

    /// Skew of the Zipf law by which pages are asked for; 0 is none
    #[arg(long, value_name = "S", default_value_t = 0.99, value_parser = skew)]
    pub zipf: f64,

    /// Seed of the random choices
    #[arg(long, value_name = "N", default_value_t = 42)]
    pub seed: u64,

    /// What memory comes from [default: what PERCPU_EXAMPLES_ALLOCATOR says, else
    /// system]
    #[arg(long, value_enum)]
    pub allocator: Option<Allocator>,

    /// Run the same also with one set of plain atomics shared by all threads,
    /// in turns with the per-CPU counters, and print both
    #[arg(long)]
    pub compare: bool,
}

impl Args {
    /// How many threads serve.
    pub fn threads(&self) -> usize {
        self.threads.unwrap_or_else(|| 2 * available_parallelism().map_or(1, NonZeroUsize::get))
    }

    /// How many pages the cache may hold.
    pub fn cache_pages(&self) -> usize {
        self.cache_mib * ((1 << 20) / PAGE)
    }

    /// What to serve, in turn.
    pub fn workloads(&self) -> Vec<Workload> {
        self.workload.map_or(vec![Workload::B, Workload::C], |one| vec![one])
    }

    /// Where the database file goes.
    pub fn database_dir(&self) -> PathBuf {
        self.db_dir.clone().unwrap_or_else(std::env::temp_dir)
    }
}

fn size(text: &str) -> Result<u64, String> {
    match bytes::parse(text)? {
        0 => Err("must be more than zero".into()),
        size => Ok(size as u64),
    }
}

fn skew(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(skew) if (0.0..=10.0).contains(&skew) => Ok(skew),
        Ok(_) => Err("must be from 0 to 10".into()),
        Err(error) => Err(error.to_string()),
    }
}
