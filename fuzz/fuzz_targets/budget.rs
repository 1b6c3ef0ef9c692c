//! Budgets, nested, with stocks and reservations, from several CPUs, against plain sums:
//! who is refused, and by how much.

#![no_main]

use std::sync::Arc;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use percpu_counter::{Budget, LimitExceeded, Reservation};
use percpu_fuzz::run_on;

#[derive(Arbitrary, Debug)]
struct Input {
    root: Limit,
    steps: Vec<Step>,
}

/// A limit, and what each CPU may keep at hand.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Limit {
    limit: Amount,
    stock: Option<u16>,
}

/// Small ones as often as large ones.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Amount(u16, u8);

impl Amount {
    fn get(self) -> u64 {
        u64::from(self.0) << (self.1 % 50)
    }
}

/// The first number chooses among the budgets, or the reservations.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    RunOn(u8),
    Inside(u8, Limit),
    TryCharge(u8, Amount),
    Charge(u8, u16),
    Uncharge(u8, Amount),
    Reserve(u8, Amount),
    Grow(u8, Amount),
    Shrink(u8, Amount),
    Resize(u8, Amount),
    Split(u8, Amount),
    Forget(u8),
    Drop(u8),
    SetLimit(u8, Amount),
    /// More than any limit.
    TooMuch(u8, u64),
}

struct One {
    budget: Arc<Budget>,
    parent: Option<usize>,
    limit: u64,
    used: u64,
    /// Of that, charged to this one directly, and not by a reservation.
    by_hand: u64,
}

const LAST_LIMIT: u64 = (1 << 60) - 1;

struct Twins {
    all: Vec<One>,
    reservations: Vec<(usize, Reservation<Arc<Budget>>)>,
}

impl Twins {
    fn new(root: Limit) -> Self {
        let mut twins = Self { all: Vec::new(), reservations: Vec::new() };
        twins.add(root, None);
        twins
    }

    fn add(&mut self, limit: Limit, parent: Option<usize>) {
        let mut builder = Budget::builder().limit(limit.limit.get());
        if let Some(stock) = limit.stock {
            builder = builder.stock(stock.into());
        }
        if let Some(parent) = parent {
            builder = builder.inside(&self.all[parent].budget);
        }
        let budget = Arc::new(builder.build().expect("memory"));
        let limit = limit.limit.get().min(LAST_LIMIT);
        self.all.push(One { budget, parent, limit, used: 0, by_hand: 0 });
    }

