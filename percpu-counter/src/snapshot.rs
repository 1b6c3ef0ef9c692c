//! [`Snapshot`]: what a set of counters held.

use std::fmt;

use percpu_core::Unit;

use crate::fields::CounterFields;

/// What a [`CounterSet`](crate::CounterSet) held: a row for each unit in use.
///
/// A row is one moment of its unit, in which no update was under way; rows are of
/// different moments.
///
/// `Display` lists the totals as `name=value`. With the feature `serde` it is a map
/// of `total`, the totals by name, and `units`, the same for each unit:
/// `{"total":{"packets":2},"units":{"cpu0":{"packets":2}}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot<T> {
    rows: Vec<(Unit, T)>,
}

impl<T: CounterFields> Snapshot<T> {
    pub(crate) const fn new(rows: Vec<(Unit, T)>) -> Self {
        Self { rows }
    }

    /// Each unit in use, and its block.
    pub fn rows(&self) -> &[(Unit, T)] {
        &self.rows
    }

    /// All blocks added up, wrapping.
    pub fn total(&self) -> T {
        self.rows.iter().fold(T::ZERO, |sum, &(_, block)| sum.plus(block))
    }

    /// Each field's name and total.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + use<T> {
        self.total().fields()
    }
}

impl<T: CounterFields> fmt::Display for Snapshot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, (name, value)) in self.iter().enumerate() {
            let space = if nth == 0 { "" } else { " " };
            write!(f, "{space}{name}={value}")?;
        }
        Ok(())
    }
}

#[cfg(feature = "serde")]
mod data {
    use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

    use super::{CounterFields, Snapshot};

    /// A block, as a map.
    struct Block<T>(T);

    impl<T: CounterFields> Serialize for Block<T> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(self.0.fields())
        }
    }

    /// The rows, as a map.
    struct Rows<'a, T>(&'a Snapshot<T>);

    impl<T: CounterFields> Serialize for Rows<'_, T> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(Some(self.0.rows.len()))?;
            for (unit, block) in &self.0.rows {
                map.serialize_entry(&unit.to_string(), &Block(*block))?;
            }
            map.end()
        }
    }

    impl<T: CounterFields> Serialize for Snapshot<T> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut both = serializer.serialize_struct("Snapshot", 2)?;
            both.serialize_field("total", &Block(self.total()))?;
            both.serialize_field("units", &Rows(self))?;
            both.end()
        }
    }
}
