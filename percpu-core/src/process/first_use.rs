//! Built at first use from the configuration; a failure leaves nothing behind and the
//! next use tries again.

use super::instance::{CONFIG, Process, existing, publish};
#[cfg(percpu_linux)]
use super::over_fork;
use crate::area::allocator::Allocator;
use crate::area::first_chunk::{self, First};
use crate::area::image::Image;
use crate::area::pointer::pointer;
use crate::area::registered::Room;
use crate::area::section;
use crate::area::units::Units;
use crate::config::Config;
use crate::error::Error;
use crate::index::Index;
use crate::mode::{Mechanism, Mode, PortableReason};
use crate::mutate::mutated;
use crate::sys::memory::{Machine, Span};
use crate::sys::sync::without_signals;
use crate::sys::topology::Topology;

/// The process, built if this is the first use.
#[inline]
pub(crate) fn get() -> Result<&'static Process, Error> {
    match existing() {
        Some(process) => Ok(process),
        None => set_up(),
    }
}

#[cold]
fn set_up() -> Result<&'static Process, Error> {
    #[cfg(percpu_linux)]
    let warning = over_fork::start();
    // Elsewhere nothing is done about forks.
    #[cfg(not(percpu_linux))]
    let warning: Option<String> = None;
    // Blocked, so that an operation in a handler does not wait for this one.
    without_signals(|| {
        let mut config = CONFIG.lock();
        if let Some(process) = existing().filter(|_| !mutated("built_twice")) {
            return Ok(process);
        }
        let mut process = build(config.clone().unwrap_or_default())?;
        process.warnings.extend(warning);
        *config = None;
        Ok(publish(process))
    })
}

/// The process, for operations that cannot report an error.
///
/// # Panics
/// If the system refuses the first chunk; `percpu_core::init` reports it.
#[inline]
pub(crate) fn get_or_panic() -> &'static Process {
    existing().unwrap_or_else(first_use)
}

#[cold]
fn first_use() -> &'static Process {
    match get() {
        Ok(process) => process,
        Err(error) => panic!("percpu: {error} (percpu_core::init() returns this as an error)"),
    }
}

pub(crate) fn configure(new: Config) -> Result<(), Error> {
    let mut config = CONFIG.lock();
    if existing().is_some() {
        return Err(Error::AlreadyInitialised);
    }
    *config = Some(new);
    Ok(())
}

fn build(mut config: Config) -> Result<Process, Error> {
    #[cfg(all(percpu_inject, not(percpu_loom)))]
    crate::mutate::choose();
    let mut warnings = config.apply_environment(|name| std::env::var_os(name));
    if config.hardened && cfg!(not(percpu_linux)) {
        warnings.push("hardened mode needs Linux: templates stay accessible".into());
    }
    choose_index(&mut config, &mut warnings);
    let topology = config.topology.take().unwrap_or_else(Topology::detect);
    let own = Image::of(&section::own());
    own.check()?;
    let first = first_chunk::set_up(&config, &topology, own.size(), Machine)?;
    let First { layout, spans, span, kind } = first;
    let mode = choose_mode(config.mechanism, config.index)?;
    let index = match mode {
        Mode::Rseq(_) => config.index,
        Mode::Portable(_) => Index::Cpu,
    };
    if index != config.index {
        warnings.push(format!("no index by concurrency id in mode {mode}"));
    }

    let base = span.base();
    let cpus: Vec<_> = topology.possible().iter().collect();
    let addresses: Vec<_> = spans.units().iter().map(|offset| base + offset).collect();
    let sections = mode.is_rseq().then_some(index);
    let units = Units::new(cpus, &addresses, sections, config.hardened);
    // The statics of the core's own link unit begin the first chunk.
    let room = Room { pointer: pointer(base, base, 0), lent: false };
    let inside = own.offset_of(section::own_words()).expect("the core lies in its link unit");
    let process = Process {
        mode,
        index,
        topology,
        kind,
        units,
        memory: Allocator::new(layout, spans, span),
        own_words: room.pointer + inside,
        warnings,
    };
    process.units.register(&own, None, || Ok(room))?;
    Ok(process)
}

/// Keeps to what the kernel has.
fn choose_index(config: &mut Config, warnings: &mut Vec<String>) {
    #[cfg(percpu_rseq)]
    if config.index == Index::Cid {
        if let Err(size) = crate::sys::rseq::has_concurrency_ids() {
            warnings.push(format!(
                "no index by concurrency id: the kernel's rseq area has {size} bytes, not 28"
            ));
            config.index = Index::Cpu;
        }
    }
    #[cfg(not(percpu_rseq))]
    let _ = warnings;
    // A unit that is no CPU's is near no node.
    config.bind &= config.index == Index::Cpu;
}

fn choose_mode(mechanism: Mechanism, index: Index) -> Result<Mode, Error> {
    if mechanism == Mechanism::Portable {
        return Ok(Mode::Portable(PortableReason::Requested));
    }
    match (start_rseq(mechanism, index), mechanism) {
        (Ok(mode), _) => Ok(mode),
        (Err(reason), Mechanism::Rseq) => Err(Error::NoRseq { reason }),
        (Err(reason), _) => Ok(Mode::Portable(reason)),
    }
}

#[cfg(percpu_rseq)]
fn start_rseq(mechanism: Mechanism, index: Index) -> Result<Mode, PortableReason> {
    // A thread blocked since its last section must find it mapped on waking.
    crate::sys::object::pin(start_rseq as *const () as *const _);
    crate::sys::rseq::start(mechanism == Mechanism::Rseq, index).map(Mode::Rseq)
}

#[cfg(not(percpu_rseq))]
fn start_rseq(_: Mechanism, _: Index) -> Result<Mode, PortableReason> {
    Err(PortableReason::NotCompiled)
}
