//! The programs' global allocator: the system's, or a [`PerCpuAlloc`], chosen when a
//! program starts, so that one build can run under both.
//!
//! A block must go back to where it came from, so the choice cannot change later. It is
//! in the environment, which the first allocation of a program reads before `main`;
//! [`start`] runs the program again if a person asked for another.
//!
//! # Safety
//!
//! Passes each request on to the one allocator that was chosen. Reads the environment by
//! libc's `getenv`: the first allocation comes before any code that could change it.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU8, Ordering};

use clap::ValueEnum;
use percpu_slab::PerCpuAlloc;

/// Which allocator a program runs under: set it to `percpu` for any of the programs.
pub const VARIABLE: &str = "PERCPU_EXAMPLES_ALLOCATOR";

/// What can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Allocator {
    /// percpu-slab's
    Percpu,
    /// The C library's
    System,
}

impl fmt::Display for Allocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Percpu => "percpu",
            Self::System => "system",
        })
    }
}

/// One of two allocators.
#[derive(Debug)]
pub struct Chosen {
    percpu: PerCpuAlloc,
    /// 0 before the first allocation.
    choice: AtomicU8,
}

/// The allocator of all programs here.
#[global_allocator]
pub static ALLOC: Chosen = Chosen { percpu: PerCpuAlloc::new(), choice: AtomicU8::new(UNKNOWN) };

const UNKNOWN: u8 = 0;
const PERCPU: u8 = 1;
const SYSTEM: u8 = 2;

impl Chosen {
    /// What this program runs under.
    #[inline]
    pub fn allocator(&self) -> Allocator {
        // Relaxed: whoever looks comes to the same end.
        match self.choice.load(Ordering::Relaxed) {
            PERCPU => Allocator::Percpu,
            SYSTEM => Allocator::System,
            _ => self.choose(),
        }
    }

    /// The one that has statistics.
    pub fn percpu(&self) -> &PerCpuAlloc {
        &self.percpu
    }

    #[cold]
    fn choose(&self) -> Allocator {
        let choice = if asked_for_percpu() { Allocator::Percpu } else { Allocator::System };
        let word = if choice == Allocator::Percpu { PERCPU } else { SYSTEM };
        self.choice.store(word, Ordering::Relaxed);
        choice
    }
}

#[cfg(unix)]
fn asked_for_percpu() -> bool {
    // SAFETY: a C string; nobody has changed the environment yet.
    let value = unsafe { libc::getenv(c"PERCPU_EXAMPLES_ALLOCATOR".as_ptr()) };
    // SAFETY: null, or a C string of the environment.
    !value.is_null() && unsafe { std::ffi::CStr::from_ptr(value) } == c"percpu"
}

/// Where the environment cannot be read without memory there is no choice.
#[cfg(not(unix))]
fn asked_for_percpu() -> bool {
    false
}

/// To be called first in `main`: runs the program again if it should run under another
/// allocator, and sets the magazines up if it is ours.
///
/// # Errors
///
/// What the system says if the program cannot be run again, or a sentence of the
/// allocator's.
pub fn start(wanted: Option<Allocator>) -> io::Result<()> {
    if wanted.is_some_and(|wanted| wanted != ALLOC.allocator()) {
        return Err(again(wanted));
    }
    if ALLOC.allocator() == Allocator::Percpu {
        ALLOC.percpu.init().map_err(io::Error::other)?;
    }
    Ok(())
}

#[cfg(unix)]
fn again(wanted: Option<Allocator>) -> io::Error {
    use std::os::unix::process::CommandExt as _;

    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return error,
    };
    let mut command = std::process::Command::new(program);
    command.args(std::env::args_os().skip(1));
    command.env(VARIABLE, wanted.unwrap_or(Allocator::System).to_string());
    command.exec()
}

#[cfg(not(unix))]
fn again(_: Option<Allocator>) -> io::Error {
    io::Error::other("another allocator can be chosen on Unix only")
}

// SAFETY: each block goes back to where it came from, as the choice never changes; each
// of the two keeps the contract.
unsafe impl GlobalAlloc for Chosen {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.allocator() {
            // SAFETY: passed on.
            Allocator::Percpu => unsafe { self.percpu.alloc(layout) },
            // SAFETY: passed on.
            Allocator::System => unsafe { System.alloc(layout) },
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match self.allocator() {
            // SAFETY: passed on.
            Allocator::Percpu => unsafe { self.percpu.dealloc(block, layout) },
            // SAFETY: passed on.
            Allocator::System => unsafe { System.dealloc(block, layout) },
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match self.allocator() {
            // SAFETY: passed on.
            Allocator::Percpu => unsafe { self.percpu.alloc_zeroed(layout) },
            // SAFETY: passed on.
            Allocator::System => unsafe { System.alloc_zeroed(layout) },
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        match self.allocator() {
            // SAFETY: passed on.
            Allocator::Percpu => unsafe { self.percpu.realloc(block, layout, size) },
            // SAFETY: passed on.
            Allocator::System => unsafe { System.realloc(block, layout, size) },
        }
    }
}
