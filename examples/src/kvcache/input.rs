//! From files to pages.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use walkdir::WalkDir;

use super::error::Error;
use super::sources::Source;
use super::store::{PAGE, Page, PageKey, Store};
use super::ui::LoadProgress;

/// Files to load, in a fixed order.
#[derive(Debug)]
pub struct Found {
    files: Vec<PathBuf>,
    named: PathBuf,
    bytes: u64,
    skipped: Skipped,
}

/// What was loaded.
#[derive(Debug)]
pub struct Loaded {
    /// Every page, in the order of the files.
    pub keys: Vec<PageKey>,
    /// Files that gave at least one page.
    pub files: u64,
    /// Bytes of text.
    pub bytes: u64,
    /// Loading stopped at the limit.
    pub cut: bool,
    /// What was passed over.
    pub skipped: Skipped,
    /// How long it took.
    pub took: Duration,
}

/// Files that were passed over, by reason.
#[derive(Debug, Default, Clone)]
pub struct Skipped {
    not_text: u64,
    empty: u64,
    not_a_file: u64,
    unreadable: u64,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Skipped { not_text, empty, not_a_file, unreadable } = self;
        write!(f, "{not_text} files without text (binary or not UTF-8), {empty} empty")?;
        if *not_a_file > 0 {
            write!(f, ", {not_a_file} neither file nor folder")?;
        }
        if *unreadable > 0 {
            write!(f, ", {unreadable} unreadable")?;
        }
        f.write_str(" passed over")
    }
}

/// Walks the input; symbolic links are followed.
///
/// # Errors
///
/// [`Error::NoInput`] when the input is not there, [`Error::Unreadable`] at the
/// first thing below it that cannot be looked at (unless those are passed over),
/// [`Error::Interrupted`].
pub fn find(source: &Source, skip_unreadable: bool, stop: &AtomicBool) -> Result<Found, Error> {
    let mut found = Found {
        files: Vec::new(),
        named: source.named.clone(),
        bytes: 0,
        skipped: Skipped::default(),
    };
    for root in &source.roots {
        for entry in WalkDir::new(root).follow_links(true).sort_by_file_name() {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            let looked = entry.and_then(|entry| Ok((entry.metadata()?, entry)));
            match looked {
                Ok((metadata, entry)) if metadata.is_file() => {
                    found.bytes += metadata.len();
                    found.files.push(entry.into_path());
                }
                Ok((metadata, _)) => found.skipped.not_a_file += u64::from(!metadata.is_dir()),
                Err(error) if error.depth() == 0 => {
                    return Err(Error::NoInput { path: root.clone(), source: plain(error) });
                }
                Err(_) if skip_unreadable => found.skipped.unreadable += 1,
                Err(error) => {
                    let path = error.path().unwrap_or(root).to_path_buf();
                    return Err(Error::Unreadable { path, source: plain(error) });
                }
            }
        }
    }
    Ok(found)
}

/// What the system said, without the path that our own text names.
fn plain(error: walkdir::Error) -> io::Error {
    if let Some(ancestor) = error.loop_ancestor() {
        return io::Error::other(format!("it is a link back to {}", ancestor.display()));
    }
    error.into_io_error().unwrap_or_else(|| io::ErrorKind::Other.into())
}

/// Bytes to a transaction while loading.
const BATCH: usize = 8 << 20;

