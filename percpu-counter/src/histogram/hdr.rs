//! A [`Snapshot`] as a histogram of the `hdrhistogram` crate.

use hdrhistogram::{CreationError, Histogram};

use super::snapshot::Snapshot;

/// With the same parameters and the same counts in the same buckets.
impl TryFrom<&Snapshot> for Histogram<u64> {
    type Error = CreationError;

    fn try_from(snapshot: &Snapshot) -> Result<Self, CreationError> {
        let shape = snapshot.shape();
        let mut histogram = Self::new_with_bounds(shape.low(), shape.high(), shape.digits())?;
        for bucket in snapshot.buckets() {
            histogram.saturating_record_n(bucket.lowest, bucket.count);
        }
        Ok(histogram)
    }
}
