//! Histograms against plain counts, and what they refuse.

#![cfg(not(percpu_loom))]

use std::fmt::Debug;

use percpu_counter::Histogram;
use percpu_counter::histogram::{
    BuildError, Builder, OutOfRange, Shape, ShapeError, Snapshot, SnapshotError,
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Record(u64),
    RecordN(u64, u64),
    Saturating(u64),
    SaturatingN(u64, u64),
    Snapshot,
    Take,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let value = || (any::<u64>(), 0_u32..64).prop_map(|(bits, shift)| bits >> shift);
    let step = prop_oneof![
        4 => value().prop_map(Step::Record),
        2 => (value(), any::<u64>()).prop_map(|(value, n)| Step::RecordN(value, n)),
        2 => value().prop_map(Step::Saturating),
        1 => (value(), 0_u64..9).prop_map(|(value, n)| Step::SaturatingN(value, n)),
        2 => Just(Step::Snapshot),
        1 => Just(Step::Take),
    ];
    prop::collection::vec(step, 0..60)
}

/// The bucket of a value, by looking at each.
fn naive_index(shape: Shape, value: u64) -> Option<usize> {
    (0..shape.buckets()).find(|&index| shape.values_of(index).unwrap().contains(&value))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 100 }))]

    #[test]
    #[cfg_attr(miri, ignore = "slow")]
    fn any_steps_agree_with_plain_counts(
        steps in steps(),
        (low, times, digits) in (1_u64..5_000, 2_u64..1_000_000, 0_u8..=1),
    ) {
        let shape = Shape::new(low, low * times, digits).unwrap();
        let histogram = Histogram::new(shape).unwrap();
        let mut model = vec![0_u64; shape.buckets()];
        let count = |model: &mut Vec<u64>, value: u64, n: u64, saturating: bool| {
            let index = naive_index(shape, value);
            prop_assert_eq!(index, shape.index_of(value));
            let index = if saturating { index.or(naive_index(shape, shape.high())) } else { index };
            match index {
                Some(index) => model[index] = model[index].wrapping_add(n),
                None => prop_assert!(value > shape.limit()),
            }
            Ok(index.ok_or(OutOfRange { value, limit: shape.limit() }).map(drop))
        };
        for step in steps {
            match step {
                Step::Record(value) => {
                    let expected = count(&mut model, value, 1, false)?;
                    prop_assert_eq!(histogram.record(value), expected);
                }
                Step::RecordN(value, n) => {
                    let expected = count(&mut model, value, n, false)?;
                    prop_assert_eq!(histogram.record_n(value, n), expected);
                }
                Step::Saturating(value) => {
                    count(&mut model, value, 1, true)?.unwrap();
                    histogram.saturating_record(value);
                }
                Step::SaturatingN(value, n) => {
                    count(&mut model, value, n, true)?.unwrap();
                    histogram.saturating_record_n(value, n);
                }
                Step::Snapshot => {
                    let snapshot = histogram.snapshot();
                    prop_assert_eq!(snapshot.counts(), &model[..]);
                    let len = model.iter().fold(0_u64, |sum, n| sum.saturating_add(*n));
                    prop_assert_eq!(snapshot.len(), len);
                }
                Step::Take => {
                    let taken = histogram.take();
                    prop_assert_eq!(taken.counts(), &model[..]);
                    model.fill(0);
                }
            }
        }
        prop_assert_eq!(histogram.snapshot(), Snapshot::from_counts(shape, model).unwrap());
    }
}

#[test]
fn values_without_a_bucket_are_refused_or_taken_for_the_highest() {
    let histogram = Histogram::builder().range(1, 1_000).digits(1).build().unwrap();
    let limit = histogram.shape().limit();
    assert_eq!(limit, 1_023);
    histogram.record(limit).unwrap();
    let error = histogram.record(limit + 1).unwrap_err();
    assert_eq!(error, OutOfRange { value: 1_024, limit });
    assert_eq!(error.to_string(), "1024 is above 1023, the highest value with a bucket");
    assert_eq!(histogram.record_n(u64::MAX, 3).unwrap_err().value, u64::MAX);
    histogram.saturating_record(u64::MAX);
    histogram.saturating_record_n(u64::MAX, 2);
    let mut snapshot = histogram.snapshot();
    assert_eq!((snapshot.len(), snapshot.count_at(1_000)), (4, 4));
    snapshot.saturating_record_n(u64::MAX, 2);
    snapshot.saturating_record_n(5, 1);
    assert_eq!((snapshot.count_at(1_000), snapshot.count_at(5)), (6, 1));
}

#[test]
fn quantiles_end_where_floats_are_too_coarse_for_a_step() {
    let mut seen = Snapshot::empty(Shape::new(1, 1_000, 1).unwrap());
    seen.record_n(1, 1 << 60).unwrap();
    // So few that no share below 1 comes to them.
    seen.record_n(2, 1).unwrap();
    let quantiles: Vec<_> = seen.quantiles(3).take(1_000).collect();
    // Three before each of the 53 halvings that a float below 1 can tell.
    assert!((100..200).contains(&quantiles.len()), "{} quantiles", quantiles.len());
    assert!(quantiles.is_sorted_by(|a, b| a.q < b.q));
    assert_eq!(quantiles.last().map(|last| last.q), Some(1.0));
}

