//! Snapshots as data: what is written is read again, and nothing else is.

#![cfg(all(feature = "serde", not(percpu_loom)))]

use percpu_counter::histogram::{Shape, Snapshot};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 100 }))]

    #[test]
    fn what_is_written_is_read_again(
        values in prop::collection::vec((0_u64..100_000, 1_u64..9), 0..50),
        digits in 0_u8..=3,
    ) {
        let mut snapshot = Snapshot::empty(Shape::new(3, 100_000, digits).unwrap());
        for (value, n) in values {
            snapshot.record_n(value, n).unwrap();
        }
        let text = serde_json::to_string(&snapshot).unwrap();
        prop_assert_eq!(serde_json::from_str::<Snapshot>(&text).unwrap(), snapshot);
    }
}

#[test]
fn a_snapshot_is_its_parameters_and_its_counts() {
    let mut snapshot = Snapshot::empty(Shape::new(1, 1_000, 1).unwrap());
    snapshot.record_n(5, 2).unwrap();
    snapshot.record_n(1_000, 1).unwrap();
    assert_eq!(
        serde_json::to_string(&snapshot).unwrap(),
        r#"{"low":1,"high":1000,"digits":1,"counts":[[5,2],[992,1]]}"#
    );
}

#[test]
fn what_is_no_snapshot_is_an_error() {
    let error = |low: u64, high: u64, digits: u16, counts: &str| {
        let counts = format!("[{counts}]");
        let text = format!(r#"{{"low":{low},"high":{high},"digits":{digits},"counts":{counts}}}"#);
        serde_json::from_str::<Snapshot>(&text).expect_err(&text).to_string()
    };
    let fine = r#"{"low":1,"high":1000,"digits":1,"counts":[[5,2]]}"#;
    assert_eq!(serde_json::from_str::<Snapshot>(fine).unwrap().len(), 2);
    assert!(error(0, 1_000, 1, "").contains("at least 1"));
    assert!(error(6, 11, 1, "").contains("twice that"));
    assert!(error(1, 1_000, 6, "").contains("0 to 5 digits"));
    assert!(error(1, 1_000, 300, "").contains("300"));
    assert!(error(1 << 60, u64::MAX, 2, "").contains("63 bits"));
    // Not the first of its bucket, beyond the last bucket, not upwards, twice, nothing.
    for counts in ["[993,1]", "[1024,1]", "[18446744073709551615,1]", "[7,1],[5,1]", "[5,1],[5,1]"]
    {
        let error = error(1, 1_000, 1, counts);
        assert!(error.contains("is not the lowest value of a bucket"), "{error}");
    }
    assert!(error(1, 1_000, 1, "[5,0]").contains("no values in the bucket of 5"));
    assert!(error(1, 1_000, 1, "[5]").contains("tuple"));
    assert!(error(1, 1_000, 1, "[-5,1]").contains("-5"));
}

#[test]
fn counts_beyond_64_bits_are_read_as_the_greatest() {
    let text = r#"{"low":1,"high":9,"digits":1,"counts":[[1,18446744073709551615],[2,1]]}"#;
    let snapshot: Snapshot = serde_json::from_str(text).unwrap();
    assert_eq!((snapshot.len(), snapshot.value_at_quantile(1.0)), (u64::MAX, 1));
}
