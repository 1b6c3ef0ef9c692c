//! What the types promise to the compiler, and to whoever prints them.

#![cfg(not(percpu_loom))]

use std::fmt::{Debug, Display};

use percpu_counter::{
    Counter, CounterSet, Gauge, Max, Min, PerCpuRef, RawRef, Ref, Snapshot, StaticCounter,
    StaticCounterSet, StaticGauge, StaticMax, StaticMin, counter, counter_set,
};

counter_set! { struct Stats { packets, bytes } }

counter! {
    /// Of every form that a declaration has.
    pub static DOCUMENTED: Counter;
    pub(crate) static COUNTER: Counter;
    static GAUGE: Gauge;
    static MAX: Max;
    static SAME: Max<u64>;
    static COLDEST: Min<i64>;
    static STATS: CounterSet<Stats>;
}

fn is_shared_between_threads<T: Send + Sync + Debug + Display + 'static>() {}

#[test]
fn every_type_is_shared_between_threads_and_prints() {
    is_shared_between_threads::<Counter>();
    is_shared_between_threads::<StaticCounter>();
    is_shared_between_threads::<Gauge>();
    is_shared_between_threads::<StaticGauge>();
    is_shared_between_threads::<Max>();
    is_shared_between_threads::<StaticMax<i64>>();
    is_shared_between_threads::<Min<i64>>();
    is_shared_between_threads::<StaticMin>();
    is_shared_between_threads::<CounterSet<Stats>>();
    is_shared_between_threads::<StaticCounterSet<Stats>>();
    is_shared_between_threads::<Snapshot<Stats>>();
    is_shared_between_threads::<RawRef>();
    is_shared_between_threads::<PerCpuRef<u64>>();
    is_shared_between_threads::<Ref<u64>>();
}

#[test]
fn what_is_printed_is_the_value() {
    let counter = Counter::new().unwrap();
    counter.add(12);
    assert_eq!(format!("{counter} {counter:>4} {counter:?}"), "12   12 Counter(12)");
    let gauge = Gauge::new().unwrap();
    gauge.sub(7);
    assert_eq!(format!("{gauge} {gauge:?}"), "-7 Gauge(-7)");
    let max = Max::new().unwrap();
    assert_eq!(format!("{max}|{max:>3}|{max:?}"), "-|  -|Max(None)");
    max.record(0);
    assert_eq!(format!("{max}|{max:>3}|{max:?}"), "0|  0|Max(Some(0))");
}

#[test]
fn each_static_has_a_value_of_its_own() {
    counter! { static OTHER: Counter; }
    DOCUMENTED.add(1);
    COUNTER.add(2);
    OTHER.add(3);
    GAUGE.set(-4);
    let sums = (DOCUMENTED.sum(), COUNTER.take(), COUNTER.sum(), OTHER.sum(), GAUGE.sum());
    assert_eq!(sums, (1, 2, 0, 3, -4));
    MAX.record(0);
    COLDEST.record(i64::MAX);
    assert_eq!((MAX.get(), SAME.get(), COLDEST.get()), (Some(0), None, Some(i64::MAX)));
    COLDEST.record(-1);
    assert_eq!(COLDEST.get(), Some(-1));
    STATS.with(|s| (s.packets, s.bytes) = (1, 2));
    assert_eq!(STATS.take().unwrap().total(), Stats { packets: 1, bytes: 2 });
    assert_eq!(STATS.snapshot().unwrap().total(), Stats::default());
}

/// What the documentation says of a handle's size.
#[cfg(all(target_pointer_width = "64", target_os = "linux"))]
#[test]
fn a_handle_has_48_bytes() {
    assert_eq!(size_of::<Counter>(), 48);
}
