//! Versions in memory, and which of them answers a request.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use pitcrew_columnar::Number;
use pitcrew_contracts::names::{DeploymentName, ModelName, ReleaseId};
use pitcrew_contracts::release::Role;
use pitcrew_contracts::serving::{Datatype, LoadedModel, ModelSignature, Tensor, TensorData};
use pitcrew_kernel::{Clock, Digest, Error, Result};
use pitcrew_stats::latency::{AtomicLatencyHistogram, LatencyHistogram};
use serde::Serialize;

use crate::load::Held;
use crate::log::{Columns, Status};
use crate::metrics::ArmMetrics;
use crate::model::ArmKind;

/// Features logged of one row; those of wider models beyond it are not logged.
pub(crate) const MAX_LOGGED_FEATURES: usize = 512;
/// A model that takes longer than this on average runs on a thread that may block.
const SLOW_US: u64 = 2_000;
/// A model that holds more than this runs there from its first request on.
const LARGE_BYTES: u64 = 64 << 20;

/// A version in one arm of one deployment.
#[derive(Debug)]
pub(crate) struct Arm {
    pub(crate) version: i64,
    pub(crate) kind: ArmKind,
    pub(crate) model: Arc<dyn LoadedModel>,
    /// Which bytes it was loaded from.
    pub(crate) digest: Digest,
    pub(crate) columns: Arc<Columns>,
    /// For each input, how many logged values of a row it gives.
    widths: Vec<usize>,
    metrics: ArmMetrics,
    /// What it did since it took this place,
    total: Counts,
    /// and in the present second.
    second: ArcSwap<Counts>,
    /// Exponential mean of the latency, in 1/16 microseconds.
    mean_us_16: AtomicU64,
}

/// What an arm does, as it does it.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    requests: AtomicU64,
    unseen: AtomicU64,
    failures: AtomicU64,
    latency: AtomicLatencyHistogram,
}

/// What an arm did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Figures {
    /// Requests whose caller got what it made of them: the split decides over these.
    pub(crate) requests: u64,
    /// Requests it computed and nobody saw: for the comparison, or because another arm had to answer.
    pub(crate) unseen: u64,
    /// Those of both that it failed.
    pub(crate) failures: u64,
}

impl Counts {
    fn count(&self, role: Role, status: Status, latency_us: u64) {
        let runs = if role == Role::Served { &self.requests } else { &self.unseen };
        runs.fetch_add(1, Ordering::Relaxed);
        if status.failed() {
            self.failures.fetch_add(1, Ordering::Relaxed);
        } else {
            self.latency.record(latency_us);
        }
    }

    pub(crate) fn figures(&self) -> Figures {
        Figures {
            requests: self.requests.load(Ordering::Relaxed),
            unseen: self.unseen.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
        }
    }

    /// Latencies of all that did not fail.
    pub(crate) fn latency(&self) -> LatencyHistogram {
        self.latency.snapshot()
    }
}

/// What a model made of a request.
pub(crate) struct Run {
    pub(crate) status: Status,
    pub(crate) latency_us: i64,
    pub(crate) result: Result<Outputs>,
}

/// The outputs, in the signature's order.
pub(crate) type Outputs = Vec<(String, Tensor)>;

impl Arm {
    pub(crate) fn new(model_name: &ModelName, version: i64, kind: ArmKind, held: Held, metrics: ArmMetrics) -> Self {
        let Held { digest, model } = held;
        let (features, widths) = features(model.signature());
        Self {
            version,
            kind,
            columns: Arc::new(Columns { model: model_name.to_string(), features }),
            widths,
            metrics,
            total: Counts::default(),
            second: ArcSwap::default(),
            mean_us_16: AtomicU64::new(0),
            model,
            digest,
        }
    }

    /// Computes. An answer that is no number is a failure of the model.
    pub(crate) fn run(&self, clock: &dyn Clock, inputs: &[(&str, Tensor)]) -> Run {
        let before = clock.now();
        let result = self.model.run(inputs);
        let latency_us = i64::try_from(clock.now().since(before).as_micros()).unwrap_or(i64::MAX);
        let status = match &result {
            Ok(outputs) if outputs.first().is_some_and(|(_, first)| has_no_number(first)) => Status::NotANumber,
            Ok(_) => Status::Ok,
            Err(error) if error.code() == "SERVING_BUSY" => Status::Busy,
            Err(_) => Status::Failed,
        };
        Run { status, latency_us, result }
    }

