//! The page cache: bounded, sharded, read-through and write-through.
//!
//! ```text
//!   read(key) ──> shard (one lock, one LRU list) ── hit ──> copy the page out
//!                   │ miss: note the shard's write stamp, unlock
//!                   └─> store.read ──> lock; if the stamp is the same: keep it
//!
//!   write(key, page) ──> join the queue ──> writer lock ──> already committed
//!                                             │             by another? done
//!                                             └─> take the whole queue, commit
//!                                                 it, stamp + put each page
//! ```
//!
//! 1. A page in the cache is what the database holds or is about to be replaced
//!    by the writer that has just committed: only the holder of the writer lock
//!    puts written pages, in the order of commits.
//! 2. A page that was read from the database is kept only if nothing was put
//!    into its shard by a writer meanwhile, else it might be the older one.
//! 3. A shard never holds more than its share of the capacity.

use std::mem;
use std::time::{Duration, Instant};

use lru::LruCache;
use parking_lot::Mutex;

use super::error::Error;
use super::store::{Page, PageKey, Store};

/// Commits become durable at the first one after so long.
pub const SYNC_EVERY: Duration = Duration::from_secs(1);

/// What a read met.
#[derive(Debug, Clone, Copy)]
pub struct Read {
    /// The page was in the cache.
    pub hit: bool,
    /// Pages that had to leave for it.
    pub evictions: u64,
}

/// The hot pages of a [`Store`].
#[derive(Debug)]
pub struct PageCache<'s> {
    store: &'s Store,
    shards: Box<[Mutex<Shard>]>,
    pages_a_shard: usize,
    queue: Mutex<Queue>,
    writer: Mutex<Writer>,
}

#[derive(Debug)]
struct Shard {
    pages: LruCache<PageKey, Page>,
    /// Counts what writers put here.
    stamp: u64,
}

/// Updates that wait for the next commit.
#[derive(Debug, Default)]
struct Queue {
    updates: Vec<(PageKey, Page)>,
    /// Updates that ever joined; the ticket of the last one.
    joined: u64,
}

/// Held by the one thread that commits.
#[derive(Debug)]
struct Writer {
    /// The ticket up to which updates are committed and put.
    committed: u64,
    /// The last durable commit.
    synced: Instant,
    /// Set for good when a commit failed: its updates are lost.
    failed: bool,
}

impl<'s> PageCache<'s> {
    /// An empty cache for at most `pages` pages of a store that holds `all`,
    /// cut for `threads` users.
    pub fn new(store: &'s Store, pages: usize, all: usize, threads: usize) -> PageCache<'s> {
        let pages = pages.min(all).max(1);
        // Enough shards that two threads seldom meet; enough pages in each that
        // its list is a fair sample of the whole.
        let shards = (threads * 8).next_power_of_two().min((pages / 32).max(1));
        let shards = 1 << shards.ilog2();
        PageCache {
            store,
            shards: (0..shards)
                .map(|_| Mutex::new(Shard { pages: LruCache::unbounded(), stamp: 0 }))
                .collect(),
            pages_a_shard: pages / shards,
            queue: Mutex::default(),
            writer: Mutex::new(Writer { committed: 0, synced: Instant::now(), failed: false }),
        }
    }

    /// Copies a page into `out`, from the cache or through it from the store.
    ///
    /// # Errors
    ///
    /// What [`Store::read`] says.
    #[inline]
    pub fn read(&self, key: PageKey, out: &mut Vec<u8>) -> Result<Read, Error> {
        out.clear();
        let stamp = {
            let mut shard = self.shard(key).lock();
            if let Some(page) = shard.pages.get(&key) {
                out.extend_from_slice(page);
                return Ok(Read { hit: true, evictions: 0 });
            }
            shard.stamp
        };
        self.read_through(key, stamp, out)
    }

    #[cold]
    fn read_through(&self, key: PageKey, stamp: u64, out: &mut Vec<u8>) -> Result<Read, Error> {
        let page = self.store.read(key)?;
        out.extend_from_slice(&page);
        let mut shard = self.shard(key).lock();
        let evictions =
            if shard.stamp == stamp { shard.put(key, page, self.pages_a_shard) } else { 0 };
        Ok(Read { hit: false, evictions })
    }

    /// Replaces a page, in the store first; returns how many pages had to leave
    /// the cache for those that *this* call put there: threads that write at the
    /// same time share one commit, and one of them does the work of all.
    ///
    /// # Errors
    ///
    /// What [`Store::write`] says; after that every write fails.
    pub fn write(&self, key: PageKey, page: Page) -> Result<u64, Error> {
        let ticket = {
            let mut queue = self.queue.lock();
            queue.updates.push((key, page));
            queue.joined += 1;
            queue.joined
        };
        let mut writer = self.writer.lock();
        if writer.committed >= ticket {
            return Ok(0);
        }
        if writer.failed {
            return Err(Error::EarlierWrite);
        }
        let (updates, joined) = {
            let mut queue = self.queue.lock();
            (mem::take(&mut queue.updates), queue.joined)
        };
        let durable = writer.synced.elapsed() >= SYNC_EVERY;
        if let Err(error) = self.store.write(&updates, durable) {
            writer.failed = true;
            return Err(error);
        }
        if durable {
            writer.synced = Instant::now();
        }
        let mut evictions = 0;
        for (key, page) in updates {
            let mut shard = self.shard(key).lock();
            shard.stamp += 1;
            evictions += shard.put(key, page, self.pages_a_shard);
        }
        writer.committed = joined;
        Ok(evictions)
    }

    /// Pages that differ from the store, while nobody writes: none, or there is
    /// a bug.
    ///
    /// # Errors
    ///
    /// What [`Store::read`] says.
    pub fn stale_pages(&self) -> Result<Vec<PageKey>, Error> {
        let mut stale = Vec::new();
        for shard in &self.shards {
            for (key, page) in shard.lock().pages.iter() {
                if self.store.read(*key)? != *page {
                    stale.push(*key);
                }
            }
        }
        Ok(stale)
    }

    /// Pages it may hold.
    pub fn capacity(&self) -> usize {
        self.pages_a_shard * self.shards.len()
    }

    /// Pages it holds.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().pages.len()).sum()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Locks it is cut into.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    fn shard(&self, key: PageKey) -> &Mutex<Shard> {
        let word = u64::from(key.file) << 32 | u64::from(key.page);
        let hash = word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        &self.shards[hash as usize & (self.shards.len() - 1)]
    }
}

