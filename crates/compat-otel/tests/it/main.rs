//! The OTLP door over real traces.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")]

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use pitcrew_compat_otel::{MAX_BODY_BYTES, routes};
use pitcrew_contracts::traces::{ExperimentHome, Experiments};
use pitcrew_kernel::{Ctx, Error, Result};
use pitcrew_testkit::{TestDb, World, open, stranger_is_refused};
use pitcrew_traces::{Traces, keys};
use tower::ServiceExt as _;

struct Place {
    world: World,
    traces: Arc<Traces>,
    router: Router,
    _db: TestDb,
}

impl Place {
    async fn each() -> Vec<Self> {
        let mut places = Vec::new();
        for db in TestDb::each(&[pitcrew_traces::MIGRATIONS]).await {
            let world = World::new();
            let traces = Traces::new(db.db.clone(), world.clock(), Arc::clone(&world.ids), Arc::new(One));
            let traces = Arc::new(traces);
            let router = open(&world, routes(Arc::clone(&traces))).await;
            places.push(Self { world, traces, router, _db: db });
        }
        places
    }

    /// Sends a body; answers the status, how the answer is written, and the answer.
    async fn send(&self, kind: &str, headers: &[(&str, &str)], body: Vec<u8>) -> (StatusCode, String, Vec<u8>) {
        let mut request =
            Request::post("/v1/traces").header(header::HOST, "localhost").header(header::CONTENT_TYPE, kind);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let status = answer.status();
        let kind = answer.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        (status, kind, answer.into_body().collect().await.unwrap().to_bytes().to_vec())
    }
}

#[derive(Debug)]
struct One;

#[async_trait]
impl Experiments for One {
    async fn home(&self, _ctx: &Ctx, id: i64) -> Result<ExperimentHome> {
        match id {
            1 => Ok(ExperimentHome { id, artifact_uri: "mlflow-artifacts:/1".to_owned() }),
            _ => Err(Error::not_found("EXPERIMENT_NOT_FOUND", format!("No Experiment with id={id} exists"))),
        }
    }
}

const PROTO: &str = "application/x-protobuf";
const JSON: &str = "application/json";
type Headers = Vec<(&'static str, &'static str)>;
const HOME: (&str, &str) = ("x-mlflow-experiment-id", "1");

/// A field of bytes, as long as its length fits one or two bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len();
    let mut out = vec![number << 3 | 2];
    if length < 128 {
        out.push(length as u8);
    } else {
        out.extend([length as u8 & 0x7f | 0x80, (length >> 7) as u8]);
    }
    out.extend_from_slice(bytes);
    out
}

fn span(number: u8, name: &str) -> Vec<u8> {
    let times = [
        [0x39].as_slice(),
        &1_700_000_000_000_000_000u64.to_le_bytes(),
        &[0x41],
        &1_700_000_000_005_000_000u64.to_le_bytes(),
    ]
    .concat();
    let attribute = [field(1, b"gen_ai.operation.name"), field(2, &field(1, b"chat"))].concat();
    [field(1, &[number; 16]), field(2, &[number; 8]), field(5, name.as_bytes()), times, field(9, &attribute)].concat()
}

fn request(spans: &[Vec<u8>]) -> Vec<u8> {
    let scope: Vec<u8> = spans.iter().flat_map(|span| field(2, span)).collect();
    field(1, &field(2, &scope))
}