#[test]
fn what_was_taken_does_not_come_back() {
    let histogram = Histogram::builder().range(1, 1_000).digits(2).build().unwrap();
    histogram.record_n(5, 3).unwrap();
    let before = histogram.snapshot();
    assert_eq!(histogram.take(), before);
    assert!(histogram.snapshot().is_empty() && histogram.take().is_empty());
    histogram.record(5).unwrap();
    let after = histogram.snapshot();
    assert_eq!((after.len(), after.count_at(5)), (1, 1));
    // Later, but of what came after the take.
    assert_eq!(after.since(&before), Err(SnapshotError::NotEarlier { value: 5 }));
}

#[test]
fn snapshots_of_different_shapes_do_not_mix() {
    let snapshot = |digits| Snapshot::empty(Shape::new(1, 1_000, digits).unwrap());
    let (mut ours, theirs) = (snapshot(1), snapshot(2));
    let error = SnapshotError::Shapes { ours: ours.shape(), theirs: theirs.shape() };
    assert_eq!(ours.merge(&theirs), Err(error));
    assert_eq!(ours.since(&theirs), Err(error));
    assert_eq!(
        error.to_string(),
        "histograms of different shapes: range 1 to 1000, digits 1 and range 1 to 1000, digits 2"
    );
    assert_eq!(
        Snapshot::from_counts(ours.shape(), vec![0; 3]),
        Err(SnapshotError::Counts { counts: 3, buckets: ours.shape().buckets() })
    );
}

#[test]
fn mistakes_in_a_range_are_told() {
    let error = |builder: Builder| builder.build().map(drop).unwrap_err();
    let digits = Histogram::builder().digits(2);
    assert_eq!(error(digits), BuildError::NoRange);
    assert_eq!(error(Histogram::builder().range(1, 2)), BuildError::NoDigits);
    assert_eq!(error(digits.range(0, 9)), BuildError::Shape(ShapeError::LowIsZero));
    let twice = |low, high| BuildError::Shape(ShapeError::HighBelowTwiceLow { low, high });
    assert_eq!(error(digits.range(5, 9)), twice(5, 9));
    assert_eq!(error(digits.range(u64::MAX, 0)), twice(u64::MAX, 0));
    let six = ShapeError::Digits { digits: 6 };
    assert_eq!(error(digits.range(1, 2).digits(6)), BuildError::Shape(six));
    let fine = ShapeError::TooFine { low: 1 << 56, digits: 2 };
    assert_eq!(error(digits.range(1 << 56, u64::MAX)), BuildError::Shape(fine));
}

#[test]
#[cfg_attr(miri, ignore = "many long rows")]
fn a_row_that_is_too_long_is_refused_with_what_fits() {
    let largest = percpu_counter::__core::info().unwrap().largest_allocation();
    for digits in 0..=5 {
        for low in [1, 1_000, 1_000_000] {
            for high in [10 * low, 3_600_000_000_000, u64::MAX] {
                let builder = Histogram::builder().range(low, high).digits(digits);
                let footprint = builder.footprint().unwrap();
                let error = match builder.build() {
                    Ok(histogram) => {
                        assert!(footprint.per_cpu() <= largest);
                        assert_eq!(histogram.footprint(), footprint);
                        continue;
                    }
                    Err(error) => error,
                };
                let BuildError::TooLarge { bytes, max, digits: fewer, high: lower } = error else {
                    panic!("{error}");
                };
                assert_eq!((bytes, max), (footprint.per_cpu(), largest));
                assert!(bytes > max);
                if let Some(fewer) = fewer {
                    builder.digits(fewer).build().unwrap();
                    assert!(fewer < digits && builder.digits(fewer + 1).build().is_err());
                } else {
                    assert!(builder.digits(0).build().is_err());
                }
                if let Some(lower) = lower {
                    builder.range(low, lower).build().unwrap();
                    assert!(lower < high && builder.range(low, lower + 1).build().is_err());
                } else {
                    assert!(builder.range(low, 2 * low).build().is_err());
                }
            }
        }
    }
    let error = Histogram::builder().range(1, u64::MAX).digits(3).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the histogram would take 450560 bytes a CPU, more than 32768; what fits: digits 1 with \
         this range, a range up to 8191 with these digits, or more by Config::minimum_unit \
         before first use"
    );
}

#[test]
fn the_footprint_is_a_row_for_each_copy() {
    let footprint = Histogram::builder().range(1, 1_000).digits(1).footprint().unwrap();
    let units = percpu_counter::__core::info().unwrap().units();
    assert_eq!((footprint.per_cpu(), footprint.total()), (896, 896 * units));
    assert_eq!(
        footprint.to_string(),
        format!("896 bytes a CPU, {} in {units} copies", 896 * units)
    );
}

#[test]
fn texts_tell_what_was_seen() {
    let histogram = Histogram::builder().range(1, 1_000).digits(2).build().unwrap();
    assert_eq!(histogram.to_string(), "0 values");
    histogram.record_n(7, 10).unwrap();
    let summary = "10 values: min 7, p50 7, p90 7, p99 7, p99.9 7, max 7, mean 7.0";
    assert_eq!(histogram.to_string(), summary);
    assert_eq!(
        format!("{histogram:?}"),
        format!("Histogram {{ shape: range 1 to 1000, digits 2, seen: {summary} }}")
    );
    assert_eq!(
        format!("{:?}", histogram.snapshot()),
        format!("Snapshot {{ shape: range 1 to 1000, digits 2, seen: {summary}, .. }}")
    );
}

#[test]
fn any_thread_may_have_one() {
    fn shared<T: Send + Sync + Debug + 'static>() {}
    shared::<Histogram>();
    shared::<Snapshot>();
    shared::<Builder>();
    shared::<BuildError>();
}
