//! The crate `metrics`, with our recorder behind its macros.

#![cfg(not(percpu_loom))]

use metrics::{Key, Label, Unit, counter, describe_counter, describe_gauge, describe_histogram};
use metrics::{gauge, histogram, with_local_recorder};
use percpu_counter::metrics::{Recorder, Scale, ScaleError, Snapshot, Value};
use proptest::prelude::*;

fn value(snapshot: &Snapshot, name: &str) -> Value {
    let mut found = snapshot.iter().filter(|metric| metric.key().name() == name);
    let metric = found.next().expect(name);
    assert!(found.next().is_none(), "{name} once");
    metric.value().clone()
}

#[test]
fn the_macros_reach_the_recorder_that_is_installed() {
    const EACH: u64 = if cfg!(miri) { 40 } else { 1_000 };
    let recorder = Recorder::builder().install().unwrap();
    let again = Recorder::builder().install().unwrap_err();
    assert!(again.into_inner().snapshot().is_empty());

    std::thread::scope(|s| {
        for thread in 0..4_u64 {
            s.spawn(move || {
                let requests = counter!("requests", "parity" => (thread % 2).to_string());
                for n in 0..EACH {
                    requests.increment(1);
                    // The same metric, looked up each time.
                    counter!("looked_up").increment(n % 3);
                    gauge!("open").increment(0.5);
                    histogram!("seconds").record(0.001);
                }
                gauge!("open").decrement(100.0);
            });
        }
    });
    let snapshot = recorder.snapshot();
    assert_eq!(
        value(&snapshot, "looked_up"),
        Value::Counter(4 * (0..EACH).map(|n| n % 3).sum::<u64>())
    );
    assert_eq!(value(&snapshot, "open"), Value::Gauge(2.0 * EACH as f64 - 400.0));
    let Value::Histogram(seconds) = value(&snapshot, "seconds") else { panic!("a histogram") };
    assert_eq!(seconds.count(), 4 * EACH);
    assert!((seconds.sum() - 0.004 * EACH as f64).abs() < 1e-9);
    assert!((0.001..0.0011).contains(&seconds.quantile(0.5)));
    let labels = |parity| Key::from_parts("requests", vec![Label::new("parity", parity)]);
    for parity in ["0", "1"] {
        let mut both = snapshot.iter().filter(|metric| *metric.key() == labels(parity));
        assert_eq!(both.next().unwrap().value(), &Value::Counter(2 * EACH));
    }
    assert_eq!(snapshot.len(), 5);
}

#[test]
fn a_snapshot_lists_what_was_described() {
    let recorder = Recorder::default();
    with_local_recorder(&recorder, || {
        describe_counter!("sent", Unit::Bytes, "Bytes sent");
        describe_gauge!("open", "Connections");
        describe_histogram!("never", "Never recorded");
        counter!("sent").increment(7);
        gauge!("open").set(-1.5);
        counter!("plain").increment(1);
    });
    let snapshot = recorder.snapshot();
    let told: Vec<_> = snapshot
        .iter()
        .map(|metric| (metric.key().name(), metric.unit(), metric.description()))
        .collect();
    assert_eq!(
        told,
        [
            ("plain", None, None),
            ("sent", Some(Unit::Bytes), Some("Bytes sent")),
            ("open", None, Some("Connections")),
        ]
    );
    assert_eq!(snapshot.into_iter().count(), 3);
}

#[test]
fn an_absolute_counter_never_goes_down() {
    let recorder = Recorder::default();
    with_local_recorder(&recorder, || {
        let counter = counter!("pages");
        for (absolute, expected) in [(10, 10), (4, 10), (11, 11), (11, 11)] {
            counter.absolute(absolute);
            assert_eq!(value(&recorder.snapshot(), "pages"), Value::Counter(expected));
        }
        counter.increment(5);
        counter.absolute(12);
        assert_eq!(value(&recorder.snapshot(), "pages"), Value::Counter(16));
    });
}

#[test]
fn values_beside_the_scale_are_counted_at_its_ends() {
    let recorder = Recorder::builder().histogram("a", Scale::new(0.5, 10.0, 2).unwrap()).build();
    with_local_recorder(&recorder, || {
        let values = histogram!("a");
        for value in [-3.0, 0.0, 1.0, 1.2, 1.3, 1e300, f64::INFINITY, f64::NAN] {
            values.record(value);
        }
        values.record_many(5.0, 3);
        values.record_many(5.0, 0);
    });
    let Value::Histogram(seen) = value(&recorder.snapshot(), "a") else { panic!("a histogram") };
    assert_eq!(seen.count(), 10);
    assert_eq!((seen.min(), seen.max(), seen.sum()), (0.0, 10.0, f64::INFINITY));
    let counts: Vec<_> = seen.counts().buckets().map(|b| (b.lowest, b.count)).collect();
    assert_eq!(counts, [(0, 2), (2, 2), (3, 1), (10, 3), (20, 2)]);
    assert_eq!((seen.quantile(0.2), seen.quantile(0.5)), (0.0, 1.5));
}

