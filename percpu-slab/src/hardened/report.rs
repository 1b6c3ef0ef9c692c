//! [`Report`]: what was found to be wrong with a cache's objects.

use core::fmt;
use core::panic::Location;

/// Who did something to an object, and when.
#[doc(alias = "track")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Track {
    /// The caller; not known where it was a `drop`.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_text"))]
    pub site: Option<&'static Location<'static>>,
    /// The system's number of the thread, where it has one that can be asked for; else
    /// threads count from 1 as they come.
    pub thread: u64,
    /// The how manieth allocation or free of the cache it was.
    pub sequence: u64,
}

impl fmt::Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.site {
            Some(site) => write!(f, "at {site}")?,
            None => f.write_str("by a drop")?,
        }
        write!(f, ", thread {}, operation {}", self.thread, self.sequence)
    }
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Kind {
    /// Bytes before the object were written.
    LeftRedZone,
    /// Bytes behind the object were written, or behind those of it that were asked for.
    RightRedZone,
    /// The object was written after it was freed.
    Poison,
    /// Bytes behind the red zone were written.
    Padding,
    /// What leads from one free object to the next leads elsewhere.
    FreeChain,
    /// Other than the counted number of objects are in use.
    ObjectCount,
    /// It was free already.
    DoubleFree,
    /// What was freed is inside of an object, not at its beginning.
    MisalignedFree,
    /// What was freed is an object of another cache.
    WrongCache,
    /// What was freed is no object.
    ForeignFree,
    /// The object is in use at the end of its cache.
    Leak,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LeftRedZone => "left red zone overwritten",
            Self::RightRedZone => "right red zone overwritten",
            Self::Poison => "poison overwritten",
            Self::Padding => "padding overwritten",
            Self::FreeChain => "chain of free objects corrupt",
            Self::ObjectCount => "wrong count of objects in use",
            Self::DoubleFree => "object already free",
            Self::MisalignedFree => "freed inside of an object",
            Self::WrongCache => "freed through another cache",
            Self::ForeignFree => "freed what is no object",
            Self::Leak => "object still in use at the end of its cache",
        })
    }
}

/// What was done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Action {
    /// The bytes, or the count, are as they should be again.
    Repaired,
    /// That too; and the object is never handed out again.
    Frozen,
    /// The free did nothing.
    Refused,
    /// The object stays as it is, for ever.
    Leaked,
    /// The chain ends here; objects behind this one are not handed out again.
    Cut,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Repaired => "repaired",
            Self::Frozen => "repaired; the object is not used again",
            Self::Refused => "the free did nothing",
            Self::Leaked => "the object is leaked",
            Self::Cut => "the chain was cut",
        })
    }
}

/// One thing that is wrong, and with which object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Corruption {
    /// What is wrong.
    pub kind: Kind,
    /// The address of the object, or of what was freed in its stead.
    pub object: usize,
    /// Where the first wrong byte is, counted from the object's first byte.
    pub offset: isize,
    /// From the first wrong byte to the last one.
    pub len: usize,
    /// What the first wrong byte, or the count, should be.
    pub expected: u64,
    /// What it is.
    pub found: u64,
    /// Who allocated the object.
    pub allocated_at: Option<Track>,
    /// Who freed it last.
    pub freed_at: Option<Track>,
    /// Who noticed, where that was an allocation or a free.
    pub found_at: Option<Track>,
    /// What was done about it.
    pub action: Action,
}

impl Corruption {
    /// Of an object, without bytes or counts.
    pub(crate) fn new(kind: Kind, object: usize, action: Action) -> Self {
        Self {
            kind,
            object,
            offset: 0,
            len: 0,
            expected: 0,
            found: 0,
            allocated_at: None,
            freed_at: None,
            found_at: None,
            action,
        }
    }

    /// How many reports the kernel would make of it: what is wrong is one, what was
    /// done about it another; that a chain was cut goes without saying.
    pub fn reports(&self) -> usize {
        match self.action {
            Action::Cut => 1,
            _ => 2,
        }
    }
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, object, offset, len, expected, found, .. } = self;
        match kind {
            Kind::ObjectCount => write!(f, "{kind}: {expected} counted, {found} found")?,
            _ if *len == 0 => write!(f, "{kind}: {object:#x}")?,
            _ => write!(
                f,
                "{kind}: object {object:#x}, {len} bytes from {offset:+}: {found:#04x} instead of \
                 {expected:#04x}"
            )?,
        }
        let tracks = [
            ("allocated", &self.allocated_at),
            ("freed", &self.freed_at),
            ("noticed", &self.found_at),
        ];
        for (what, track) in tracks {
            if let Some(track) = track {
                write!(f, "\n  {what} {track}")?;
            }
        }
        write!(f, "\n  {}", self.action)
    }
}

/// What was found to be wrong with a cache's objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Report {
    /// What allocations and frees noticed since the last report, and what a look at
    /// every object found now.
    pub corruptions: Vec<Corruption>,
    /// Corruptions that allocations and frees noticed beyond those that are kept.
    pub untold: u64,
    /// Corruptions of this cache so far, told in whichever report.
    pub total: u64,
    /// Objects in use.
    pub live: usize,
    /// Free objects.
    pub free: usize,
    /// Objects that are never handed out again.
    pub frozen: usize,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.corruptions.is_empty() && self.untold == 0
    }

    /// How many reports the kernel would have made: see [`Corruption::reports`].
    pub fn reports(&self) -> usize {
        self.corruptions.iter().map(Corruption::reports).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { live, free, frozen, .. } = self;
        write!(f, "{live} objects in use, {free} free, {frozen} frozen; ")?;
        match self.corruptions.len() as u64 + self.untold {
            0 => f.write_str("nothing is wrong")?,
            1 => f.write_str("1 corruption")?,
            count => write!(f, "{count} corruptions")?,
        }
        for corruption in &self.corruptions {
            write!(f, "\n{corruption}")?;
        }
        if self.untold > 0 {
            write!(f, "\nand {} more", self.untold)?;
        }
        Ok(())
    }
}

/// A site as data: `file:line:column`.
#[cfg(feature = "serde")]
fn as_text<S: serde::Serializer>(
    site: &Option<&'static Location<'static>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match site {
        Some(site) => serializer.collect_str(site),
        None => serializer.serialize_none(),
    }
}