#[tokio::test]
async fn spans_are_taken_and_a_bad_one_spoils_no_other() {
    for place in Place::each().await {
        let run = ("x-mlflow-run-id", "r1");
        let (status, kind, answer) = place.send(PROTO, &[HOME, run], request(&[span(1, "a"), span(2, "b")])).await;
        assert_eq!((status, kind.as_str(), answer.as_slice()), (StatusCode::OK, PROTO, &[][..]));
        let trace = place.traces.trace(&place.world.ctx, &format!("tr-{}", "01".repeat(16)), false).await.unwrap();
        assert_eq!((trace.spans[0].name.as_str(), trace.spans[0].kind()), ("a", Some("CHAT_MODEL")));
        let own = trace.spans[0].attribute(keys::REQUEST_ID).unwrap();
        assert_eq!(own.as_text(), Some(trace.info.trace_id.as_str()));
        assert_eq!(trace.info.duration_ms, Some(5));

        let bad = field(5, b"no id");
        let (status, _, answer) = place.send(PROTO, &[HOME], request(&[span(3, "c"), bad.clone()])).await;
        assert_eq!(status, StatusCode::OK);
        // partial_success { rejected_spans: 1, error_message: "..." }
        assert_eq!(answer[..4], [0x0a, answer.len() as u8 - 2, 0x08, 1]);
        assert!(String::from_utf8_lossy(&answer).contains("trace_id"));
        assert!(place.traces.info(&place.world.ctx, &format!("tr-{}", "03".repeat(16))).await.is_ok());
        let (status, _, answer) = place.send(PROTO, &[HOME], request(&[bad])).await;
        assert_eq!((status, answer[3]), (StatusCode::OK, 1));
    }
}

#[tokio::test]
async fn json_is_answered_in_json() {
    for place in Place::each().await {
        let span = |id: &str| {
            format!(
                r#"{{"traceId": "{id}", "spanId": "0102030405060708", "name": "j", "startTimeUnixNano": "5", "endTimeUnixNano": "6"}}"#
            )
        };
        let body = |spans: &[String]| {
            format!(r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{}]}}]}}]}}"#, spans.join(",")).into_bytes()
        };
        let good = span(&"0a".repeat(16));
        let (status, kind, answer) =
            place.send("application/json; charset=utf-8", &[HOME], body(std::slice::from_ref(&good))).await;
        assert_eq!((status, kind.as_str(), answer.as_slice()), (StatusCode::OK, JSON, b"{}".as_slice()));
        let (_, _, answer) = place.send(JSON, &[HOME], body(&[good, span("00")])).await;
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["partialSuccess"]["rejectedSpans"], "1");
        let (status, kind, answer) = place.send(JSON, &[HOME], b"{".to_vec()).await;
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!((status, kind.as_str(), &answer["code"]), (StatusCode::BAD_REQUEST, JSON, &serde_json::json!(3)));
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_as_a_status() {
    let place = Place::each().await.remove(0);
    let good = || request(&[span(1, "a")]);
    let cases: Vec<(&str, Headers, Vec<u8>, u16)> = vec![
        ("text/plain", vec![HOME], good(), 400),
        (PROTO, vec![], good(), 400),
        (PROTO, vec![("x-mlflow-experiment-id", "x")], good(), 400),
        (PROTO, vec![("x-mlflow-experiment-id", "9")], good(), 404),
        (PROTO, vec![HOME, ("content-encoding", "br")], good(), 400),
        (PROTO, vec![HOME, ("x-mlflow-workspace", "team-a")], good(), 400),
        (PROTO, vec![HOME, ("content-encoding", "gzip")], good(), 400),
        (PROTO, vec![HOME], b"\xff\xff".to_vec(), 400),
        (PROTO, vec![HOME], Vec::new(), 400),
        (PROTO, vec![HOME], request(&vec![span(1, "a"); 10_001]), 400),
        (PROTO, vec![HOME], vec![0; MAX_BODY_BYTES + 1], 413),
    ];
    for (kind, headers, body, expected) in cases {
        let (status, answered, answer) = place.send(kind, &headers, body).await;
        assert_eq!(status.as_u16(), expected, "{kind} {headers:?}");
        if expected != 413 {
            assert_eq!(answered, PROTO);
            assert_eq!(answer[0], 0x08, "a code comes first");
        }
    }
}

#[tokio::test]
async fn strangers_send_nothing() {
    let place = Place::each().await.remove(0);
    stranger_is_refused(&place.world, routes(Arc::clone(&place.traces))).await;
}
