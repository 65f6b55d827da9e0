//! An engine and a registry for tests of serving: a model is a line of JSON, so no inference library is needed.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pitcrew_contracts::names::{AliasName, ModelName, ModelRef};
use pitcrew_contracts::registry::{AliasMoved, Models, ServableVersion};
use pitcrew_contracts::serving::{
    Datatype, EngineInfo, LoadedModel, ModelEngine, ModelSignature, Tensor, TensorData, TensorSpec,
};
use pitcrew_db::Db;
use pitcrew_kernel::{Ctx, Digest, Error, FakeClock, Result};
use serde_json::{Value, json};

use crate::World;

/// A model that answers `factor` times the sum of its inputs, row by row, as output `y` of `FP32`.
#[derive(Debug)]
pub struct FakeModel {
    signature: ModelSignature,
    factor: f64,
    /// `ok`, `fail` (an error at each run), `busy` (one that passes), or `nan`.
    mode: String,
    latency: Duration,
    memory_bytes: u64,
    clock: Option<FakeClock>,
}

/// The bytes of a model with the inputs `x` (`FP32`).
pub fn linear(factor: f64) -> Value {
    json!({ "factor": factor })
}

/// Reads models from JSON: `{"factor":2.0,"inputs":[["x","FP32"]],"mode":"ok","latency_us":0,"memory_bytes":64}`; all but the factor may be left out.
#[derive(Debug, Default, Clone)]
pub struct FakeEngine {
    /// Moved forward by each run of a model with a latency.
    pub clock: Option<FakeClock>,
}

impl ModelEngine for FakeEngine {
    fn load(&self, bytes: &[u8]) -> Result<Arc<dyn LoadedModel>> {
        let wrong = |source| Error::invalid("SERVING_MODEL_INVALID", "the bytes are no model").with_source(source);
        let read: Value = serde_json::from_slice(bytes).map_err(wrong)?;
        let inputs = match read["inputs"].as_array() {
            Some(inputs) => inputs.iter().map(|each| (each[0].as_str().unwrap(), each[1].as_str().unwrap())).collect(),
            None => vec![("x", "FP32")],
        };
        let spec = |name: &str, datatype: Datatype| TensorSpec { name: name.to_owned(), datatype, shape: vec![-1, 1] };
        let signature = ModelSignature {
            inputs: inputs.into_iter().map(|(name, datatype)| spec(name, datatype.parse().unwrap())).collect(),
            outputs: vec![spec("y", Datatype::F32)],
            features: Vec::new(),
        };
        Ok(Arc::new(FakeModel {
            signature,
            factor: read["factor"].as_f64().unwrap_or(1.0),
            mode: read["mode"].as_str().unwrap_or("ok").to_owned(),
            latency: Duration::from_micros(read["latency_us"].as_u64().unwrap_or(0)),
            memory_bytes: read["memory_bytes"].as_u64().unwrap_or(64),
            clock: self.clock.clone(),
        }))
    }

    fn describe(&self) -> EngineInfo {
        EngineInfo { name: "fake".to_owned(), version: "1".to_owned(), providers: vec!["CPU".to_owned()] }
    }
}

impl LoadedModel for FakeModel {
    fn signature(&self) -> &ModelSignature {
        &self.signature
    }

    fn run(&self, inputs: &[(&str, Tensor)]) -> Result<Vec<(String, Tensor)>> {
        if let (Some(clock), false) = (&self.clock, self.latency.is_zero()) {
            clock.advance(self.latency);
        }
        if let Some((name, _)) = inputs.iter().find(|(name, _)| self.signature.input(name).is_none()) {
            return Err(Error::invalid("SERVING_INPUT_INVALID", format!("the model has no input `{name}`")));
        }
        let mut sums: Option<Vec<f64>> = None;
        for spec in &self.signature.inputs {
            let found = inputs.iter().find(|(name, _)| *name == spec.name);
            let (_, tensor) = found
                .ok_or_else(|| Error::invalid("SERVING_INPUT_INVALID", format!("input `{}` is missing", spec.name)))?;
            spec.check(tensor)?;
            let values = tensor.data.to_f64().unwrap_or_else(|| vec![0.0; tensor.data.len()]);
            sums = Some(match sums {
                None => values,
                Some(sums) => sums.iter().zip(values).map(|(sum, value)| sum + value).collect(),
            });
        }
        let factor = match self.mode.as_str() {
            "fail" => return Err(Error::internal("the model gave up", "told to").context("run")),
            "busy" => return Err(Error::unavailable("SERVING_BUSY", "all instances of the model are busy")),
            "nan" => f64::NAN,
            _ => self.factor,
        };
        let data: Vec<f32> = sums.unwrap_or_default().iter().map(|sum| (sum * factor) as f32).collect();
        let rows = data.len() as i64;
        Ok(vec![("y".to_owned(), Tensor::new(vec![rows, 1], TensorData::F32(data))?)])
    }

    fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }
}

/// A registry in memory.
#[derive(Debug, Default)]
pub struct FakeModels {
    versions: Mutex<HashMap<ModelRef, Value>>,
    aliases: Mutex<HashMap<(String, String), i64>>,
    incomplete: Mutex<HashSet<ModelRef>>,
    gone: Mutex<bool>,
}

impl FakeModels {
    /// Registers a version.
    pub fn add(&self, version: &str, model: Value) {
        self.versions.lock().unwrap().insert(version.parse().unwrap(), model);
    }

    /// Makes a version lack what its model requires, or have it.
    pub fn incomplete(&self, version: &str, lacks: bool) {
        let version = version.parse().unwrap();
        let mut incomplete = self.incomplete.lock().unwrap();
        if lacks {
            incomplete.insert(version)
        } else {
            incomplete.remove(&version)
        };
    }

    /// Makes every question fail from now on, or answers again.
    pub fn vanish(&self, gone: bool) {
        *self.gone.lock().unwrap() = gone;
    }

    /// Moves an alias and states it, as the registry does.
    pub async fn alias(&self, world: &World, db: &Db, model: &str, alias: &str, to: Option<i64>) {
        let key = (model.to_owned(), alias.to_owned());
        let from = match to {
            Some(to) => self.aliases.lock().unwrap().insert(key, to),
            None => self.aliases.lock().unwrap().remove(&key),
        };
        let moved = AliasMoved {
            model: model.parse().unwrap(),
            alias: alias.parse().unwrap(),
            from,
            to,
            reason: "a test says so".to_owned(),
        };
        let world = world.clone();
        db.write(move |tx| tx.emit(world.out(), &moved)).await.expect("an event is stated");
    }

    fn here(&self) -> Result<()> {
        if *self.gone.lock().unwrap() {
            return Err(Error::unavailable("DB_UNREACHABLE", "the registry is away"));
        }
        Ok(())
    }

    fn find(&self, version: &ModelRef) -> Result<Value> {
        self.here()?;
        let found = self.versions.lock().unwrap().get(version).cloned();
        found.ok_or_else(|| Error::not_found("MODEL_VERSION_NOT_FOUND", format!("there is no version {version}")))
    }
}

#[async_trait]
impl Models for FakeModels {
    async fn resolve(&self, ctx: &Ctx, model: &ModelName, alias: &AliasName) -> Result<Option<ServableVersion>> {
        self.here()?;
        let version = self.aliases.lock().unwrap().get(&(model.to_string(), alias.to_string())).copied();
        match version {
            Some(version) => self.version(ctx, &ModelRef { model: model.clone(), version }).await.map(Some),
            None => Ok(None),
        }
    }

    async fn version(&self, _ctx: &Ctx, version: &ModelRef) -> Result<ServableVersion> {
        let model = self.find(version)?.to_string();
        let loaded = FakeEngine::default().load(model.as_bytes())?;
        Ok(ServableVersion {
            version: version.clone(),
            digest: digest_of(&model),
            signature: loaded.signature().clone(),
            reference: None,
        })
    }

    async fn bytes(&self, _ctx: &Ctx, version: &ModelRef) -> Result<Bytes> {
        match self.find(version)? {
            Value::String(bytes) => Ok(Bytes::from(bytes)),
            model => Ok(Bytes::from(model.to_string())),
        }
    }

    async fn reference(&self, _ctx: &Ctx, _version: &ModelRef) -> Result<Option<Bytes>> {
        Ok(None)
    }

    async fn may_be(&self, _ctx: &Ctx, version: &ModelRef, alias: &AliasName) -> Result<()> {
        if self.incomplete.lock().unwrap().contains(version) {
            return Err(Error::precondition("VERSION_INCOMPLETE", format!("`{version}` cannot be `{alias}`")));
        }
        Ok(())
    }
}

/// Tells models apart; no more is asked of it.
fn digest_of(model: &str) -> Digest {
    let mut mixed = [7u8; 32];
    for (at, byte) in model.bytes().enumerate() {
        let place = &mut mixed[at % 32];
        *place = place.wrapping_mul(31).wrapping_add(byte);
    }
    Digest::from_bytes(mixed)
}
