//! Snapshots answer as HdrHistogram does, on the same values.

#![cfg(not(any(percpu_loom, miri)))] // arithmetic without unsafe code

use hdrhistogram::Histogram as Hdr;
use percpu_counter::histogram::{Shape, ShapeError, Snapshot};
use proptest::prelude::*;

/// The same values in both. Those without a bucket must have none in either.
fn both(shape: Shape, values: impl IntoIterator<Item = (u64, u64)>) -> (Snapshot, Hdr<u64>) {
    let mut ours = Snapshot::empty(shape);
    let mut theirs = Hdr::new_with_bounds(shape.low(), shape.high(), shape.digits()).unwrap();
    assert_eq!(shape.buckets(), theirs.distinct_values());
    for (value, n) in values {
        let recorded = ours.record_n(value, n).is_ok();
        assert_eq!(recorded, theirs.record_n(value, n).is_ok(), "{value} in {shape}");
        assert_eq!(recorded, value <= shape.limit());
    }
    (ours, theirs)
}

fn near(ours: f64, theirs: f64) -> bool {
    (ours - theirs).abs() <= 1e-9 * theirs.abs().max(1.0)
}

/// HdrHistogram's end of the very last bucket of 64 bits, put right: it is told as one
/// less, because it is computed from the start of a next one.
fn end(theirs: u64) -> u64 {
    if theirs == u64::MAX - 1 { u64::MAX } else { theirs }
}

/// Everything that both can tell.
fn agree(ours: &Snapshot, theirs: &Hdr<u64>, asked: &[u64]) {
    let shape = ours.shape();
    assert_eq!(ours.len(), theirs.len());
    assert_eq!(ours.is_empty(), theirs.is_empty());
    // The greatest u64 alone is told as it is, and not as the start of its bucket: it also
    // stands for no value yet.
    assert_eq!(ours.min(), theirs.lowest_equivalent(theirs.min()));
    // HdrHistogram tells 0 for the greatest if no value reached the second bucket
    // of a width above 1, and the end of the first bucket for the last quantile.
    if theirs.max() == 0 {
        assert_eq!(ours.max(), theirs.value_at_quantile(1.0));
    } else {
        assert_eq!(ours.max(), end(theirs.max()));
    }
    assert!(near(ours.mean(), theirs.mean()), "{} {}", ours.mean(), theirs.mean());
    assert!(near(ours.stdev(), theirs.stdev()), "{} {}", ours.stdev(), theirs.stdev());
    for q in [0.0, 1e-12, 0.001, 0.1, 0.25, 1.0 / 3.0, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0, 7.0] {
        assert_eq!(ours.value_at_quantile(q), end(theirs.value_at_quantile(q)), "at {q}");
        let p = q * 100.0;
        assert_eq!(ours.value_at_percentile(p), end(theirs.value_at_percentile(p)));
    }
    for &value in asked {
        assert_eq!(*shape.equivalent(value).start(), theirs.lowest_equivalent(value));
        assert_eq!(*shape.equivalent(value).end(), end(theirs.highest_equivalent(value)));
        assert_eq!(ours.quantile_below(value), theirs.quantile_below(value), "below {value}");
        if value <= shape.limit() {
            assert_eq!(ours.count_at(value), theirs.count_at(value), "at {value}");
            let between = ours.count_between(value, value.saturating_mul(3));
            assert_eq!(between, theirs.count_between(value, value.saturating_mul(3)));
        }
    }
    let recorded: Vec<_> = ours.buckets().map(|b| (b.highest, b.count, b.up_to)).collect();
    let mut up_to = 0;
    let expected: Vec<_> = theirs
        .iter_recorded()
        .map(|step| {
            up_to += step.count_at_value();
            (end(step.value_iterated_to()), step.count_at_value(), up_to)
        })
        .collect();
    assert_eq!(recorded, expected);
    for ticks in [1, 5] {
        let steps: Vec<_> = ours.quantiles(ticks).map(|step| (step.q, step.value)).collect();
        let expected: Vec<_> = theirs
            .iter_quantiles(ticks)
            .map(|step| (step.quantile_iterated_to(), end(step.value_iterated_to())))
            .collect();
        assert_eq!(steps, expected, "{ticks} ticks");
    }
}

