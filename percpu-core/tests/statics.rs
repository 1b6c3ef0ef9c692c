//! Statics of all families: where they lie on every CPU, what they start with,
//! and that their templates can be hidden. Rows SV-01 to SV-09 of the list of
//! capabilities; link units and plug-ins are in `link_units.rs`.
//!
//! # Safety
//!
//! Reads templates and their copies byte by byte, where nobody writes; and in a
//! child where hardened mode made one inaccessible, to crash.

#![cfg(all(target_os = "linux", target_pointer_width = "64", not(any(miri, percpu_loom))))]
#![allow(unsafe_code)]

mod common;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use common::{in_child, in_each_mode};
use percpu_core::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64};
use percpu_core::{
    Copies, Element, Field, LocalLock, PerCpu, Topology, Unit, config, field, info, percpu,
};

percpu! {
    static PLAIN: AtomicU64 = AtomicU64::new(5);
    #[hot]
    static HOT: AtomicU32 = AtomicU32::new(6);
    static ODD: AtomicU8 = AtomicU8::new(7);
    /// Documentation and other attributes
    /// may stand before
    #[read_mostly]
    /// the family's, and after it.
    #[allow(dead_code)]
    static SETTING: AtomicU16 = AtomicU16::new(8);
    #[page_aligned] static PAGE: AtomicU64 = AtomicU64::new(9);
    #[shared_aligned] static SHARED: LocalLock<[u64; 5]> = LocalLock::new([10; 5]);
    #[cache_aligned] pub(crate) static LINE: AtomicU8 = AtomicU8::new(11);
    #[page_aligned] static PAGES: [AtomicU64; 600] = [const { AtomicU64::new(12) }; 600];
    #[hot] static HOT_TOO: AtomicU64 = AtomicU64::new(13);
    #[read_mostly] static FLAG: AtomicBool = AtomicBool::new(true);
    static THREE: [AtomicU32; 3] = [const { AtomicU32::new(14) }; 3];
    static STATS: Stats = Stats::new();
    #[read_mostly] static POINTERS: Pointers = Pointers { name: "relocated", call: seven };
    static LARGE: [AtomicU64; 2048] = [const { AtomicU64::new(15) }; 2048];
    #[page_aligned] static LATER: [AtomicU64; 512] = [const { AtomicU64::new(16) }; 512];
}

struct Stats {
    requests: AtomicU64,
    by_kind: [AtomicU32; 4],
    inner: Inner,
}

struct Inner(AtomicU8, AtomicU16);

impl Stats {
    const fn new() -> Self {
        Self {
            requests: AtomicU64::new(1),
            by_kind: [const { AtomicU32::new(2) }; 4],
            inner: Inner(AtomicU8::new(3), AtomicU16::new(4)),
        }
    }
}

struct Pointers {
    name: &'static str,
    call: fn() -> u32,
}

fn seven() -> u32 {
    7
}

fn address<T>(copies: &Copies<T>, unit: Unit) -> usize {
    core::ptr::from_ref(copies.on(unit).get()).addr()
}

fn units() -> impl Iterator<Item = Unit> {
    Unit::all().expect("per-CPU memory")
}