    /// This one, and those it is inside of.
    fn upwards(&self, from: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(from), |&nth| self.all[nth].parent)
    }

    /// Whether `n` may be charged; if so it is.
    fn charge(&mut self, to: usize, n: u64, answer: Result<(), &LimitExceeded>) -> bool {
        let left = |nth: usize| self.all[nth].limit.saturating_sub(self.all[nth].used);
        let refuses = self.upwards(to).find(|&nth| {
            let debt = self.all[nth].used > self.all[nth].limit;
            n > left(nth) || (debt && n == 0)
        });
        match (answer, refuses) {
            (Ok(()), None) => self.change(to, |used| used + n),
            // Nothing, from a stock, while a parent owes: nobody has to be asked.
            (Ok(()), Some(_)) if n == 0 => {}
            (Err(error), Some(nth)) => {
                let LimitExceeded { requested, available, limit, .. } = *error;
                assert_eq!((requested, available, limit), (n, left(nth), self.all[nth].limit));
                assert!(!error.to_string().is_empty());
            }
            (answer, refuses) => panic!("{answer:?} for {n}, and {refuses:?} refuses"),
        }
        answer.is_ok()
    }

    fn change(&mut self, from: usize, f: impl Fn(u64) -> u64) {
        for nth in self.upwards(from).collect::<Vec<_>>() {
            self.all[nth].used = f(self.all[nth].used);
        }
    }

    fn step(&mut self, step: Step) {
        let nth = |which: u8| usize::from(which) % self.all.len();
        let held = |which: u8| usize::from(which) % self.reservations.len().max(1);
        match step {
            Step::RunOn(cpu) => run_on(cpu),
            Step::Inside(parent, limit) if self.all.len() < 6 => {
                let parent = nth(parent);
                self.add(limit, Some(parent));
            }
            Step::TryCharge(to, n) => {
                let (to, n) = (nth(to), n.get());
                let answer = self.all[to].budget.try_charge(n);
                if self.charge(to, n, answer.as_ref().copied()) {
                    self.all[to].by_hand += n;
                }
            }
            Step::TooMuch(to, n) => {
                let (to, n) = (nth(to), n | (1 << 60));
                let answer = self.all[to].budget.try_charge(n);
                assert!(!self.charge(to, n, answer.as_ref().copied()));
            }
            Step::Charge(to, n) => {
                let (to, n) = (nth(to), u64::from(n));
                self.all[to].budget.charge(n);
                self.change(to, |used| used + n);
                self.all[to].by_hand += n;
            }
            Step::Uncharge(to, n) => {
                let to = nth(to);
                let n = n.get().min(self.all[to].by_hand);
                self.all[to].budget.uncharge(n);
                self.change(to, |used| used - n);
                self.all[to].by_hand -= n;
            }
            Step::Reserve(to, n) if self.reservations.len() < 64 => {
                let (to, n) = (nth(to), n.get());
                let answer = self.all[to].budget.try_reserve_owned(n);
                if self.charge(to, n, answer.as_ref().map(drop)) {
                    self.reservations.extend(answer.map(|reservation| (to, reservation)));
                }
            }
            Step::SetLimit(to, limit) => {
                let to = nth(to);
                self.all[to].budget.set_limit(limit.get()).expect("a fence");
                self.all[to].limit = limit.get().min(LAST_LIMIT);
            }
            Step::Inside(..) | Step::Reserve(..) => {}
            _ if self.reservations.is_empty() => {}
            Step::Grow(which, n) => self.resize(held(which), |size| size.saturating_add(n.get())),
            Step::Resize(which, n) => self.resize(held(which), |_| n.get()),
            Step::Shrink(which, n) => {
                let (of, mut reservation) = self.reservations.swap_remove(held(which));
                let n = n.get().min(reservation.size());
                reservation.shrink(n);
                self.change(of, |used| used - n);
                self.reservations.push((of, reservation));
            }
            Step::Split(which, n) => {
                let (of, mut reservation) = self.reservations.swap_remove(held(which));
                let whole = reservation.size();
                let part = reservation.split(n.get().min(whole));
                assert_eq!(part.size() + reservation.size(), whole);
                self.reservations.extend([(of, reservation), (of, part)]);
            }
            Step::Forget(which) => {
                let (of, reservation) = self.reservations.swap_remove(held(which));
                self.all[of].by_hand += reservation.forget();
            }
            Step::Drop(which) => {
                let (of, reservation) = self.reservations.swap_remove(held(which));
                let n = reservation.size();
                drop(reservation);
                self.change(of, |used| used - n);
            }
        }
    }

    fn resize(&mut self, which: usize, to: impl Fn(u64) -> u64) {
        let (of, mut reservation) = self.reservations.swap_remove(which);
        let (had, wanted) = (reservation.size(), to(reservation.size()));
        let answer = reservation.resize(wanted);
        match wanted.checked_sub(had) {
            Some(more) => drop(self.charge(of, more, answer.as_ref().copied())),
            None => self.change(of, |used| used - (had - wanted)),
        }
        assert_eq!(reservation.size(), if answer.is_ok() { wanted } else { had });
        self.reservations.push((of, reservation));
    }

    fn check(&self) {
        for One { budget, limit, used, .. } in &self.all {
            assert_eq!((budget.limit(), budget.used()), (*limit, *used), "{budget:?}");
            assert_eq!(budget.available(), limit.saturating_sub(*used));
        }
    }
}

fuzz_target!(|input: Input| {
    run_on(0);
    let mut twins = Twins::new(input.root);
    for &step in input.steps.iter().take(512) {
        twins.step(step);
        twins.check();
    }
});
