//! An API for tests, and callers who set their own headers.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use pitcrew_auth::{Auth, Mode};
use pitcrew_kernel::{Access, Error};
use pitcrew_testkit::{TestDb, World};
use pitcrew_web::{Answer, Api, Caller, GuardOptions, Json, Path, Query, guarded, nothing_here, status_of};
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// What the small route takes.
pub(crate) const SMALL: usize = 64;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bike {
    name: String,
    #[serde(default)]
    wheels: u8,
}

async fn whoami(Caller(ctx): Caller) -> Answer<Json<Value>> {
    Ok(Json(json!({ "actor": ctx.actor, "access": ctx.access, "request_id": ctx.request_id })))
}

async fn ride(State(()): State<()>, Json(bike): Json<Bike>) -> Answer<Json<Value>> {
    Ok(Json(json!({ "name": bike.name, "wheels": bike.wheels })))
}

async fn any_json(Json(body): Json<Value>) -> Answer<Json<Value>> {
    Ok(Json(body))
}

async fn nth(Path((name, n)): Path<(String, i64)>) -> Answer<Json<Value>> {
    Ok(Json(json!({ "name": name, "n": n })))
}

#[derive(Deserialize)]
struct Few {
    limit: u8,
}

async fn few(Query(query): Query<Few>) -> Answer<Json<Value>> {
    Ok(Json(json!({ "limit": query.limit })))
}

async fn busy() -> Answer<Json<Value>> {
    Err(Error::unavailable("DB_BUSY", "the metadata database is busy")
        .retry_after(std::time::Duration::from_secs(3))
        .hint("wait")
        .into())
}

async fn broken() -> Answer<Json<Value>> {
    Err(Error::internal("reading the model failed", "disk on fire").into())
}

async fn falls() -> Answer<Json<Value>> {
    panic!("a defect with a secret")
}

fn foreign(error: &Error, request_id: &str) -> Response {
    (status_of(error), Json(json!({ "error_code": error.code(), "message": error.detail(), "id": request_id })))
        .into_response()
}

fn api() -> Api {
    let native = Api::builder::<()>()
        .get("/public", Access::Public, any_json)
        .get("/read", Access::Read, whoami)
        .post("/write", Access::Write, whoami)
        .put("/write", Access::Write, whoami)
        .patch("/write", Access::Write, whoami)
        .delete("/admin", Access::Admin, whoami)
        .post("/bikes", Access::Write, ride)
        .post("/json", Access::Write, any_json)
        .post_sized("/small", Access::Write, SMALL, any_json)
        .get("/nth/{name}/{n}", Access::Read, nth)
        .get("/few", Access::Read, few)
        .get("/busy", Access::Read, busy)
        .get("/broken", Access::Read, broken)
        .get("/falls", Access::Read, falls)
        .with_state(());
    let door = Api::builder::<()>()
        .errors(foreign)
        .get("/foreign/read", Access::Read, whoami)
        .get("/foreign/admin", Access::Admin, whoami)
        .get("/foreign/busy", Access::Read, busy)
        .get("/foreign/falls", Access::Read, falls)
        .post("/foreign/bikes", Access::Write, ride)
        .with_state(());
    native.merge(door)
}

pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answered {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and code.
    pub(crate) fn no(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["code"].as_str().unwrap_or_default())
    }
}

pub(crate) struct Door {
    router: Router,
    pub(crate) auth: Arc<Auth>,
    pub(crate) world: World,
    _db: TestDb,
}

impl Door {
    pub(crate) async fn open(mode: Mode) -> Self {
        let (world, db) = (World::new(), TestDb::sqlite(&[pitcrew_auth::MIGRATIONS]).await);
        let auth = Arc::new(Auth::load(db.db.clone(), world.clock(), world.ids.clone(), mode).await.unwrap());
        let options = GuardOptions {
            auth: Arc::clone(&auth),
            ids: world.ids.clone(),
            allowed_hosts: Arc::new(vec!["pitcrew.example".to_owned()]),
        };
        Self { router: guarded(api().into_router(), options, nothing_here()), auth, world, _db: db }
    }

    pub(crate) fn routes() -> Vec<pitcrew_web::RouteInfo> {
        api().routes().to_vec()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answered {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answered {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }

    /// With these headers, from `localhost` unless they say otherwise.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answered {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header(header::HOST, "localhost:7070");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        self.call("GET", path, &[], Body::empty()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answered {
        self.call("POST", path, &[("content-type", "application/json")], body.to_owned()).await
    }
}