    /// Counts a run, whose role is known once the request is answered.
    pub(crate) fn count(&self, role: Role, run: &Run) {
        let latency_us = run.latency_us.unsigned_abs();
        self.total.count(role, run.status, latency_us);
        self.second.load().count(role, run.status, latency_us);
        self.metrics.count(role, run.status.failed(), latency_us);
        if !run.status.failed() {
            let mean = self.mean_us_16.load(Ordering::Relaxed);
            self.mean_us_16.store(mean - mean / 16 + latency_us, Ordering::Relaxed);
        }
    }

    /// Whether it should not run on an async thread.
    pub(crate) fn is_slow(&self) -> bool {
        self.mean_us_16.load(Ordering::Relaxed) / 16 > SLOW_US || self.model.memory_bytes() > LARGE_BYTES
    }

    /// What it did since it took this place.
    pub(crate) fn figures(&self) -> Figures {
        self.total.figures()
    }

    /// Latencies of what it computed since it took this place.
    pub(crate) fn latency(&self) -> LatencyHistogram {
        self.total.latency()
    }

    /// What it did since the last call.
    pub(crate) fn take_second(&self) -> Arc<Counts> {
        self.second.swap(Arc::default())
    }

    /// The features of each row of a request, as far as they are numbers.
    pub(crate) fn features_of(&self, inputs: &[(&str, Tensor)], rows: usize) -> Vec<Arc<[f64]>> {
        let specs = self.model.signature().inputs.iter().zip(&self.widths).enumerate();
        let logged: Vec<(Option<&TensorData>, usize)> = specs
            .filter(|(_, (_, width))| **width > 0)
            .map(|(at, (spec, width))| {
                let place = inputs.get(at).filter(|(name, _)| *name == spec.name);
                let found = place.or_else(|| inputs.iter().find(|(name, _)| *name == spec.name));
                (found.map(|(_, tensor)| &tensor.data), *width)
            })
            .collect();
        let features = |row: usize| {
            let each = logged.iter().flat_map(|(data, width)| {
                (row * width..(row + 1) * width).map(move |at| data.map_or(f64::NAN, |data| number(data, at)))
            });
            each.collect::<Vec<f64>>().into()
        };
        (0..rows).map(features).collect()
    }

    /// How many rows a request asks for: the size of the first dimension that the model leaves open.
    pub(crate) fn rows_of(&self, inputs: &[(&str, Tensor)]) -> usize {
        let Some(spec) = self.model.signature().inputs.iter().find(|spec| spec.shape.first() == Some(&-1)) else {
            return 1;
        };
        let tensor = inputs.iter().find(|(name, _)| *name == spec.name);
        tensor.and_then(|(_, tensor)| usize::try_from(*tensor.shape.first()?).ok()).unwrap_or(1)
    }
}

/// Whether an error says that the request was wrong, not the model.
pub(crate) fn is_callers_fault(error: &Error) -> bool {
    error.code() == "SERVING_INPUT_INVALID"
}

fn has_no_number(tensor: &Tensor) -> bool {
    match &tensor.data {
        TensorData::F32(values) => values.iter().any(|value| !value.is_finite()),
        TensorData::F64(values) => values.iter().any(|value| !value.is_finite()),
        _ => false,
    }
}

/// An element as a number; NaN where there is none.
fn number(data: &TensorData, at: usize) -> f64 {
    let found = match data {
        TensorData::Bool(values) => values.get(at).map(|value| f64::from(u8::from(*value))),
        TensorData::U8(values) => values.get(at).map(|value| f64::from(*value)),
        TensorData::U16(values) => values.get(at).map(|value| f64::from(*value)),
        TensorData::U32(values) => values.get(at).map(|value| f64::from(*value)),
        TensorData::U64(values) => values.get(at).map(|value| *value as f64),
        TensorData::I8(values) => values.get(at).map(|value| f64::from(*value)),
        TensorData::I16(values) => values.get(at).map(|value| f64::from(*value)),
        TensorData::I32(values) => values.get(at).map(|value| f64::from(*value)),
        TensorData::I64(values) => values.get(at).map(|value| *value as f64),
        TensorData::F32(values) => values.get(at).map(|value| f64::from(*value)),
        TensorData::F64(values) => values.get(at).copied(),
        TensorData::Bytes(_) => None,
    };
    found.unwrap_or(f64::NAN)
}

/// The prediction of each row: the first value of the first output; NaN where there is none.
pub(crate) fn predictions(outputs: &Outputs, rows: usize) -> Vec<f64> {
    let values = outputs.first().and_then(|(_, tensor)| tensor.data.to_f64()).unwrap_or_default();
    if rows == 0 || values.len() < rows || !values.len().is_multiple_of(rows) {
        return vec![f64::NAN; rows];
    }
    values.chunks_exact(values.len() / rows).map(|row| row[0]).collect()
}

