//! [`PerCpuU64`] and [`PerCpuI64`]: integers that are added to per CPU, and set.

use std::fmt;

use percpu_core::PerCpu;
use percpu_core::atomic::{AtomicU64, Ordering};

use super::or_shared::OrShared;
use crate::base::Base;
use crate::rebased::Rebased;

macro_rules! integer {
    ($(#[$meta:meta])* $Type:ident, $Word:ty, $value:ident) => {
        $(#[$meta])*
        ///
        /// Cannot fail: where per-CPU memory is refused, it is one shared atomic, and
        /// `Debug` says so. 8 bytes a CPU. Wraps at 64 bits.
        pub struct $Type(OrShared<Rebased<$value, PerCpu<$Word>>>);

        impl $Type {
            /// The number `value`.
            pub fn new(value: $value) -> Self {
                let base = Base::new(value.wrapping_neg());
                let copies = PerCpu::zeroed().map(|words| Rebased::new(words, base));
                Self(OrShared::new(copies, value as u64))
            }

            /// Adds `n`.
            ///
            /// # Performance
            /// As [`Counter::add`](crate::Counter::add), and a branch that is always
            /// foreseen.
            #[inline]
            pub fn add(&self, n: $value) {
                match &self.0 {
                    OrShared::PerCpu(copies) => copies.words().add(n),
                    OrShared::Shared(word, _) => add_to(word, n as u64),
                }
            }

            /// Subtracts `n`, at the cost of [`add`](Self::add).
            #[inline]
            pub fn sub(&self, n: $value) {
                self.add(n.wrapping_neg());
            }

            /// Replaces the value. An addition that returned before is overwritten, one
            /// that starts later counts on top.
            ///
            /// # Performance
            /// As [`get`](Self::get).
            pub fn set(&self, value: $value) {
                match &self.0 {
                    OrShared::PerCpu(copies) => copies.set(value),
                    OrShared::Shared(word, _) => word.store(value as u64, Ordering::Relaxed),
                }
            }

            /// Makes the value `at_least` if it is less.
            ///
            /// # Performance
            /// As [`get`](Self::get).
            pub fn raise(&self, at_least: $value) {
                match &self.0 {
                    OrShared::PerCpu(copies) => copies.raise(at_least),
                    OrShared::Shared(word, _) => {
                        let raise = |bits| Some((bits as $value).max(at_least) as u64);
                        // Relaxed: a number orders nothing but itself.
                        let _ = word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, raise);
                    }
                }
            }

            /// The value: exact for additions that returned before; each of those still
            /// running is counted or not.
            ///
            /// # Performance
            /// One load a unit in use, and a lock that additions do not take.
            pub fn get(&self) -> $value {
                match &self.0 {
                    OrShared::PerCpu(copies) => copies.sum(),
                    OrShared::Shared(word, _) => word.load(Ordering::Relaxed) as $value,
                }
            }
        }

        /// Zero.
        impl Default for $Type {
            fn default() -> Self {
                Self::new(0)
            }
        }

        impl fmt::Debug for $Type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut f = f.debug_struct(stringify!($Type));
                f.field("value", &self.get()).field("storage", &self.0).finish()
            }
        }

        impl fmt::Display for $Type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.get().fmt(f)
            }
        }
    };
}

integer!(
    /// An unsigned integer, added to on this CPU's copy alone.
    PerCpuU64, AtomicU64, u64
);
#[cfg(any(feature = "prometheus", feature = "prometheus-client"))]
integer!(
    /// A signed integer, added to on this CPU's copy alone.
    PerCpuI64, percpu_core::atomic::AtomicI64, i64
);

#[cold]
fn add_to(word: &AtomicU64, n: u64) {
    // Relaxed: a number orders nothing but itself.
    word.fetch_add(n, Ordering::Relaxed);
}
