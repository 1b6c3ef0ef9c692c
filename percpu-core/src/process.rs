//! The one per-CPU memory of this process, and who may use which unit of it.
//!
//! Built at first use from the configuration; a failure leaves nothing behind
//! and the next use tries again. `admit` is where every operation goes whose
//! fast path was closed:
//!
//! ```text
//!   portable mode                     -> a unit picked per thread, atomics
//!   thread not registered, may be     -> register it, retry
//!   thread not registered, may not be -> shared unit, atomics
//!   CPU (or id) not possible          -> shared unit, atomics
//!   unit not active                   -> activate it, retry
//! ```
//!
//! # Safety
//!
//! Turns the leaked process back into a reference, and units' bases into
//! copies.

#![allow(unsafe_code)]

use core::cell::Cell;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use crate::area::allocator::{Allocator, Fresh};
use crate::area::first_chunk::{self, First};
use crate::area::image::Image;
use crate::area::pointer::pointer;
use crate::area::request::Request;
use crate::area::section::{self, LinkUnit};
use crate::area::units::{Asked, Room, UnitIndex, Units};
use crate::config::{Config, FirstChunk};
use crate::error::Error;
use crate::index::Index;
use crate::mode::{Mechanism, Mode, PortableReason};
use crate::mutate::mutated;
use crate::place::Place;
use crate::sys::memory::{Machine, Span};
use crate::sys::sync::{Mutex, without_signals};
use crate::sys::topology::Topology;
use crate::table::CpuTable;

#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) mode: Mode,
    /// By CPU in portable mode.
    pub(crate) index: Index,
    pub(crate) topology: Topology,
    pub(crate) kind: FirstChunk,
    pub(crate) units: Units,
    pub(crate) memory: Allocator,
    /// Per-CPU pointer of the core's own words, `section::OWN_WORDS` of them: zero at
    /// first, there in every unit, and never given back.
    pub(crate) own_words: usize,
    pub(crate) warnings: Vec<String>,
}

/// Null, then the process for ever (Release; partner: Acquire in `existing`).
static PROCESS: AtomicPtr<Process> = AtomicPtr::new(ptr::null_mut());
/// What `configure` left for `get`. Held while the process is built.
static CONFIG: Mutex<Option<Config>> = Mutex::new(None);

/// Operations that a process with sections did without; counted where they are
/// cold already.
static FALLBACKS: AtomicU64 = AtomicU64::new(0);

/// What an operation whose fast path is closed should do.
pub(crate) enum Admission<'a, T> {
    /// The fast path may be open now.
    Retry,
    /// Use this copy, with atomic operations only.
    Atomic(&'a T),
}

pub(crate) fn existing() -> Option<&'static Process> {
    // SAFETY: null, or leaked by `get` and never freed or changed.
    unsafe { PROCESS.load(Ordering::Acquire).as_ref() }
}

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
    let warning = over_fork::start();
    // Blocked, so that an operation in a handler does not wait for this one.
    without_signals(|| {
        let mut config = CONFIG.lock();
        if let Some(process) = existing().filter(|_| !mutated("built_twice")) {
            return Ok(process);
        }
        let mut process = build(config.clone().unwrap_or_default())?;
        process.warnings.extend(warning);
        *config = None;
        let process: &'static Process = Box::leak(Box::new(process));
        PROCESS.store(ptr::from_ref(process).cast_mut(), Ordering::Release);
        Ok(process)
    })
}

/// The locks of the process, held over a fork. Each lock that a thread may hold
/// while another forks has its place here: outer locks first, as they nest
/// elsewhere. The locks of a user's `LocalLock`s are the user's.
///
/// ```text
///   CONFIG  >  Allocator: grow  >  Allocator: index
///           >  Units: state
/// ```
#[cfg(percpu_linux)]
mod over_fork {
    use super::{CONFIG, existing};
    use crate::area::{allocator, units};
    use crate::config::Config;
    use crate::sys::fork::{Kept, Locks, hold_over};
    use crate::sys::sync::MutexGuard;
    use core::sync::atomic::{AtomicBool, Ordering};

    struct AllLocks;

