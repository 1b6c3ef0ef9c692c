//! Loads a plug-in, lets a thread run sections in it and block, closes the
//! plug-in meanwhile, and wakes the thread. Then the next: each file given is
//! loaded once.

use std::ffi::{CStr, CString, c_void};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const ROUNDS: u64 = 10_000;
/// Long enough for a thread to fall asleep and for a plug-in to be closed.
const CLOSING: Duration = Duration::from_millis(10);

struct Plugin {
    handle: *mut c_void,
    round: extern "C" fn(),
    sum: extern "C" fn() -> u64,
    has_sections: extern "C" fn() -> bool,
}

fn load(path: &str) -> Plugin {
    let path = CString::new(path).expect("a path");
    // SAFETY: a C string; the plug-ins have no constructors that matter here.
    let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    assert!(!handle.is_null(), "dlopen: {}", error());
    let find = |name: &CStr| {
        // SAFETY: a live handle and a C string.
        let symbol = unsafe { libc::dlsym(handle, name.as_ptr()) };
        assert!(!symbol.is_null(), "dlsym: {}", error());
        symbol
    };
    // SAFETY: the plug-ins define these three functions with these signatures.
    unsafe {
        Plugin {
            handle,
            round: std::mem::transmute::<*mut c_void, extern "C" fn()>(find(c"plugin_round")),
            sum: std::mem::transmute::<*mut c_void, extern "C" fn() -> u64>(find(c"plugin_sum")),
            has_sections: std::mem::transmute::<*mut c_void, extern "C" fn() -> bool>(find(
                c"plugin_has_sections",
            )),
        }
    }
}

fn error() -> String {
    // SAFETY: null, or libc's C string.
    let text = unsafe { libc::dlerror() };
    if text.is_null() {
        return "no message".into();
    }
    // SAFETY: not null.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// One file; returns whether its operations ran as sections.
fn visit(path: &str) -> bool {
    let plugin = load(path);
    let before = (plugin.sum)();
    let has_sections = (plugin.has_sections)();
    // Nothing may block between a thread's last section and the close: on a
    // wake-up in between the kernel would forget the section.
    let (done, closed) = (AtomicU32::new(0), Barrier::new(3));
    let rounds = || {
        for _ in 0..ROUNDS {
            (plugin.round)();
        }
        done.fetch_add(1, Ordering::Release);
    };
    let mut added = 0;
    std::thread::scope(|s| {
        // One blocks on a futex, one in a sleep.
        s.spawn(|| {
            rounds();
            closed.wait();
        });
        s.spawn(|| {
            rounds();
            std::thread::sleep(CLOSING);
            closed.wait();
        });
        while done.load(Ordering::Acquire) != 2 {
            std::thread::yield_now();
        }
        added = (plugin.sum)() - before;
        // SAFETY: nobody calls into the plug-in any more.
        assert_eq!(unsafe { libc::dlclose(plugin.handle) }, 0, "dlclose: {}", error());
        std::thread::sleep(CLOSING);
        closed.wait();
    });
    assert_eq!(added, 2 * ROUNDS * 12, "{path}: the sum is not exact");
    has_sections
}

/// Visits each file named on the command line.
pub fn visit_all() {
    let (mut files, mut with_sections) = (0, 0);
    for path in std::env::args().skip(1) {
        files += 1;
        with_sections += u32::from(visit(&path));
    }
    println!("{files} plug-ins closed under blocked threads, {with_sections} with sections");
}