/// Row SV-01. In a child, as nothing may have been written.
#[test]
fn every_copy_starts_with_the_initial_value() {
    in_each_mode("every_copy_starts_with_the_initial_value", || {
        let count = units().count() as u64;
        assert_eq!((PLAIN.sum(), PAGE.sum()), (5 * count, 9 * count), "active or not");
        for unit in units() {
            let words = (PLAIN.on(unit).load(), HOT.on(unit).load(), ODD.on(unit).load());
            assert_eq!(words, (5, 6, 7), "{unit}");
            let words = (SETTING.on(unit).load(), PAGE.on(unit).load(), LINE.on(unit).load());
            assert_eq!(words, (8, 9, 11), "{unit}");
            assert_eq!(*SHARED.lock_on(unit).expect("fence"), [10; 5], "{unit}");
            assert_eq!((HOT_TOO.on(unit).load(), FLAG.on(unit).load()), (13, true), "{unit}");
            let of = |n: &[AtomicU64]| {
                n.iter().map(|n| n.load(std::sync::atomic::Ordering::Relaxed)).sum()
            };
            let sums: [u64; 3] =
                [of(PAGES.on(unit).get()), of(LARGE.on(unit).get()), of(LATER.on(unit).get())];
            assert_eq!(sums, [12 * 600, 15 * 2048, 16 * 512], "{unit}");
            // Row SV-11.
            let pointers = POINTERS.on(unit).get();
            assert_eq!((pointers.name, (pointers.call)()), ("relocated", 7), "{unit}");
        }
    });
}

/// Rows SV-07 to SV-09.
#[test]
fn families_keep_their_promises_on_every_cpu() {
    in_each_mode("families_keep_their_promises_on_every_cpu", || {
        for unit in units() {
            let pages = [address(&PAGE, unit), address(&PAGES, unit), address(&LATER, unit)];
            assert!(pages.iter().all(|address| address.is_multiple_of(4096)), "{unit}: {pages:x?}");
            let lines = [address(&SHARED, unit), address(&LINE, unit)];
            assert!(lines.iter().all(|address| address.is_multiple_of(64)), "{unit}: {lines:x?}");
            assert!(lines[0].abs_diff(lines[1]) >= 64, "{unit}: neighbours in other lines");

            let hot = [address(&HOT, unit), address(&HOT_TOO, unit)];
            assert_eq!(hot[0] / 64, hot[1] / 64, "{unit}: one line");
            let rare = [address(&SETTING, unit), address(&FLAG, unit), address(&POINTERS, unit)];
            let plain = [address(&PLAIN, unit), address(&ODD, unit), address(&LARGE, unit)];
            let groups: [&[usize]; 5] = [&pages, &hot, &rare, &plain, &lines];
            for (first, second) in groups.iter().zip(&groups[1..]) {
                let last = first.iter().max().expect("not empty");
                let next = second.iter().min().expect("not empty");
                assert!(last / 128 < next / 128, "{unit}: {groups:x?}");
            }
        }
    });
}

/// Row SV-03: each field of a struct, of a struct in it, and arrays.
#[test]
fn fields_and_elements_are_words_of_their_own() {
    const KINDS: Field<Stats, [AtomicU32; 4]> = field!(Stats, by_kind);
    in_each_mode("fields_and_elements_are_words_of_their_own", || {
        let count = units().count() as u64;
        let check = |stats: &Copies<Stats>, initial: [u64; 4]| {
            stats.field(field!(Stats, requests)).add(10);
            stats.field(KINDS).at(3).sub(1);
            stats.field(field!(Stats, inner)).field(field!(Inner, 0)).inc();
            stats.field(field!(Stats, inner.1)).fetch_add(300);
            let small: Element<'_, AtomicU8> = stats.field(field!(Stats, inner.0));
            let kinds: Vec<_> = (0..4).map(|nth| stats.field(KINDS).at(nth).sum()).collect();
            let kind = (initial[1] * count) as u32;
            assert_eq!(stats.field(field!(Stats, requests)).sum(), initial[0] * count + 10);
            assert_eq!(kinds, [kind, kind, kind, kind.wrapping_sub(1)]);
            assert_eq!(small.sum(), (initial[2] * count) as u8 + 1);
            assert_eq!(
                stats.field(field!(Stats, inner.1)).sum(),
                (initial[3] * count) as u16 + 300
            );
        };
        check(&STATS, [1, 2, 3, 4]);
        check(&PerCpu::new_with(|_| Stats::new()).expect("memory"), [1, 2, 3, 4]);

        THREE.at(1).add(5);
        let three = [0, 1, 2].map(|nth| u64::from(THREE.at(nth).sum()));
        assert_eq!(three, [14 * count, 14 * count + 5, 14 * count]);
    });
}

