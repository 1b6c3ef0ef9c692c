//! The quick part of `ci/link.sh`: statics of a library and of an executable
//! over it, plug-ins over the library that are closed under a thread whose
//! last section was theirs, and plug-ins that give their statics back. Builds fixtures of `tests/link`, optimised, as
//! sections are not inlined otherwise; they check their sums themselves.

#![cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_pointer_width = "64",
    not(any(miri, percpu_loom))
))]

use std::path::{Path, PathBuf};
use std::process::Command;

const PLUGINS: u32 = 8;

/// Builds packages of the fixtures; returns the folder with the results.
fn build(flags: &str, packages: &[&str]) -> PathBuf {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/link");
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    // So that cargo looks nothing up: the workspace is built, so all is here.
    std::fs::copy(lock, fixtures.join("Cargo.lock")).expect("the workspace's Cargo.lock");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("link{flags}"));
    let mut cargo = Command::new(env!("CARGO"));
    cargo.arg("build").arg("--quiet").arg("--release");
    cargo.arg("--manifest-path").arg(fixtures.join("Cargo.toml"));
    cargo.arg("--target-dir").arg(&target);
    let inherited = std::env::var("RUSTFLAGS").unwrap_or_default();
    cargo.env("RUSTFLAGS", format!("{inherited} {flags}"));
    for package in packages {
        cargo.arg("--package").arg(package);
    }
    let status = cargo.status().expect("cargo runs");
    assert!(status.success(), "cargo: {status}");
    target.join("release")
}

/// Runs a program, which must succeed; returns what it printed.
fn run(folder: &Path, program: &str, arguments: &[String]) -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let libraries = Command::new(rustc).args(["--print", "target-libdir"]).output().expect("rustc");
    let libraries = String::from_utf8(libraries.stdout).expect("a path");
    let output = Command::new(folder.join(program))
        .args(arguments)
        .env("LD_LIBRARY_PATH", format!("{}:{}", folder.display(), libraries.trim()))
        .output()
        .expect("the fixture runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {}\n{printed}{errors}", output.status);
    let mode = percpu_core::info().expect("per-CPU memory").mode();
    assert!(printed.ends_with(&format!("mode {mode}\n")), "{program}: {printed}");
    printed
}

/// Copies of a plug-in: the loader takes each file for another.
fn copies(folder: &Path, plugin: &str) -> Vec<String> {
    let copy = |i| {
        let copy = folder.join(format!("copy-{i}-{plugin}"));
        std::fs::copy(folder.join(plugin), &copy).expect("a copy of the plug-in");
        copy.display().to_string()
    };
    (0..PLUGINS).map(copy).collect()
}

#[test]
fn libraries_and_plugins_over_them_count_exactly() {
    let packages = ["over", "host_over", "plugin_over", "host_statics", "plugin_statics"];
    let folder = build("-Cprefer-dynamic", &packages);
    run(&folder, "over", &[]);
    run(&folder, "over", &["dylib-first".into()]);
    let printed = run(&folder, "host_over", &copies(&folder, "libplugin_over.so"));
    assert!(printed.contains(&format!("{PLUGINS} plug-ins closed under blocked threads")));
    // Row SV-10.
    let printed = run(&folder, "host_statics", &copies(&folder, "libplugin_statics.so"));
    assert!(printed.contains(&format!("{PLUGINS} plug-ins with statics, one of them 1000 times")));
}
