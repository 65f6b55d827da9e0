//! Figures about the server itself, in Prometheus' text format.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use pitcrew_kernel::{Error, Result};
use prometheus::{Encoder as _, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};

const SECONDS: &[f64] =
    &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The server's meters.
#[derive(Debug, Clone)]
pub(crate) struct Telemetry {
    registry: Registry,
    requests: IntCounterVec,
    seconds: HistogramVec,
    memory: IntGauge,
    page_bytes: i64,
}

impl Telemetry {
    pub(crate) fn new(registry: Registry) -> Result<Self> {
        let broken = |source: prometheus::Error| Error::internal("a metric cannot be registered", source);
        let requests = IntCounterVec::new(
            Opts::new("pitcrew_http_requests_total", "HTTP requests answered"),
            &["method", "route", "status"],
        )
        .map_err(broken)?;
        let options = HistogramOpts::new("pitcrew_http_request_duration_seconds", "Time from request to answer")
            .buckets(SECONDS.to_vec());
        let seconds = HistogramVec::new(options, &["method", "route"]).map_err(broken)?;
        let memory = IntGauge::new("process_resident_memory_bytes", "Resident memory size in bytes").map_err(broken)?;
        let started = IntGauge::with_opts(
            Opts::new("pitcrew_info", "Always 1; the version is a label")
                .const_label("version", env!("CARGO_PKG_VERSION")),
        )
        .map_err(broken)?;
        started.set(1);
        registry.register(Box::new(requests.clone())).map_err(broken)?;
        registry.register(Box::new(seconds.clone())).map_err(broken)?;
        registry.register(Box::new(memory.clone())).map_err(broken)?;
        registry.register(Box::new(started)).map_err(broken)?;
        Ok(Self { registry, requests, seconds, memory, page_bytes: page_bytes() })
    }

    /// Measures every route of `router`; with it comes the router that answers `/metrics`.
    pub(crate) fn observe(self, router: Router) -> (Router, Router) {
        let me = Arc::new(self);
        let metrics = Router::new().route("/metrics", get(text)).with_state(Arc::clone(&me));
        (router.layer(middleware::from_fn_with_state(me, measure)), metrics)
    }
}

#[expect(clippy::disallowed_methods, reason = "durations of requests are measured, not decided upon")]
async fn measure(State(me): State<Arc<Telemetry>>, request: Request, next: Next) -> Response {
    let method = verb(request.method());
    // The pattern, never the path: names of things must not become label values.
    let route =
        request.extensions().get::<MatchedPath>().map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let start = Instant::now();
    let response = next.run(request).await;
    me.seconds.with_label_values(&[method, &route]).observe(start.elapsed().as_secs_f64());
    me.requests.with_label_values(&[method, &route, &response.status().as_u16().to_string()]).inc();
    response
}

/// A caller may invent methods: they must not become label values either.
fn verb(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

async fn text(State(me): State<Arc<Telemetry>>) -> Response {
    me.memory.set(resident_pages().saturating_mul(me.page_bytes));
    let mut body = Vec::new();
    match TextEncoder::new().encode(&me.registry.gather(), &mut body) {
        Ok(()) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], body).into_response(),
        Err(source) => pitcrew_web::Problem(Error::internal("metrics cannot be written", source)).into_response(),
    }
}

/// The second number of `/proc/self/statm`; 0 where there is no such file.
fn resident_pages() -> i64 {
    std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

fn page_bytes() -> i64 {
    nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten().unwrap_or(4096)
}
