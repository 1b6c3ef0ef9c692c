//! One suite for every body: each operation on each width against plain
//! integers, on one thread that stays on one CPU.

#![cfg(all(target_os = "linux", not(percpu_loom)))]

mod common;

use common::Random;
use percpu_core::atomic::*;
use percpu_core::{PerCpu, percpu};

macro_rules! integers {
    ($($test:ident: $atomic:ident, $int:ty;)*) => {$(
        /// Random operations with edge values; result and state after each.
        fn $test() {
            let word = PerCpu::<$atomic>::zeroed().unwrap();
            let mut random = Random(0xD1B5_4A32_D192_ED03);
            let mut model: $int = 0;
            for step in 0..if cfg!(miri) { 300 } else { 20_000 } {
                let n = match random.next() % 5 {
                    0 => <$int>::MIN,
                    1 => <$int>::MAX,
                    2 => 1,
                    3 => (0 as $int).wrapping_sub(1),
                    _ => random.next() as $int,
                };
                let was = model;
                let operation = random.next() % 20;
                let (got, want): (Option<$int>, Option<$int>) = match operation {
                    0 => { word.add(n); model = was.wrapping_add(n); (None, None) }
                    1 => { word.sub(n); model = was.wrapping_sub(n); (None, None) }
                    2 => { word.inc(); model = was.wrapping_add(1); (None, None) }
                    3 => { word.dec(); model = was.wrapping_sub(1); (None, None) }
                    4 => { word.and(n); model &= n; (None, None) }
                    5 => { word.or(n); model |= n; (None, None) }
                    6 => { word.xor(n); model ^= n; (None, None) }
                    7 => { word.store(n); model = n; (None, None) }
                    8 => { let r = word.swap(n); model = n; (Some(r), Some(was)) }
                    9 => { let r = word.fetch_add(n); model = was.wrapping_add(n); (Some(r), Some(was)) }
                    10 => { let r = word.fetch_sub(n); model = was.wrapping_sub(n); (Some(r), Some(was)) }
                    11 => { let r = word.add_return(n); model = was.wrapping_add(n); (Some(r), Some(model)) }
                    12 => { let r = word.sub_return(n); model = was.wrapping_sub(n); (Some(r), Some(model)) }
                    13 => { let r = word.inc_return(); model = was.wrapping_add(1); (Some(r), Some(model)) }
                    14 => { let r = word.dec_return(); model = was.wrapping_sub(1); (Some(r), Some(model)) }
                    15 => { let r = word.fetch_and(n); model &= n; (Some(r), Some(was)) }
                    16 => { let r = word.fetch_or(n); model |= n; (Some(r), Some(was)) }
                    17 => { let r = word.fetch_xor(n); model ^= n; (Some(r), Some(was)) }
                    18 => {
                        assert_eq!(word.compare_exchange(was, n), Ok(was), "step {step}");
                        model = n;
                        (None, None)
                    }
                    _ => {
                        let wrong = was.wrapping_add(1);
                        assert_eq!(word.compare_exchange(wrong, n), Err(was), "step {step}");
                        (None, None)
                    }
                };
                assert_eq!(got, want, "result of operation {operation} at step {step}");
                assert_eq!(word.load(), model, "after operation {operation} at step {step}");
            }
            assert_eq!(word.sum(), model, "one copy was used");
        }
    )*};
}

integers! {
    on_u8: AtomicU8, u8; on_i8: AtomicI8, i8;
    on_u16: AtomicU16, u16; on_i16: AtomicI16, i16;
    on_u32: AtomicU32, u32; on_i32: AtomicI32, i32;
    on_u64: AtomicU64, u64; on_i64: AtomicI64, i64;
    on_usize: AtomicUsize, usize; on_isize: AtomicIsize, isize;
}

fn on_bool() {
    let word = PerCpu::<AtomicBool>::zeroed().unwrap();
    assert!(!word.load());
    word.store(true);
    assert!(word.swap(false));
    word.or(true);
    assert!(word.fetch_and(false));
    assert!(!word.fetch_xor(true));
    assert_eq!(word.compare_exchange(false, true), Err(true));
    assert_eq!(word.compare_exchange(true, false), Ok(true));
    assert!(!word.fetch_or(true) && word.load());
}

fn on_pointer() {
    let mut targets = [1, 2];
    let [one, two] = targets.each_mut().map(std::ptr::from_mut);
    let word = PerCpu::<AtomicPtr<i32>>::zeroed().unwrap();
    assert!(word.load().is_null());
    assert!(word.swap(one).is_null());
    assert_eq!(word.compare_exchange(two, two), Err(one));
    assert_eq!(word.compare_exchange(one, two), Ok(one));
    assert_eq!(word.load(), two);
    word.store(one);
    assert_eq!(word.load(), one);
}

#[test]
fn every_operation_on_every_word_agrees_with_plain_integers() {
    common::in_each_pinned_mode("every_operation_on_every_word_agrees_with_plain_integers", || {
        common::pin();
        on_u8();
        on_i8();
        on_u16();
        on_i16();
        on_u32();
        on_i32();
        on_u64();
        on_i64();
        on_usize();
        on_isize();
        on_bool();
        on_pointer();
    });
}

percpu! {
    static SIGNED: AtomicI64 = AtomicI64::new(0);
    static ARRAY: [AtomicU32; 3] = [const { AtomicU32::new(7) }; 3];
}