/// The sections of statics in this program: name, address and size as linked.
fn sections() -> BTreeMap<String, (usize, usize)> {
    let file = std::fs::read("/proc/self/exe").expect("this program");
    let number = |at: usize, len: usize| {
        file[at..at + len].iter().rev().fold(0_usize, |sum, &byte| sum << 8 | usize::from(byte))
    };
    // Elf64_Ehdr: e_shoff, e_shentsize, e_shnum, e_shstrndx. Elf64_Shdr: sh_name,
    // sh_addr, sh_offset, sh_size.
    let header = |nth: usize| number(0x28, 8) + nth * number(0x3a, 2);
    let names = number(header(number(0x3e, 2)) + 0x18, 8);
    let section = |nth: usize| {
        let name = &file[names + number(header(nth), 4)..];
        let end = name.iter().position(|&byte| byte == 0).expect("a C string");
        let name = String::from_utf8_lossy(&name[..end]).into_owned();
        (name, (number(header(nth) + 0x10, 8), number(header(nth) + 0x20, 8)))
    };
    let all = (0..number(0x3c, 2)).map(section);
    all.filter_map(|(name, at)| Some((name.strip_prefix("percpu_core_0_1_")?.to_owned(), at)))
        .filter(|(name, _)| name != "hold")
        .collect()
}

