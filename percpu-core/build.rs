//! The one place where a target is turned into a choice of body.
//!
//! `percpu_linux`: the real outside world of Linux is used (mmap, sysfs,
//! membarrier, linker sections). Off elsewhere, under loom and under Miri,
//! where memory comes from the heap and statics register one by one.
//!
//! `percpu_rseq`: restartable sections in assembly are compiled in. Off as
//! well when a person forces the portable bodies or when ThreadSanitizer, which
//! cannot see assembly, is on.
//!
//! `percpu_no_fences`: ThreadSanitizer is on, which takes no notice of fences.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |key: &str, value: &str| env::var(key).is_ok_and(|v| v.split(',').any(|v| v == value));
    let has = |key: &str| env::var_os(key).is_some();

    if is("CARGO_CFG_SANITIZE", "thread") {
        println!("cargo::rustc-cfg=percpu_no_fences");
    }
    let pretend = has("CARGO_CFG_PERCPU_LOOM") || has("CARGO_CFG_MIRI");
    let linux = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_POINTER_WIDTH", "64");
    if linux && !pretend {
        println!("cargo::rustc-cfg=percpu_linux");
        let sections = (is("CARGO_CFG_TARGET_ARCH", "x86_64")
            || is("CARGO_CFG_TARGET_ARCH", "aarch64"))
            && is("CARGO_CFG_TARGET_ENDIAN", "little");
        let blind = is("CARGO_CFG_SANITIZE", "thread") || is("CARGO_CFG_SANITIZE", "memory");
        if sections && !blind && !has("CARGO_CFG_PERCPU_FORCE_PORTABLE") {
            println!("cargo::rustc-cfg=percpu_rseq");
        }
    }
}
