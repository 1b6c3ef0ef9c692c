//! [`Config`]: what may be chosen before first use.

use crate::index::Index;
use crate::mode::Mechanism;
use crate::sys::topology::Topology;

/// How the first chunk is laid out. The kernel's `percpu_alloc=`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "percpu_alloc")]
#[doc(alias = "pcpu_fc")]
pub enum FirstChunk {
    /// Embed, or page should the system refuse the address space for embed.
    #[default]
    Auto,
    /// Units grouped by node, in allocations of 2 MiB.
    Embed,
    /// Units packed page by page in one group: least address space.
    Page,
}

/// When per-CPU memory is backed by pages of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backing {
    /// When it is first touched, by the CPU that touches it: unused copies cost
    /// nothing. The system may run out of memory later, at a touch.
    #[default]
    Lazy,
    /// When it is allocated, on every possible CPU: what is missing is an error
    /// of the allocation. The kernel's own way.
    Eager,
    /// Whole chunks, when they are made, by huge pages if the system has them;
    /// pages are not given back one by one.
    Huge,
}

/// What may be chosen before first use; from [`config`](crate::config()).
///
/// Three environment variables win over what the program chose, as boot
/// parameters do: `PERCPU_ALLOC=embed|page|auto` over
/// [`first_chunk`](Self::first_chunk), `PERCPU_MODE=rseq|portable|auto` over
/// [`mechanism`](Self::mechanism), `PERCPU_HARDENED=0|1` over
/// [`hardened`](Self::hardened), `PERCPU_INDEX=cpu|cid` over
/// [`index`](Self::index). An unknown value changes nothing and is
/// reported by [`Info::warnings`](crate::Info::warnings).
///
/// ```
/// use percpu_core::{Error, FirstChunk};
///
/// percpu_core::config().first_chunk(FirstChunk::Page).apply()?;
/// percpu_core::init()?;
/// assert_eq!(percpu_core::config().apply(), Err(Error::AlreadyInitialised));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is chosen until `apply`"]
pub struct Config {
    pub(crate) first_chunk: FirstChunk,
    pub(crate) mechanism: Mechanism,
    pub(crate) index: Index,
    pub(crate) minimum_unit: usize,
    pub(crate) dynamic: usize,
    pub(crate) reserved: usize,
    pub(crate) hardened: bool,
    pub(crate) backing: Backing,
    pub(crate) bind: bool,
    pub(crate) dump: bool,
    pub(crate) topology: Option<Topology>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            first_chunk: FirstChunk::default(),
            mechanism: Mechanism::default(),
            index: Index::default(),
            minimum_unit: 32 << 10,
            dynamic: 28 << 10,
            reserved: 8 << 10,
            hardened: false,
            backing: Backing::default(),
            bind: true,
            dump: true,
            topology: None,
        }
    }
}

impl Config {
    /// How the first chunk is laid out. Default: [`FirstChunk::Auto`].
    pub fn first_chunk(mut self, first_chunk: FirstChunk) -> Self {
        self.first_chunk = first_chunk;
        self
    }

    /// By which mechanism operations run. Default: [`Mechanism::Auto`].
    pub fn mechanism(mut self, mechanism: Mechanism) -> Self {
        self.mechanism = mechanism;
        self
    }

    /// Which number leads a thread to its unit. Default: [`Index::Cpu`].
    ///
    /// Where [`Index::Cid`] is not to be had, which is in portable mode and if the
    /// kernel's rseq area ends before `mm_cid` (before Linux 6.3), the index is the
    /// CPU; [`Info::warnings`](crate::Info::warnings) says so.
    ///
    /// # Performance
    /// By concurrency id every operation goes the way of a closed fast path first:
    /// a call and one more test, some nanoseconds. What it saves is memory, and
    /// the time of sums, drains and allocations: units that are never used.
    ///
    /// ```
    /// use percpu_core::{Index, Unit};
    ///
    /// percpu_core::config().index(Index::Cid).apply()?;
    /// let info = percpu_core::info()?;
    /// println!("index: {}, {:?}", info.index(), info.warnings());
    /// if info.index() == Index::Cid {
    ///     assert!(Unit::current()?.cpu().is_none());
    /// }
    /// # Ok::<(), percpu_core::Error>(())
    /// ```
    #[doc(alias = "mm_cid")]
    pub fn index(mut self, index: Index) -> Self {
        self.index = index;
        self
    }

    /// Smallest unit, in bytes, and with it the largest allocation a CPU may
    /// have. Rounded up to whole pages. Default: 32 KiB, which is the least.
    #[doc(alias = "PCPU_MIN_UNIT_SIZE")]
    pub fn minimum_unit(mut self, bytes: usize) -> Self {
        self.minimum_unit = bytes;
        self
    }

    /// Bytes of dynamic memory a CPU should have in the first chunk. Default:
    /// 28 KiB; raised to 20 KiB if less.
    #[doc(alias = "PERCPU_DYNAMIC_RESERVE")]
    pub fn dynamic(mut self, bytes: usize) -> Self {
        self.dynamic = bytes;
        self
    }

