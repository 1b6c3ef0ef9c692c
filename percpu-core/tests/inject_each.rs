//! Each section by itself: threads and signal handlers do nothing else, at the same
//! words, and spend their time at its points. What one of them changes is lost if the
//! section is broken in any way, and only then.
//!
//! `ci/mutations.sh` breaks each of them in each way that there is (`src/broken.rs`) and
//! demands that the test of that section fails.

#![cfg(all(target_os = "linux", percpu_inject, not(percpu_loom), not(miri)))]

mod common;

use std::sync::atomic::{AtomicBool, AtomicU64 as Tally, Ordering::Relaxed};
use std::time::{Duration, Instant};

use percpu_core::__raw::{InTurn, Refused, Switch, Turn};
use percpu_core::atomic::AtomicU64;
use percpu_core::{
    DoubleWord, ListNode, LocalBuffer, LocalList, LocalLock, Mode, PerCpuStack, Registration, Unit,
    fence, info, percpu,
};

/// Words of 64 bits each of which is set, cleared or flipped by one step.
const BITS: usize = 1 << 11;

percpu! {
    static WORD: AtomicU64 = AtomicU64::new(0);
    static CLEAR: [AtomicU64; BITS] = [const { AtomicU64::new(0) }; BITS];
    static SET: [AtomicU64; BITS] = [const { AtomicU64::new(!0) }; BITS];
    static PAIR: DoubleWord = DoubleWord::new(0, !0);
    static LIST: LocalList<u64> = LocalList::new();
    static BUFFER: LocalBuffer<[u64; 3], 8> = LocalBuffer::new();
    static LOCK: LocalLock<u64> = LocalLock::new(0);
    static TURNS: InTurn = [const { AtomicU64::new(0) }; 2];
}
static SWITCH: Switch = Switch::new();
static TURN: Turn = Turn::new();
static CLOSED: AtomicBool = AtomicBool::new(false);

/// What went in, and came out.
static PUT: Tally = Tally::new(0);
static TAKEN: Tally = Tally::new(0);

/// How a section is used.
#[derive(Clone, Copy)]
struct Case {
    /// With a number of its own; also in a handler, and then without memory.
    step: fn(u64, Where),
    /// One thread does this meanwhile.
    beside: fn(),
    /// What must hold after so many steps.
    check: fn(u64),
}

#[derive(Clone, Copy, PartialEq)]
enum Where {
    Thread,
    Handler,
}

const ALONE: fn() = || ();

fn sum(of: impl Fn(&[AtomicU64]) -> u64, words: &percpu_core::Copies<[AtomicU64; BITS]>) -> u64 {
    words.iter().fold(0, |sum, (_, words)| sum.wrapping_add(of(&words.get()[..])))
}

fn total() -> u64 {
    WORD.iter().fold(0, |sum, (_, word)| sum.wrapping_add(word.load()))
}

/// The bit of step `n`, and its word.
fn bit(n: u64) -> (usize, u64) {
    assert!(n < 64 * BITS as u64, "too many steps");
    (n as usize / 64, 1 << (n % 64))
}

/// Each step's bit is changed on one unit: once.
fn bits_are(changed: u64, steps: u64) {
    assert_eq!(changed, steps, "bits");
}

fn ones(words: &[AtomicU64]) -> u64 {
    words.iter().map(|word| u64::from(word.load(Relaxed).count_ones())).sum()
}

fn zeroes(words: &[AtomicU64]) -> u64 {
    words.iter().map(|word| u64::from(word.load(Relaxed).count_zeros())).sum()
}

fn of_clear(steps: u64) {
    bits_are(sum(ones, &CLEAR), steps);
}

fn of_set(steps: u64) {
    bits_are(sum(zeroes, &SET), steps);
}

fn inc() -> Case {
    let check = |steps| assert_eq!(total(), steps);
    Case { step: |_, _| WORD.inc(), beside: ALONE, check }
}

fn dec() -> Case {
    let check = |steps: u64| assert_eq!(total(), steps.wrapping_neg());
    Case { step: |_, _| WORD.dec(), beside: ALONE, check }
}

fn add() -> Case {
    let check = |steps| assert_eq!(total(), steps * (steps + 1) / 2);
    Case { step: |n, _| WORD.add(n), beside: ALONE, check }
}

fn fetch_add() -> Case {
    let check = |steps| assert_eq!(total(), steps * (steps + 1) / 2);
    Case { step: |n, _| _ = WORD.fetch_add(n), beside: ALONE, check }
}

