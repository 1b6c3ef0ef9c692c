//! A program that may not allocate more than so much.
//!
//! # Safety
//!
//! Fetches a block by hand.

#![cfg(all(target_os = "linux", not(percpu_loom), not(miri)))]
#![allow(unsafe_code)]

mod common;
#[path = "common/shadow.rs"]
mod shadow;

use std::alloc::{GlobalAlloc, Layout};
use std::os::unix::process::ExitStatusExt;

use common::in_each_mode;
use percpu_core::AccountingAlloc;
use shadow::{Inner, Outer, live, settled};

#[global_allocator]
static ALLOC: Outer = Outer(AccountingAlloc::new(Inner).with_limit(usize::MAX));

const MIB: usize = 1 << 20;

/// So many bytes more than are allocated now. The program must get by with it.
fn limit_to(more: usize) {
    ALLOC.0.set_limit(Some(live() as usize + more)).unwrap();
}

#[test]
fn a_refusal_leaves_all_as_it_was() {
    in_each_mode("a_refusal_leaves_all_as_it_was", || {
        percpu_core::init().unwrap();
        let mut vector = Vec::with_capacity(1_000);
        vector.resize(400, 9_u8);
        let before = settled(&ALLOC);
        limit_to(64 << 10);
        let refused = [
            vector.try_reserve_exact(MIB).is_err(),
            Vec::<u64>::new().try_reserve(MIB).is_err(),
            // SAFETY: not of nothing; refused, so nothing is to be given back.
            unsafe { ALLOC.alloc_zeroed(Layout::new::<[u8; MIB]>()) }.is_null(),
        ];
        vector.shrink_to(500);
        let grown = vector.try_reserve_exact(MIB / 32).is_ok();
        ALLOC.0.set_limit(None).unwrap();
        assert_eq!((refused, grown), ([true; 3], true));
        assert_eq!(vector, [9; 400]);
        vector.shrink_to_fit();
        let after = settled(&ALLOC);
        assert_eq!(before.allocated_bytes - after.allocated_bytes, 600);
        assert_eq!(after.refusals - before.refusals, 3);
        // Shrunk, grown, shrunk.
        assert_eq!(after.reallocations - before.reallocations, 3);
        // Refused by the system instead: the charge is taken back.
        Vec::<u8>::new().try_reserve_exact(shadow::TOO_MUCH).unwrap_err();
        vector.try_reserve_exact(shadow::TOO_MUCH).unwrap_err();
        assert_eq!(ALLOC.0.snapshot().refusals, after.refusals);
        assert!(settled(&ALLOC).charged_bytes.unwrap() < 1 << 40);
    });
}

#[test]
fn a_box_over_the_limit_aborts_the_program() {
    let name = "a_box_over_the_limit_aborts_the_program";
    if std::env::var_os("PERCPU_TEST_OVER").is_some() {
        limit_to(MIB);
        drop(std::hint::black_box(vec![1_u8; 2 * MIB]));
        return;
    }
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env("PERCPU_TEST_OVER", "1")
        .output()
        .unwrap();
    assert_eq!(output.status.signal(), Some(libc::SIGABRT));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("memory allocation of 2097152 bytes failed"), "{said}");
}