    #[allow(dead_code, reason = "held, not read")]
    struct Held {
        units: Option<units::Held<'static>>,
        memory: Option<allocator::Held<'static>>,
        config: MutexGuard<'static, Option<Config>>,
    }

    impl Locks for AllLocks {
        type Held = Held;

        fn hold() -> Held {
            let config = CONFIG.lock();
            // Under CONFIG: nobody is about to publish a process.
            let process = existing();
            let memory = process.map(|process| process.memory.hold());
            let units = process.map(|process| process.units.hold());
            Held { units, memory, config }
        }

        fn kept() -> &'static Kept<Held> {
            static KEPT: Kept<Held> = Kept::new();
            &KEPT
        }
    }

    /// Sees to it, once, before the first lock is taken; a warning if that fails.
    pub(super) fn start() -> Option<String> {
        static DONE: AtomicBool = AtomicBool::new(false);
        // Relaxed: decides who registers, publishes nothing.
        if DONE.swap(true, Ordering::Relaxed) {
            return None;
        }
        let errno = hold_over::<AllLocks>().err()?;
        Some(format!("pthread_atfork failed, error {errno}: forked children may hang"))
    }
}

/// Elsewhere nothing is done about forks.
#[cfg(not(percpu_linux))]
mod over_fork {
    pub(super) fn start() -> Option<String> {
        None
    }
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

/// Decides for an operation at `place` whose fast path was closed.
#[cold]
#[inline(never)]
pub(crate) fn admit<T>(place: Place<'_, T>) -> Admission<'_, T> {
    let process = get_or_panic();
    match admit_thread(process) {
        None => Admission::Retry,
        Some(base) => {
            if process.mode.is_rseq() {
                // Relaxed: a count.
                FALLBACKS.fetch_add(1, Ordering::Relaxed);
            }
            // SAFETY: the base of an active unit, as `admit_thread` promises.
            Admission::Atomic(unsafe { place.at(base) })
        }
    }
}

/// `None`: retry. Else the base of the active unit this thread may use.
fn admit_thread(process: &Process) -> Option<usize> {
    let units = &process.units;
    let unit = match process.mode {
        Mode::Portable(_) => {
            let base = units.activate(portable_unit(units.cpu_count()));
            PORTABLE_BASE.set(base);
            return Some(base);
        }
        #[cfg(percpu_rseq)]
        Mode::Rseq(registration) => {
            use crate::sys::rseq;
            match rseq::current_number(process.index).map(|number| units.of_number(number)) {
                Some(Some(unit)) => {
                    units.activate(unit);
                    return None;
                }
                None if rseq::register_thread(registration) => return None,
                Some(None) | None => units.shared(),
            }
        }
        #[cfg(not(percpu_rseq))]
        Mode::Rseq(_) => units.shared(),
    };
    Some(units.activate(unit))
}

thread_local! {
    /// What `admit` said in portable mode: it says the same for ever.
    static PORTABLE_BASE: Cell<usize> = const { Cell::new(0) };
}

/// As `admit`, if that told this thread before, in portable mode, to use atomics.
#[inline]
pub(crate) fn admitted<T>(place: Place<'_, T>) -> Option<&T> {
    let base = PORTABLE_BASE.get();
    // SAFETY: the base of an active unit, as `admit_thread` promises.
    (base != 0).then(|| unsafe { place.at(base) })
}

/// As `admit`, for an operation inside an allocation: it waits for no lock, asks for
/// no memory, registers no thread, builds no process. `None`: not now, or not in
/// this thread.
pub(crate) fn try_admit<T>(place: Place<'_, T>) -> Option<Admission<'_, T>> {
    let process = existing()?;
    let units = &process.units;
    match process.mode {
        Mode::Portable(_) => {
            let base = units.try_activate(portable_unit(units.cpu_count()))?;
            // SAFETY: the base of a unit that is active now.
            Some(Admission::Atomic(unsafe { place.at(base) }))
        }
        #[cfg(percpu_rseq)]
        Mode::Rseq(_) => {
            let number = crate::sys::rseq::current_number(process.index)?;
            units.try_activate(units.of_number(number)?)?;
            Some(Admission::Retry)
        }
        #[cfg(not(percpu_rseq))]
        Mode::Rseq(_) => None,
    }
}

/// As `try_admit`; a thread that may not use a unit of its own now uses the shared one.
pub(crate) fn try_admit_any<T>(place: Place<'_, T>) -> Option<Admission<'_, T>> {
    if let Some(admission) = try_admit(place) {
        return Some(admission);
    }
    let units = &existing()?.units;
    let base = units.try_activate(units.shared())?;
    // SAFETY: the base of a unit that is active now.
    Some(Admission::Atomic(unsafe { place.at(base) }))
}

/// The unit this thread's operations would go to, as of a moment ago.
#[inline]
pub(crate) fn current_unit(process: &Process) -> UnitIndex {
    #[cfg(percpu_rseq)]
    if process.mode.is_rseq() {
        let number = crate::sys::rseq::current_number(process.index);
        if let Some(unit) = number.and_then(|number| process.units.of_number(number)) {
            return unit;
        }
    }
    current_unit_cold(process)
}

#[cold]
#[inline(never)]
fn current_unit_cold(process: &Process) -> UnitIndex {
    match process.mode {
        Mode::Portable(_) => portable_unit(process.units.cpu_count()),
        #[cfg(percpu_rseq)]
        Mode::Rseq(registration) => {
            use crate::sys::rseq;
            rseq::register_thread(registration);
            let number = rseq::current_number(process.index);
            let unit = number.and_then(|number| process.units.of_number(number));
            unit.unwrap_or(process.units.shared())
        }
        #[cfg(not(percpu_rseq))]
        Mode::Rseq(_) => process.units.shared(),
    }
}

/// Whether the unit's words are changed by sections.
pub(crate) fn has_sections(unit: UnitIndex) -> bool {
    existing().is_some_and(|p| p.mode.is_rseq() && unit != p.units.shared())
}

/// Restarts the sections in flight on one unit, or on all; the system's error
/// number if it refuses. Only in rseq mode.
#[cfg_attr(not(percpu_rseq), allow(unused_variables, reason = "no sections in this build"))]
pub(crate) fn restart_sections(process: &Process, unit: Option<UnitIndex>) -> Result<(), i32> {
    #[cfg(percpu_rseq)]
    {
        use crate::sys::membarrier;
        if mutated("fence_left_out") {
            return Ok(());
        }
        match unit {
            // No section runs there.
            Some(unit) if unit == process.units.shared() => Ok(()),
            // By concurrency id, one of this unit may be on any CPU.
            _ => match unit.and_then(|unit| process.units.cpu(unit)) {
                Some(cpu) if mutated("fence_elsewhere") => membarrier::fence_cpu(cpu.get() ^ 1),
                Some(cpu) => membarrier::fence_cpu(cpu.get()),
                None if mutated("no_fence_by_id") && unit.is_some() => Ok(()),
                None => membarrier::fence_all(),
            },
        }
    }
    #[cfg(not(percpu_rseq))]
    Ok(())
}

/// Sections aborted so far.
pub(crate) fn aborts() -> u64 {
    // Each process has sections by one index.
    let of = |index| CpuTable::of(index).aborts.load(Ordering::Relaxed);
    of(Index::Cpu) + of(Index::Cid)
}

/// Operations that went to the shared unit so far.
pub(crate) fn fallbacks() -> u64 {
    FALLBACKS.load(Ordering::Relaxed)
}

/// In portable mode threads take the CPUs' units in turn and keep theirs: no
/// system call asks where a thread runs, and threads rarely share.
fn portable_unit(cpus: UnitIndex) -> UnitIndex {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    thread_local! {
        static MINE: Cell<u32> = const { Cell::new(u32::MAX) };
    }
    MINE.with(|mine| {
        if mine.get() == u32::MAX {
            // Relaxed: only spreads threads, orders nothing.
            mine.set(NEXT.fetch_add(1, Ordering::Relaxed) % cpus.max(1));
        }
        mine.get()
    })
}

/// Sets the pointer of a static's handle; registers the statics of its link
/// unit if they are new.
pub(crate) fn resolve_static(asked: Asked) -> Result<(), Error> {
    let process = get()?;
    let image = Image::of(&(asked.declared.unit)());
    let mut found = None;
    let used = process.units.register(&image, Some(asked), || {
        image.check()?;
        #[cfg(percpu_linux)]
        crate::sys::object::pin(asked.declared.unit as *const _);
        let request = Request::section(image.size(), image.align());
        let pointer = process.memory.alloc(request, process.units.shared())?.pointer;
        found = Some(pointer);
        Ok(Room { pointer, lent: true })
    })?;
    // Another thread was first: give back the area that nobody used.
    if let Some(pointer) = found.filter(|_| !used) {
        process.memory.free(pointer, image.size(), process.units.shared());
    }
    Ok(())
}

/// Gives back the copies of a link unit's statics; whether there were any.
///
/// # Safety
/// As `Units::unregister` asks.
pub(crate) unsafe fn unregister_statics(unit: &LinkUnit) -> bool {
    let Some(process) = existing() else { return false };
    let image = Image::of(unit);
    // SAFETY: the caller's promise.
    let Some(pointer) = (unsafe { process.units.unregister(&image) }) else { return false };
    process.memory.free(pointer, image.size(), process.units.shared());
    true
}

/// An area that is zero in every unit, and nobody else's until `give_back`.
/// Inlined, so that the size is known where it is zeroed.
#[inline(always)]
pub(crate) fn alloc_zeroed(request: Request) -> Result<usize, Error> {
    let process = get()?;
    let fresh = alloc(process, request)?;
    if fresh.needs_zero && !mutated("no_zero") {
        // Fresh memory is zero, and what was used is dirty in active units only.
        for base in process.units.active() {
            zero(base, fresh.pointer, request.size);
        }
    }
    Ok(fresh.pointer)
}

/// An area as the allocator has it, used before or not.
pub(crate) fn alloc(process: &Process, request: Request) -> Result<Fresh, Error> {
    process.memory.alloc(request, current_unit(process))
}

/// Takes back an area of `size` bytes whose owner is going away.
#[inline]
pub(crate) fn give_back(pointer: usize, size: usize) {
    let process = get_or_panic();
    process.memory.free(pointer, size, current_unit(process));
}

/// Zeroes `len` bytes at `pointer` in every unit that is not active.
pub(crate) fn zero_inactive(process: &Process, pointer: usize, len: usize) {
    for unit in 0..process.units.count() {
        if process.units.base(unit).is_none() && !mutated("no_zero_inactive") {
            zero(process.units.home(unit), pointer, len);
        }
    }
}

#[inline]
fn zero(base: usize, pointer: usize, len: usize) {
    let copy = ptr::with_exposed_provenance_mut::<u8>(base.wrapping_add(pointer));
    // SAFETY: the callers own the area at `pointer` alone: it is not handed out
    // yet, or being dropped; every chunk is mapped in every unit.
    if unsafe { is_zero(copy, len) } {
        return;
    }
    // SAFETY: as above.
    unsafe { copy.write_bytes(0, len) };
}

/// Whether a small area is zero. Most copies still are when their area is used
/// again, as one CPU's was written: looked at first, lines that another CPU has
/// are not taken from it for nothing.
///
/// # Safety
/// `len` bytes at `copy` are mapped, and nobody writes there.
#[cfg(percpu_rseq)]
#[inline]
unsafe fn is_zero(copy: *const u8, len: usize) -> bool {
    /// Beyond, writing costs less than looking.
    const SMALL: usize = 256;
    if len > SMALL {
        return false;
    }
    // Some bytes may be padding of what lay there, which no value ever filled. The
    // machine has something there all the same; to the compiler these lines, of
    // which it knows nothing, may have written it.
    // SAFETY: no instruction.
    unsafe { core::arch::asm!("/* {0} */", in(reg) copy, options(nostack, preserves_flags)) };
    // SAFETY: the caller's promise, and initialised as far as one can tell.
    let bytes = unsafe { core::slice::from_raw_parts(copy, len) };
    bytes.iter().fold(0, |any, byte| any | byte) == 0
}

/// Not told where padding cannot be looked at, as under Miri.
///
/// # Safety
/// None is needed; the other body has a requirement.
#[cfg(not(percpu_rseq))]
unsafe fn is_zero(_: *const u8, _: usize) -> bool {
    false
}