/// Cuts the files into pages and stores them, at most `max_bytes` of text.
///
/// # Errors
///
/// [`Error::Unreadable`] (unless such files are passed over), [`Error::NoText`],
/// [`Error::DiskFull`] and what else [`Store::write`] says,
/// [`Error::Interrupted`].
pub fn load(
    found: &Found,
    max_bytes: u64,
    skip_unreadable: bool,
    store: &Store,
    stop: &AtomicBool,
) -> Result<Loaded, Error> {
    let start = Instant::now();
    let mut progress = LoadProgress::new(found.bytes.min(max_bytes));
    let mut loaded = Loaded {
        keys: Vec::new(),
        files: 0,
        bytes: 0,
        cut: false,
        skipped: found.skipped.clone(),
        took: Duration::ZERO,
    };
    let mut batch: Vec<(PageKey, Page)> = Vec::with_capacity(BATCH / PAGE);
    for path in &found.files {
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        if loaded.bytes >= max_bytes {
            loaded.cut = true;
            break;
        }
        let text = match read_text(path, max_bytes - loaded.bytes) {
            Ok(text) => text,
            Err(_) if skip_unreadable => {
                loaded.skipped.unreadable += 1;
                continue;
            }
            Err(source) => return Err(Error::Unreadable { path: path.clone(), source }),
        };
        let Some(text) = text else {
            loaded.skipped.not_text += 1;
            continue;
        };
        if text.is_empty() {
            loaded.skipped.empty += 1;
            continue;
        }
        let file = loaded.files as u32;
        for (page, text) in (0..).zip(text.chunks(PAGE)) {
            let key = PageKey { file, page };
            loaded.keys.push(key);
            batch.push((key, text.into()));
            if batch.len() * PAGE >= BATCH {
                store.write(&mem::take(&mut batch), true)?;
            }
        }
        loaded.files += 1;
        loaded.bytes += text.len() as u64;
        progress.add(text.len() as u64);
    }
    store.write(&batch, true)?;
    if loaded.keys.is_empty() {
        let (path, skipped) = (found.named.clone(), loaded.skipped.to_string());
        return Err(Error::NoText { path, skipped });
    }
    loaded.took = start.elapsed();
    Ok(loaded)
}

/// The first `limit` bytes of a file, or none when they are not text: not
/// UTF-8, or with a zero byte.
fn read_text(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    const LOOK: u64 = 8 << 10; // a big binary is told by its first bytes

    let mut file = File::open(path)?;
    let mut text = Vec::new();
    for part in [LOOK.min(limit), limit.saturating_sub(LOOK)] {
        (&mut file).take(part).read_to_end(&mut text)?;
        // A character that the limit cuts in two is still text.
        let cut = text.len() as u64 >= LOOK.min(limit);
        let utf8 = match std::str::from_utf8(&text) {
            Ok(_) => true,
            Err(error) => cut && error.error_len().is_none(),
        };
        if !utf8 || text.contains(&0) {
            return Ok(None);
        }
    }
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn text_of(content: &[u8], limit: u64) -> Option<Vec<u8>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        read_text(file.path(), limit).unwrap()
    }

    #[test]
    fn tells_text_from_other_bytes() {
        assert_eq!(text_of(b"abc", 100).as_deref(), Some(&b"abc"[..]));
        assert_eq!(text_of(b"abc", 2).as_deref(), Some(&b"ab"[..]));
        assert_eq!(text_of("aé".as_bytes(), 2).as_deref(), Some(&b"a\xc3"[..]));
        assert_eq!(text_of(b"", 100).as_deref(), Some(&b""[..]));
        assert_eq!(text_of(b"a\0b", 100), None);
        assert_eq!(text_of(b"a\xffb", 100), None);
        assert_eq!(text_of(b"a\xc3", 100), None, "not cut by the limit");
    }

    #[test]
    fn an_interrupt_ends_the_walk() {
        let dir = tempfile::tempdir().unwrap();
        let found = find(&Source::path(dir.path().into()), false, &AtomicBool::new(true));
        assert!(matches!(found, Err(Error::Interrupted)));
        assert_eq!(found.unwrap_err().exit_code(), 130);
    }

    #[test]
    fn a_long_text_survives_the_first_look() {
        let long = "é".repeat(10_000);
        assert_eq!(text_of(long.as_bytes(), 1 << 20).as_deref(), Some(long.as_bytes()));
        let odd = format!("a{long}");
        assert_eq!(text_of(odd.as_bytes(), 1 << 20).as_deref(), Some(odd.as_bytes()));
    }
}