/// Names of the logged features, and how many each input gives.
fn features(signature: &ModelSignature) -> (Vec<(String, Number)>, Vec<usize>) {
    let mut features: Vec<(String, Number)> = Vec::new();
    let mut widths = Vec::with_capacity(signature.inputs.len());
    for spec in &signature.inputs {
        let of_row = if spec.shape.first() == Some(&-1) { &spec.shape[1..] } else { &spec.shape[..] };
        let width = of_row.iter().try_fold(1usize, |all, dim| all.checked_mul(usize::try_from(*dim).ok()?));
        let width = match (spec.datatype, width) {
            (Datatype::Bytes, _) | (_, None) => 0,
            (_, Some(width)) if features.len() + width > MAX_LOGGED_FEATURES => 0,
            (_, Some(width)) => width,
        };
        let number = match spec.datatype {
            Datatype::F64 | Datatype::I32 | Datatype::I64 | Datatype::U32 | Datatype::U64 => Number::F64,
            _ => Number::F32,
        };
        let named = signature.inputs.len() == 1 && signature.features.len() == width;
        for at in 0..width {
            let name = match width {
                _ if named => signature.features[at].clone(),
                1 => spec.name.clone(),
                _ => format!("{}[{at}]", spec.name),
            };
            let taken = |name: &str| features.iter().any(|(known, _)| known == name);
            let name = if taken(&name) || name.is_empty() { format!("{name}#{}", features.len()) } else { name };
            features.push((name, number));
        }
        widths.push(width);
    }
    (features, widths)
}

/// A candidate with its share of traffic.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) arm: Arc<Arm>,
    pub(crate) release: ReleaseId,
    pub(crate) share: f64,
    pub(crate) paired: bool,
    salt: u64,
    threshold: u64,
}

impl Trial {
    pub(crate) fn new(arm: Arc<Arm>, release: ReleaseId, share: f64, paired: bool) -> Self {
        // Each candidate draws requests of its own, and a replay of the same history draws the same ones: so not by the release's id.
        let salt = hash(0, &arm.version.to_string());
        // All of u64 for a share of one: `draw` is compared with `<=` there.
        let threshold = (share.clamp(0.0, 1.0) * u64::MAX as f64) as u64;
        Self { arm, release, share, paired, salt, threshold }
    }

    /// Whether a request is the candidate's. The same request always gives the same answer, and one that is the candidate's at some share
    /// is the candidate's at every larger one.
    pub(crate) fn takes(&self, request_id: &str) -> bool {
        self.share > 0.0 && hash(self.salt, request_id) <= self.threshold
    }
}

/// FNV-1a, then the finaliser of `SplitMix64`, so that ids that differ in their last digit land anywhere.
fn hash(salt: u64, text: &str) -> u64 {
    let mut h = 0xcbf2_9ce4_8422_2325 ^ salt;
    for byte in text.bytes() {
        h = (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    h ^ (h >> 31)
}

/// A deployment as requests see it. Replaced as a whole, never changed.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) name: DeploymentName,
    /// The name as the log takes it.
    pub(crate) log_name: Arc<str>,
    pub(crate) model: ModelName,
    pub(crate) champion: Option<Arc<Arm>>,
    pub(crate) trial: Option<Trial>,
}

/// All deployments, as one snapshot.
pub(crate) type Routes = HashMap<String, Arc<Route>>;

/// Who answers a request, and who else may.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) first: &'a Arc<Arm>,
    /// Answers when the first one fails.
    pub(crate) fallback: Option<&'a Arc<Arm>>,
    /// Computes unseen, for the comparison.
    pub(crate) shadow: Option<&'a Arc<Arm>>,
}

impl Route {
    /// Both arms there are.
    pub(crate) fn arms(&self) -> impl Iterator<Item = &Arc<Arm>> {
        self.champion.iter().chain(self.trial.as_ref().map(|trial| &trial.arm))
    }

