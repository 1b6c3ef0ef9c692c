//! Counters and gauges as data: their values.

use percpu_core::atomic::{AtomicI64, AtomicU64};
use serde::{Serialize, Serializer};

use crate::counter::Counter;
use crate::gauge::Gauge;
use crate::storage::Storage;

/// As its sum.
#[allow(private_bounds, reason = "the two kinds of storage are the crate's own")]
impl<W: Storage<Item = AtomicU64>> Serialize for Counter<W> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.sum())
    }
}

/// As its value.
#[allow(private_bounds, reason = "the two kinds of storage are the crate's own")]
impl<W: Storage<Item = AtomicI64>> Serialize for Gauge<W> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.sum())
    }
}

#[cfg(all(test, not(percpu_loom)))]
mod tests {
    #[test]
    fn counters_and_gauges_are_their_values() {
        crate::counter! {
            static REQUESTS: Counter;
            static OPEN: Gauge;
        }
        REQUESTS.add(u64::MAX);
        OPEN.dec();
        let (bytes, level) = (crate::Counter::new().unwrap(), crate::Gauge::new().unwrap());
        level.set(5);
        let all = serde_json::to_string(&(&REQUESTS, &OPEN, bytes, level)).unwrap();
        assert_eq!(all, "[18446744073709551615,-1,0,5]");
    }
}