/// The kernel's lib/percpu_test.c, where a Rust type can say it: no value is
/// widened silently, so its zero-extension rows have no counterpart.
#[test]
fn signs_and_widths_wrap_in_the_words_own_type() {
    common::in_each_pinned_mode("signs_and_widths_wrap_in_the_words_own_type", || {
        common::pin();
        SIGNED.add(-1);
        assert_eq!(SIGNED.load(), -1);
        SIGNED.inc();
        assert_eq!(SIGNED.load(), 0);
        // `sub` negates in the word's own type.
        SIGNED.sub(1);
        assert_eq!(SIGNED.load(), -1);
        // A negated narrower value is what its own cast says: here zero-extended.
        let minus_one = 1_u32.wrapping_neg();
        SIGNED.store(0);
        SIGNED.add(i64::from(minus_one));
        assert_eq!(SIGNED.load(), 0xffff_ffff);
        SIGNED.add(1);
        assert_eq!(SIGNED.load(), 0x1_0000_0000);
        SIGNED.store(1);
        SIGNED.add(i64::from(minus_one));
        assert_eq!(SIGNED.load(), 0x1_0000_0000);
        SIGNED.store(0);
        let unsigned = PerCpu::<AtomicU64>::zeroed().unwrap();
        unsigned.inc();
        unsigned.add(u64::MAX);
        assert_eq!(unsigned.load(), 0);
        unsigned.add(u64::MAX);
        assert_eq!(unsigned.load(), u64::MAX);
        unsigned.store(0);
        unsigned.dec();
        assert_eq!(unsigned.load(), u64::MAX);
        unsigned.store(0);
        unsigned.sub(1);
        assert_eq!(unsigned.load(), u64::MAX);
        unsigned.store(0);
        unsigned.add(1_u64.wrapping_neg());
        assert_eq!(unsigned.load(), u64::MAX);
        unsigned.store(3);
        assert_eq!((unsigned.sub_return(1), unsigned.dec_return()), (2, 1));
        ARRAY.at(1).sub(8);
        assert_eq!(ARRAY.at(1).load(), u32::MAX);
        assert_eq!((ARRAY.at(0).load(), ARRAY.at(2).load()), (7, 7));
    });
}

/// Every pair of bits, in every bit of every width: `0011 op 0101`.
#[test]
fn bit_operations_follow_their_truth_tables_on_every_width() {
    macro_rules! tables {
        ($($atomic:ident: $int:ty),*) => {$({
            let word = PerCpu::<$atomic>::zeroed().unwrap();
            let (a, b) = ((u64::MAX / 0xff * 0x33) as $int, (u64::MAX / 0xff * 0x55) as $int);
            let of = |pattern: u64| (u64::MAX / 0xff * pattern) as $int;
            for (name, run, fetch, table) in [
                ("and", PerCpuOp::<$atomic>(|w, n| w.and(n)), PerCpuFetch::<$atomic>(|w, n| w.fetch_and(n)), 0x11),
                ("or", PerCpuOp(|w, n| w.or(n)), PerCpuFetch(|w, n| w.fetch_or(n)), 0x77),
                ("xor", PerCpuOp(|w, n| w.xor(n)), PerCpuFetch(|w, n| w.fetch_xor(n)), 0x66),
            ] {
                word.store(a);
                (run.0)(&word, b);
                assert_eq!(word.load(), of(table), "{name} on {}", stringify!($atomic));
                word.store(a);
                assert_eq!((fetch.0)(&word, b), a, "fetch_{name} on {}", stringify!($atomic));
                assert_eq!(word.load(), of(table), "fetch_{name} on {}", stringify!($atomic));
            }
        })*};
    }
    struct PerCpuOp<W: percpu_core::Word>(fn(&PerCpu<W>, W::Value));
    struct PerCpuFetch<W: percpu_core::Word>(fn(&PerCpu<W>, W::Value) -> W::Value);
    let name = "bit_operations_follow_their_truth_tables_on_every_width";
    common::in_each_pinned_mode(name, || {
        common::pin();
        tables!(AtomicU8: u8, AtomicI8: i8, AtomicU16: u16, AtomicI16: i16, AtomicU32: u32);
        tables!(AtomicI32: i32, AtomicU64: u64, AtomicI64: i64, AtomicUsize: usize, AtomicIsize: isize);
        let flag = PerCpu::<AtomicBool>::zeroed().unwrap();
        for (a, b) in [(false, false), (false, true), (true, false), (true, true)] {
            flag.store(a);
            flag.and(b);
            assert_eq!(flag.load(), a && b);
            flag.store(a);
            flag.or(b);
            assert_eq!(flag.load(), a || b);
            flag.store(a);
            flag.xor(b);
            assert_eq!(flag.load(), a != b);
        }
    });
}

#[test]
fn a_pinned_thread_gets_every_value_in_order() {
    common::in_each_pinned_mode("a_pinned_thread_gets_every_value_in_order", || {
        common::pin();
        let word = PerCpu::<AtomicI32>::zeroed().unwrap();
        for n in 1..=1_000 {
            assert_eq!((word.inc_return(), word.add_return(2)), (3 * n - 2, 3 * n));
        }
        for n in (0..1_000).rev() {
            assert_eq!((word.dec_return(), word.sub_return(2)), (3 * n + 2, 3 * n));
        }
        assert_eq!((word.fetch_add(3), word.sub_return(1), word.sub_return(1)), (0, 2, 1));
    });
}
