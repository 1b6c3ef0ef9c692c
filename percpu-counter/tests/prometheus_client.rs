//! The crate `prometheus-client`: its registry encodes metrics of ours.

#![cfg(not(percpu_loom))]

use percpu_counter::prometheus_client::{Counter, Gauge, PerCpuF64};
use percpu_counter::{CounterSet, counter, counter_set};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::{
    MetricType, TypedMetric, counter as theirs, gauge as their_gauge,
};
use prometheus_client::registry::{Registry, Unit};

fn encoded(registry: &Registry) -> String {
    let mut text = String::new();
    text::encode(&mut text, registry).unwrap();
    text
}

#[test]
fn a_registry_encodes_all_of_them() {
    counter! {
        static REQUESTS: Counter;
        static OPEN: Gauge;
    }
    let reads = Family::<Vec<(String, String)>, Counter>::default();
    let seconds = Counter::<PerCpuF64>::default();
    let load = Gauge::<PerCpuF64>::default();
    let depth = <Gauge>::default();
    let owned = percpu_counter::Counter::new().unwrap();
    owned.add(9);
    let level = percpu_counter::Gauge::new().unwrap();
    level.set(-9);

    let mut registry = Registry::with_prefix("db");
    registry.register("requests", "Requests served", &REQUESTS);
    registry.register("open", "Connections", &OPEN);
    registry.register("reads", "Reads", reads.clone());
    registry.register_with_unit("busy", "Time spent", Unit::Seconds, seconds.clone());
    registry.register("load", "Load", load.clone());
    registry.register("depth", "Queue", depth.clone());
    registry.register("owned", "Owned", owned);
    registry.register("level", "Level", level);

    REQUESTS.add(42);
    OPEN.sub(3);
    let label = |value: &str| vec![("table".to_owned(), value.to_owned())];
    reads.get_or_create(&label("t1")).inc_by(2);
    reads.get_or_create_owned(&label("t1")).inc();
    seconds.inc_by(0.25);
    seconds.inc();
    load.set(1.0);
    load.inc();
    load.dec_by(0.5);
    depth.set(5);
    depth.dec();
    depth.inc_by(-6);

    let expected = "\
# HELP db_requests Requests served.
# TYPE db_requests counter
db_requests_total 42
# HELP db_open Connections.
# TYPE db_open gauge
db_open -3
# HELP db_reads Reads.
# TYPE db_reads counter
db_reads_total{table=\"t1\"} 3
# HELP db_busy_seconds Time spent.
# TYPE db_busy_seconds counter
# UNIT db_busy_seconds seconds
db_busy_seconds_total 1.25
# HELP db_load Load.
# TYPE db_load gauge
db_load 1.5
# HELP db_depth Queue.
# TYPE db_depth gauge
db_depth -2
# HELP db_owned Owned.
# TYPE db_owned counter
db_owned_total 9
# HELP db_level Level.
# TYPE db_level gauge
db_level -9
# EOF
";
    assert_eq!(encoded(&registry), expected);
}

/// The same text as for the crate's own metrics, whatever is done to both.
#[test]
fn their_text_is_that_of_the_crates_own() {
    let (counters, gauges) = (Family::<[(&str, u64); 1], Counter>::default(), <Gauge>::default());
    let mut ours = Registry::default();
    ours.register("a", "A", counters.clone());
    ours.register("b", "B", gauges.clone());
    let their_counters = Family::<[(&str, u64); 1], theirs::Counter>::default();
    let their_gauges = <their_gauge::Gauge>::default();
    let mut other = Registry::default();
    other.register("a", "A", their_counters.clone());
    other.register("b", "B", their_gauges.clone());
    for n in 0..200_u64 {
        // One label: a family is a hash map, whose order differs.
        counters.get_or_create(&[("l", 7)]).inc_by(n * n);
        their_counters.get_or_create(&[("l", 7)]).inc_by(n * n);
        let delta = 50 - n as i64;
        if n % 17 == 0 {
            gauges.set(delta);
            their_gauges.set(delta);
        } else {
            gauges.inc_by(delta);
            their_gauges.inc_by(delta);
        }
        assert_eq!(encoded(&ours), encoded(&other));
        assert_eq!(gauges.get(), their_gauges.get());
    }
}

/// A group in one go, as a user's collector has it.
#[derive(Debug)]
struct Pool {
    taken: percpu_counter::Counter,
    idle: percpu_counter::Gauge,
}

impl Collector for Pool {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let taken = encoder.encode_descriptor("taken", "Taken", None, self.taken.metric_type())?;
        self.taken.encode(taken)?;
        let idle = encoder.encode_descriptor("idle", "Idle", None, self.idle.metric_type())?;
        self.idle.encode(idle)
    }
}