    /// Bytes of a CPU's memory set apart in the first chunk for the statics of
    /// libraries that are loaded later. Rounded up to 4. Default: 8 KiB. When they
    /// are used up, ordinary memory serves.
    #[doc(alias = "PERCPU_MODULE_RESERVE")]
    pub fn reserved(mut self, bytes: usize) -> Self {
        self.reserved = bytes;
        self
    }

    /// Whether the initial values of statics are made inaccessible once they
    /// were copied: code that gets at one by mistake crashes, instead of working
    /// on what is no CPU's copy. Default: no.
    ///
    /// Covers the pages that the statics of one family and library fill alone:
    /// each page of a `#[page_aligned]` one, the inner pages where others take
    /// more than a page together. Statics of a few bytes share their page with
    /// other data, and stay readable.
    /// [`Info::hidden_bytes`](crate::Info::hidden_bytes) tells what came of it.
    /// On Linux only; elsewhere a warning says so.
    ///
    /// # Performance
    /// One more copy of the statics in memory, and for `sum` a few more loads for
    /// each unit that was never used.
    pub fn hardened(mut self, hardened: bool) -> Self {
        self.hardened = hardened;
        self
    }

    /// When memory is backed. Default: [`Backing::Lazy`].
    pub fn backing(mut self, backing: Backing) -> Self {
        self.backing = backing;
        self
    }

    /// Whether copies are bound to the memory of their CPU's node, on machines
    /// with several. Default: yes; never by concurrency id, as units are no CPU's
    /// then. If the system refuses, copies lie where they
    /// are first touched, and [`Stats::unbound`](crate::Stats::unbound) tells.
    #[doc(alias = "mbind")]
    pub fn bind_to_nodes(mut self, bind: bool) -> Self {
        self.bind = bind;
        self
    }

    /// Whether per-CPU memory belongs into core dumps. Default: yes.
    pub fn core_dumps(mut self, dump: bool) -> Self {
        self.dump = dump;
        self
    }

    /// The machine, instead of what the system tells: for tests, and where
    /// sysfs lies. A thread that runs on a CPU the topology leaves out works on
    /// the shared unit, with atomics.
    pub fn topology(mut self, topology: Topology) -> Self {
        self.topology = Some(topology);
        self
    }

    /// Takes what the environment says; returns what it could not make out.
    pub(crate) fn apply_environment(
        &mut self,
        read: impl Fn(&str) -> Option<std::ffi::OsString>,
    ) -> Vec<String> {
        let mut warnings = Vec::new();
        let mut unknown = |name: &str, value: &std::ffi::OsStr, known: &str| {
            warnings.push(format!("{name}={} is unknown (try {known})", value.display()));
        };
        if let Some(value) = read("PERCPU_ALLOC") {
            match value.to_str() {
                Some("auto" | "") => self.first_chunk = FirstChunk::Auto,
                Some("embed") => self.first_chunk = FirstChunk::Embed,
                Some("page") => self.first_chunk = FirstChunk::Page,
                _ => unknown("PERCPU_ALLOC", &value, "embed, page or auto"),
            }
        }
        if let Some(value) = read("PERCPU_MODE") {
            match value.to_str() {
                Some("auto" | "") => self.mechanism = Mechanism::Auto,
                Some("rseq") => self.mechanism = Mechanism::Rseq,
                Some("portable") => self.mechanism = Mechanism::Portable,
                _ => unknown("PERCPU_MODE", &value, "rseq, portable or auto"),
            }
        }
        if let Some(value) = read("PERCPU_HARDENED") {
            match value.to_str() {
                Some("0" | "") => self.hardened = false,
                Some("1") => self.hardened = true,
                _ => unknown("PERCPU_HARDENED", &value, "0 or 1"),
            }
        }
        if let Some(value) = read("PERCPU_INDEX") {
            match value.to_str() {
                Some("cpu" | "") => self.index = Index::Cpu,
                Some("cid") => self.index = Index::Cid,
                _ => unknown("PERCPU_INDEX", &value, "cpu or cid"),
            }
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_wins_and_unknown_values_are_told() {
        let mut config = Config::default().first_chunk(FirstChunk::Embed);
        let warnings = config.apply_environment(|name| match name {
            "PERCPU_ALLOC" => Some("page".into()),
            "PERCPU_HARDENED" => Some("1".into()),
            _ => Some("fast".into()),
        });
        assert_eq!(config.first_chunk, FirstChunk::Page);
        assert_eq!(config.mechanism, Mechanism::Auto);
        assert!(config.hardened);
        assert_eq!(config.index, Index::Cpu);
        assert_eq!(
            warnings,
            [
                "PERCPU_MODE=fast is unknown (try rseq, portable or auto)",
                "PERCPU_INDEX=fast is unknown (try cpu or cid)"
            ]
        );
        let warnings =
            config.apply_environment(|name| (name == "PERCPU_INDEX").then(|| "cid".into()));
        assert_eq!((config.index, warnings.len()), (Index::Cid, 0));
    }
}
