//! The area that the kernel shares with a thread: who registered it, how, and
//! that of all its fields the crate writes `rseq_cs` alone.
//!
//! # Safety
//!
//! Asks the kernel, through a traced child, where this thread's area lies, and
//! reads it.

#![cfg(all(target_os = "linux", not(percpu_loom), not(miri)))]
#![allow(unsafe_code)]

mod common;

use percpu_core::atomic::AtomicU64;
use percpu_core::{LocalLock, Mode, PerCpu, Registration, Unit, fence, info, percpu};

percpu! {
    static WORD: AtomicU64 = AtomicU64::new(0);
    static LOCK: LocalLock<u64> = LocalLock::new(0);
}

/// What the kernel knows of a registration: ptrace(2), PTRACE_GET_RSEQ_CONFIGURATION.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Configuration {
    area: u64,
    size: u32,
    signature: u32,
    flags: u32,
    pad: u32,
}

/// This thread's registration, from a forked child, which inherits it; `None`
/// where tracing is not allowed.
fn configuration() -> Option<Configuration> {
    const GET_RSEQ_CONFIGURATION: libc::c_uint = 0x420f;
    // SAFETY: the child asks to be traced, stops and is killed.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: as above.
        let traced = unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
        if traced == 0 {
            // SAFETY: stops this process until it is killed.
            unsafe { libc::raise(libc::SIGSTOP) };
        }
        // SAFETY: ends the child.
        unsafe { libc::_exit(0) }
    }
    assert!(child > 0, "{}", std::io::Error::last_os_error());
    let mut status = 0;
    // SAFETY: waits for the child; the status is a local.
    unsafe { libc::waitpid(child, &mut status, 0) };
    if !libc::WIFSTOPPED(status) {
        return None;
    }
    let mut found = Configuration::default();
    // SAFETY: the child is stopped and ours; the answer fits the local.
    let got = unsafe {
        libc::ptrace(GET_RSEQ_CONFIGURATION as _, child, size_of_val(&found), &raw mut found)
    };
    // SAFETY: a child that was not waited for to its end.
    unsafe { libc::kill(child, libc::SIGKILL) };
    // SAFETY: as above.
    unsafe { libc::waitpid(child, &mut status, 0) };
    (got > 0).then_some(found)
}

/// The fields that the kernel writes only when this thread moves.
#[derive(Debug, PartialEq)]
struct Area {
    cpu_id_start: u32,
    cpu_id: u32,
    flags: u32,
    node_id: u32,
}

fn field(at: u64, offset: u64) -> u32 {
    // SAFETY: a field of this thread's own area, which the kernel writes.
    unsafe {
        std::ptr::with_exposed_provenance::<u32>(at.wrapping_add(offset) as usize).read_volatile()
    }
}

fn read(at: u64) -> Area {
    Area {
        cpu_id_start: field(at, 0),
        cpu_id: field(at, 4),
        flags: field(at, 16),
        node_id: field(at, 20),
    }
}

fn work() {
    let dynamic = PerCpu::<AtomicU64>::zeroed().unwrap();
    for n in 0..100_000 {
        WORD.inc();
        WORD.add(n);
        dynamic.fetch_add(n);
        dynamic.swap(n);
        LOCK.with(|value| *value += 1);
        let _ = dynamic.compare_exchange(n, 1);
    }
    fence::all().unwrap();
    *LOCK.lock_on(Unit::current().unwrap()).unwrap() += 1;
}

#[test]
fn of_the_area_only_rseq_cs_is_written() {
    common::in_each_mode("of_the_area_only_rseq_cs_is_written", || {
        let before = configuration();
        work();
        let Some(found) = configuration() else {
            return println!("tracing is not allowed here, or the kernel is older than 5.13");
        };
        let Mode::Rseq(registration) = info().unwrap().mode() else {
            // In portable mode whatever was registered stays as it was.
            return assert_eq!(Some(found), before);
        };
        println!("{registration:?}: {found:x?}");
        match registration {
            Registration::Libc => assert_eq!(Some(found), before),
            _ => {
                assert_eq!(before.map_or(0, |none| none.area), 0, "nobody had registered");
                // AT_RSEQ_FEATURE_SIZE and AT_RSEQ_ALIGN: what the kernel wants.
                // SAFETY: reads the auxiliary vector.
                let size = unsafe { libc::getauxval(27) }.max(32);
                // SAFETY: as above.
                let align = unsafe { libc::getauxval(28) }.max(32);
                assert_eq!(u64::from(found.size), size as u64);
                assert_eq!(found.area % align as u64, 0);
            }
        }
        let allowed = common::allowed();
        let bit = allowed & allowed.wrapping_neg();
        common::set_affinity(bit);
        let start = read(found.area);
        assert_eq!(start.cpu_id, bit.trailing_zeros());
        assert_eq!(start.cpu_id_start, start.cpu_id);
        for _ in 0..5 {
            work();
            assert_eq!(read(found.area), start);
        }
        // And rseq_cs names a descriptor whose abort handler is signed.
        WORD.inc();
        let cs = u64::from(field(found.area, 8)) | u64::from(field(found.area, 12)) << 32;
        if cs != 0 {
            assert_eq!((field(cs, 0), field(cs, 4)), (0, 0), "version and flags");
            let abort = u64::from(field(cs, 24)) | u64::from(field(cs, 28)) << 32;
            let signature = std::ptr::with_exposed_provenance::<u32>(abort as usize - 4);
            // SAFETY: the four bytes of code before the handler, however it lies.
            assert_eq!(unsafe { signature.read_unaligned() }, found.signature);
        }
    });
}
