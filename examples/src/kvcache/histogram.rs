//! Latencies in log-linear buckets, the arithmetic only.
//!
//! ```text
//!   ns      0 .. 31       32 .. 63       64 .. 127       128 .. 255     ...
//!   bucket  0 .. 31       32 .. 63       64 .. 95        96 .. 127      .. 1023
//!   width   1             1              2               4
//! ```
//!
//! Every power of two is cut into 32 equal buckets, so a bucket's middle is
//! within 1/64 of whatever fell into it. The last one takes all from 68 s on.

/// Words a histogram needs.
pub const BUCKETS: usize = 1024;

const CUTS: u32 = 5; // 2^5 buckets to a power of two

/// The bucket of a latency.
#[inline]
pub fn bucket_of(ns: u64) -> usize {
    let power = (ns | 1 << CUTS).ilog2() - CUTS;
    let bucket = ((power as usize) << CUTS) + (ns >> power) as usize;
    bucket.min(BUCKETS - 1)
}

/// The middle of a bucket, in nanoseconds.
pub fn middle_of(bucket: usize) -> u64 {
    let power = (bucket >> CUTS).saturating_sub(1);
    let first = ((bucket - (power << CUTS)) as u64) << power;
    first + (1 << power) / 2
}

/// The latency that a share `q` of all observations does not exceed, or none
/// when there were none.
pub fn quantile(buckets: &[u64], q: f64) -> Option<u64> {
    let total: u64 = buckets.iter().sum();
    let wanted = ((total as f64 * q).ceil() as u64).clamp(1, total.max(1));
    let mut seen = 0;
    let bucket = buckets.iter().position(|count| {
        seen += count;
        seen >= wanted
    })?;
    Some(middle_of(bucket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_gap() {
        let mut last = 0;
        for ns in 0..1_000_000 {
            let bucket = bucket_of(ns);
            assert!(bucket == last || bucket == last + 1, "{ns}: {last} then {bucket}");
            last = bucket;
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn a_middle_is_near_and_in_its_own_bucket() {
        for ns in (0..1 << 36).step_by(7_654_321).chain(0..10_000) {
            let middle = middle_of(bucket_of(ns));
            assert_eq!(bucket_of(middle), bucket_of(ns));
            assert!(middle.abs_diff(ns) <= ns / 32, "{ns}: {middle}");
        }
    }

    #[test]
    fn quantiles_of_a_known_set() {
        let mut buckets = vec![0; BUCKETS];
        assert_eq!(quantile(&buckets, 0.5), None);
        for ns in 1..=30 {
            buckets[bucket_of(ns)] += 1;
        }
        assert_eq!(quantile(&buckets, 0.5), Some(15));
        assert_eq!(quantile(&buckets, 0.99), Some(30));
        assert_eq!(quantile(&buckets, 0.0), Some(1));
    }
}
