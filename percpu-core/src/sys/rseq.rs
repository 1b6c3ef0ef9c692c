//! Restartable sequences: who registers threads, and where their area lies.
//!
//! Either libc registered this thread (and will register every other), or we
//! do, each thread at its first operation. All threads have their area at the
//! same distance from the thread pointer; `table.rs` keeps that distance.
//! Only `rseq_cs` is ever written, and only by the sections; `cpu_id` is read, and
//! `mm_cid` by concurrency id. Facts: the
//! kernel's `rseq(2)` ABI, glibc's manual.
//!
//! Thread states under our own registration:
//!
//! ```text
//!   Fresh --first operation--> Registered --thread exit--> Exiting
//!     \--kernel refuses--> Refused
//! ```
//! `Exiting` and `Refused` threads use the shared unit and never register again.
//!
//! # Safety
//!
//! Hands the kernel a thread-local area and takes it back before the thread's
//! memory goes. Reads libc's symbols and the auxiliary vector.

#![allow(unsafe_code)]

use core::arch::asm;
use core::cell::{Cell, UnsafeCell};
use core::ffi::c_void;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::errno::{errno, keep};
use crate::index::Index;
use crate::mode::{PortableReason, Registration};
use crate::mutate::mutated;
use crate::sys::sync::without_signals;
use crate::table::CpuTable;

/// Offset of `cpu_id` in `struct rseq`.
const CPU_ID: usize = 4;
/// Offset of `mm_cid`.
const MM_CID: usize = 24;
/// How much of the area a kernel that fills `mm_cid` has features for.
const WITH_MM_CID: usize = 28;
/// Offset of `rseq_cs`.
const RSEQ_CS: usize = 8;
/// `cpu_id` of a thread that is not registered.
const UNREGISTERED: i32 = -1;
/// The value before each abort handler, by architecture.
#[cfg(target_arch = "x86_64")]
const SIGNATURE: u32 = 0x5305_3053;
#[cfg(target_arch = "aarch64")]
const SIGNATURE: u32 = 0xd428_bc00;

const AT_RSEQ_FEATURE_SIZE: libc::c_ulong = 27;
const AT_RSEQ_ALIGN: libc::c_ulong = 28;
const FLAG_UNREGISTER: i32 = 1;

/// Finds or makes a registration and publishes the area's distance to the table
/// of `index`. The calling thread is registered when it returns `Ok`. `insist`
/// also takes a kernel that is known to be suspect.
pub(crate) fn start(insist: bool, index: Index) -> Result<Registration, PortableReason> {
    if cfg!(target_arch = "aarch64") && !insist && kernel_is_suspect() {
        return Err(PortableReason::SuspectKernel);
    }
    let (registration, offset) = match libc_offset() {
        Some(offset) if cpu_id_at(offset) >= 0 => (Registration::Libc, offset),
        _ => (Registration::Own, start_own()?),
    };
    if !mutated("no_registration") {
        super::membarrier::register().map_err(|errno| PortableReason::NoMembarrier { errno })?;
    }
    // Last: in portable mode the distance stays 0.
    CpuTable::of(index).rseq_offset.store(offset, Relaxed);
    Ok(registration)
}

/// How large an area the kernel has features for; `Err` with that size if it is
/// too small for `mm_cid`. Every registration covers 32 bytes at least.
pub(crate) fn has_concurrency_ids() -> Result<(), usize> {
    match feature_size() {
        size if size < WITH_MM_CID => Err(size),
        _ => Ok(()),
    }
}

/// The kernel's number of the CPU this thread was on a moment ago; `None` if
/// the thread is not registered. Only after `start`, with its `index`.
#[inline]
pub(crate) fn current_cpu(index: Index) -> Option<u32> {
    u32::try_from(cpu_id_at(CpuTable::of(index).rseq_offset.load(Relaxed))).ok()
}

/// The number that `index` gave this thread a moment ago; as `current_cpu`.
#[inline]
pub(crate) fn current_number(index: Index) -> Option<u32> {
    // In any case: an unregistered thread's concurrency id is 0.
    let cpu = current_cpu(index)?;
    Some(match index {
        Index::Cpu => cpu,
        Index::Cid => field_at(CpuTable::of(index).rseq_offset.load(Relaxed), MM_CID),
    })
}

/// Registers this thread if it may be; false sends it to the shared unit. One
/// that may not be (any more) is told so without a system call.
pub(crate) fn register_thread(registration: Registration) -> bool {
    match registration {
        Registration::Libc => false,
        Registration::Own => OWN.with(|own| match own.state.get() {
            // Blocked: a handler's operation must not register it half-way.
            State::Fresh => without_signals(|| own.register().is_ok()),
            State::Registered => true,
            State::Refused | State::Exiting => false,
        }),
    }
}

