//! Who asks for what: the shapes of YCSB B and C under a Zipf law.

use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_distr::{Distribution as _, Zipf};

use super::store::PageKey;

/// A mix of reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Workload {
    /// 95 reads to 5 writes
    B,
    /// reads only
    C,
}

impl Workload {
    /// Writes in a hundred requests.
    pub fn writes_in_100(self) -> u32 {
        match self {
            Workload::B => 5,
            Workload::C => 0,
        }
    }

    /// Its letter, as YCSB calls it.
    pub fn letter(self) -> &'static str {
        match self {
            Workload::B => "B",
            Workload::C => "C",
        }
    }

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Workload::B => "B (95 % reads, 5 % writes)",
            Workload::C => "C (100 % reads)",
        }
    }
}

/// The keys in a random order, so that the popular ones, which come first, are
/// spread over files and shards.
pub fn shuffled(keys: &[PageKey], seed: u64) -> Vec<PageKey> {
    let mut keys = keys.to_vec();
    keys.shuffle(&mut SmallRng::seed_from_u64(seed));
    keys
}

/// What a client asks for next.
#[derive(Debug, Clone, Copy)]
pub enum Request {
    /// Send the page.
    Read(PageKey),
    /// Take a new page.
    Write(PageKey),
}

/// One client's endless stream of requests.
#[derive(Debug)]
pub struct Requests<'k> {
    keys: &'k [PageKey],
    law: Zipf<f64>,
    writes_in_100: u32,
    random: SmallRng,
}

impl<'k> Requests<'k> {
    /// Over `keys`, which are not empty, the first the most popular.
    pub fn new(keys: &'k [PageKey], zipf: f64, workload: Workload, seed: u64) -> Self {
        Requests {
            keys,
            law: Zipf::new(keys.len() as f64, zipf).expect("at least one key, skew from 0 to 10"),
            writes_in_100: workload.writes_in_100(),
            random: SmallRng::seed_from_u64(seed),
        }
    }

    /// The next request.
    #[inline]
    pub fn draw(&mut self) -> Request {
        let rank = self.law.sample(&mut self.random) as usize; // 1 is the most popular
        let key = self.keys[rank.clamp(1, self.keys.len()) - 1];
        if self.random.random_range(0..100) < self.writes_in_100 {
            Request::Write(key)
        } else {
            Request::Read(key)
        }
    }
}