fn and() -> Case {
    Case { step: |n, _| SET.at(bit(n).0).and(!bit(n).1), beside: ALONE, check: of_set }
}

fn or() -> Case {
    Case { step: |n, _| CLEAR.at(bit(n).0).or(bit(n).1), beside: ALONE, check: of_clear }
}

fn xor() -> Case {
    Case { step: |n, _| CLEAR.at(bit(n).0).xor(bit(n).1), beside: ALONE, check: of_clear }
}

fn fetch_and() -> Case {
    let step = |n, _| assert_ne!(SET.at(bit(n).0).fetch_and(!bit(n).1) & bit(n).1, 0);
    Case { step, beside: ALONE, check: of_set }
}

fn fetch_or() -> Case {
    let step = |n, _| assert_eq!(CLEAR.at(bit(n).0).fetch_or(bit(n).1) & bit(n).1, 0);
    Case { step, beside: ALONE, check: of_clear }
}

fn fetch_xor() -> Case {
    let step = |n, _| assert_eq!(CLEAR.at(bit(n).0).fetch_xor(bit(n).1) & bit(n).1, 0);
    Case { step, beside: ALONE, check: of_clear }
}

fn swap() -> Case {
    let step = |n, _| {
        PUT.fetch_add(n, Relaxed);
        TAKEN.fetch_add(WORD.swap(n), Relaxed);
    };
    let check = |_| assert_eq!(total() + TAKEN.load(Relaxed), PUT.load(Relaxed));
    Case { step, beside: ALONE, check }
}

fn compare_exchange() -> Case {
    let step = |_, _| {
        let mut seen = 0;
        while let Err(found) = WORD.compare_exchange(seen, seen + 7) {
            assert_ne!(found, seen);
            seen = found;
        }
    };
    Case { step, beside: ALONE, check: |steps| assert_eq!(total(), 7 * steps) }
}

/// Read, wait, write: two holders lose one.
fn hold(value: &mut u64) {
    let before = *value;
    (0..500).for_each(|_| std::hint::spin_loop());
    *std::hint::black_box(value) = before + 1;
}

fn acquire() -> Case {
    let step = |_, place| match place {
        Where::Thread => LOCK.with(hold),
        Where::Handler => match LOCK.try_lock() {
            Some(mut value) => hold(&mut value),
            None => _ = TAKEN.fetch_add(1, Relaxed),
        },
    };
    let beside = || {
        for unit in Unit::all().unwrap().filter(|unit| unit.is_active()) {
            PUT.fetch_add(1, Relaxed);
            // Longer than others: one of them that comes in is gone before the end.
            let mut value = LOCK.lock_on(unit).unwrap();
            let before = *value;
            std::thread::sleep(Duration::from_micros(100));
            *value = before + 1;
        }
    };
    let check = |steps| {
        let held: u64 = Unit::all().unwrap().map(|unit| *LOCK.lock_on(unit).unwrap()).sum();
        assert_eq!(held + TAKEN.load(Relaxed), steps + PUT.load(Relaxed));
    };
    Case { step, beside, check }
}

/// The pairs of all units, whole.
fn pairs() -> u64 {
    PAIR.iter().fold(0, |sum, (_, pair)| {
        let (first, second) = pair.load();
        assert_eq!(second, !first, "torn");
        sum + first
    })
}

fn pair_swap() -> Case {
    let step = |n: u64, _| {
        PUT.fetch_add(n, Relaxed);
        let (first, second) = PAIR.swap((n, !n));
        assert_eq!(second, !first, "torn");
        TAKEN.fetch_add(first, Relaxed);
    };
    let check = |_| assert_eq!(pairs() + TAKEN.load(Relaxed), PUT.load(Relaxed));
    Case { step, beside: || _ = pairs(), check }
}

fn pair_compare_exchange() -> Case {
    let step = |n, _| {
        let mut seen = (0, !0);
        loop {
            // Equal in one word only: nothing happens.
            let halves = if n % 16 == 0 { 2 } else { 0 };
            for half in [(seen.0, 7), (7 << 40, seen.1)].into_iter().take(halves) {
                let found = PAIR.compare_exchange(half, (1 << 40, !(1 << 40))).unwrap_err();
                assert_eq!(found.1, !found.0, "torn");
            }
            match PAIR.compare_exchange(seen, (seen.0 + 1, !(seen.0 + 1))) {
                Ok(_) => break,
                Err(found) => seen = found,
            }
        }
    };
    Case { step, beside: || _ = pairs(), check: |steps| assert_eq!(pairs(), steps) }
}

