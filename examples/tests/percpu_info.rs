//! `percpu-info` from outside: what it prints, and how it refuses.

use std::io::Read;
use std::process::{Command, Output, Stdio};

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_percpu-info"));
    command.args(args).env_remove("COLUMNS");
    command
}

fn run(args: &[&str]) -> Output {
    command(args).output().expect("percpu-info starts")
}

fn text(args: &[&str]) -> String {
    let output = run(args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    assert!(output.stderr.is_empty(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn draws_a_machine_that_is_not_there() {
    let text = text(&[
        "--cpus",
        "64",
        "--nodes",
        "4",
        "--static",
        "72K",
        "--reserved",
        "8K",
        "--dynamic",
        "28K",
        "--atom",
        "2M",
        "--page",
        "4K",
    ]);
    assert!(text.contains("64 possible CPUs 0-63; 4 nodes; as described"), "{text}");
    assert!(text.contains("NR_CPUS:64 nr_cpumask_bits:64 nr_cpu_ids:64 nr_node_ids:4"), "{text}");
    assert!(text.contains("pcpu-alloc: s73728 r8192 d28672 u131072 alloc=1*2097152\n"), "{text}");
    assert!(text.contains("\npcpu-alloc: [0] 00 01 02 03 04 05 06 07 08 09 10"), "{text}");
    assert!(text.contains("Embedded 27 pages/cpu s73728 r8192 d28672 u131072"), "{text}");
    assert!(text.contains("╭─ group 3: node 3, 16 CPUs, 16 units of 128K at 6M"), "{text}");
    assert!(text.contains("│ 63 │"), "{text}");
}

#[test]
fn the_boot_log_of_two_cpus() {
    let text = text(&["--cpus", "2", "--static", "185496", "--reserved", "0"]);
    assert!(
        text.contains(
            "pcpu-alloc: s185496 r0 d31592 u1048576 alloc=1*2097152\npcpu-alloc: [0] 0 1\n"
        ),
        "{text}"
    );
}

#[test]
fn without_arguments_it_describes_this_machine() {
    let text = text(&[]);
    for part in ["This machine", "Mode: ", "NR_CPUS:", "pcpu-alloc: s", "Embedded", "group 0"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}

#[test]
fn sizes_alone_apply_to_this_machine() {
    let text = text(&["--static", "1m", "--early-minimum", "12K", "--minimum-unit", "1M"]);
    assert!(text.contains("This machine, with the sizes given"), "{text}");
    assert!(text.contains("pcpu-alloc: s1048576 "), "{text}");
}

#[test]
fn large_machines_stay_narrow() {
    for columns in [None, Some("100"), Some("0"), Some("many")] {
        let mut command = command(&["--cpus", "4096", "--nodes", "128"]);
        let limit = if columns == Some("100") { 100 } else { 80 };
        if let Some(columns) = columns {
            command.env("COLUMNS", columns);
        }
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let picture = text.split("Units by group").nth(1).expect("a picture");
        assert!(picture.lines().all(|line| line.chars().count() <= limit), "COLUMNS={columns:?}");
        assert!(picture.contains(" 4095 │"));
    }
}

#[test]
fn bad_arguments_are_refused() {
    let cases: &[(&[&str], &str)] = &[
        (&["--cpus", "0"], "at least one possible CPU"),
        (&["--cpus", "4", "--nodes", "0"], "at least one node"),
        (&["--cpus", "4", "--nodes", "5"], "5 nodes cannot share 4 CPUs"),
        (&["--cpus", "65535"], "over the largest supported"),
        (&["--cpus", "4294967296"], "--cpus"),
        (&["--cpus", "-1"], "-1"),
        (&["--cpus", "four"], "four"),
        (&["--nodes", "2"], "--cpus"),
        (&["--cpus", "4", "--atom", "3M"], "3145728 bytes is not a power of two: take 4194304"),
        (&["--cpus", "4", "--atom", "0"], "not a power of two"),
        (&["--cpus", "4", "--atom", "1K"], "not a multiple of the page"),
        (&["--cpus", "4", "--page", "5000"], "page size of 5000 bytes is not a power of two"),
        (&["--cpus", "4", "--page", "0"], "not a power of two"),
        (&["--cpus", "4", "--page", "16"], "too small"),
        (&["--cpus", "4", "--static", "0"], "static part is empty"),
        (&["--cpus", "4", "--reserved", "6"], "not a multiple of 4"),
        (&["--cpus", "4", "--static", "9000000000G"], "more than an address can span"),
        (&["--cpus", "64", "--static", "1000000000G"], "more than an address can span"),
        (&["--cpus", "4", "--static", "72Q"], "use K, M or G"),
        (&["--cpus", "4", "--static", ""], "digits"),
        (&["--what"], "--what"),
        (&["stray"], "stray"),
    ];
    for (args, expected) in cases {
        let output = run(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(expected), "{args:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{args:?} prints nothing");
    }
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    let mut child = command(&["--cpus", "65534", "--nodes", "1024"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Far more than a pipe holds is written; read a little and leave.
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 64]).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{:?} {stderr}", output.status);
}

#[test]
fn says_whether_an_address_space_has_room() {
    let machine = ["--cpus", "8", "--nodes", "2", "--address-space"];
    let with = |space| text(&[&machine[..], &[space]].concat());
    let room = with("1G");
    assert!(room.contains("Room in 1G of address space: the first chunk at 1020M\n"), "{room}");
    let none = with("5M");
    assert!(none.contains("No room in 5M of address space: the groups span 4194304"), "{none}");
}
