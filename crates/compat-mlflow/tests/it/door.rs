//! A door over real slices with an engine that takes any bytes for a model.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::http::Method;
use bytes::Bytes;
use pitcrew_blob::{Blobs, Options};
use pitcrew_compat_mlflow::{Door, routes};
use pitcrew_contracts::monitoring::References;
use pitcrew_contracts::serving::{Datatype, EngineInfo, LoadedModel, ModelEngine, ModelSignature, Tensor, TensorSpec};
use pitcrew_kernel::{Clock, Digest, Error, Ids, Result};
use pitcrew_outbound::{Outbound, Policy};
use pitcrew_registry::{Parts, Registry, Signer, Webhooks};
use pitcrew_testkit::{TestDb, World, call, open};
use pitcrew_traces::Traces;
use pitcrew_tracking::Tracking;
use serde_json::{Value, json};

/// A door and everything asked of it so far.
pub(crate) struct Wire {
    pub(crate) world: World,
    pub(crate) router: Router,
    pub(crate) door: Door,
    pairs: Vec<Value>,
    db: TestDb,
    folder: tempfile::TempDir,
}

impl Wire {
    /// One for each kind of database.
    pub(crate) async fn each() -> Vec<Self> {
        let mut wires = Vec::new();
        for db in
            TestDb::each(&[pitcrew_tracking::MIGRATIONS, pitcrew_traces::MIGRATIONS, pitcrew_registry::MIGRATIONS])
                .await
        {
            wires.push(Self::over(db).await);
        }
        wires
    }

    async fn over(db: TestDb) -> Self {
        let world = World::new();
        let folder = tempfile::tempdir().unwrap();
        let door = door(&db, &world.clock(), &world.ids, folder.path());
        let router = open(&world, routes(door.clone())).await;
        Self { world, router, door, pairs: Vec::new(), db, folder }
    }

    /// Starts the server anew over what is on disk.
    pub(crate) async fn restart(&mut self) {
        self.door = door(&self.db, &self.world.clock(), &self.world.ids, self.folder.path());
        self.router = open(&self.world, routes(self.door.clone())).await;
    }

    /// The objects that garbage collection must keep for tracking.
    pub(crate) async fn kept(&self) -> HashSet<Digest> {
        self.db.db.read(pitcrew_tracking::referenced_digests).await.unwrap()
    }

    /// Forgets abandoned uploads, as garbage collection does first.
    pub(crate) async fn forget(&self) -> u64 {
        let now = self.world.clock().now();
        self.db.db.write(move |tx| pitcrew_tracking::forget_uploads(tx, now)).await.unwrap()
    }

    /// Asks, and remembers question and answer.
    pub(crate) async fn ask(&mut self, method: Method, path: &str, body: Value) -> Value {
        let full = if path.starts_with("/api") || path.starts_with("/ajax-api") {
            path.to_owned()
        } else {
            format!("/api/2.0/mlflow{path}")
        };
        let sent = (method != Method::GET).then(|| body.clone());
        let (status, answer) = call(&self.router, method.clone(), &full, sent).await;
        let asked = if method == Method::GET {
            json!(format!("GET {path}"))
        } else {
            json!({format!("{method} {path}"): body})
        };
        self.pairs.push(json!({"asked": asked, "status": status.as_u16(), "answer": answer}));
        answer
    }

    /// Asks with POST.
    pub(crate) async fn post(&mut self, path: &str, body: Value) -> Value {
        self.ask(Method::POST, path, body).await
    }

    /// Asks with GET.
    pub(crate) async fn get(&mut self, path: &str) -> Value {
        self.ask(Method::GET, path, Value::Null).await
    }

    /// Everything asked and answered since the last time.
    pub(crate) fn told(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.pairs)
    }
}

/// A door over `db`, with objects in `folder`.
pub(crate) fn door(db: &TestDb, clock: &Arc<dyn Clock>, ids: &Arc<dyn Ids>, folder: &Path) -> Door {
    let blobs = Blobs::open(&Options::Local(folder.join("objects")), Arc::clone(clock)).unwrap();
    let tracking = Arc::new(Tracking::new(db.db.clone(), Arc::clone(clock), Arc::clone(ids), blobs.clone()));
    let signer = Arc::new(Signer::from_seed(&[7; 32]));
    let outbound = Outbound::with_resolver(
        Policy { loopback: true, exceptions: Vec::new() },
        Arc::new(|_| Box::pin(async { Ok(vec![std::net::Ipv4Addr::new(10, 0, 0, 1).into()]) })),
    );
    let webhooks = Webhooks::new(db.db.clone(), Arc::clone(clock), Arc::clone(ids), &signer, outbound).unwrap();
    let registry = Registry::new(Parts {
        db: db.db.clone(),
        blobs,
        clock: Arc::clone(clock),
        ids: Arc::clone(ids),
        engine: Arc::new(AnyBytes),
        signer,
        references: Arc::new(AnyBytes),
        artifacts: Arc::clone(&tracking) as _,
    });
    let traces = Traces::new(db.db.clone(), Arc::clone(clock), Arc::clone(ids), Arc::clone(&tracking) as _);
    Door { tracking, registry: Arc::new(registry), traces: Arc::new(traces), webhooks: Arc::new(webhooks) }
}

/// An engine for which all bytes but none are a model.
#[derive(Debug)]
struct AnyBytes;

#[derive(Debug)]
struct Loaded(ModelSignature);

impl ModelEngine for AnyBytes {
    fn load(&self, bytes: &[u8]) -> Result<Arc<dyn LoadedModel>> {
        if bytes.is_empty() {
            return Err(Error::precondition("SERVING_MODEL_INVALID", "no bytes, no model"));
        }
        let tensor = |name: &str| TensorSpec { name: name.to_owned(), datatype: Datatype::F32, shape: vec![-1, 1] };
        Ok(Arc::new(Loaded(ModelSignature {
            inputs: vec![tensor("x")],
            outputs: vec![tensor("y")],
            features: Vec::new(),
        })))
    }

    fn describe(&self) -> EngineInfo {
        EngineInfo { name: "any-bytes".to_owned(), version: "1".to_owned(), providers: Vec::new() }
    }
}

impl LoadedModel for Loaded {
    fn signature(&self) -> &ModelSignature {
        &self.0
    }

    fn run(&self, _inputs: &[(&str, Tensor)]) -> Result<Vec<(String, Tensor)>> {
        Ok(Vec::new())
    }

    fn memory_bytes(&self) -> u64 {
        0
    }
}

#[async_trait]
impl References for AnyBytes {
    async fn build(&self, _model: Arc<dyn LoadedModel>, _training: &Path) -> Result<Bytes> {
        Ok(Bytes::new())
    }
}
