//! Latencies: log-linear buckets of microseconds, as in HDR histograms (Tene), at most 1.6 % wide.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// Each power of two is cut into this many buckets.
const SUB_BUCKETS: u64 = 64;
const SUB_BITS: u32 = SUB_BUCKETS.trailing_zeros();
/// Larger values are counted as this one: about nine hours.
pub const MAX_TRACKED_US: u64 = (1 << 35) - 1;
const BUCKETS: usize = ((35 - SUB_BITS as u64 + 1) * SUB_BUCKETS) as usize;

/// The bucket of a value. Values below 64 have a bucket each; above, 64 buckets per power of two.
const fn bucket(value_us: u64) -> usize {
    let value = if value_us > MAX_TRACKED_US { MAX_TRACKED_US } else { value_us };
    if value < SUB_BUCKETS {
        return value as usize;
    }
    let shift = 63 - value.leading_zeros() - SUB_BITS;
    ((shift as u64 + 1) * SUB_BUCKETS + ((value >> shift) - SUB_BUCKETS)) as usize
}

/// The smallest and largest value of a bucket.
const fn bucket_range(bucket: usize) -> (u64, u64) {
    let bucket = bucket as u64;
    if bucket < SUB_BUCKETS {
        return (bucket, bucket);
    }
    let shift = bucket / SUB_BUCKETS - 1;
    let low = (bucket % SUB_BUCKETS + SUB_BUCKETS) << shift;
    (low, low + (1 << shift) - 1)
}

/// A plain, mergeable latency histogram. Stored sparsely.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Sparse", into = "Sparse")]
pub struct LatencyHistogram {
    counts: Vec<u64>,
    count: u64,
    sum_us: u64,
    max_us: u64,
}

/// The usual latency quantiles, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencySummary {
    /// The median.
    pub p50_us: u64,
    /// The 95 % quantile.
    pub p95_us: u64,
    /// The 99 % quantile.
    pub p99_us: u64,
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], count: 0, sum_us: 0, max_us: 0 }
    }
}

impl std::fmt::Debug for LatencyHistogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LatencyHistogram")
            .field("count", &self.count)
            .field("max_us", &self.max_us)
            .finish_non_exhaustive()
    }
}

impl LatencyHistogram {
    /// An empty histogram.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one latency.
    pub fn record(&mut self, value_us: u64) {
        let value = value_us.min(MAX_TRACKED_US);
        self.counts[bucket(value)] += 1;
        self.count += 1;
        self.sum_us = self.sum_us.saturating_add(value);
        self.max_us = self.max_us.max(value);
    }

    /// Adds another histogram.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.count += other.count;
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
        self.max_us = self.max_us.max(other.max_us);
    }

    /// How many latencies were counted.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Their mean, once there is one.
    #[must_use]
    pub fn mean_us(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum_us as f64 / self.count as f64)
    }

    /// The largest one, once there is one.
    #[must_use]
    pub fn max_us(&self) -> Option<u64> {
        (self.count > 0).then_some(self.max_us)
    }

    /// The quantile at `q` in `[0, 1]`: at most 1.6 % above the true one, never below it. `None` without data.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<u64> {
        if self.count == 0 || !(0.0..=1.0).contains(&q) {
            return None;
        }
        let rank = ((q * self.count as f64).ceil() as u64).clamp(1, self.count);
        self.at_rank(rank).map(|(_, high)| high)
    }

    /// The median, 95 % and 99 % quantiles; `None` without data.
    #[must_use]
    pub fn summary(&self) -> Option<LatencySummary> {
        Some(LatencySummary { p50_us: self.quantile(0.5)?, p95_us: self.quantile(0.95)?, p99_us: self.quantile(0.99)? })
    }

    /// The smallest and largest value the `rank`-th smallest latency (from one) may have.
    #[must_use]
    pub fn at_rank(&self, rank: u64) -> Option<(u64, u64)> {
        if rank == 0 || rank > self.count {
            return None;
        }
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                let (low, high) = bucket_range(index);
                return Some((low, high.min(self.max_us)));
            }
        }
        None
    }
}

/// The stored form: only buckets with something in them.
#[derive(Serialize, Deserialize)]
struct Sparse {
    sum_us: u64,
    max_us: u64,
    buckets: Vec<(u32, u64)>,
}

impl From<LatencyHistogram> for Sparse {
    fn from(histogram: LatencyHistogram) -> Self {
        let filled = histogram.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        let buckets = filled.map(|(index, count)| (index as u32, *count)).collect();
        Self { sum_us: histogram.sum_us, max_us: histogram.max_us, buckets }
    }
}

