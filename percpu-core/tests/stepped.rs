//! One section of each kind, one after the other in one thread: for debuggers.
//!
//! A debugger that steps through a section aborts it each time, for ever. One that knows
//! the sections, by `__rseq_cs_ptr_array`, and the ways out of them, by
//! `__rseq_exit_point_array`, runs from one's start to one of its ends instead.
//! `ci/gdb.sh` does both with this program.

#![cfg(all(target_os = "linux", not(percpu_loom), not(miri)))]

mod common;

use std::hint::black_box;

use percpu_core::__raw::{InTurn, Refused, Switch, Turn};
use percpu_core::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64};
use percpu_core::{
    DoubleWord, ListNode, LocalBuffer, LocalList, LocalLock, PerCpuStack, info, percpu,
};

percpu! {
    static WORD: AtomicU64 = AtomicU64::new(0);
    static LONG: AtomicU32 = AtomicU32::new(0);
    static SHORT: AtomicU16 = AtomicU16::new(0);
    static BYTE: AtomicU8 = AtomicU8::new(0);
    static BITS: AtomicU64 = AtomicU64::new(0);
    static PAIR: DoubleWord = DoubleWord::new(0, 0);
    static LOCK: LocalLock<u64> = LocalLock::new(0);
    static LIST: LocalList<u64> = LocalList::new();
    static BUFFER: LocalBuffer<[u64; 2], 2> = LocalBuffer::new();
    static BEHIND: AtomicU64 = AtomicU64::new(0);
    static BOUNDED: AtomicU64 = AtomicU64::new(0);
    static TURNS: InTurn = [const { AtomicU64::new(0) }; 2];
}
static SWITCH: Switch = Switch::new();
static TURN: Turn = Turn::new();

/// Each section once or twice; those that can leave before their commit do that too.
#[inline(never)]
fn step_through(stack: &PerCpuStack<u64>) {
    WORD.inc();
    WORD.add(black_box(10));
    assert_eq!(WORD.compare_exchange(u64::MAX, 0).is_err(), black_box(true));
    LONG.fetch_add(3);
    SHORT.inc();
    BYTE.dec();
    BITS.or(6);
    BITS.and(!2);
    BITS.xor(4);
    BITS.fetch_or(8);
    BITS.fetch_and(!8);
    BITS.store(0);
    BITS.swap(0);
    let seen = PAIR.swap((1, 2));
    assert!(PAIR.compare_exchange((1, 2), seen).is_ok() || !common::by_cpu());
    assert!(PAIR.compare_exchange((7, 7), (0, 0)).is_err());
    *LOCK.lock() += 1;
    assert!(LOCK.try_lock().is_some());
    assert!(LIST.push(ListNode::new(5)).is_ok());
    assert!(BUFFER.push([5, 6]).is_ok());
    stack.push(5).unwrap();
    assert_eq!(stack.push_batch(&[6, 7, 8]), 3);
    SWITCH.add(&*BEHIND, 1).unwrap();
    SWITCH.add_within(&*BOUNDED, 1, 0, u64::MAX).unwrap();
    assert_eq!(SWITCH.add_within(&*BOUNDED, 1, u64::MAX, 0), Err(Refused::Bounds));
    TURN.enter(&TURNS);
    TURN.leave(&TURNS, 0);
}

/// Takes all that is there; as much as went in, wherever that was.
#[inline(never)]
fn step_back(stack: &PerCpuStack<u64>) {
    while stack.pop().is_some() {}
    assert_eq!(stack.pop_batch(&mut [0; 4]), 0);
    while LIST.pop().is_some() {}
    while BUFFER.pop().is_some() {}
}

#[test]
fn every_kind_of_section_is_exact() {
    // The first brings memory up, the second is for debuggers.
    const ROUNDS: u64 = 2;
    // Units stay the same, by CPU.
    common::pin();
    let stack = PerCpuStack::with_capacity(16).unwrap();
    for _ in 0..ROUNDS {
        step_through(&stack);
        assert!(stack.len() == 4 || !common::by_cpu());
        step_back(&stack);
    }
    assert_eq!(WORD.sum(), 11 * ROUNDS);
    assert_eq!(LONG.sum(), 3 * ROUNDS as u32);
    assert_eq!(SHORT.sum(), ROUNDS as u16);
    assert_eq!(BYTE.sum(), (ROUNDS as u8).wrapping_neg());
    assert_eq!((BEHIND.sum(), BOUNDED.sum()), (ROUNDS, ROUNDS));
    assert_eq!(TURNS.at(0).sum(), 0);
    let info = info().unwrap();
    println!("exact: {}, by {}, {} aborts", info.mode(), info.index(), info.aborts());
}