    /// The arm for a request; `version` asks for a certain one.
    pub(crate) fn plan(&self, request_id: &str, version: Option<i64>) -> Result<Plan<'_>> {
        let Some(champion) = &self.champion else {
            return Err(Error::unavailable(
                "SERVING_NOT_READY",
                format!("deployment `{}` serves no version yet", self.name),
            )
            .hint("register a version and point the deployment's alias to it")
            .retry_after(std::time::Duration::from_secs(1)));
        };
        if let Some(version) = version {
            let asked = self.arms().find(|arm| arm.version == version);
            let first = asked.ok_or_else(|| self.not_loaded(version))?;
            return Ok(Plan { first, fallback: None, shadow: None });
        }
        Ok(match &self.trial {
            Some(trial) if trial.takes(request_id) => {
                let shadow = trial.paired.then_some(champion);
                Plan { first: &trial.arm, fallback: Some(champion), shadow }
            }
            Some(trial) => Plan { first: champion, fallback: None, shadow: trial.paired.then_some(&trial.arm) },
            None => Plan { first: champion, fallback: None, shadow: None },
        })
    }

    fn not_loaded(&self, version: i64) -> Error {
        let loaded: Vec<String> = self.arms().map(|arm| arm.version.to_string()).collect();
        Error::not_found(
            "SERVING_VERSION_NOT_LOADED",
            format!("deployment `{}` does not serve version {version} of `{}`", self.name, self.model),
        )
        .hint(format!("it serves version {}", loaded.join(" and ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Linear;
    use pitcrew_contracts::serving::TensorSpec;
    use pitcrew_kernel::{FakeClock, SeededIds, Timestamp};
    use proptest::prelude::*;

    fn trial(seed: u64, share: f64) -> Trial {
        let clock: Arc<dyn Clock> = Arc::new(FakeClock::at(Timestamp::from_millis(1)));
        let metrics = crate::metrics::Metrics::register(&prometheus::Registry::new()).unwrap();
        let model: Arc<dyn LoadedModel> = Arc::new(Linear::new(1.0));
        let arm = Arm::new(
            &"bikes".parse().unwrap(),
            seed.cast_signed(),
            ArmKind::Candidate,
            Held { digest: Digest::from_bytes([1; 32]), model },
            metrics.arm("bikes", 2, ArmKind::Candidate),
        );
        Trial::new(Arc::new(arm), ReleaseId::new(&SeededIds::new(clock, seed)), share, true)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_share_is_kept(seed in any::<u64>(), percent in 1u8..=100, prefix in "[a-z]{0,4}") {
            let share = f64::from(percent) / 100.0;
            let trial = trial(seed, share);
            let taken = (0..4_000).filter(|i| trial.takes(&format!("{prefix}{i}"))).count();
            // Five standard deviations.
            let room = 5.0 * (4_000.0 * share * (1.0 - share)).sqrt() + 1.0;
            prop_assert!((taken as f64 - 4_000.0 * share).abs() <= room, "{taken} of 4000 at {share}");
        }

        #[test]
        fn who_was_in_stays_in_as_the_share_grows(seed in any::<u64>(), id in "\\PC{1,30}", low in 0.0f64..1.0, more in 0.0f64..1.0) {
            let high = low + (1.0 - low) * more;
            if trial(seed, low).takes(&id) {
                prop_assert!(trial(seed, high).takes(&id));
            }
            prop_assert_eq!(trial(seed, low).takes(&id), trial(seed, low).takes(&id));
            prop_assert!(trial(seed, 1.0).takes(&id) && !trial(seed, 0.0).takes(&id));
        }
    }

    #[test]
    fn features_are_named_and_doubles_told_apart() {
        let spec =
            |name: &str, shape: &[i64], datatype| TensorSpec { name: name.into(), datatype, shape: shape.into() };
        let signature = ModelSignature {
            inputs: vec![
                spec("temp", &[-1, 1], Datatype::F32),
                spec("text", &[-1, 1], Datatype::Bytes),
                spec("pair", &[-1, 2], Datatype::F64),
                spec("open", &[-1, -1], Datatype::F32),
                spec("pair[0]", &[-1], Datatype::I64),
            ],
            outputs: vec![],
            features: vec![],
        };
        let (names, widths) = features(&signature);
        let names: Vec<_> = names.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["temp", "pair[0]", "pair[1]", "pair[0]#3"]);
        assert_eq!(widths, [1, 0, 2, 0, 1]);
    }

    #[test]
    fn one_wide_input_is_named_by_the_model() {
        let inputs = vec![TensorSpec { name: "x".into(), datatype: Datatype::F32, shape: vec![-1, 2] }];
        let signature = ModelSignature { inputs, outputs: vec![], features: vec!["temp".into(), "hum".into()] };
        let (names, _) = features(&signature);
        assert_eq!(names, [("temp".to_owned(), Number::F32), ("hum".to_owned(), Number::F32)]);
    }

    #[test]
    fn a_prediction_is_the_first_value_of_each_row() {
        let outputs =
            vec![("y".to_owned(), Tensor::new(vec![2, 2], TensorData::F64(vec![1.0, 2.0, 3.0, 4.0])).unwrap())];
        assert_eq!(predictions(&outputs, 2), [1.0, 3.0]);
        assert!(predictions(&outputs, 3).iter().all(|value| value.is_nan()));
        assert!(predictions(&Vec::new(), 1)[0].is_nan());
    }
}