impl From<Sparse> for LatencyHistogram {
    fn from(sparse: Sparse) -> Self {
        let mut histogram =
            Self { sum_us: sparse.sum_us, max_us: sparse.max_us.min(MAX_TRACKED_US), ..Self::default() };
        for (index, count) in sparse.buckets {
            // A bucket we do not have comes from a damaged file; what remains is still worth reading.
            if let Some(slot) = histogram.counts.get_mut(index as usize) {
                *slot = slot.saturating_add(count);
                histogram.count = histogram.count.saturating_add(count);
            }
        }
        histogram
    }
}

/// A latency histogram that many threads record into without waiting for each other.
pub struct AtomicLatencyHistogram {
    counts: Box<[AtomicU64]>,
    sum_us: AtomicU64,
    max_us: AtomicU64,
}

impl Default for AtomicLatencyHistogram {
    fn default() -> Self {
        Self {
            counts: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            sum_us: AtomicU64::new(0),
            max_us: AtomicU64::new(0),
        }
    }
}

impl std::fmt::Debug for AtomicLatencyHistogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AtomicLatencyHistogram").field("max_us", &self.max_us).finish_non_exhaustive()
    }
}

impl AtomicLatencyHistogram {
    /// An empty histogram.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one latency: two or three relaxed atomic operations.
    pub fn record(&self, value_us: u64) {
        let value = value_us.min(MAX_TRACKED_US);
        self.counts[bucket(value)].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(value, Ordering::Relaxed);
        // New maxima are rare; a plain load spares the exchange.
        if value > self.max_us.load(Ordering::Relaxed) {
            self.max_us.fetch_max(value, Ordering::Relaxed);
        }
    }

    /// A plain copy. What is recorded meanwhile may be in it or not; the count always equals the sum over buckets.
    #[must_use]
    pub fn snapshot(&self) -> LatencyHistogram {
        let counts: Vec<u64> = self.counts.iter().map(|c| c.load(Ordering::Relaxed)).collect();
        LatencyHistogram {
            count: counts.iter().sum(),
            counts,
            sum_us: self.sum_us.load(Ordering::Relaxed),
            max_us: self.max_us.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_tile_the_range_without_gaps() {
        let mut next = 0;
        for index in 0..BUCKETS {
            let (low, high) = bucket_range(index);
            assert_eq!(low, next, "bucket {index}");
            assert_eq!((bucket(low), bucket(high)), (index, index));
            next = high + 1;
        }
        assert_eq!(next, MAX_TRACKED_US + 1);
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_within_the_bucket_width() {
        let mut histogram = LatencyHistogram::new();
        for value in 1..=10_000u64 {
            histogram.record(value);
        }
        let summary = histogram.summary().unwrap();
        for (found, exact) in [(summary.p50_us, 5000.0), (summary.p95_us, 9500.0), (summary.p99_us, 9900.0)] {
            assert!(found as f64 >= exact && found as f64 <= exact * 1.016, "{found} for {exact}");
        }
        assert_eq!(histogram.quantile(1.0), Some(10_000));
        assert_eq!(histogram.mean_us(), Some(5000.5));
        assert_eq!(LatencyHistogram::new().summary(), None);
    }

    #[test]
    fn threads_lose_nothing() {
        let histogram = AtomicLatencyHistogram::new();
        std::thread::scope(|scope| {
            for start in 0..4u64 {
                let histogram = &histogram;
                scope.spawn(move || (0..1000).for_each(|i| histogram.record(start * 1000 + i)));
            }
        });
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.count(), 4000);
        assert_eq!(snapshot.max_us(), Some(3999));
    }

    proptest! {
        #[test]
        fn merging_and_storing_keep_everything(values in prop::collection::vec(0u64..1 << 40, 0..100), cut in 0usize..100) {
            let cut = cut.min(values.len());
            let make = |part: &[u64]| {
                let mut histogram = LatencyHistogram::new();
                part.iter().for_each(|v| histogram.record(*v));
                histogram
            };
            let mut merged = make(&values[..cut]);
            merged.merge(&make(&values[cut..]));
            prop_assert_eq!(&merged, &make(&values));
            let stored = serde_json::to_string(&merged).unwrap();
            prop_assert_eq!(serde_json::from_str::<LatencyHistogram>(&stored).unwrap(), merged);
        }
    }
}
