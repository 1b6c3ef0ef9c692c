//! Each type against plain integers, over random operations, in one thread after the
//! other and in several at once.

#![cfg(not(percpu_loom))]

use percpu_counter::{Counter, CounterFields, CounterSet, Gauge, Max, Min, counter_set};
use proptest::collection::vec;
use proptest::prelude::*;

counter_set! {
    struct Stats { packets, bytes, errors }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Add(u64),
    Inc,
    Sum,
    Take,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let amount = prop_oneof![0..100_u64, any::<u64>()];
    let step =
        prop_oneof![amount.prop_map(Step::Add), Just(Step::Inc), Just(Step::Sum), Just(Step::Take)];
    vec(step, 0..200)
}

/// Values with the ends of the range among them.
fn signed() -> impl Strategy<Value = i64> {
    prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), -5..5_i64, any::<i64>()]
}

fn unsigned() -> impl Strategy<Value = u64> {
    signed().prop_map(i64::cast_unsigned)
}

/// Runs `each` on its part of `items`, on four threads at once.
fn on_four_threads<T: Sync>(items: &[T], each: impl Fn(&T) + Sync) {
    std::thread::scope(|scope| {
        for part in items.chunks(items.len().div_ceil(4).max(1)) {
            scope.spawn(|| part.iter().for_each(&each));
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 64 }))]

    #[test]
    fn a_counter_is_a_wrapping_integer(steps in steps()) {
        let counter = Counter::new().unwrap();
        let (mut model, mut ever) = (0_u64, 0_u64);
        for step in steps {
            match step {
                Step::Add(n) => {
                    counter.add(n);
                    (model, ever) = (model.wrapping_add(n), ever.wrapping_add(n));
                }
                Step::Inc => {
                    counter.inc();
                    (model, ever) = (model.wrapping_add(1), ever.wrapping_add(1));
                }
                Step::Sum => prop_assert_eq!(counter.sum(), model),
                Step::Take => prop_assert_eq!(counter.take(), std::mem::take(&mut model)),
            }
        }
        prop_assert_eq!(counter.sum(), model);
        let units = counter.per_unit().fold(0_u64, |sum, (_, n)| sum.wrapping_add(n));
        prop_assert_eq!(units, ever);
    }

    #[test]
    fn a_gauge_is_a_wrapping_integer(steps in vec((0..6, signed()), 0..200)) {
        let gauge = Gauge::new().unwrap();
        let mut model = 0_i64;
        for (what, n) in steps {
            match what {
                0 => (gauge.add(n), model = model.wrapping_add(n)).0,
                1 => (gauge.sub(n), model = model.wrapping_sub(n)).0,
                2 => (gauge.inc(), model = model.wrapping_add(1)).0,
                3 => (gauge.dec(), model = model.wrapping_sub(1)).0,
                4 => (gauge.set(n), model = n).0,
                _ => prop_assert_eq!(gauge.sum(), model),
            }
        }
        prop_assert_eq!(gauge.sum(), model);
    }

    #[test]
    fn least_and_greatest_are_those_of_a_list(values in vec(signed(), 0..50)) {
        let (min, max) = (Min::signed().unwrap(), Max::signed().unwrap());
        for n in 0..values.len() {
            prop_assert_eq!(min.get(), values[..n].iter().copied().min());
            prop_assert_eq!(max.get(), values[..n].iter().copied().max());
            min.record(values[n]);
            max.record(values[n]);
        }
        prop_assert_eq!(min.get(), values.iter().copied().min());
        prop_assert_eq!(max.get(), values.iter().copied().max());
    }

    #[test]
    fn four_threads_together_are_a_list(values in vec(unsigned(), 0..400)) {
        let (min, max) = (Min::new().unwrap(), Max::new().unwrap());
        let (counter, gauge) = (Counter::new().unwrap(), Gauge::new().unwrap());
        let set = CounterSet::<Stats>::new().unwrap();
        on_four_threads(&values, |&value| {
            min.record(value);
            max.record(value);
            counter.add(value);
            gauge.sub(value.cast_signed());
            set.with(|stats| *stats = stats.plus(Stats { packets: 1, bytes: value, errors: 0 }));
        });
        let sum = values.iter().fold(0_u64, |sum, &n| sum.wrapping_add(n));
        prop_assert_eq!(min.get(), values.iter().copied().min());
        prop_assert_eq!(max.get(), values.iter().copied().max());
        prop_assert_eq!(counter.take(), sum);
        prop_assert_eq!(gauge.sum(), sum.cast_signed().wrapping_neg());
        let expected = Stats { packets: values.len() as u64, bytes: sum, errors: 0 };
        prop_assert_eq!(set.take().unwrap().total(), expected);
        prop_assert_eq!(set.snapshot().unwrap().total(), Stats::ZERO);
    }

    #[test]
    fn a_set_is_a_struct_of_wrapping_integers(steps in vec((0..5, unsigned()), 0..60)) {
        let set = CounterSet::<Stats>::new().unwrap();
        let mut model = Stats::default();
        for (what, n) in steps {
            match what {
                0 => {
                    let update = |s: &mut Stats| {
                        s.packets = s.packets.wrapping_add(n);
                        s.errors = s.errors.wrapping_sub(n);
                    };
                    set.with(update);
                    update(&mut model);
                }
                1 => {
                    set.add(|s| &mut s.bytes, n);
                    model.bytes = model.bytes.wrapping_add(n);
                }
                2 => {
                    set.inc(|s| &mut s.packets);
                    model.packets = model.packets.wrapping_add(1);
                }
                3 => prop_assert_eq!(set.snapshot().unwrap().total(), model),
                _ => {
                    let taken = set.take().unwrap().total();
                    prop_assert_eq!(taken, std::mem::take(&mut model));
                }
            }
        }
    }
}
