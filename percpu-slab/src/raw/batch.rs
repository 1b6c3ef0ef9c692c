//! Many items at a time from [`Magazines`], and to them.

use percpu_core::__raw::mutated;

use super::magazines::{GET_MISSES, GETS, Magazines, PUTS, REFILLS};
use super::miss::Held;
use super::source::Source;

impl Magazines {
    /// Takes `out.len()` items, all of them or none: this CPU's, those of the depot, new
    /// ones.
    ///
    /// # Errors
    /// The source's; nothing was taken, and `out` holds anything.
    ///
    /// # Performance
    /// One section for 64 items that this CPU has.
    #[doc(alias = "kmem_cache_alloc_bulk")]
    pub fn get_batch<S: Source>(&self, out: &mut [u64], source: &S) -> Result<(), S::Error> {
        let mut got = 0;
        let brought = loop {
            if got == out.len() {
                break Ok(());
            }
            if let Ok(count) = self.stack().pop_into(&mut out[got..], 1) {
                got += count;
                continue;
            }
            let (mine, rest) = out.split_at_mut(got);
            let held = Held::new(self, source, mine);
            let brought = if rest.len() < self.0.options.magazine {
                // The others of the magazine are for the next round, or the next call.
                self.bring(source).map(|item| {
                    rest[0] = item;
                    1
                })
            } else {
                self.0.words.at(REFILLS).inc();
                self.refill(rest, source)
            };
            match brought {
                Ok(count) => {
                    self.0.words.at(GET_MISSES).add(count as u64);
                    held.keep();
                    got += count;
                }
                Err(error) => {
                    match mutated("magazines_batch_forgets") {
                        true => held.keep(),
                        false => held.put_back(),
                    }
                    break Err(error);
                }
            }
        };
        self.count(GETS, got as u64);
        brought
    }

    /// Gives items back. The source must be the one that they came from.
    ///
    /// # Performance
    /// One section for 64 items that this CPU has room for; the rest goes in magazines.
    #[doc(alias = "kmem_cache_free_bulk")]
    pub fn put_batch<S: Source>(&self, items: &[u64], source: &S) {
        self.count(PUTS, items.len() as u64);
        Held::new(self, source, items).put_back();
    }
}
