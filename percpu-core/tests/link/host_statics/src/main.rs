//! Loads plug-ins with statics: their copies come from the reserved part of the
//! first chunk, and go back there. Each file given is loaded once.

use std::ffi::{CStr, CString, c_void};

use percpu_core::Info;

const TIMES: usize = 1000;
const ROUNDS: u64 = 20;

struct Plugin {
    handle: *mut c_void,
    round: extern "C" fn(),
    sum: extern "C" fn() -> u64,
    address: extern "C" fn() -> usize,
    unregister: extern "C" fn() -> bool,
}

fn load(path: &str) -> Plugin {
    let path = CString::new(path).expect("a path");
    // SAFETY: a C string; the plug-ins have no constructors that matter here.
    let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    assert!(!handle.is_null(), "dlopen of {path:?}");
    let find = |name: &CStr| {
        // SAFETY: a live handle and a C string.
        let symbol = unsafe { libc::dlsym(handle, name.as_ptr()) };
        assert!(!symbol.is_null(), "dlsym of {name:?}");
        symbol
    };
    // SAFETY: the plug-ins define these functions with these signatures.
    unsafe {
        Plugin {
            handle,
            round: std::mem::transmute::<*mut c_void, extern "C" fn()>(find(c"plugin_round")),
            sum: std::mem::transmute::<*mut c_void, extern "C" fn() -> u64>(find(c"plugin_sum")),
            address: std::mem::transmute::<*mut c_void, extern "C" fn() -> usize>(find(
                c"plugin_address",
            )),
            unregister: std::mem::transmute::<*mut c_void, extern "C" fn() -> bool>(find(
                c"plugin_unregister",
            )),
        }
    }
}

impl Plugin {
    /// Counts from two threads, from the initial values on.
    fn count(&self) {
        assert_eq!((self.sum)(), 0, "the statics start from their initial values");
        let round = self.round;
        std::thread::scope(|s| {
            for _ in 0..2 {
                s.spawn(move || (0..ROUNDS).for_each(|_| round()));
            }
        });
        assert_eq!((self.sum)(), 2 * ROUNDS * 12, "the sum is not exact");
    }

    /// Where in the first CPU's unit its statics are, if in the first chunk.
    fn offset(&self, info: Info) -> usize {
        // The first unit begins the first chunk, at a multiple of the atom.
        (self.address)() % info.layout().atom_size()
    }
}

fn main() {
    let info = percpu_core::info().expect("per-CPU memory");
    shared::count();
    let reserved = info.layout().reserved_range();
    let chunks = info.chunks();
    let plugins: Vec<_> = std::env::args().skip(1).map(|path| load(&path)).collect();

    // The first, over and over: always the same place.
    let first = &plugins[0];
    first.count();
    let offset = first.offset(info);
    assert!(reserved.contains(&offset), "{offset:#x} is not in {reserved:#x?}");
    assert!((first.unregister)(), "there was something to give back");
    assert!(!(first.unregister)(), "but once");
    for _ in 0..TIMES {
        first.count();
        assert_eq!(first.offset(info), offset);
        assert!((first.unregister)());
    }

    // All at once, each with its own copies; the last ones given back first.
    for plugin in &plugins {
        plugin.count();
    }
    let mut offsets: Vec<_> = plugins.iter().map(|plugin| plugin.offset(info)).collect();
    offsets.sort_unstable();
    assert!(offsets.windows(2).all(|two| two[1] - two[0] >= 128), "{offsets:x?}");
    assert!(offsets.iter().all(|offset| reserved.contains(offset)), "{offsets:x?}");
    for plugin in plugins.iter().rev() {
        assert_eq!((plugin.sum)(), 2 * ROUNDS * 12, "nobody else's words");
        assert!((plugin.unregister)());
    }

    // Closed, the code stays, as a thread's last section may be there.
    for plugin in &plugins {
        // SAFETY: closed once; its functions stay, which is what is tested.
        assert_eq!(unsafe { libc::dlclose(plugin.handle) }, 0);
        plugin.count();
        assert!((plugin.unregister)());
    }
    assert_eq!(info.chunks(), chunks, "all of it in the first chunk");
    shared::count();
    println!("{} plug-ins with statics, one of them {TIMES} times", plugins.len());
    work::print_mode();
}
