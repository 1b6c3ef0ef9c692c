//! [`Recorder`]: which metrics there are.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ::metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, SetRecorderError,
    SharedString, Unit, set_global_recorder,
};

use super::super::float::PerCpuF64;
use super::super::integer::PerCpuU64;
use super::distribution::Recording;
use super::scale::Scale;
use super::snapshot::{Metric, Snapshot, Value};

/// Records for the crate `metrics`; cheap to clone, all clones are the same recorder.
///
/// Metrics stay once they are registered. A counter, a gauge and a histogram of the same
/// name are three metrics, which Prometheus refuses in one text.
///
/// # Memory
/// For each CPU, 8 bytes a counter, 48 a gauge, and what
/// [`Histogram`](crate::Histogram) says of a [`Scale`]: 6 KiB of the default one. Where
/// it is refused, a metric counts in memory that all CPUs share.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Shared>);

#[derive(Default)]
struct Shared {
    settings: Builder,
    counters: Registered<PerCpuU64>,
    gauges: Registered<PerCpuF64>,
    histograms: Registered<Recording>,
}

/// Makes a [`Recorder`].
#[derive(Clone, Debug)]
#[must_use = "records nothing by itself"]
pub struct Builder {
    scale: Scale,
    scales: HashMap<String, Scale>,
    quantiles: Vec<f64>,
}

impl Default for Builder {
    fn default() -> Self {
        let quantiles = vec![0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0];
        Self { scale: Scale::default(), scales: HashMap::new(), quantiles }
    }
}

impl Builder {
    /// What histograms tell apart, unless [`histogram`](Self::histogram) says otherwise.
    pub fn histograms(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }

    /// What the histograms called `name` tell apart.
    pub fn histogram(mut self, name: impl Into<String>, scale: Scale) -> Self {
        self.scales.insert(name.into(), scale);
        self
    }

    /// Which quantiles, from 0 to 1, the text tells of histograms.
    pub fn quantiles(mut self, quantiles: impl Into<Vec<f64>>) -> Self {
        self.quantiles = quantiles.into();
        self
    }

    /// The recorder.
    pub fn build(self) -> Recorder {
        Recorder(Arc::new(Shared { settings: self, ..Shared::default() }))
    }

    /// The recorder, made that of the whole process.
    ///
    /// # Errors
    /// [`SetRecorderError`], with the recorder, if there is one already.
    pub fn install(self) -> Result<Recorder, SetRecorderError<Recorder>> {
        let recorder = self.build();
        set_global_recorder(recorder.clone())?;
        Ok(recorder)
    }
}

impl Recorder {
    /// Settings may be chosen.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// All metrics and their values.
    ///
    /// # Performance
    /// For each metric a lock, and a look at each unit in use; what registers a metric
    /// waits meanwhile, what counts does not.
    pub fn snapshot(&self) -> Snapshot {
        let mut metrics = Vec::new();
        self.0.counters.read(&mut metrics, |counter| Value::Counter(counter.get()));
        self.0.gauges.read(&mut metrics, |gauge| Value::Gauge(gauge.get()));
        self.0.histograms.read(&mut metrics, |seen| Value::Histogram(seen.snapshot()));
        Snapshot::new(metrics, self.0.settings.quantiles.clone())
    }
}

impl ::metrics::Recorder for Recorder {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.counters.describe(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.gauges.describe(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.histograms.describe(key, unit, description);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.0.counters.get_or(key, PerCpuU64::default))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.0.gauges.get_or(key, PerCpuF64::default))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let settings = &self.0.settings;
        let scale = settings.scales.get(key.name()).unwrap_or(&settings.scale);
        Histogram::from_arc(self.0.histograms.get_or(key, || Recording::new(*scale)))
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Recorder");
        f.field("counters", &self.0.counters.lock().metrics.len());
        f.field("gauges", &self.0.gauges.lock().metrics.len());
        f.field("histograms", &self.0.histograms.lock().metrics.len());
        f.finish_non_exhaustive()
    }
}

/// Adds to this CPU's copy; to be absolute takes a lock.
impl CounterFn for PerCpuU64 {
    fn increment(&self, value: u64) {
        self.add(value);
    }

    fn absolute(&self, value: u64) {
        self.raise(value);
    }
}

/// Adds to this CPU's copy; to set takes a lock.
impl GaugeFn for PerCpuF64 {
    fn increment(&self, value: f64) {
        self.add(value);
    }

    fn decrement(&self, value: f64) {
        self.sub(value);
    }

    fn set(&self, value: f64) {
        self.set(value);
    }
}

/// The metrics of one kind.
struct Registered<T>(RwLock<Family<T>>);

struct Family<T> {
    metrics: HashMap<Key, Arc<T>>,
    described: HashMap<KeyName, (Option<Unit>, SharedString)>,
}

impl<T> Default for Registered<T> {
    fn default() -> Self {
        Self(RwLock::new(Family { metrics: HashMap::new(), described: HashMap::new() }))
    }
}

impl<T> Registered<T> {
    /// Whatever a panic interrupted: a map has a metric or has it not.
    fn lock(&self) -> RwLockReadGuard<'_, Family<T>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, Family<T>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn get_or(&self, key: &Key, make: impl FnOnce() -> T) -> Arc<T> {
        let known = self.lock().metrics.get(key).map(Arc::clone);
        known.unwrap_or_else(|| {
            let mut family = self.change();
            // Somebody may have been faster: `entry` looks again.
            Arc::clone(family.metrics.entry(key.clone()).or_insert_with(|| Arc::new(make())))
        })
    }

    /// The last description is the one.
    fn describe(&self, name: KeyName, unit: Option<Unit>, description: SharedString) {
        self.change().described.insert(name, (unit, description));
    }

    fn read(&self, into: &mut Vec<Metric>, value: impl Fn(&T) -> Value) {
        let family = self.lock();
        into.extend(family.metrics.iter().map(|(key, metric)| {
            let described = family.described.get(key.name());
            Metric {
                key: key.clone(),
                unit: described.and_then(|(unit, _)| *unit),
                description: described.map(|(_, description)| description.clone()),
                value: value(metric),
            }
        }));
    }
}
