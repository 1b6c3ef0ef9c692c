//! `percpu-sort` from outside: under each allocator, and how it refuses.

#![cfg(unix)]

use std::fs;
use std::process::{Command, Output};

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_percpu-sort"));
    command.args(args).env_remove("PERCPU_EXAMPLES_ALLOCATOR").output().expect("it starts")
}

fn text(args: &[&str]) -> String {
    let output = run(args);
    assert!(output.status.success() && output.stderr.is_empty(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn both_allocators_come_to_the_same_end() {
    let dir = tempfile::tempdir().unwrap();
    let results = ["percpu", "system"].map(|allocator| {
        let file = dir.path().join(allocator);
        let output = file.to_str().unwrap();
        let text = text(&[
            "--allocator",
            allocator,
            "--lines",
            "20000",
            "--threads",
            "3",
            "--rounds",
            "2",
            "--output",
            output,
        ]);
        assert!(text.contains("20000 lines of"), "{text}");
        assert!(text.contains(&format!("3 threads, allocator {allocator}\n")), "{text}");
        assert_eq!(text.matches("sorted in").count(), 2, "{text}");
        assert_eq!(text.contains("given back"), allocator == "percpu", "{text}");
        fs::read(file).unwrap()
    });
    assert!(results[0] == results[1] && !results[0].is_empty());
    assert!(results[0].split(|&byte| byte == b'\n').take(20_000).is_sorted());
}

#[test]
fn a_file_is_sorted_by_its_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let (file, sorted) = (dir.path().join("in"), dir.path().join("out"));
    fs::write(&file, b"b\n\xff\n\na\nB\nno end").unwrap();
    text(&[file.to_str().unwrap(), "--output", sorted.to_str().unwrap()]);
    assert_eq!(fs::read(sorted).unwrap(), b"\nB\na\nb\nno end\n\xff\n");
}

#[test]
fn the_statistics_know_the_lines() {
    let text = text(&["--lines", "30000", "--threads", "2"]);
    let full = text.split("All lines in memory").nth(1).unwrap();
    let blocks: Vec<usize> = full
        .lines()
        .filter(|line| line.contains("blocks of"))
        .map(|line| line.split(' ').next().unwrap().parse().unwrap())
        .collect();
    // A 64-bit Linux has figures; elsewhere it is the system's allocator.
    if cfg!(all(target_os = "linux", target_pointer_width = "64")) {
        assert!(blocks[0] > 30_000 && blocks[1] < 10_000, "{text}");
    }
}

#[test]
fn bad_arguments_are_refused() {
    let cases: &[(&[&str], &str)] = &[
        (&["no such file"], "no such file: "),
        (&["--allocator", "other"], "other"),
        (&["--threads", "0"], "--threads"),
        (&["--lines", "0"], "--lines"),
        (&["--lines", "5", "Cargo.toml"], "cannot be used with"),
        (&["--lines", "5", "--output", "/no/such/folder/x"], "/no/such/folder/x"),
    ];
    for (args, expected) in cases {
        let output = run(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(expected) && !stderr.contains("panicked"), "{args:?}: {stderr}");
    }
}