/// HdrHistogram takes the logarithm of the lowest value in floating point, which is
/// exact up to 2^46.
fn shapes() -> impl Strategy<Value = Shape> {
    (0_u32..40, any::<u64>(), 1_u32..64, any::<u64>(), 0_u8..=3).prop_filter_map(
        "a shape",
        |(low, low_bits, high, high_bits, digits)| {
            let low = 1 << low | low_bits & ((1 << low) - 1);
            let high = 1 << high | high_bits & ((1 << high) - 1);
            Shape::new(low, high, digits).ok()
        },
    )
}

/// Of all sizes, often at the ends of buckets.
fn values() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let value = prop_oneof![
        4 => (any::<u64>(), 0_u32..64).prop_map(|(bits, shift)| bits >> shift),
        1 => (0_u32..64).prop_map(|power| 1 << power),
        1 => (0_u32..64).prop_map(|power| (1 << power) - 1),
        1 => Just(u64::MAX),
    ];
    prop::collection::vec((value, prop_oneof![3 => Just(1), 1 => 1_u64..1_000]), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_answer_equals_hdrhistograms(shape in shapes(), values in values()) {
        let (ours, theirs) = both(shape, values.iter().copied());
        let mut asked: Vec<_> = values.iter().map(|(value, _)| *value).collect();
        asked.extend([0, 1, shape.low(), shape.high(), shape.limit(), u64::MAX]);
        agree(&ours, &theirs, &asked);
    }

    #[test]
    fn a_quantile_is_near_what_was_recorded(
        shape in shapes(),
        values in prop::collection::vec(any::<u64>(), 1..40),
        q in 0.0_f64..=1.0,
    ) {
        let mut values: Vec<_> = values.iter().map(|value| value % shape.limit() + 1).collect();
        let (ours, _) = both(shape, values.iter().map(|value| (*value, 1)));
        values.sort_unstable();
        let nth = ((q * values.len() as f64).ceil() as usize).clamp(1, values.len());
        let (exact, told) = (values[nth - 1], ours.value_at_quantile(q));
        let told = if q == 0.0 { *shape.equivalent(told).end() } else { told };
        prop_assert!(exact <= told);
        let allowed = (exact as f64 * shape.relative_error()).max(shape.low() as f64);
        prop_assert!(((told - exact) as f64) < allowed, "{exact} told as {told} in {shape}");
    }

    #[test]
    fn merged_and_apart_again(shape in shapes(), first in values(), second in values()) {
        let recorded = |values: &[(u64, u64)]| both(shape, values.iter().copied());
        let (ours, mut theirs) = recorded(&first);
        let (more, theirs_more) = recorded(&second);
        let mut merged = ours.clone();
        merged.merge(&more).unwrap();
        // HdrHistogram refuses to add what is in the very last bucket of 64 bits.
        if shape.limit() < u64::MAX {
            theirs.add(&theirs_more).unwrap();
            agree(&merged, &theirs, &[]);
        }
        prop_assert_eq!(merged.since(&ours).unwrap(), more.clone());
        prop_assert_eq!(merged.since(&more).unwrap(), ours);
        let both = [first, second].concat();
        prop_assert_eq!(merged, recorded(&both).0);
    }
}

#[test]
fn the_greatest_value_alone() {
    let shape = Shape::new(1, u64::MAX, 0).unwrap();
    let (ours, theirs) = both(shape, [(u64::MAX, 1)]);
    assert_eq!((ours.min(), theirs.min()), (1 << 63, u64::MAX));
    agree(&ours, &theirs, &[u64::MAX]);
}

#[test]
fn known_vectors() {
    let minute = Shape::new(1, 60_000_000_000, 2).unwrap();
    let vectors: &[&[u64]] = &[
        &[],
        &[0],
        &[1],
        &[minute.limit()],
        &[minute.high()],
        &[0, minute.limit()],
        &[255, 256, 257, 511, 512, 513],
        &[7; 1000],
        &[1, 1, 1, 1, 1, 1, 1, 1, 1, 1_000_000],
    ];
    for values in vectors {
        let (ours, theirs) = both(minute, values.iter().map(|value| (*value, 1)));
        agree(&ours, &theirs, values);
        let coarse = Shape::new(1_000, 60_000_000_000, 1).unwrap();
        let (ours, theirs) = both(coarse, values.iter().map(|value| (*value, 1)));
        agree(&ours, &theirs, values);
    }
}

