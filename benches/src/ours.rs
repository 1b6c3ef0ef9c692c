//! The project's own contenders: not there yet, as the operations are not.
//!
//! To be added here, each a [`Counter`](crate::contender::Counter) or a
//! [`Words`](crate::contender::Words), and then to the two lists in `job.rs`
//! behind the thread-local cell:
//!
//! | type | trait | name | stands on |
//! | --- | --- | --- | --- |
//! | `Static` | `Counter` | [`STATIC`] | `percpu! { static WORD: AtomicU64 = ..; }`: `inc`, `add(n)`, `sum` |
//! | `Dynamic` | `Counter` | `percpu dynamic word` | `PerCpu::<AtomicU64>::zeroed()` |
//! | `percpu_counter::Counter` | `Counter` | `percpu_counter::Counter` | itself |
//! | `Packed` | `Words` | [`PACKED`] | `PerCpu::<[AtomicU64; WORDS]>::zeroed()`, `at(index).inc()` |
//! | `Handles` | `Words` | `percpu handles` | `Each<Dynamic>` under a name of its own |
//!
//! And one line to `benches/current_cpu.rs`: the CPU number from `struct rseq`.

/// What the names of all of ours begin with.
pub const PREFIX: &str = "percpu";

/// The static word.
pub const STATIC: &str = "percpu static word";

/// One block of words for all.
pub const PACKED: &str = "percpu packed";