fn list() -> Case {
    let step = |n, place| {
        if place == Where::Thread {
            PUT.fetch_add(n, Relaxed);
            if let Err(node) = LIST.push(ListNode::new(n)) {
                PUT.fetch_sub(node.into_value(), Relaxed);
            }
            if n % 2 == 0 {
                TAKEN.fetch_add(LIST.pop().map_or(0, |node| node.into_value()), Relaxed);
            }
        } else if let Some(node) = LIST.pop() {
            if let Err(node) = LIST.push(node) {
                // Handlers free nothing.
                TAKEN.fetch_add(**Box::leak(node), Relaxed);
            }
        } else if n == 0 {
            unreachable!("steps are numbered from 1");
        }
    };
    let check = |_| {
        drain_list();
        assert_eq!(TAKEN.load(Relaxed), PUT.load(Relaxed));
    };
    Case { step, beside: drain_list, check }
}

fn drain_list() {
    LIST.drain(|_, node| _ = TAKEN.fetch_add(node.into_value(), Relaxed)).unwrap();
}

fn drain_buffer() {
    BUFFER.drain(|_, found| record(found)).unwrap();
}

fn record([first, second, third]: [u64; 3]) {
    assert_eq!((second, third), (!first, first ^ 9), "torn");
    TAKEN.fetch_add(first, Relaxed);
}

fn buffer() -> Case {
    let step = |n: u64, _| {
        // Counted first: a handler may take it out at once.
        PUT.fetch_add(n, Relaxed);
        if BUFFER.push([n, !n, n ^ 9]).is_err() {
            PUT.fetch_sub(n, Relaxed);
        }
        if !n.is_multiple_of(4) {
            BUFFER.pop().into_iter().for_each(record);
        }
    };
    let check = |_| {
        drain_buffer();
        assert_eq!(TAKEN.load(Relaxed), PUT.load(Relaxed));
    };
    Case { step, beside: drain_buffer, check }
}

/// Closes the switch: nobody adds until it is open again.
fn close() {
    let words = &*WORD;
    TAKEN.fetch_add(SWITCH.close(words).unwrap(), Relaxed);
    CLOSED.store(true, Relaxed);
    std::thread::sleep(Duration::from_micros(200));
    assert_eq!(SWITCH.peek(words), 0, "added behind a closed switch");
    CLOSED.store(false, Relaxed);
    SWITCH.open(words);
    std::thread::sleep(Duration::from_micros(500));
}

fn behind_add() -> Case {
    let step = |n, _| {
        if SWITCH.add(&*WORD, n).is_ok() {
            PUT.fetch_add(n, Relaxed);
        }
    };
    let check = |_| assert_eq!(total() + TAKEN.load(Relaxed), PUT.load(Relaxed));
    Case { step, beside: close, check }
}

/// The bounds of a unit's word.
const SPAN: u64 = 3;

fn add_within() -> Case {
    let step = |n: u64, _| {
        let by = if n.is_multiple_of(3) { 1_u64.wrapping_neg() } else { 1 };
        match SWITCH.add_within(&*WORD, by, 0, SPAN) {
            Ok(()) => _ = PUT.fetch_add(by, Relaxed),
            Err(Refused::Bounds | Refused::Stopped) => (),
        }
    };
    let beside = || {
        for (unit, word) in WORD.iter() {
            // The shared unit has another body, which marks the word at times.
            assert!(unit.is_shared() || word.load() <= SPAN, "out of bounds");
        }
        close();
    };
    let check = |_| {
        WORD.iter().for_each(|(_, word)| assert!(word.load() <= SPAN, "out of bounds"));
        assert_eq!(total().wrapping_add(TAKEN.load(Relaxed)), PUT.load(Relaxed));
    };
    Case { step, beside, check }
}

fn add_in_turn() -> Case {
    let step = |_, _| {
        let which = TURN.enter(&TURNS);
        TURN.leave(&TURNS, which);
    };
    let beside = || {
        // Who comes after the fence goes by the other word.
        let old = TURN.change();
        fence::all().unwrap();
        let start = Instant::now();
        while TURN.left(&TURNS, old) != 0 {
            assert!(start.elapsed() < Duration::from_secs(5), "somebody was lost");
            std::thread::yield_now();
        }
    };
    let check = |_| assert_eq!([0, 1].map(|which| TURN.left(&TURNS, which)), [0; 2]);
    Case { step, beside, check }
}

