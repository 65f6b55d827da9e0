//! Calling routes in process.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use pitcrew_auth::{Auth, Mode};
use pitcrew_kernel::Access;
use pitcrew_web::{Api, GuardOptions, RouteInfo, guarded, nothing_here};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::{TestDb, World};

/// Calls a route as a caller who may do everything; answers the status and the JSON body (`Null` when it is none).
pub async fn call(router: &Router, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
    call_as(router, None, method, path, body).await
}

/// The same with a bearer token.
pub async fn call_as(
    router: &Router,
    token: Option<&str>,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let body = match body {
        Some(json) => {
            request = request.header(header::CONTENT_TYPE, "application/json");
            Body::from(json.to_string())
        }
        None => Body::empty(),
    };
    let response = router.clone().oneshot(request.body(body).expect("a request")).await.expect("an answer");
    let status = response.status();
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

/// An API behind a guard that knows everyone (`Mode::None`).
pub async fn open(world: &World, api: Api) -> Router {
    behind(world, api, Mode::None).await
}

async fn behind(world: &World, api: Api, mode: Mode) -> Router {
    let db = TestDb::sqlite(&[pitcrew_auth::MIGRATIONS]).await;
    let auth = Auth::load(db.db.clone(), world.clock(), Arc::clone(&world.ids), mode).await.expect("auth loads");
    let options = GuardOptions { auth: Arc::new(auth), ids: Arc::clone(&world.ids), allowed_hosts: Arc::default() };
    guarded(api.into_router(), options, nothing_here())
}

/// Checks that every route of `api` that is not public refuses a caller without a token. The list of routes is the test's own work list.
pub async fn stranger_is_refused(world: &World, api: Api) {
    let routes: Vec<RouteInfo> = api.routes().to_vec();
    assert!(!routes.is_empty(), "an API without routes");
    let router = behind(world, api, Mode::Token).await;
    for route in routes.iter().filter(|route| route.access > Access::Public) {
        let path = route.path.replace(['{', '}', '*'], "");
        let (status, _) =
            call(&router, route.method.clone(), &path, Some(Value::Object(serde_json::Map::default()))).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{} {} answered a stranger", route.method, route.path);
    }
}
