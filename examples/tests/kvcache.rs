//! Runs the program as a person would, mostly with what a person gets wrong.

#![cfg(unix)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_kvcache");

/// A folder with some text, one binary and one empty file.
fn some_text() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in 0..40_usize {
        let line = format!("line of file {file}: les pages d'un cache, déjà lues\n");
        fs::create_dir_all(dir.path().join("sub")).unwrap();
        fs::write(dir.path().join(format!("sub/{file}.txt")), line.repeat(500)).unwrap();
    }
    fs::write(dir.path().join("binary"), b"\x7fELF\0\0\xff").unwrap();
    fs::write(dir.path().join("empty"), b"").unwrap();
    dir
}

fn kvcache(input: &Path, more: &[&str]) -> Output {
    Command::new(PROGRAM).arg("--input").arg(input).args(more).output().unwrap()
}

/// The same with files limited to `kib`, as on a disk with that much left.
fn kvcache_within(kib: usize, input: &Path) -> Output {
    Command::new("sh")
        .arg("-c")
        .arg(format!("ulimit -f {} && exec \"$@\"", kib * 2))
        .args(["sh", PROGRAM, "--seconds", "1", "--input"])
        .arg(input)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Asserts a good end and gives what was printed.
#[track_caller]
fn good(output: &Output) -> String {
    let (out, err) = (stdout(output), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{:?}\n{out}\n{err}", output.status);
    assert!(out.contains("self-check ok: 7 counters and 3840 latency buckets"), "{out}");
    out
}

/// Asserts a bad end with all these words, and no panic.
#[track_caller]
fn bad(output: &Output, code: i32, words: &[&str]) {
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{err}");
    assert!(!err.contains("panicked"), "{err}");
    for word in words {
        assert!(err.contains(word), "no {word:?} in: {err}");
    }
}

#[test]
fn serves_both_workloads_and_checks_itself() {
    let text = some_text();
    let database = tempfile::tempdir().unwrap();
    let dir = database.path().to_str().unwrap();
    let output = kvcache(text.path(), &["--seconds", "1", "--cache-mib", "1", "--db-dir", dir]);
    let out = good(&output);
    for words in ["from 40 files", "1 files without text", "1 empty", "workload B", "workload C"] {
        assert!(out.contains(words), "no {words:?} in {out}");
    }
    assert!(!out.contains("shared atomics"), "{out}");
    assert_eq!(fs::read_dir(database.path()).unwrap().count(), 0, "left something behind");
}

#[test]
fn compares_with_shared_atomics() {
    let text = some_text();
    let output = kvcache(text.path(), &["--seconds", "1", "--compare", "--workload", "c"]);
    let out = good(&output);
    assert!(out.contains("shared atomics") && out.contains("one update of the statistics"));
    assert!(!out.contains("workload B"), "{out}");
}

#[test]
fn more_text_than_wanted_is_cut() {
    let text = some_text();
    let output = kvcache(text.path(), &["--seconds", "1", "--max-bytes", "10K"]);
    assert!(good(&output).contains("10.00 KiB of text (stopped at --max-bytes) from 1 files"));
}

#[test]
fn help_names_every_option() {
    let output = Command::new(PROGRAM).arg("--help").output().unwrap();
    assert!(output.status.success());
    for option in ["--input", "--seconds", "--threads", "--compare", "--max-bytes", "--db-dir"] {
        assert!(stdout(&output).contains(option));
    }
}

#[test]
fn zeros_are_refused() {
    for option in ["--seconds", "--threads", "--cache-mib", "--max-bytes"] {
        let output = Command::new(PROGRAM).args([option, "0"]).output().unwrap();
        bad(&output, 2, &["invalid value '0'", option]);
    }
}

#[test]
fn a_missing_input() {
    let text = some_text();
    bad(&kvcache(&text.path().join("nowhere"), &[]), 1, &["cannot open --input", "nowhere"]);
}

#[test]
fn a_missing_database_folder() {
    let text = some_text();
    bad(
        &kvcache(text.path(), &["--db-dir", "/nowhere/at/all"]),
        1,
        &["cannot make a database file in /nowhere/at/all", "--db-dir"],
    );
}

#[test]
fn a_dangling_link() {
    let text = some_text();
    symlink("nothing", text.path().join("dangling")).unwrap();
    bad(&kvcache(text.path(), &[]), 1, &["cannot read", "dangling", "--skip-unreadable"]);

    let output = kvcache(text.path(), &["--skip-unreadable", "--seconds", "1"]);
    assert!(good(&output).contains("1 unreadable"));
}

#[test]
fn a_loop_of_folders() {
    let text = some_text();
    symlink(text.path(), text.path().join("again")).unwrap();
    bad(&kvcache(text.path(), &[]), 1, &["cannot read", "again", "link back to"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_opens_but_cannot_be_read() {
    let text = some_text();
    symlink("/proc/self/mem", text.path().join("mem")).unwrap(); // EIO, for root too
    bad(&kvcache(text.path(), &[]), 1, &["cannot read", "mem", "--skip-unreadable"]);
}

#[test]
fn nothing_but_binaries() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("latin-1"), b"d\xe9j\xe0").unwrap();
    fs::write(dir.path().join("zeros"), b"\0\0\0").unwrap();
    bad(&kvcache(dir.path(), &[]), 1, &["no text to load below", "2 files without text"]);
}

#[test]
fn an_empty_folder() {
    let dir = tempfile::tempdir().unwrap();
    bad(&kvcache(dir.path(), &[]), 1, &["no text to load below", "0 files without text"]);
}

#[test]
fn no_room_for_the_database() {
    let text = some_text();
    // From no room for an empty database to no room for the last pages. Past the
    // limit the system also sends SIGXFSZ, which would end a careless process.
    for kib in [1, 64, 512, 1500] {
        bad(&kvcache_within(kib, text.path()), 1, &["no room for the database in"]);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk() {
    let text = some_text();
    // A tiny disk of our own, where the system allows one.
    let script = "mount -t tmpfs -o size=1m none \"$1\" || exit 77; exec \"$2\" --input \"$3\" --db-dir \"$1\"";
    let mount = tempfile::tempdir().unwrap();
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .args([mount.path(), Path::new(PROGRAM), text.path()])
        .output();
    match output {
        Ok(output) if output.status.code() == Some(1) && !output.stderr.starts_with(b"unshare") => {
            bad(&output, 1, &["no room for the database in", "--max-bytes loads less"]);
        }
        other => eprintln!("not tested, no mount of our own here: {other:?}"),
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let text = some_text();
    let mut child = Command::new(PROGRAM)
        .args(["--seconds", "1", "--input"])
        .arg(text.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take()); // as `| head -0` does
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
}

#[test]
#[cfg(target_os = "linux")]
fn a_report_that_cannot_be_written_is_an_error() {
    let text = some_text();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Command::new(PROGRAM)
        .args(["--seconds", "1", "--input"])
        .arg(text.path())
        .stdout(full)
        .output()
        .unwrap();
    bad(&output, 1, &["cannot write the report"]);
}

#[test]
fn an_interrupt_ends_serving_with_a_report() {
    let text = some_text();
    let mut child = Command::new(PROGRAM)
        .args(["--seconds", "60", "--input"])
        .arg(text.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("cache ") {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "ended before it served");
    }
    std::thread::sleep(Duration::from_millis(200));

    let asked = Instant::now();
    let kill = Command::new("sh").arg("-c").arg(format!("kill -INT {}", child.id())).status();
    assert!(kill.unwrap().success());
    let mut report = String::new();
    out.read_to_string(&mut report).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    assert!(report.contains("workload B") && report.contains("self-check ok"), "{report}");
    assert!(!report.contains("workload C"), "{report}");
}