fn store() -> Case {
    Case { step: |n, _| WORD.store(n), beside: ALONE, check: |_| () }
}

/// The case that runs in this process, for handlers, and how many steps were begun.
static CASE: std::sync::OnceLock<Case> = std::sync::OnceLock::new();
static STEPS: Tally = Tally::new(0);

fn step(place: Where) {
    if let Some(case) = CASE.get() {
        (case.step)(STEPS.fetch_add(1, Relaxed) + 1, place);
    }
}

/// Runs `storm` with delays at the points, long where an abort must find the section.
/// Before it is armed there is one half of the time: who is sent back by a fence is to be
/// at the other ones at once.
fn with_delays(turns: [u64; 4], storm: impl FnOnce()) {
    let set = |turns: [u64; 4]| {
        (0..).zip(turns).for_each(|(point, turns)| percpu_core::__inject::set(point, turns));
    };
    set(turns);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for turn in (0..).take_while(|_| !over.load(Relaxed)) {
                percpu_core::__inject::set(0, turn % 2 * turns[0]);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let _over = common::Over(&over);
        storm();
    });
    set([0; 4]);
}

/// Who waits for ever, as may happen where something is broken, ends the process.
fn in_time() {
    std::thread::spawn(|| {
        std::thread::sleep(Duration::from_secs(40));
        eprintln!("this takes too long: somebody waits for ever");
        std::process::abort();
    });
}

fn prepare() {
    WORD.prepare().unwrap();
    LIST.prepare().unwrap();
    BUFFER.prepare().unwrap();
}

/// Runs `body` by CPU and by concurrency id, or as the environment asks.
fn by_each_index(test: &str, body: impl Fn()) {
    if let Ok(index) = std::env::var("PERCPU_INDEX") {
        return common::in_child(test, &[("PERCPU_INDEX", &index)], body);
    }
    for index in ["cpu", "cid"] {
        common::in_child(test, &[("PERCPU_INDEX", index)], &body);
        if std::env::var_os("PERCPU_TEST_CHILD").is_some() {
            return;
        }
    }
}

fn nothing_is_lost(test: &str, case: Case) {
    by_each_index(test, || {
        in_time();
        prepare();
        assert!(CASE.set(case).is_ok());
        common::disarm();
        // The first of all, by a unit that is not active yet.
        step(Where::Thread);
        common::handle_sigusr1(|| {
            step(Where::Handler);
            // What it interrupted may be the very section that it leaves armed.
            common::disarm();
        });
        let (start, info) = (Instant::now(), info().unwrap());
        let enough = || {
            start.elapsed() > Duration::from_millis(common::scaled(400))
                && STEPS.load(Relaxed) > 500
                && info.aborts() > 0
                || STEPS.load(Relaxed) > 50 * BITS as u64
        };
        with_delays([20_000, 500, 20_000, 4_000], || {
            common::in_a_storm(5, |n| {
                while !enough() {
                    match n {
                        0 => {
                            (case.beside)();
                            std::thread::sleep(Duration::from_micros(100));
                        }
                        _ => {
                            common::disarm();
                            step(Where::Thread);
                        }
                    }
                }
            });
        });
        assert!(info.mode().is_rseq(), "this test is about sections");
        println!("{} steps", STEPS.load(Relaxed));
        (case.check)(STEPS.load(Relaxed));
        a_thread_without_rseq_goes_round(case);
        (case.check)(STEPS.load(Relaxed));
        assert!(info.aborts() > 0);
    });
}

/// It reads 0 for its index, which is somebody's.
fn a_thread_without_rseq_goes_round(case: Case) {
    goes_round(1, || (case.step)(STEPS.fetch_add(1, Relaxed) + 1, Where::Thread));
}

/// All `operations` of a call of `operation` by a thread that is not registered are for
/// the shared unit.
fn goes_round(operations: u64, operation: impl Fn() + Sync) {
    const EACH: u64 = 50;
    if !matches!(info().unwrap().mode(), Mode::Rseq(Registration::Libc))
        || !common::libc_registers()
    {
        return println!("did not run: a thread without rseq");
    }
    let before = info().unwrap().fallbacks();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert!(common::leave_rseq(), "the kernel lets go of libc's area");
            (0..EACH).for_each(|_| operation());
        });
    });
    let fallbacks = info().unwrap().fallbacks() - before;
    assert!(fallbacks >= EACH * operations, "somebody else's unit was used");
}

