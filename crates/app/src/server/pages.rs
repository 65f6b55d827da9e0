//! The web UI and the health answers.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use pitcrew_db::Db;
use pitcrew_kernel::Error;

/// Scripts only from here; styles inline because charts position with them.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'";

/// Health for whoever watches, without a login.
pub(crate) fn health(db: Db) -> Router {
    Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(ready)).with_state(Arc::new(db))
}

async fn ready(State(db): State<Arc<Db>>) -> Response {
    match db.read(|tx| tx.one("SELECT 1", &[], |_| Ok(()))).await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

/// Where programs look: an unknown path there is an error, not a page.
const FOR_PROGRAMS: &[&str] = &["/api/", "/ajax-api/", "/v2/", "/invocations", "/metrics"];

/// Every other path shows the UI, which has pages of its own.
pub(crate) async fn ui(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let reading = method == Method::GET || method == Method::HEAD;
    let page = reading && !FOR_PROGRAMS.iter().any(|start| uri.path().starts_with(start));
    let Some(asset) = page.then(|| pitcrew_ui_assets::asset(uri.path())).flatten() else {
        let error = Error::not_found("ROUTE_NOT_FOUND", format!("nothing answers {method} at `{}`", uri.path()));
        return pitcrew_web::Problem(error).into_response();
    };
    let cache = if asset.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let unchanged = headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == asset.etag.as_bytes());
    let body = if unchanged { Body::empty() } else { Body::from(asset.bytes.into_owned()) };
    let mut response = Response::new(body);
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let head = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, asset.content_type.as_ref()),
        (header::ETAG, asset.etag.as_ref()),
        (header::CACHE_CONTROL, cache),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            head.insert(name, value);
        }
    }
    response
}