/// Some arm64 kernels from 6.19 to 7.0 did not abort a section when its thread
/// was preempted by another on the same CPU.
fn kernel_is_suspect() -> bool {
    let mut name = core::mem::MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: fills the local.
    if unsafe { libc::uname(name.as_mut_ptr()) } != 0 {
        return true;
    }
    // SAFETY: uname filled it.
    let name = unsafe { name.assume_init() };
    // SAFETY: uname ends the release with a zero byte.
    let release = unsafe { core::ffi::CStr::from_ptr(name.release.as_ptr()) };
    suspect_release(release.to_str().unwrap_or(""))
}

fn suspect_release(release: &str) -> bool {
    let mut parts = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (6, 19) <= (major, minor) && (major, minor) <= (7, 0),
        _ => true,
    }
}

#[inline]
fn thread_pointer() -> usize {
    let pointer: usize;
    // SAFETY: reads the thread pointer, which the psABI keeps there.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("mov {}, qword ptr fs:[0]", out(reg) pointer, options(nostack, readonly, preserves_flags));
    }
    // SAFETY: reads the thread pointer register.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nostack, nomem, preserves_flags));
    }
    pointer
}

#[inline]
fn cpu_id_at(offset: isize) -> i32 {
    field_at(offset, CPU_ID).cast_signed()
}

#[inline]
fn field_at(offset: isize, field: usize) -> u32 {
    let area = thread_pointer().wrapping_add_signed(offset);
    let field = core::ptr::with_exposed_provenance::<u32>(area + field);
    // SAFETY: `offset` is libc's or ours: each thread has its area there, of 32
    // bytes at least. The kernel writes it between any two instructions of ours:
    // volatile.
    unsafe { field.read_volatile() }
}

fn feature_size() -> usize {
    // SAFETY: reads the auxiliary vector.
    unsafe { libc::getauxval(AT_RSEQ_FEATURE_SIZE) as usize }
}

/// Where libc says that it keeps `struct rseq`, if it registers threads.
fn libc_offset() -> Option<isize> {
    let offset = symbol(weak_offset(), c"__rseq_offset");
    let size = symbol(weak_size(), c"__rseq_size");
    if offset.is_null() || size.is_null() {
        return None;
    }
    // SAFETY: `extern const ptrdiff_t __rseq_offset`, set before main.
    let offset = unsafe { offset.cast::<isize>().read() };
    // SAFETY: `extern const unsigned int __rseq_size`, set before main.
    let size = unsafe { size.cast::<u32>().read() };
    (size != 0).then_some(offset)
}