macro_rules! nothing_is_lost {
    ($($test:ident: $case:ident;)*) => {$(
        #[test]
        fn $test() {
            nothing_is_lost(stringify!($test), $case());
        }
    )*};
}

nothing_is_lost! {
    inc_loses_nothing: inc;
    dec_loses_nothing: dec;
    add_loses_nothing: add;
    and_loses_nothing: and;
    or_loses_nothing: or;
    xor_loses_nothing: xor;
    fetch_add_loses_nothing: fetch_add;
    fetch_and_loses_nothing: fetch_and;
    fetch_or_loses_nothing: fetch_or;
    fetch_xor_loses_nothing: fetch_xor;
    swap_loses_nothing: swap;
    compare_exchange_loses_nothing: compare_exchange;
    a_lock_has_one_holder: acquire;
    pair_swap_loses_nothing: pair_swap;
    pair_compare_exchange_loses_nothing: pair_compare_exchange;
    a_list_loses_nothing: list;
    a_buffer_loses_nothing: buffer;
    behind_a_switch_nothing_is_lost: behind_add;
    within_bounds_nothing_is_lost: add_within;
    in_turn_nothing_is_lost: add_in_turn;
}

/// What the first operation of all may be besides the cases' own.
const FIRST: [fn(&PerCpuStack<u64>); 7] = [
    |stack| stack.push(7).unwrap(),
    |stack| assert_eq!(stack.pop(), None),
    |stack| assert_eq!(stack.push_batch(&[7, 7]), 2),
    |stack| assert_eq!(stack.pop_batch(&mut [0; 2]), 0),
    |_| assert!(LIST.pop().is_none()),
    |_| assert!(BUFFER.pop().is_none()),
    |_| TURN.leave(&TURNS, TURN.enter(&TURNS)),
];

/// No unit is active yet; and when all are, none is that of a thread without rseq.
#[test]
fn the_first_operation_may_be_any() {
    let test = "the_first_operation_may_be_any";
    let index = std::env::var("PERCPU_INDEX").unwrap_or("cpu".into());
    for first in ["0", "1", "2", "3", "4", "5", "6"] {
        common::in_child(test, &[("PERCPU_TEST_FIRST", first), ("PERCPU_INDEX", &index)], || {
            prepare();
            common::handle_sigusr1(|| ());
            let first = std::env::var("PERCPU_TEST_FIRST").unwrap().parse::<usize>().unwrap();
            let stack = PerCpuStack::with_capacity(64).unwrap();
            FIRST[first](&stack);
            // All units that a thread can have. A pop is to find something there: one that
            // does not goes round as well.
            common::in_a_storm(4, |_| {
                for _ in 0..2_000 {
                    WORD.inc();
                    _ = first == 1 && stack.push(7).is_ok();
                }
            });
            match first {
                // As long as the shared unit's is not full, or has some left.
                0 => goes_round(1, || stack.push(7).unwrap()),
                1 => goes_round(1, || _ = stack.pop()),
                2 => goes_round(1, || _ = stack.push_batch(&[7])),
                3 => goes_round(1, || _ = stack.pop_batch(&mut [0])),
                4 => goes_round(1, || drop(LIST.pop())),
                5 => goes_round(1, || _ = BUFFER.pop()),
                _ => goes_round(2, || TURN.leave(&TURNS, TURN.enter(&TURNS))),
            }
        });
        if std::env::var_os("PERCPU_TEST_CHILD").is_some() {
            return;
        }
    }
}

/// The four sections of a stack: each value comes out once.
#[test]
fn a_stack_loses_nothing() {
    by_each_index("a_stack_loses_nothing", || {
        in_time();
        with_delays([20_000, 0, 20_000, 4_000], || {
            // Enough for aborts to come.
            common::tokens::each_comes_out_once_in_a_storm(5, common::scaled(5_000).max(500));
        });
        let info = info().unwrap();
        assert!(info.mode().is_rseq(), "this test is about sections");
        assert!(info.aborts() > 0);
    });
}