impl Shard {
    /// Puts a page and returns how many had to leave: one or none.
    fn put(&mut self, key: PageKey, page: Page, most: usize) -> u64 {
        self.pages.put(key, page);
        u64::from(self.pages.len() > most && self.pages.pop_lru().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(page: u32) -> PageKey {
        PageKey { file: 7, page }
    }

    fn store(pages: u32) -> Store {
        let store = Store::create(&std::env::temp_dir()).unwrap();
        let all: Vec<_> = (0..pages).map(|n| (key(n), n.to_le_bytes().into())).collect();
        store.write(&all, false).unwrap();
        store
    }

    #[test]
    fn stays_within_its_bound_and_counts_who_left() {
        let store = store(1_000);
        let cache = PageCache::new(&store, 64, 1_000, 1);
        let (mut page, mut evictions) = (Vec::new(), 0);
        for n in 0..1_000 {
            let read = cache.read(key(n), &mut page).unwrap();
            assert!(!read.hit);
            assert_eq!(page, n.to_le_bytes());
            evictions += read.evictions;
        }
        assert!(cache.len() <= 64);
        assert_eq!(evictions, 1_000 - cache.len() as u64);
        assert!(cache.read(key(999), &mut page).unwrap().hit);
    }

    #[test]
    fn a_written_page_is_in_cache_and_store() {
        let store = store(10);
        let cache = PageCache::new(&store, 64, 10, 4);
        cache.write(key(3), Box::new(*b"new")).unwrap();
        let mut page = Vec::new();
        assert!(cache.read(key(3), &mut page).unwrap().hit);
        assert_eq!(page, b"new");
        assert_eq!(&*store.read(key(3)).unwrap(), b"new");
    }

    #[test]
    fn a_missing_page_is_an_error() {
        let store = store(1);
        let cache = PageCache::new(&store, 64, 1, 1);
        let error = cache.read(key(99), &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("page 99 of file 7 is missing"), "{error}");
    }

    #[test]
    fn readers_and_writers_at_once_leave_no_stale_page() {
        let store = store(200);
        let cache = PageCache::new(&store, 64, 200, 4);
        std::thread::scope(|scope| {
            for writer in 0..4_u32 {
                let cache = &cache;
                scope.spawn(move || {
                    let mut page = Vec::new();
                    for n in 0..2_000_u32 {
                        let at = key(n.wrapping_mul(2_654_435_761).wrapping_add(writer * 50) % 200);
                        if n % 4 == writer {
                            cache.write(at, (n + writer).to_le_bytes().into()).unwrap();
                        } else {
                            cache.read(at, &mut page).unwrap();
                        }
                    }
                });
            }
        });
        assert_eq!(cache.stale_pages().unwrap(), []);
    }
}
