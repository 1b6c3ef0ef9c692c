//! Where the default input is: the sources this very program was built from.
//!
//! They are on every machine that built it, but not at one place: cargo's home
//! may be anywhere, and a vendored build has no registry folder at all. So the
//! program asks a dependency where *it* was compiled: a `#[track_caller]`
//! method of ours that walkdir calls sees walkdir's own source file.

use std::cell::Cell;
use std::fs;
use std::panic::Location;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::error::Error;

/// What to load: folders or files, and how to speak of them together.
#[derive(Debug, Clone)]
pub struct Source {
    /// Walked in this order.
    pub roots: Vec<PathBuf>,
    /// The folder that a person would name.
    pub named: PathBuf,
    /// Set when the person named it, for error texts.
    pub from_argument: bool,
}

impl Source {
    /// One folder or file that the user named.
    pub fn path(path: PathBuf) -> Source {
        Source { roots: vec![path.clone()], named: path, from_argument: true }
    }
}

/// The lock file of this build names the crates; others may lie beside them.
const LOCK: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"));

/// The sources of the crates that this program's workspace is built from.
///
/// # Errors
///
/// [`Error::NoSources`] when they are not there, such as on a machine that was
/// given the built program only.
pub fn of_this_build() -> Result<Source, Error> {
    let candidates = [beside(compiled_from()), registry()];
    for folder in candidates.iter().flatten() {
        let roots: Vec<PathBuf> = crates_in_lock().filter_map(|it| it.below(folder)).collect();
        if !roots.is_empty() {
            return Ok(Source { roots, named: folder.clone(), from_argument: false });
        }
    }
    let looked: Vec<String> =
        candidates.iter().flatten().map(|folder| folder.display().to_string()).collect();
    Err(Error::NoSources { looked: looked.join(" and ") })
}

/// Walkdir's `lib.rs`, as the compiler was given it.
fn compiled_from() -> &'static Path {
    struct Witness<'a>(&'a Cell<&'static str>);

    impl AsRef<Path> for Witness<'_> {
        #[track_caller]
        fn as_ref(&self) -> &Path {
            self.0.set(Location::caller().file());
            Path::new("")
        }
    }

    let file = Cell::new(file!());
    WalkDir::new(Witness(&file)); // takes the path, and by that tells its own
    Path::new(file.get())
}

/// The folder that holds the crate of `file`: `REGISTRY/CRATE/src/lib.rs`.
/// Relative paths (vendored below the workspace) start at the workspace.
fn beside(file: &Path) -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    workspace.join(file).ancestors().nth(3).map(Path::to_path_buf)
}

/// The usual place, for builds whose paths were remapped: the one folder below
/// `CARGO_HOME/registry/src` that has most of the crates.
fn registry() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))?;
    let registries = home.join("registry").join("src");
    let best = fs::read_dir(&registries)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .max_by_key(|folder| crates_in_lock().filter(|it| it.below(folder).is_some()).count());
    Some(best.unwrap_or(registries))
}

/// A crate of the lock file that came from a registry.
struct LockedCrate {
    name: &'static str,
    version: &'static str,
}

impl LockedCrate {
    /// Its folder, by the registry's name for it or by that of `cargo vendor`.
    fn below(&self, folder: &Path) -> Option<PathBuf> {
        [format!("{}-{}", self.name, self.version), self.name.to_string()]
            .iter()
            .map(|name| folder.join(name))
            .find(|folder| folder.join("Cargo.toml").is_file())
    }
}

fn crates_in_lock() -> impl Iterator<Item = LockedCrate> {
    LOCK.split("[[package]]").filter_map(|package| {
        let field = |name: &str| {
            package
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \"")?.strip_suffix('"'))
        };
        field("source")?.starts_with("registry+").then_some(())?;
        Some(LockedCrate { name: field("name")?, version: field("version")? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_tells_where_it_was_compiled() {
        let file = compiled_from();
        assert!(file.ends_with("src/lib.rs"), "{}", file.display());
        assert!(file.to_string_lossy().contains("walkdir"), "{}", file.display());
    }

    #[test]
    fn the_lock_file_names_the_database() {
        assert!(crates_in_lock().any(|it| it.name == "redb"));
        assert!(!crates_in_lock().any(|it| it.name == "percpu-core"));
    }

    #[test]
    fn the_sources_of_this_build_are_found() {
        let source = of_this_build().unwrap();
        assert!(source.roots.iter().any(|root| root.join("src/lib.rs").is_file()));
    }
}