/// A store has nothing to lose, but it belongs to the CPU that its thread is on: one
/// that is moved meanwhile stores there, and nowhere else.
#[test]
fn a_store_is_made_once_and_where_its_thread_is() {
    let rounds = common::scaled(400).max(100);
    /// As the round, for the thread that stores.
    const END: u64 = u64::MAX;
    static ROUND: Tally = Tally::new(0);
    static STARTED: Tally = Tally::new(0);
    static DONE: Tally = Tally::new(0);
    let test = "a_store_is_made_once_and_where_its_thread_is";
    common::in_child(test, &[], || {
        in_time();
        WORD.prepare().unwrap();
        assert!(CASE.set(store()).is_ok());
        let allowed = common::allowed();
        let cpus: Vec<u32> = (0..64).filter(|cpu| allowed >> cpu & 1 == 1).collect();
        if cpus.len() < 2 {
            return println!("did not run: one CPU");
        }
        common::handle_sigusr1(|| ());
        let info = info().unwrap();
        with_delays([30_000, 0, 60_000, 60_000], || {
            let storer = std::thread::spawn(move || {
                for round in 1.. {
                    while ROUND.load(Relaxed) < round {
                        std::hint::spin_loop();
                    }
                    if ROUND.load(Relaxed) == END {
                        break;
                    }
                    common::disarm();
                    STARTED.store(round, Relaxed);
                    WORD.store(round);
                    DONE.store(round, Relaxed);
                }
            });
            let words = || -> Vec<(Unit, u64)> {
                Unit::all().unwrap().map(|unit| (unit, WORD.on(unit).load())).collect()
            };
            let mut random = common::Random(0x5107);
            // More of them until a store was hit.
            let enough = |round| round > rounds && (info.aborts() > 0 || round > 20_000);
            for round in (1..).take_while(|&round| !enough(round)) {
                let [from, to] = [0, 1].map(|n| cpus[(round as usize + n) % cpus.len()]);
                common::bind(&storer, 1 << from);
                ROUND.store(round, Relaxed);
                while STARTED.load(Relaxed) < round {
                    std::hint::spin_loop();
                }
                (0..random.next() % 300).for_each(|_| std::hint::spin_loop());
                if random.next().is_multiple_of(2) {
                    // Aborted, and moved when it has begun again.
                    common::signal(&storer);
                    (0..random.next() % 100).for_each(|_| std::hint::spin_loop());
                }
                common::bind(&storer, 1 << to);
                let seen = words();
                while DONE.load(Relaxed) < round {
                    std::thread::yield_now();
                }
                let now = words();
                assert_eq!(now.iter().filter(|word| word.1 == round).count(), 1, "stored once");
                for (seen, now) in seen.into_iter().zip(now) {
                    let there = now.0.cpu().is_some_and(|cpu| cpu.get() == to);
                    assert!(there || seen == now, "stored where its thread was");
                }
            }
            ROUND.store(END, Relaxed);
            storer.join().unwrap();
        });
        assert!(info.mode().is_rseq(), "this test is about sections");
        assert!(info.aborts() > 0);
        // For the body of it, on the shared unit.
        a_thread_without_rseq_goes_round(store());
    });
}

/// Without sections nothing is written to where a thread's area would be if it had one:
/// there lies what the C library keeps of the thread.
#[test]
fn portable_mode_leaves_the_thread_control_block_alone() {
    let test = "portable_mode_leaves_the_thread_control_block_alone";
    common::in_child(test, &[("PERCPU_MODE", "portable")], || {
        prepare();
        let stack = PerCpuStack::<u64>::with_capacity(8).unwrap();
        let before = common::swap_in_control_block(None);
        let mut cases = vec![inc(), dec(), add(), and(), or(), xor(), store()];
        cases.extend([fetch_add(), fetch_and(), fetch_or(), fetch_xor(), swap()]);
        cases.extend([compare_exchange(), acquire(), pair_swap(), pair_compare_exchange()]);
        cases.extend([list(), buffer(), behind_add(), add_within(), add_in_turn()]);
        let mut changed = false;
        let mut look = || {
            changed |= common::swap_in_control_block(Some(before)) != before;
        };
        for (n, case) in (2..).zip(cases) {
            // A word that `compare_exchange` can begin with.
            (case.step)(n, Where::Handler);
            look();
        }
        PAIR.swap((0, !0));
        look();
        LIST.push(ListNode::new(1)).unwrap();
        look();
        stack.push(1).unwrap();
        look();
        assert_eq!(stack.pop(), Some(1));
        look();
        assert_eq!(stack.push_batch(&[1, 2]), 2);
        look();
        assert_eq!(stack.pop_batch(&mut [0; 2]), 2);
        look();
        assert!(!changed, "the thread control block was written to");
        assert!(!info().unwrap().mode().is_rseq());
    });
}
