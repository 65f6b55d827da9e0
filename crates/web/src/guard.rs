//! What every request passes before its route: an id, a check of Host and Origin, who calls.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use pitcrew_auth::{Auth, Mode};
use pitcrew_kernel::{Ctx, Error, Ids};
use tower_http::catch_panic::CatchPanicLayer;

use crate::problem::problem_response;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_REQUEST_ID: usize = 128;

/// The id of a request, in its extensions.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// What the guard needs.
#[derive(Debug, Clone)]
pub struct GuardOptions {
    /// Who may call.
    pub auth: Arc<Auth>,
    /// Where request ids come from.
    pub ids: Arc<dyn Ids>,
    /// Names besides loopback ones that a `Host` header may carry.
    pub allowed_hosts: Arc<Vec<String>>,
}

/// Puts the guard in front of a router. What no route answers, `otherwise` does.
pub fn guarded(router: Router, mut options: GuardOptions, otherwise: Router) -> Router {
    // Headers are compared in lower case.
    options.allowed_hosts = Arc::new(options.allowed_hosts.iter().map(|host| host.to_ascii_lowercase()).collect());
    router
        .fallback_service(otherwise)
        .layer(CatchPanicLayer::custom(|_panic| {
            problem_response(&Error::internal("a handler panicked", "panic"), "").into_response()
        }))
        .layer(middleware::from_fn_with_state(options, guard))
}

/// Puts only the check of names and origins in front of a router that everyone on this machine may read.
pub fn named(router: Router, options: GuardOptions) -> Router {
    router.layer(middleware::from_fn_with_state(
        options,
        |State(options): State<GuardOptions>, request: Request, next: Next| async move {
            match check_origin(request.headers(), &options) {
                Ok(()) => next.run(request).await,
                Err(error) => problem_response(&error, ""),
            }
        },
    ))
}

/// Answers that nothing is served here.
pub fn nothing_here() -> Router {
    Router::new().fallback(|request: Request| async move {
        let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
        let path = request.uri().path();
        problem_response(&Error::not_found("ROUTE_NOT_FOUND", format!("nothing is served at `{path}`")), &request_id)
    })
}

async fn guard(State(options): State<GuardOptions>, mut request: Request, next: Next) -> Response {
    let request_id = request_id(request.headers()).unwrap_or_else(|| options.ids.next().simple().to_string());
    let mut response = match check_origin(request.headers(), &options) {
        Ok(()) => {
            let caller: Result<Ctx, Arc<Error>> =
                options.auth.authenticate(bearer(request.headers()).as_deref(), request_id.clone()).map_err(Arc::new);
            request.extensions_mut().insert(RequestId(request_id.clone()));
            request.extensions_mut().insert(caller);
            let response = next.run(request).await;
            // A route has written its error by now; what is left is from where no route is.
            match response.extensions().get::<Arc<Error>>() {
                Some(error) => problem_response(error, &request_id),
                None => response,
            }
        }
        Err(error) => problem_response(&error, &request_id),
    };
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The caller's own id when it is short and printable.
fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    (!id.is_empty() && id.len() <= MAX_REQUEST_ID && id.chars().all(|c| c.is_ascii_graphic())).then(|| id.to_owned())
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

/// Refuses requests that a web page of another site, or a name that was made to point here, brought about.
fn check_origin(headers: &HeaderMap, options: &GuardOptions) -> Result<(), Error> {
    let host = headers.get(header::HOST).map(text).unwrap_or_default();
    if options.auth.mode() == Mode::None && !host.is_empty() && !is_ours(&host, options) {
        return Err(Error::forbidden("HOST_REFUSED", format!("`{host}` is not a name of this server"))
            .hint("call it as 127.0.0.1 or localhost, or name the host with `--allow-host`"));
    }
    let Some(origin) = headers.get(header::ORIGIN).map(text) else { return Ok(()) };
    let origin = origin.as_str();
    let from = origin.split_once("://").map_or(origin, |(_scheme, authority)| authority);
    // Another port of this machine is another site: a page served there must not act here.
    if from == host || options.allowed_hosts.iter().any(|allowed| allowed == from) {
        return Ok(());
    }
    Err(Error::forbidden("ORIGIN_REFUSED", format!("pages from `{origin}` may not call this server")))
}

/// A header's value in lower case; what is no text is kept as something that fits nothing.
fn text(value: &HeaderValue) -> String {
    value.to_str().map_or_else(|_| "?".to_owned(), str::to_ascii_lowercase)
}

fn is_ours(authority: &str, options: &GuardOptions) -> bool {
    let name = without_port(authority);
    name == "localhost"
        || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        || options.allowed_hosts.iter().any(|allowed| allowed == name)
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_cut_and_addresses_kept() {
        assert_eq!(without_port("localhost:7070"), "localhost");
        assert_eq!(without_port("[::1]:7070"), "[::1]");
        assert_eq!(without_port("[::1]"), "[::1]");
        assert_eq!(without_port("pitcrew"), "pitcrew");
    }
}
