//! A router whose deployment `bikes` serves version 1 of a model with two inputs.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use pitcrew_compat_oip::routes;
use pitcrew_contracts::rest::Settle as _;
use pitcrew_contracts::spec::{Deployment, Project};
use pitcrew_serving::{MIGRATIONS, Parts, Serving, jobs, subscribers};
use pitcrew_testkit::{FakeEngine, FakeModels, Tasks, TestDb, World, apply, open, run_jobs};
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub(crate) struct Door {
    pub(crate) router: Router,
    pub(crate) serving: Arc<Serving>,
    pub(crate) world: World,
    _db: TestDb,
    _folder: tempfile::TempDir,
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// `bikes` takes `temp` (`FP32`) and `hum` (`FP64`) and answers twice their sum; `trams` takes `x` and answers it.
pub(crate) async fn door() -> Door {
    let models = FakeModels::default();
    models.add("bikes/1", json!({ "factor": 2.0, "inputs": [["temp", "FP32"], ["hum", "FP64"]] }));
    models.add("trams/1", json!({ "factor": 1.0 }));
    models.add("words/1", json!({ "factor": 1.0, "inputs": [["word", "BYTES"], ["n", "INT64"]] }));
    door_to(models, &["bikes", "trams", "words"]).await
}

pub(crate) async fn door_to(models: FakeModels, names: &[&str]) -> Door {
    let (world, db, folder) = (World::new(), TestDb::sqlite(&[MIGRATIONS]).await, tempfile::tempdir().unwrap());
    let models = Arc::new(models);
    let parts = Parts {
        db: db.db.clone(),
        clock: world.clock(),
        ids: Arc::clone(&world.ids),
        engine: Arc::new(FakeEngine::default()),
        models: models.clone(),
        log_folder: folder.path().join("log"),
        metrics: prometheus::Registry::new(),
    };
    let serving = Arc::new(Serving::new(parts).unwrap());
    let tasks = Tasks::new();
    serving.start(&tasks).await.unwrap();
    let deployments = names.iter().map(|name| {
        ((*name).to_owned(), Deployment { model: (*name).to_owned(), alias: "champion".into(), release: None })
    });
    let project: Project = serde_json::from_value(json!({ "project": "city" })).unwrap();
    let project = Project { deployments: deployments.collect(), ..project };
    apply(&world, &db.db, serving.clone(), project).await;
    for name in names.iter().filter(|name| **name != "empty") {
        models.alias(&world, &db.db, name, "champion", Some(1)).await;
    }
    world.pump(&db.db, subscribers(&serving)).await;
    run_jobs(&world, &db.db, jobs(&serving)).await;
    let router = open(&world, routes(&serving)).await;
    Door { router, serving, world, _db: db, _folder: folder }
}

impl Door {
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], Body::empty()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Reply {
        self.send(Method::POST, path, &[("content-type", "application/json")], body.to_owned()).await
    }

    /// The features and predictions that were logged of `bikes`.
    pub(crate) async fn logged(&self) -> Vec<(String, String, Vec<f64>, f64)> {
        use pitcrew_contracts::release::InferenceLog as _;
        use pitcrew_kernel::Timestamp;
        assert_eq!(self.serving.settle().await, None);
        let (from, to) = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
        let slice = self.serving.slice(&self.world.ctx, &"bikes".parse().unwrap(), from, to, None).await.unwrap();
        let row = |row: pitcrew_contracts::release::LoggedPrediction| {
            (row.request_id, row.event_time.to_string(), row.features, row.prediction)
        };
        slice.rows.into_iter().map(row).collect()
    }
}