/// The weak reference, or what the loader finds by name: a program linked
/// without position independence against an old libc has only the latter.
fn symbol(weak: *const c_void, name: &core::ffi::CStr) -> *const c_void {
    if !weak.is_null() {
        return weak;
    }
    // SAFETY: looks a C string up among the loaded objects.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}

macro_rules! weak_symbol {
    ($function:ident, $name:literal) => {
        fn $function() -> *const c_void {
            let address: *const c_void;
            // SAFETY: loads a weak symbol's address, or 0, from the GOT.
            #[cfg(target_arch = "x86_64")]
            unsafe {
                asm!(
                    concat!(".weak ", $name),
                    concat!("mov {}, qword ptr [rip + ", $name, "@GOTPCREL]"),
                    out(reg) address,
                    options(nostack, readonly, preserves_flags),
                );
            }
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            unsafe {
                asm!(
                    concat!(".weak ", $name),
                    concat!("adrp {0}, :got:", $name),
                    concat!("ldr {0}, [{0}, :got_lo12:", $name, "]"),
                    out(reg) address,
                    options(nostack, readonly, preserves_flags),
                );
            }
            address
        }
    };
}

weak_symbol!(weak_offset, "__rseq_offset");
weak_symbol!(weak_size, "__rseq_size");

/// A thread's area under our own registration: room for what kernels ask for.
#[repr(C, align(128))]
struct Area {
    cpu_id_start: u32,
    cpu_id: i32,
    rseq_cs: u64,
    rest: [u8; 240],
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Fresh,
    Registered,
    Refused,
    Exiting,
}

struct Own {
    area: UnsafeCell<Area>,
    state: Cell<State>,
}

thread_local! {
    // No destructor, so it stays usable while others' destructors run; the
    // kernel is told to let go by a pthread key instead.
    static OWN: Own = const {
        Own {
            area: UnsafeCell::new(Area { cpu_id_start: 0, cpu_id: UNREGISTERED, rseq_cs: 0, rest: [0; 240] }),
            state: Cell::new(State::Fresh),
        }
    };
}

/// Length of the registration; set by `start_own` before any thread uses it.
static LENGTH: AtomicU32 = AtomicU32::new(0);
/// The key whose destructor unregisters an exiting thread; likewise.
static KEY: AtomicU32 = AtomicU32::new(0);

/// Registers this thread and returns its area's distance.
fn start_own() -> Result<isize, PortableReason> {
    // The kernel says what it has; exactly 32 is right only where that is all
    // (a longer area is the current ABI, see spec of rseq_len).
    // SAFETY: reads the auxiliary vector.
    let align = (unsafe { libc::getauxval(AT_RSEQ_ALIGN) } as usize).max(32);
    let size = feature_size().max(32);
    if size > size_of::<Area>() || align > align_of::<Area>() {
        return Err(PortableReason::AreaTooSmall { size, align });
    }
    let offset = OWN.with(|own| own.area.get().addr().wrapping_sub(thread_pointer()) as isize);
    if !thread_locals_are_static() {
        return Err(PortableReason::DynamicThreadLocals);
    }
    let mut key: libc::pthread_key_t = 0;
    // SAFETY: makes a key; the destructor is a function of this object, which
    // is pinned before the first section runs.
    let errno = unsafe { libc::pthread_key_create(&mut key, Some(unregister_exiting)) };
    if errno != 0 {
        return Err(PortableReason::RegistrationRefused { errno });
    }
    KEY.store(key, Relaxed);
    LENGTH.store(size as u32, Relaxed);
    OWN.with(Own::register).map_err(|errno| {
        // SAFETY: the key just made; no thread has a value that matters.
        unsafe { libc::pthread_key_delete(key) };
        PortableReason::RegistrationRefused { errno }
    })?;
    Ok(offset)
}

impl Own {
    fn register(&self) -> Result<(), i32> {
        if self.state.get() == State::Registered {
            return Ok(());
        }
        // The destructor runs only for a value that is not null.
        let key = KEY.load(Relaxed);
        // SAFETY: the key was made in `start_own`, before any thread gets here.
        let errno = unsafe { libc::pthread_setspecific(key, self.area.get().cast()) };
        let outcome = if errno != 0 { Err(errno) } else { self.call(0) };
        self.state.set(if outcome.is_ok() { State::Registered } else { State::Refused });
        outcome
    }

    fn call(&self, flags: i32) -> Result<(), i32> {
        let length = LENGTH.load(Relaxed);
        // A section that went cold before registration may have left its mark.
        let rseq_cs = self.area.get().wrapping_byte_add(RSEQ_CS).cast::<u64>();
        // SAFETY: a field of this thread's own area.
        unsafe { rseq_cs.write_volatile(0) };
        let _kept = keep();
        // SAFETY: rseq(2): the area is thread-local, large and aligned enough,
        // and registered until the thread ends or `unregister_exiting` ran.
        let result =
            unsafe { libc::syscall(libc::SYS_rseq, self.area.get(), length, flags, SIGNATURE) };
        if result < 0 { Err(errno()) } else { Ok(()) }
    }
}

/// At thread exit: the kernel must let go of the area before its memory goes.
extern "C" fn unregister_exiting(_: *mut c_void) {
    OWN.with(|own| {
        if own.state.replace(State::Exiting) == State::Registered {
            // It can only fail for a registration that is not there.
            let _ = own.call(FLAG_UNREGISTER);
        }
    });
}

/// Whether thread-local memory of the object that holds this code lies at one
/// distance from every thread's pointer: so for module 1 if that belongs to an
/// object that was there when the program started. With glibc it does, as its
/// libc has some; with musl a library loaded later may be the first with any.
fn thread_locals_are_static() -> bool {
    super::object::find(unregister_exiting as *const () as usize).is_some_and(|object| {
        object.tls_module == 1 && (object.executable || cfg!(target_env = "gnu"))
    })
}

#[cfg(test)]
mod tests {
    use super::suspect_release;

    #[test]
    fn kernels_from_6_19_to_7_0_are_suspect() {
        for (release, suspect) in [
            ("6.18.44-fc", false),
            ("6.19.0", true),
            ("7.0.9", true),
            ("7.1.0-rc3", false),
            ("?", true),
        ] {
            assert_eq!(suspect_release(release), suspect, "{release}");
        }
    }
}
