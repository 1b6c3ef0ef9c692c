//! Budgets: never over the limit, no refusal without reason, nothing lost.

#![cfg(all(target_os = "linux", not(percpu_loom)))]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst};
use std::time::Instant;

use common::{Random, end_in, handle_sigusr1, in_a_storm, in_each_mode, scaled};
use percpu_counter::{Budget, Reservation, counter};
use proptest::prelude::*;

/// What may be done to a budget.
#[derive(Clone, Debug)]
enum Step {
    Charge(u64),
    ChargeAnyway(u64),
    Uncharge(u64),
    Limit(u64),
    Reserve(u64),
    Drop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let amount = prop_oneof![3 => 0..40_u64, 1 => 0..3000_u64, 1 => any::<u64>()];
    let small = 0..3000_u64;
    prop_oneof![
        5 => amount.clone().prop_map(Step::Charge),
        1 => small.clone().prop_map(Step::ChargeAnyway),
        5 => small.clone().prop_map(Step::Uncharge),
        1 => small.prop_map(Step::Limit),
        3 => amount.prop_map(Step::Reserve),
        3 => (0..8_usize).prop_map(Step::Drop),
    ]
}

proptest! {
    /// One thread, any steps: as a plain number would have it.
    #[test]
    fn alone_it_is_a_number_with_a_limit(
        limit in 0..2000_u64,
        stock in prop_oneof![Just(None), (0..50_u64).prop_map(Some)],
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut builder = Budget::builder().limit(limit);
        if let Some(stock) = stock {
            builder = builder.stock(stock);
        }
        let budget = builder.build().unwrap();
        let (mut limit, mut plain) = (limit, 0_u64);
        let mut held: Vec<Reservation<&Budget>> = Vec::new();
        for step in steps {
            let reserved: u64 = held.iter().map(Reservation::size).sum();
            let all = plain + reserved;
            let fits = |n: u64| all.checked_add(n).is_some_and(|all| all <= limit);
            match step {
                Step::Charge(n) => {
                    let charged = budget.try_charge(n);
                    // Nothing is nothing, even over the limit.
                    if n > 0 || charged.is_err() {
                        prop_assert_eq!(charged.is_ok(), fits(n));
                    }
                    match charged {
                        Ok(()) => plain += n,
                        Err(refused) => {
                            prop_assert_eq!(refused.requested, n);
                            prop_assert_eq!(refused.available, limit.saturating_sub(all));
                            prop_assert_eq!(refused.limit, limit);
                        }
                    }
                }
                Step::ChargeAnyway(n) => {
                    budget.charge(n);
                    plain += n;
                }
                Step::Uncharge(n) => {
                    let n = n.min(plain);
                    budget.uncharge(n);
                    plain -= n;
                }
                Step::Limit(new) => {
                    budget.set_limit(new).unwrap();
                    limit = new;
                }
                Step::Reserve(n) => match budget.try_reserve(n) {
                    Ok(reservation) => {
                        prop_assert!(n == 0 || fits(n));
                        held.push(reservation);
                    }
                    Err(_) => prop_assert!(!fits(n)),
                },
                Step::Drop(which) => {
                    if which < held.len() {
                        drop(held.swap_remove(which));
                    }
                }
            }
            let all = plain + held.iter().map(Reservation::size).sum::<u64>();
            prop_assert_eq!(budget.used(), all);
            prop_assert_eq!(budget.available(), limit.saturating_sub(all));
            prop_assert_eq!(budget.limit(), limit);
        }
    }
}

/// CT-05: 64 threads reserve until they are refused.
#[test]
fn sixty_four_threads_end_exactly_at_the_limit() {
    in_each_mode("sixty_four_threads_end_exactly_at_the_limit", || {
        for stock in [None, Some(0), Some(7), Some(100)] {
            const LIMIT: u64 = if cfg!(miri) { 201 } else { 20_001 };
            let mut builder = Budget::builder().limit(LIMIT);
            if let Some(stock) = stock {
                builder = builder.stock(stock);
            }
            let budget = builder.build().unwrap();
            let granted = AtomicU64::new(0);
            std::thread::scope(|s| {
                for _ in 0..if cfg!(miri) { 8 } else { 64 } {
                    s.spawn(|| {
                        let mut mine = 0;
                        while budget.try_charge(1).is_ok() {
                            mine += 1;
                        }
                        granted.fetch_add(mine, SeqCst);
                    });
                }
            });
            assert_eq!((granted.into_inner(), budget.used()), (LIMIT, LIMIT), "stock {stock:?}");
        }
    });
}

/// A budget, and what is charged to it as seen from outside: added after a charge,
/// taken off before it is given back, and so never more than is charged.
struct Watched<'a> {
    budget: &'a Budget,
    seen: AtomicI64,
}

impl Watched<'_> {
    fn see(&self, n: u64) {
        let all = self.seen.fetch_add(n as i64, SeqCst) + n as i64;
        assert!(all as u64 <= self.budget.limit(), "{all} of {}", self.budget.limit());
    }

    fn forget(&self, n: u64) {
        self.seen.fetch_sub(n as i64, SeqCst);
    }
}