#[test]
fn an_empty_snapshot_answers_zero() {
    let empty = Snapshot::empty(Shape::new(1, 1_000, 3).unwrap());
    assert_eq!((empty.len(), empty.min(), empty.max(), empty.value_at_quantile(0.5)), (0, 0, 0, 0));
    assert_eq!((empty.mean(), empty.stdev(), empty.quantile_below(5)), (0.0, 0.0, 1.0));
    assert_eq!((empty.buckets().next(), empty.quantiles(5).next()), (None, None));
    assert_eq!(empty.to_string(), "0 values");
}

#[test]
fn odd_questions_are_answered() {
    let mut seen = Snapshot::empty(Shape::new(1, 1_000, 2).unwrap());
    for value in [10, 20, 30] {
        seen.record_n(value, 1).unwrap();
    }
    assert_eq!(seen.value_at_quantile(f64::NAN), 10);
    assert_eq!(seen.value_at_quantile(f64::NEG_INFINITY), 10);
    assert_eq!(seen.value_at_quantile(f64::INFINITY), 30);
    // Unlike HdrHistogram, which takes a value without a bucket for the greatest.
    assert_eq!((seen.count_at(u64::MAX), seen.count_between(5_000, u64::MAX)), (0, 0));
    assert_eq!((seen.count_between(20, u64::MAX), seen.count_between(20, 10)), (2, 0));
    assert_eq!(seen.quantiles(0).last().unwrap().value, 30);
}

#[test]
fn counts_that_do_not_fit_stay_at_the_greatest_number() {
    let mut seen = Snapshot::empty(Shape::new(1, 1_000, 2).unwrap());
    for value in [10, 10, 20] {
        seen.record_n(value, u64::MAX).unwrap();
    }
    assert_eq!((seen.len(), seen.count_at(10)), (u64::MAX, u64::MAX));
    for q in [0.0, 0.5, 1.0] {
        assert_eq!(seen.value_at_quantile(q), 10);
    }
    assert_eq!(seen.quantiles(1).last().unwrap().q, 1.0);
    let other = seen.clone();
    seen.merge(&other).unwrap();
    assert_eq!(seen, other);
}

#[test]
fn the_extremes_of_a_shape_are_those_of_hdrhistogram() {
    for digits in 0..=5 {
        for low in [1, 2, 3, 1_000, 1 << 40, (1 << 46) - 1, 1 << 46, 1 << 52] {
            let highs = [low * 2, low * 2 + 1, low * 100, u64::MAX >> 1, u64::MAX];
            // Long rows take both long to walk.
            for high in highs.into_iter().take(if digits < 3 { 5 } else { 3 }) {
                let Ok(shape) = Shape::new(low, high, digits) else {
                    assert!(Hdr::<u64>::new_with_bounds(low, high, digits).is_err());
                    continue;
                };
                let (ours, theirs) = both(shape, [(low, 1), (high, 2), (shape.limit(), 3)]);
                if digits < 4 {
                    agree(&ours, &theirs, &[0, low, high, shape.limit()]);
                }
            }
        }
    }
    let too_fine = ShapeError::TooFine { low: 1 << 46, digits: 5 };
    assert_eq!(Shape::new(1 << 46, u64::MAX, 5), Err(too_fine));
}

#[test]
#[cfg(feature = "hdrhistogram")]
fn a_snapshot_becomes_a_histogram_of_the_crate() {
    let shape = Shape::new(1, 60_000_000_000, 2).unwrap();
    let values = (0..1_000_u64).map(|n| (n * n * n, n % 3 + 1));
    let (ours, theirs) = both(shape, values);
    let converted = Hdr::try_from(&ours).unwrap();
    assert_eq!(converted, theirs);
    agree(&ours, &converted, &[]);
}
