//! Loads plug-ins with statics: their copies come from the reserved part of the
//! first chunk, and go back there; what does not fit comes from elsewhere. Each
//! file given, three or more, is loaded once.

use std::ffi::{CStr, CString, c_void};

use percpu_core::Info;

const TIMES: usize = 1000;
/// Room for two plug-ins, with a page-aligned static each, and not for three.
const RESERVED: usize = 20 << 10;
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

    /// Where its copies are, in the first CPU's unit: chunk, and offset in it. That
    /// unit begins its chunk, at a multiple of the atom.
    fn place(&self, info: Info) -> (usize, usize) {
        let (address, atom) = ((self.address)(), info.layout().atom_size());
        (address / atom, address % atom)
    }
}

fn main() {
    percpu_core::config().reserved(RESERVED).apply().expect("nothing was used");
    let info = percpu_core::info().expect("per-CPU memory");
    shared::count();
    let reserved = info.layout().reserved_range();
    assert_eq!(reserved.len(), RESERVED);
    let plugins: Vec<_> = std::env::args().skip(1).map(|path| load(&path)).collect();

    // The first, over and over: always the same place.
    let first = &plugins[0];
    first.count();
    let (chunk, offset) = first.place(info);
    assert!(reserved.contains(&offset), "{offset:#x} is not in {reserved:#x?}");
    assert!((first.unregister)(), "there was something to give back");
    assert!(!(first.unregister)(), "but once");
    for _ in 0..TIMES {
        first.count();
        assert_eq!(first.place(info), (chunk, offset));
        assert!((first.unregister)());
    }

    // All at once, each with its own copies; the last ones given back first.
    for plugin in &plugins {
        plugin.count();
    }
    let mut places: Vec<_> = plugins.iter().map(|plugin| plugin.place(info)).collect();
    let inside = |place: &(usize, usize)| place.0 == chunk && reserved.contains(&place.1);
    let within: Vec<_> = places.iter().map(inside).collect();
    assert!(within[..2] == [true; 2] && !within[2..].contains(&true), "{places:x?}");
    places.sort_unstable();
    let apart = |two: &[(usize, usize)]| two[0].0 != two[1].0 || two[1].1 - two[0].1 > 4096;
    assert!(places.windows(2).all(apart), "{places:x?}");
    for plugin in plugins.iter().rev() {
        assert_eq!((plugin.sum)(), 2 * ROUNDS * 12, "nobody else's words");
        assert!((plugin.unregister)());
    }
    // The dylib's page, and each plug-in's.
    let pages = if std::env::var_os("PERCPU_HARDENED").is_some_and(|value| value == "1") {
        1 + plugins.len()
    } else {
        0
    };
    assert_eq!(info.hidden_bytes(), pages * 4096);

    // Closed, the code stays, as a thread's last section may be there.
    for plugin in &plugins {
        // SAFETY: closed once; its functions stay, which is what is tested.
        assert_eq!(unsafe { libc::dlclose(plugin.handle) }, 0);
        plugin.count();
        assert_eq!(plugin.place(info), (chunk, offset));
        assert!((plugin.unregister)());
    }
    shared::count();
    println!("{} plug-ins with statics, one of them {TIMES} times", plugins.len());
    work::print_mode();
}
