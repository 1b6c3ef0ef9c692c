//! [`MagazineOptions`]: how large magazines are, and how many there may be.

use crate::error::Error;

/// The most items of a magazine: one section moves it whole.
pub(crate) const MAX_MAGAZINE: usize = 60;

/// How large magazines are, and how many there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MagazineOptions {
    /// Items of a magazine, 1 to 60.
    pub magazine: usize,
    /// Magazines a CPU has at first: 2, one to allocate from and one to free to.
    pub magazines: usize,
    /// Magazines a CPU may come to have under traffic.
    pub max_magazines: usize,
    /// Full magazines in the depot of a node.
    #[doc(alias = "MAX_FULL_SHEAVES")]
    pub depot: usize,
    /// Whether operations are counted that this CPU's items served, and not only the
    /// others. Each operation then costs some times as much.
    pub count_hits: bool,
}

impl Default for MagazineOptions {
    fn default() -> Self {
        Self { magazine: 28, magazines: 2, max_magazines: 8, depot: 10, count_hits: false }
    }
}

impl MagazineOptions {
    pub(super) fn check(&self) -> Result<(), Error> {
        let check = |name, value, min, max| match (min..=max).contains(&value) {
            true => Ok(()),
            false => Err(Error::Option { name, value, min, max }),
        };
        check("magazine", self.magazine, 1, MAX_MAGAZINE)?;
        check("magazines", self.magazines, 1, 64)?;
        check("max_magazines", self.max_magazines, self.magazines, 64)?;
        check("depot", self.depot, 0, 1 << 16)
    }

    /// Items a CPU may have at first.
    pub(super) fn initial(&self) -> usize {
        self.magazine * self.magazines
    }
}