/// Threads charge a budget and one inside of it, at random, near the limit.
#[test]
fn never_over_the_limit_in_a_storm() {
    in_each_mode("never_over_the_limit_in_a_storm", || {
        handle_sigusr1(|| ());
        const LIMIT: u64 = 50_000;
        let all = Arc::new(Budget::builder().limit(LIMIT).stock(500).build().unwrap());
        let part = all.child(LIMIT / 3).unwrap();
        let outer = Watched { budget: &all, seen: AtomicI64::new(0) };
        let inner = Watched { budget: &part, seen: AtomicI64::new(0) };
        let give = |(is_inner, n): (bool, u64)| {
            outer.forget(n);
            if is_inner {
                inner.forget(n);
                part.uncharge(n);
            } else {
                all.uncharge(n);
            }
        };
        let refused = AtomicU64::new(0);
        in_a_storm(16, |n| {
            let mut random = Random(0x5851_F42D_4C95_7F2D ^ (n as u64 + 1));
            let mut held: Vec<(bool, u64)> = Vec::new();
            let end = end_in(300);
            while Instant::now() < end {
                let (is_inner, n) = (random.next().is_multiple_of(4), random.next() % 800);
                if random.next() % 5 < 2 {
                    held.pop().into_iter().for_each(give);
                    continue;
                }
                match if is_inner { part.try_charge(n) } else { all.try_charge(n) } {
                    Ok(()) => {
                        outer.see(n);
                        if is_inner {
                            inner.see(n);
                        }
                        held.push((is_inner, n));
                    }
                    Err(why) => {
                        assert!(why.available < n, "{why}");
                        refused.fetch_add(1, SeqCst);
                        held.drain(..held.len() / 2).for_each(give);
                    }
                }
            }
            held.drain(..).for_each(give);
        });
        // A small part of the test may not come so far.
        assert!(refused.into_inner() > 0 || scaled(100) < 100, "the limit was never met");
        assert_eq!((all.used(), part.used()), (0, 0), "all was given back");
        all.try_charge(LIMIT).expect("all of it is there again");
    });
}

/// A thread that holds nothing is refused only if others hold that much.
#[test]
fn no_refusal_without_reason() {
    in_each_mode("no_refusal_without_reason", || {
        const LIMIT: u64 = 1000;
        let budget = Budget::builder().limit(LIMIT).stock(60).build().unwrap();
        // Eight threads hold at most 100 each: there is always room for 200.
        std::thread::scope(|s| {
            for n in 0..8_u64 {
                let budget = &budget;
                s.spawn(move || {
                    let mut random = Random(n + 77);
                    let end = end_in(200);
                    while Instant::now() < end {
                        let first = budget.try_reserve(random.next() % 50).expect("room for it");
                        let second = budget.try_reserve(random.next() % 50).expect("room for it");
                        drop(if random.next().is_multiple_of(2) { first } else { second });
                    }
                });
            }
            let end = end_in(200);
            while Instant::now() < end {
                drop(budget.try_reserve(200).expect("room for it"));
            }
        });
        assert_eq!(budget.used(), 0);
    });
}

/// The limit goes up and down while threads are at it.
#[test]
fn a_limit_that_changes_is_kept() {
    in_each_mode("a_limit_that_changes_is_kept", || {
        const LOW: u64 = 2_000;
        let budget = Budget::builder().limit(LOW).stock(50).build().unwrap();
        let over = AtomicBool::new(false);
        std::thread::scope(|s| {
            let _over = common::Over(&over);
            for n in 0..4_u64 {
                let (budget, over) = (&budget, &over);
                s.spawn(move || {
                    let mut random = Random(n + 3);
                    let mut held = Vec::new();
                    while !over.load(SeqCst) {
                        held.extend(budget.try_reserve(random.next() % 100));
                        if held.len() > 200 {
                            held.clear();
                        }
                    }
                });
            }
            for round in 0..scaled(200) {
                budget.set_limit(LOW + (round % 2) * 8_000).unwrap();
            }
        });
        budget.set_limit(LOW).unwrap();
        assert_eq!(budget.used(), 0);
        assert_eq!(budget.try_reserve(LOW).unwrap().size(), LOW);
    });
}

#[test]
fn what_an_outer_budget_refuses_is_given_back_to_the_inner_one() {
    let all = Arc::new(Budget::new(100).unwrap());
    let part = Budget::builder().limit(1000).inside(&all).build().unwrap();
    part.try_charge(60).unwrap();
    let refused = part.try_charge(41).unwrap_err();
    assert_eq!((refused.limit, refused.available), (100, 40));
    assert_eq!((part.used(), all.used()), (60, 60));
    part.charge(50);
    assert_eq!((part.used(), all.used()), (110, 110), "over the limit, as it was told");
    assert_eq!(refused.to_string(), "41 requested, 40 of 100 left");
    part.uncharge(110);
    assert_eq!((part.used(), all.used()), (0, 0));
}

#[test]
fn reservations_give_themselves_back() {
    counter! { static ROWS: Budget = 1_000_000; }
    let mut a = ROWS.try_reserve(10).unwrap();
    a.grow(90).unwrap();
    a.resize(60).unwrap();
    let b = a.split(20);
    assert_eq!((a.size(), b.size(), ROWS.used()), (40, 20, 60));
    assert!(a.grow(1_000_000).is_err());
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| a.shrink(41))).is_err());
    assert_eq!(a.size(), 40, "as before the panic");
    drop(a);
    assert_eq!(b.forget(), 20);
    assert_eq!(ROWS.to_string(), "20/1000000");
    ROWS.uncharge(20);
    let owned = Arc::new(Budget::new(5).unwrap());
    let kept = owned.try_reserve_owned(5).unwrap();
    drop(owned);
    assert_eq!(kept.budget().used(), 5);
}