#[test]
fn a_collector_encodes_counters_that_it_owns() {
    let (taken, idle) = (percpu_counter::Counter::new(), percpu_counter::Gauge::new());
    let pool = Pool { taken: taken.unwrap(), idle: idle.unwrap() };
    pool.taken.add(3);
    pool.idle.set(4);
    let mut registry = Registry::default();
    registry.register_collector(Box::new(pool));
    let expected = "\
# HELP taken Taken
# TYPE taken counter
taken_total 3
# HELP idle Idle
# TYPE idle gauge
idle 4
# EOF
";
    assert_eq!(encoded(&registry), expected);
}

#[test]
fn a_set_is_a_collector_of_its_fields() {
    counter_set! { struct Traffic { packets, bytes } }
    counter! { static TRAFFIC: CounterSet<Traffic>; }
    TRAFFIC.with(|t| {
        t.packets += 2;
        t.bytes += 128;
    });
    let owned = CounterSet::<Traffic>::new().unwrap();
    owned.inc(|t| &mut t.packets);
    let mut registry = Registry::default();
    registry.sub_registry_with_prefix("net").register_collector(Box::new(&TRAFFIC));
    registry.sub_registry_with_prefix("disk").register_collector(Box::new(owned));
    let mut expected = String::new();
    for (name, value) in
        [("net_packets", 2), ("net_bytes", 128), ("disk_packets", 1), ("disk_bytes", 0)]
    {
        let help = name.split('_').next_back().unwrap();
        expected += &format!("# HELP {name} {help}\n# TYPE {name} counter\n{name}_total {value}\n");
    }
    assert_eq!(encoded(&registry), expected + "# EOF\n");
}

#[test]
fn a_family_is_made_with_a_constructor_too() {
    let family =
        Family::<[(&str, &str); 1], percpu_counter::Counter, _>::new_with_constructor(|| {
            percpu_counter::Counter::new().expect("memory at start")
        });
    family.get_or_create(&[("a", "b")]).add(5);
    assert_eq!(family.get_or_create(&[("a", "b")]).sum(), 5);
    let mut registry = Registry::default();
    registry.register("x", "X", family);
    assert!(encoded(&registry).contains("x_total{a=\"b\"} 5\n"));
}

#[test]
fn clones_are_the_same_number_on_all_threads() {
    let (counter, gauge) = (<Counter>::default(), Gauge::<PerCpuF64>::default());
    std::thread::scope(|s| {
        for _ in 0..4 {
            let (counter, gauge) = (counter.clone(), gauge.clone());
            s.spawn(move || {
                for _ in 0..1_000 {
                    counter.inc();
                    gauge.inc_by(0.5);
                }
            });
        }
    });
    assert_eq!((counter.get(), gauge.get()), (4_000, 2_000.0));
    assert_eq!(format!("{counter} {gauge}"), "4000 2000");
    assert!(format!("{counter:?}").starts_with("Counter(PerCpuU64 { value: 4000"));
    assert!(matches!(<Counter as TypedMetric>::TYPE, MetricType::Counter));
    assert!(matches!(<Gauge as TypedMetric>::TYPE, MetricType::Gauge));
    fn both<T: Send + Sync>() {}
    both::<Counter>();
    both::<Gauge<PerCpuF64>>();
}