#[test]
fn a_scale_is_a_range_that_fits() {
    for (low, high) in [(0.0, 1.0), (-1.0, 1.0), (2.0, 1.0), (1.0, f64::INFINITY), (f64::NAN, 1.0)]
    {
        assert!(matches!(Scale::new(low, high, 1), Err(ScaleError::Range { .. })), "{low} {high}");
    }
    let error = Scale::new(1.0, 10.0, 9).unwrap_err();
    assert!(matches!(error, ScaleError::Shape(_)), "{error}");
}

/// What a table of numbers does to metrics.
#[derive(Clone, Debug)]
enum Operation {
    Counter(u8, u64),
    Gauge(u8, f64, bool),
    Histogram(u8, f64),
}

proptest! {
    #[test]
    fn a_snapshot_holds_what_plain_numbers_hold(
        all in proptest::collection::vec(
            prop_oneof![
                (0..4_u8, 0..1_000_u64).prop_map(|(n, add)| Operation::Counter(n, add)),
                (0..4_u8, -1_000..1_000_i32, any::<bool>())
                    .prop_map(|(n, add, set)| Operation::Gauge(n, f64::from(add) / 8.0, set)),
                (0..4_u8, 1..1_000_000_u32)
                    .prop_map(|(n, ms)| Operation::Histogram(n, f64::from(ms) / 1_024.0)),
            ],
            0..100,
        )
    ) {
        let recorder = Recorder::default();
        let mut counters = [None; 4];
        let mut gauges = [None; 4];
        let mut seen: [Vec<f64>; 4] = Default::default();
        with_local_recorder(&recorder, || {
            for operation in &all {
                match *operation {
                    Operation::Counter(n, add) => {
                        counter!("c", "n" => n.to_string()).increment(add);
                        *counters[n as usize].get_or_insert(0) += add;
                    }
                    Operation::Gauge(n, value, set) => {
                        let gauge = gauge!("g", "n" => n.to_string());
                        let model = gauges[n as usize].get_or_insert(0.0);
                        if set { gauge.set(value) } else { gauge.increment(value) };
                        if set { *model = value } else { *model += value };
                    }
                    Operation::Histogram(n, value) => {
                        histogram!("h", "n" => n.to_string()).record(value);
                        seen[n as usize].push(value);
                    }
                }
            }
        });
        for metric in recorder.snapshot() {
            let n: usize = metric.key().labels().next().unwrap().value().parse().unwrap();
            match metric.value() {
                Value::Counter(value) => prop_assert_eq!(Some(*value), counters[n].take()),
                Value::Gauge(value) => prop_assert_eq!(Some(*value), gauges[n].take()),
                Value::Histogram(found) => {
                    let mut values = std::mem::take(&mut seen[n]);
                    values.sort_by(f64::total_cmp);
                    prop_assert_eq!(found.count(), values.len() as u64);
                    // Multiples of 1/1024 below 2^20: exact.
                    prop_assert_eq!(found.sum(), values.iter().sum::<f64>());
                    let middle = values[(values.len() - 1) / 2];
                    let found = found.quantile(0.5);
                    prop_assert!((middle..middle * 1.1 + 2e-6).contains(&(found + 1e-6)), "{found} for {middle}");
                }
            }
        }
        // All that were used were listed.
        prop_assert!(counters.iter().all(Option::is_none));
        prop_assert!(gauges.iter().all(Option::is_none));
        prop_assert!(seen.iter().all(Vec::is_empty));
    }
}

#[test]
fn the_text_escapes_and_renames() {
    let recorder =
        Recorder::builder().quantiles([0.5]).histograms(Scale::new(1.0, 100.0, 2).unwrap()).build();
    with_local_recorder(&recorder, || {
        describe_counter!("http.requests", "Back\\slash and\nline, \"quoted\"");
        counter!("http.requests", "a path" => "\"C:\\x\"\n", "1st" => "z").increment(3);
        counter!("http.requests").increment(1);
        gauge!("2nd").set(f64::NEG_INFINITY);
        gauge!("room:temp").set(f64::NAN);
        histogram!("sizes", "b" => "1", "a" => "2").record_many(7.0, 2);
        let _ = histogram!("sizes", "b" => "0");
    });
    let expected = r#"# TYPE _2nd gauge
_2nd -Inf
# HELP http_requests Back\\slash and\nline, "quoted"
# TYPE http_requests counter
http_requests 1
http_requests{_1st="z",a_path="\"C:\\x\"\n"} 3
# TYPE room:temp gauge
room:temp NaN
# TYPE sizes summary
sizes{b="0",quantile="0.5"} NaN
sizes_sum{b="0"} 0
sizes_count{b="0"} 0
sizes{a="2",b="1",quantile="0.5"} 7
sizes_sum{a="2",b="1"} 14
sizes_count{a="2",b="1"} 2
"#;
    assert_eq!(recorder.snapshot().to_string(), expected);
}