/// Where each family begins in a unit, and what is behind the last.
fn image(sections: &BTreeMap<String, (usize, usize)>) -> ([(&'static str, usize); 5], usize) {
    let mut end = 0_usize;
    let families = ["page", "hot", "read_mostly", "data", "shared"].map(|name| {
        let start = end.next_multiple_of(128);
        end = start + sections[name].1;
        (name, start)
    });
    (families, end)
}

/// Row SV-04. In a child, as nothing may have been written.
#[test]
fn each_unit_holds_the_templates_byte_by_byte() {
    in_each_mode("each_unit_holds_the_templates_byte_by_byte", || {
        let sections = sections();
        for unit in units() {
            // The lowest page-aligned static begins the image.
            let pages = [address(&PAGE, unit), address(&PAGES, unit), address(&LATER, unit)];
            let start = *pages.iter().min().expect("three");
            for (family, offset) in image(&sections).0 {
                let bytes = |address: usize| {
                    let first = core::ptr::with_exposed_provenance::<u8>(address);
                    // SAFETY: a section, and its copy in an active unit, as long.
                    unsafe { core::slice::from_raw_parts(first, sections[family].1) }
                };
                assert!(bytes(template(family)) == bytes(start + offset), "{unit}: {family}");
            }
        }
    });
}

/// Rows SV-06 and SV-08.
#[test]
fn the_static_size_is_that_of_the_sections_and_less_than_a_page() {
    let sections = sections();
    let size = image(&sections).1;
    assert_eq!(sections.len(), 5);
    let sum = sections.values().map(|(_, size)| size).sum::<usize>();
    let told = info().expect("per-CPU memory").layout().static_size();
    assert_eq!(told, size, "{sections:x?}");
    assert!(told - sum < 4096, "padding");
    assert_eq!(sections["page"].1, 4096 + 8192 + 4096);
    assert!(sections["hot"].1 <= 64);
}

/// Where the statics of a family have their templates in this process.
fn template(family: &str) -> usize {
    unsafe extern "C" fn visit(
        info: *mut libc::dl_phdr_info,
        _: libc::size_t,
        base: *mut libc::c_void,
    ) -> libc::c_int {
        // SAFETY: the loader passes a valid description.
        let loaded = unsafe { (*info).dlpi_addr };
        // SAFETY: the local below.
        unsafe { *base.cast::<usize>() = loaded as usize };
        // The executable comes first, and is enough.
        1
    }
    let mut base = 0_usize;
    // SAFETY: `visit` gets the local it expects.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut base).cast()) };
    base + sections()[family].0
}

fn read(address: usize) -> u64 {
    // SAFETY: aligned words of a template of this program, or a crash that the
    // parent waits for.
    unsafe { core::ptr::with_exposed_provenance::<u64>(address).read_volatile() }
}

/// Row SV-05.
#[test]
fn a_hidden_template_crashes_who_reads_it() {
    const TEST: &str = "a_hidden_template_crashes_who_reads_it";
    let Some(family) = std::env::var_os("PERCPU_TEST_READ") else {
        for (family, hardened, crashes) in
            [("page", "1", true), ("data", "1", true), ("page", "0", false), ("data", "0", false)]
        {
            let mut command = Command::new(std::env::current_exe().expect("this test"));
            command.args(["--exact", TEST, "--nocapture", "--test-threads=1"]);
            command.env("PERCPU_TEST_READ", family).env("PERCPU_HARDENED", hardened);
            let output = command.output().expect("a child");
            let signal = output.status.signal();
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(text.contains("before: as declared"), "{family}, {hardened}: {text}");
            assert_eq!(signal == Some(libc::SIGSEGV), crashes, "{family}, {hardened}: {text}");
            assert_eq!(output.status.success(), !crashes, "{family}, {hardened}: {text}");
        }
        return;
    };
    let (family, initial) =
        if family == "page" { ("page", [9, 12, 16]) } else { ("data", [15; 3]) };
    // Of `data`, a page in the middle of the large array.
    let at = match family {
        "page" => template(family),
        _ => template(family).next_multiple_of(4096) + 4096,
    };
    assert!(initial.contains(&read(at)));
    println!("before: as declared");
    percpu_core::init().expect("per-CPU memory");
    assert!(initial.contains(&read(at)));
}

/// Row SV-05: hidden, and all as usual: units that become active later, sums over
/// those that never do, words that are written.
#[test]
fn hidden_templates_still_make_copies() {
    let test = "hidden_templates_still_make_copies";
    for mode in ["auto", "portable"] {
        in_child(test, &[("PERCPU_HARDENED", "1"), ("PERCPU_MODE", mode)], || {
            // More CPUs than there are: most are never used.
            let topology = Topology::uniform(64, 2).expect("a topology");
            config().topology(topology).apply().expect("first");
            let info = info().expect("per-CPU memory");
            // All of the page-aligned ones; 16 KiB of others hold three pages at least.
            assert!(info.hidden_bytes() >= 16384 + 3 * 4096, "{}", info.hidden_bytes());
            let count = units().count() as u64;
            PLAIN.inc();
            LATER.at(511).add(3);
            STATS.field(field!(Stats, inner.0)).inc();
            assert!(info.active_units() < 64, "{}", info.active_units());
            assert_eq!(PLAIN.sum(), 5 * count + 1);
            assert_eq!((LATER.at(511).sum(), LATER.at(510).sum()), (16 * count + 3, 16 * count));
            assert_eq!((LARGE.at(1000).sum(), PAGES.at(599).sum()), (15 * count, 12 * count));
            assert_eq!(STATS.field(field!(Stats, inner.0)).sum(), (3 * count) as u8 + 1);
            // Now all become active.
            let sum =
                |copies: &Copies<AtomicU64>| copies.iter().map(|(_, n)| n.load()).sum::<u64>();
            assert_eq!((sum(&PLAIN), sum(&PAGE)), (5 * count + 1, 9 * count));
            assert_eq!(info.active_units(), info.units());
            assert_eq!(LATER.at(511).sum(), 16 * count + 3);
            for (unit, pointers) in &*POINTERS {
                assert_eq!(
                    (pointers.get().name, (pointers.get().call)()),
                    ("relocated", 7),
                    "{unit}"
                );
            }
        });
        if std::env::var_os("PERCPU_TEST_CHILD").is_some() {
            return;
        }
    }
}
