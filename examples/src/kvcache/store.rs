//! The database below the cache: redb, in a file that has no name.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Database, Durability, TableDefinition};

use super::error::Error;

/// Most bytes of text in a page.
pub const PAGE: usize = 4096;

/// What the database may keep in memory for itself: little, since the cache
/// above it is the subject.
const DATABASE_CACHE: usize = 16 << 20;

const PAGES: TableDefinition<'_, (u32, u32), &[u8]> = TableDefinition::new("pages");

/// The n-th page of the m-th file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PageKey {
    /// Which file, in the order of loading.
    pub file: u32,
    /// Which page of it.
    pub page: u32,
}

impl fmt::Display for PageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of file {}", self.page, self.file)
    }
}

/// Text, at most [`PAGE`] bytes.
pub type Page = Box<[u8]>;

/// All pages, on disk.
#[derive(Debug)]
pub struct Store {
    database: Database,
    dir: PathBuf,
}

impl Store {
    /// An empty database in `dir`. Its file is removed from the folder as it is
    /// made, so the system frees it however this process ends.
    ///
    /// # Errors
    ///
    /// [`Error::NoDatabase`] when no file can be made there,
    /// [`Error::DiskFull`] when there is no room.
    pub fn create(dir: &Path) -> Result<Store, Error> {
        let file = tempfile::tempfile_in(dir)
            .map_err(|source| Error::NoDatabase { dir: dir.to_path_buf(), source })?;
        let database = Database::builder()
            .set_cache_size(DATABASE_CACHE)
            .create_file(file)
            .map_err(|error| Failure::from(error).explain(dir, "creating it"))?;
        Ok(Store { database, dir: dir.to_path_buf() })
    }

    /// Reads one page in a transaction of its own.
    ///
    /// # Errors
    ///
    /// [`Error::Database`], also when the page is not there.
    pub fn read(&self, key: PageKey) -> Result<Page, Error> {
        self.try_read(key).map_err(|error| error.explain(&self.dir, "reading"))
    }

    fn try_read(&self, key: PageKey) -> Result<Page, Failure> {
        let table = self.database.begin_read()?.open_table(PAGES)?;
        match table.get((key.file, key.page))? {
            Some(page) => Ok(page.value().into()),
            None => Err(redb::Error::Corrupted(format!("page {key} is missing")).into()),
        }
    }

    /// Writes pages in one transaction; `durable` ones are on the disk when
    /// this returns, others with the next durable transaction.
    ///
    /// # Errors
    ///
    /// [`Error::DiskFull`] or [`Error::Database`]; nothing is written then.
    pub fn write(&self, pages: &[(PageKey, Page)], durable: bool) -> Result<(), Error> {
        self.try_write(pages, durable).map_err(|error| error.explain(&self.dir, "writing"))
    }

    fn try_write(&self, pages: &[(PageKey, Page)], durable: bool) -> Result<(), Failure> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(if durable { Durability::Immediate } else { Durability::None });
        {
            let mut table = transaction.open_table(PAGES)?;
            for (key, page) in pages {
                table.insert((key.file, key.page), &**page)?;
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

/// What the database said; its many error types are one for us.
struct Failure(Arc<redb::Error>);

impl<E: Into<redb::Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure(Arc::new(error.into()))
    }
}

impl Failure {
    /// A full disk is the user's to repair, so it is told apart.
    fn explain(self, dir: &Path, doing: &'static str) -> Error {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};

        let source = self.0;
        let full = matches!(&*source, redb::Error::Io(io)
            if matches!(io.kind(), StorageFull | FileTooLarge | QuotaExceeded));
        if full {
            Error::DiskFull { dir: dir.to_path_buf(), doing, source }
        } else {
            Error::Database { doing, source }
        }
    }
}
