//! A [`Snapshot`] as data: its parameters, and the buckets that counted something.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::shape::Shape;
use super::snapshot::Snapshot;

#[derive(Serialize, Deserialize)]
#[serde(rename = "Snapshot")]
struct Form {
    low: u64,
    high: u64,
    digits: u8,
    /// The lowest value of a bucket and its count, upwards.
    counts: Vec<(u64, u64)>,
}

/// As `low`, `high`, `digits` and `counts`, which are pairs of the lowest value of a
/// bucket and its count, upwards, without those that are 0.
impl Serialize for Snapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shape = self.shape();
        Form {
            low: shape.low(),
            high: shape.high(),
            digits: shape.digits(),
            counts: self.buckets().map(|bucket| (bucket.lowest, bucket.count)).collect(),
        }
        .serialize(serializer)
    }
}

/// Anything but what a snapshot is written as is an error. Whatever the input,
/// at most 66 MB are allocated beside it.
impl<'de> Deserialize<'de> for Snapshot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Form { low, high, digits, counts } = Form::deserialize(deserializer)?;
        let shape = Shape::new(low, high, digits).map_err(D::Error::custom)?;
        let mut snapshot = Snapshot::empty(shape);
        let mut next = 0;
        for (value, count) in counts {
            let index = shape.index_of(value).filter(|&index| index >= next);
            let Some(index) = index.filter(|&index| *shape.values(index).start() == value) else {
                return Err(D::Error::custom(format_args!(
                    "{value} is not the lowest value of a bucket above those before"
                )));
            };
            if count == 0 {
                return Err(D::Error::custom(format_args!("no values in the bucket of {value}")));
            }
            snapshot.record_n(value, count).map_err(D::Error::custom)?;
            next = index + 1;
        }
        Ok(snapshot)
    }
}
