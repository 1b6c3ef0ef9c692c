//! Any text is a snapshot of a histogram or an error; any values in any shape give
//! the answers of HdrHistogram; and what was recorded on several CPUs is what one snapshot
//! counted.

#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use percpu_counter::Histogram;
use percpu_counter::histogram::{Shape, Snapshot};
use percpu_fuzz::run_on;

#[derive(Arbitrary, Debug)]
struct Values {
    low: u64,
    high: u64,
    digits: u8,
    /// A value, what it is shifted by, how often it was seen.
    values: Vec<(u64, u8, u16)>,
    quantiles: [f64; 2],
}

#[derive(Arbitrary, Debug)]
struct Recordings {
    /// Its bits are 1, so that there are few buckets.
    high: u8,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    RunOn(u8),
    Record(u64, u8),
    RecordMany(u64, u8, u32),
    Saturating(u64, u8),
    SaturatingMany(u64, u8, u32),
    Snapshot,
    Take,
}

fuzz_target!(|data: &[u8]| {
    if data.starts_with(b"{") {
        read(data);
    } else if let Some(data) = data.strip_prefix(b"[") {
        if let Ok(recordings) = Recordings::arbitrary(&mut Unstructured::new(data)) {
            record(&recordings);
        }
    } else if let Ok(values) = Values::arbitrary(&mut Unstructured::new(data)) {
        compare(values);
    }
});

fn read(data: &[u8]) {
    let snapshot: Snapshot = match serde_json::from_slice(data) {
        Ok(snapshot) => snapshot,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert!(snapshot.min() <= snapshot.value_at_quantile(0.5));
    assert!(snapshot.value_at_quantile(0.5) <= snapshot.max());
    assert!(snapshot.stdev() >= 0.0 && !snapshot.to_string().is_empty());
    assert!(snapshot.since(&snapshot).is_ok_and(|nothing| nothing.is_empty()));
    let written = serde_json::to_vec(&snapshot).unwrap();
    assert_eq!(serde_json::from_slice::<Snapshot>(&written).unwrap(), snapshot);
}

fn compare(input: Values) {
    // HdrHistogram takes the logarithm in floating point, which is exact up to here.
    let (low, digits) = (input.low >> 18, input.digits % 6);
    let shape = Shape::new(low, input.high, digits);
    let hdr = hdrhistogram::Histogram::<u64>::new_with_bounds(low, input.high, digits);
    let (Ok(shape), Ok(mut theirs)) = (&shape, hdr) else {
        let error = shape.expect_err("a shape for HdrHistogram too");
        assert!(!error.to_string().is_empty());
        return;
    };
    assert_eq!(shape.buckets(), theirs.distinct_values());
    if shape.buckets() > 1 << 16 {
        return; // slow, and no other arithmetic
    }
    let mut ours = Snapshot::empty(*shape);
    for &(value, shift, n) in &input.values {
        let (value, n) = (value >> (shift % 64), u64::from(n));
        // One that was seen zero times would still be their greatest.
        if n > 0 {
            assert_eq!(ours.record_n(value, n).is_ok(), theirs.record_n(value, n).is_ok());
        }
        assert_eq!(*shape.equivalent(value).start(), theirs.lowest_equivalent(value));
        assert_eq!(*shape.equivalent(value).end(), end(theirs.highest_equivalent(value)));
    }
    // HdrHistogram keeps the very last value for "none yet" and tells it as it is,
    // not as the start of its bucket.
    let least = theirs.min();
    let least = if least == u64::MAX { theirs.lowest_equivalent(least) } else { least };
    assert_eq!((ours.len(), ours.min()), (theirs.len(), least));
    for q in input.quantiles.into_iter().filter(|q| *q > 0.0).chain([0.0, 0.5, 1.0]) {
        assert_eq!(ours.value_at_quantile(q), end(theirs.value_at_quantile(q)), "at {q}");
    }
    let near = |ours: f64, theirs: f64| (ours - theirs).abs() <= 1e-6 * theirs.abs().max(1.0);
    assert!(near(ours.mean(), theirs.mean()) && near(ours.stdev(), theirs.stdev()));
    for &(value, shift, _) in &input.values {
        let value = value >> (shift % 64);
        assert_eq!(ours.quantile_below(value), theirs.quantile_below(value));
        if value <= shape.limit() {
            assert_eq!(ours.count_between(value, u64::MAX), theirs.count_between(value, u64::MAX));
        }
    }
}

fn record(input: &Recordings) {
    let shape = Shape::new(1, u64::MAX >> (input.high % 62), 1).expect("two values and more");
    let histogram = Histogram::new(shape).expect("memory");
    let mut model = Snapshot::empty(shape);
    let saturate = |model: &mut Snapshot, value, n| {
        let there = model.record_n(value, n).or_else(|_| model.record_n(shape.high(), n));
        there.expect("the highest has a bucket");
    };
    for &step in input.steps.iter().take(256) {
        match step {
            Step::RunOn(cpu) => run_on(cpu),
            Step::Record(value, shift) => {
                let value = value >> (shift % 64);
                assert_eq!(histogram.record(value), model.record_n(value, 1));
            }
            Step::RecordMany(value, shift, n) => {
                let (value, n) = (value >> (shift % 64), n.into());
                assert_eq!(histogram.record_n(value, n), model.record_n(value, n));
            }
            Step::Saturating(value, shift) => {
                let value = value >> (shift % 64);
                histogram.saturating_record(value);
                saturate(&mut model, value, 1);
            }
            Step::SaturatingMany(value, shift, n) => {
                let (value, n) = (value >> (shift % 64), n.into());
                histogram.saturating_record_n(value, n);
                saturate(&mut model, value, n);
            }
            Step::Snapshot => assert_eq!(histogram.snapshot(), model),
            Step::Take => {
                assert_eq!(histogram.take(), model);
                model = Snapshot::empty(shape);
            }
        }
    }
    assert_eq!(histogram.take(), model);
    assert!(histogram.snapshot().is_empty());
}

/// The end of the very last bucket of 64 bits, which HdrHistogram tells as one less.
fn end(theirs: u64) -> u64 {
    if theirs == u64::MAX - 1 { u64::MAX } else { theirs }
}