/// The text of the crate `prometheus` for the same metrics.
#[cfg(feature = "prometheus")]
#[test]
fn the_text_is_that_of_prometheus() {
    use prometheus::{GaugeVec, IntCounterVec, Opts, Registry, TextEncoder};

    let (recorder, registry) = (Recorder::default(), Registry::new());
    let counters = IntCounterVec::new(Opts::new("c", "Help \\ me\n"), &["x", "a"]).unwrap();
    let gauges = GaugeVec::new(Opts::new("g", "Gauge"), &["path"]).unwrap();
    registry.register(Box::new(counters.clone())).unwrap();
    registry.register(Box::new(gauges.clone())).unwrap();
    with_local_recorder(&recorder, || {
        describe_counter!("c", "Help \\ me\n");
        describe_gauge!("g", "Gauge");
        for n in 0..50_u64 {
            let (x, a) = ((n % 3).to_string(), "\"\\\n".repeat(n as usize % 2));
            counter!("c", "x" => x.clone(), "a" => a.clone()).increment(n);
            counters.with_label_values(&[&x, &a]).inc_by(n);
            let path = format!("/{}", n % 4);
            gauge!("g", "path" => path.clone()).set(n as f64 / 3.0);
            gauges.with_label_values(&[&path]).set(n as f64 / 3.0);
        }
    });
    // Samples of a family may come in any order.
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let theirs = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    assert_eq!(sorted(&recorder.snapshot().to_string()), sorted(&theirs));
}

#[cfg(feature = "serde")]
#[test]
fn a_snapshot_is_data() {
    let recorder = Recorder::builder().histograms(Scale::new(1.0, 100.0, 2).unwrap()).build();
    with_local_recorder(&recorder, || {
        describe_counter!("sent", Unit::Bytes, "Bytes sent");
        counter!("sent", "to" => "a").increment(7);
        gauge!("load").set(0.5);
        histogram!("sizes").record(3.0);
    });
    let expected = serde_json::json!([
        { "name": "sent", "labels": { "to": "a" }, "unit": "bytes", "description": "Bytes sent",
          "kind": "counter", "value": 7 },
        { "name": "load", "labels": {}, "kind": "gauge", "value": 0.5 },
        { "name": "sizes", "labels": {}, "kind": "histogram", "value":
            { "count": 1, "sum": 3.0, "min": 3.0, "p50": 3.0, "p90": 3.0, "p99": 3.0, "p999": 3.0, "max": 3.0 } },
    ]);
    assert_eq!(serde_json::to_value(recorder.snapshot()).unwrap(), expected);
}

#[test]
fn recorders_say_what_they_have() {
    let recorder = Recorder::default();
    with_local_recorder(&recorder, || counter!("a").increment(1));
    assert_eq!(format!("{recorder:?}"), "Recorder { counters: 1, gauges: 0, histograms: 0, .. }");
    with_local_recorder(&recorder, || histogram!("b").record(2.0));
    let Value::Histogram(seen) = value(&recorder.snapshot(), "b") else { panic!("a histogram") };
    assert!(seen.to_string().starts_with("1 values: min "), "{seen}");
    fn both<T: Send + Sync>() {}
    both::<Recorder>();
    both::<Snapshot>();
}

#[cfg(target_os = "linux")]
mod common;

#[cfg(target_os = "linux")]
#[test]
fn nothing_is_lost_in_a_storm() {
    common::in_each_mode("nothing_is_lost_in_a_storm", || {
        let recorder = Recorder::default();
        let (counter, gauge, histogram) =
            with_local_recorder(&recorder, || (counter!("a"), gauge!("b"), histogram!("c")));
        let each = common::scaled(3_000);
        common::handle_sigusr1(|| ());
        common::in_a_storm(8, |thread| {
            for n in 0..each {
                counter.increment(2);
                // Below what is there: changes nothing, whatever it meets.
                if n % 64 == 0 {
                    counter.absolute(1);
                }
                gauge.increment(if thread % 2 == 0 { 3.0 } else { -1.0 });
                histogram.record(thread as f64);
            }
        });
        let snapshot = recorder.snapshot();
        assert_eq!(value(&snapshot, "a"), Value::Counter(16 * each));
        assert_eq!(value(&snapshot, "b"), Value::Gauge((8 * each) as f64));
        let Value::Histogram(seen) = value(&snapshot, "c") else { panic!("a histogram") };
        assert_eq!((seen.count(), seen.sum()), (8 * each, (28 * each) as f64));
    });
}
