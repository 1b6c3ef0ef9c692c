//! Keeps the code that holds sections mapped.
//!
//! A thread's `rseq_cs` goes on pointing at the last section it ran, and the
//! kernel reads through it when the thread next wakes: were the object that
//! holds it unmapped by then, the thread would be killed. A fence does not
//! help, as it does not reach blocked threads. So such objects are pinned:
//!
//! - the core's own when sections are first chosen,
//! - an object with statics when they are registered,
//! - any other that sections were inlined into when it is loaded: by the
//!   constructor `hold`, which the sections bring along. A plug-in over a
//!   library that holds the core passes through no cold path of its own, so
//!   there is no later moment.
//!
//! # Safety
//!
//! Asks the loader about addresses and keeps what it answers only while it is
//! valid.

#![allow(unsafe_code)]

use core::ffi::c_void;
use core::mem::MaybeUninit;

/// Pins the shared object that holds the code at `code`; a no-op for the
/// executable itself, which is never unmapped.
pub(crate) fn pin(code: *const c_void) {
    if cfg!(percpu_mutate = "no_pin") || find(code.addr()).is_none_or(|found| found.executable) {
        return;
    }
    let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: `info` is a place for the answer; `code` is only looked up.
    if unsafe { libc::dladdr(code, info.as_mut_ptr()) } == 0 {
        return;
    }
    // SAFETY: all zeroes is a valid `Dl_info`, and dladdr filled it.
    let info = unsafe { info.assume_init() };
    if info.dli_fname.is_null() {
        return;
    }
    // The handle is kept for ever on purpose; NOLOAD makes it fail, harmlessly,
    // for names that are not loaded objects.
    // SAFETY: `dli_fname` is the loader's own C string; nothing new is loaded.
    unsafe {
        libc::dlopen(info.dli_fname, libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE)
    };
}

/// Called by the constructor of a link unit with sections, with its address.
#[cfg(percpu_rseq)]
pub(crate) extern "C" fn hold(code: *const c_void) {
    pin(code);
}

/// A loaded object.
pub(crate) struct Object {
    /// Whether it is the executable.
    pub(crate) executable: bool,
    /// The loader's number of its thread-local memory; 0: it has none.
    #[cfg_attr(not(percpu_rseq), allow(dead_code, reason = "no sections in this build"))]
    pub(crate) tls_module: usize,
}

/// The loaded object that holds `address`.
pub(crate) fn find(address: usize) -> Option<Object> {
    struct Search {
        address: usize,
        visited: usize,
        found: Option<Object>,
    }
    unsafe extern "C" fn visit(
        info: *mut libc::dl_phdr_info,
        _: libc::size_t,
        search: *mut c_void,
    ) -> libc::c_int {
        // SAFETY: the loader passes a valid description.
        let info = unsafe { &*info };
        // SAFETY: `search` is the local below, lent for the walk.
        let search = unsafe { &mut *search.cast::<Search>() };
        search.visited += 1;
        let count = info.dlpi_phnum.into();
        // SAFETY: `dlpi_phdr` points at `dlpi_phnum` headers, there for as long
        // as the object is loaded.
        let headers = unsafe { core::slice::from_raw_parts(info.dlpi_phdr, count) };
        for header in headers {
            let start = (info.dlpi_addr as usize).wrapping_add(header.p_vaddr as usize);
            let holds = search.address.wrapping_sub(start) < header.p_memsz as usize;
            if header.p_type == libc::PT_LOAD && holds {
                // The executable is visited first: dl_iterate_phdr(3).
                let executable = search.visited == 1;
                search.found = Some(Object { executable, tls_module: info.dlpi_tls_modid });
                return 1;
            }
        }
        0
    }
    let mut search = Search { address, visited: 0, found: None };
    // SAFETY: `visit` has the callback's signature and gets the local it expects.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut search).cast()) };
    search.found
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn code_of_this_program_is_the_executables() {
        let here = code_of_this_program_is_the_executables as *const () as usize;
        assert!(find(here).is_some_and(|object| object.executable));
    }

    #[cfg(all(target_env = "gnu", not(target_feature = "crt-static")))]
    #[test]
    fn libcs_code_is_not() {
        // SAFETY: looks a C string up among the loaded objects.
        let code = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"getpid".as_ptr()) };
        assert!(find(code.addr()).is_some_and(|object| !object.executable));
    }

    #[test]
    fn the_stack_belongs_to_no_object() {
        let local = 0_u8;
        assert!(find((&raw const local).addr()).is_none());
    }
}
