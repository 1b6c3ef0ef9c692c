//! What the types promise to the compiler, and to whoever prints them.

#![cfg(not(percpu_loom))]

use std::fmt::{Debug, Display};

use percpu_counter::{Counter, Gauge, StaticCounter, StaticGauge, counter};

counter! {
    /// Of every form that a declaration has.
    pub static DOCUMENTED: Counter;
    pub(crate) static COUNTER: Counter;
    static GAUGE: Gauge;
}

fn is_shared_between_threads<T: Send + Sync + Debug + Display + 'static>() {}

#[test]
fn every_type_is_shared_between_threads_and_prints() {
    is_shared_between_threads::<Counter>();
    is_shared_between_threads::<StaticCounter>();
    is_shared_between_threads::<Gauge>();
    is_shared_between_threads::<StaticGauge>();
}

#[test]
fn what_is_printed_is_the_value() {
    let counter = Counter::new().unwrap();
    counter.add(12);
    assert_eq!(format!("{counter} {counter:>4} {counter:?}"), "12   12 Counter(12)");
    let gauge = Gauge::new().unwrap();
    gauge.sub(7);
    assert_eq!(format!("{gauge} {gauge:?}"), "-7 Gauge(-7)");
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
}
