//! Every route that changes something leaves an entry in the audit log, by name of its caller.
//!
//! The routes come from the API itself: one that is new has no call in `calls` and fails the test, until it gets one or a reason in [`EXEMPT`].

mod calls;
mod life;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use pitcrew_auth::{AuditEntry, audit_page};
use pitcrew_contracts::event::NO_NEWS;
use pitcrew_kernel::Access;
use pitcrew_outbound::Policy;
use pitcrew_testkit::{FakeEngine, call};
use pitcrew_work::{Runner, SystemClock, Tasks};
use serde_json::{Value, json};

use super::super::home::Home;
use super::{Server, Wiring, build_with};

/// Where the names of all events stand.
const DOCUMENT: &str = include_str!("../../../../../docs/api.md");
/// Nothing here takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// More than one call writes.
const PAGE: i64 = 100;
/// Who calls where nobody has to say who they are.
const CALLER: &str = "local";

const LOGGED: &str = "what a run logs of itself: high-volume data of the run that `tracking.run_started` names";
const TRACED: &str =
    "what an application tells of its own requests: high-volume data, kept with its author and time in the trace";
const PART: &str = "a file on its way in, which nobody sees before it is whole";
const NEVER: &str = "answers that it is not served and changes nothing";

/// Routes that need write access and write no entry, each with why. The address is that below `/api` or `/ajax-api`.
const EXEMPT: &[(&str, &str)] = &[
    ("POST /2.0/mlflow/runs/log-metric", LOGGED),
    ("POST /2.0/mlflow/runs/log-batch", LOGGED),
    ("POST /2.0/mlflow/runs/log-parameter", LOGGED),
    ("POST /2.0/mlflow/runs/log-inputs", LOGGED),
    ("POST /2.0/mlflow/runs/outputs", LOGGED),
    ("POST /2.0/mlflow/runs/log-model", LOGGED),
    ("POST /2.0/mlflow/logged-models/{model_id}/params", LOGGED),
    ("POST /v1/runs/import/{run_id}/points", LOGGED),
    ("PUT /v1/runs/import/{run_id}/artifacts", LOGGED),
    ("PUT /2.0/mlflow-artifacts/artifacts/{*path}", "a new file is what a run logs; one that replaces another is told"),
    ("POST /2.0/mlflow-artifacts/mpu/create/{*path}", PART),
    ("PUT /2.0/mlflow-artifacts/mpu/part/{*path}", PART),
    (
        "POST /2.0/mlflow-artifacts/mpu/complete/{*path}",
        "a new file is what a run logs; one that replaces another is told",
    ),
    ("POST /2.0/mlflow-artifacts/mpu/abort/{*path}", PART),
    ("POST /2.0/mlflow/artifacts/presigned-upload-url", NEVER),
    ("POST /2.0/mlflow/webhooks/{webhook_id}/test", "sends a message that nothing happened for and changes nothing"),
    ("POST /v1/traces", TRACED),
    ("POST /3.0/mlflow/traces", TRACED),
    ("PATCH /2.0/mlflow/traces/{trace_id}/tags", TRACED),
    ("PATCH /3.0/mlflow/traces/{trace_id}/tags", TRACED),
    ("DELETE /2.0/mlflow/traces/{trace_id}/tags", TRACED),
    ("DELETE /3.0/mlflow/traces/{trace_id}/tags", TRACED),
    ("POST /2.0/mlflow/traces/link-to-run", TRACED),
    ("POST /3.0/mlflow/traces/link-to-run", TRACED),
    ("POST /2.0/mlflow/traces/link-prompts", TRACED),
    ("POST /3.0/mlflow/traces/link-prompts", TRACED),
    ("POST /3.0/mlflow/traces/{trace_id}/assessments", TRACED),
    ("PATCH /3.0/mlflow/traces/{trace_id}/assessments/{assessment_id}", TRACED),
    ("DELETE /3.0/mlflow/traces/{trace_id}/assessments/{assessment_id}", TRACED),
    ("POST /v1/deployments/{name}/labels", "high-volume data, kept with the time at which each label came"),
];

/// A server of its own and what was called of it.
struct Audited {
    server: Server,
    folder: tempfile::TempDir,
    called: BTreeSet<String>,
    /// The place of the last entry looked at.
    seen: i64,
    tasks: Tasks,
    _home: Home,
}

impl Audited {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(&folder.path().join("home")).unwrap();
        let tasks = Tasks::new();
        let outbound = Policy { loopback: true, exceptions: Vec::new() };
        let wiring = Wiring::plain(&home, &outbound, &tasks);
        let server = build_with(&home, wiring, Arc::new(FakeEngine::default())).await.unwrap();
        server.serving.start(&tasks).await.unwrap();
        // The jobs of pipelines stay in their queue, so that a run can be cancelled whenever we get to it.
        let jobs = pitcrew_serving::jobs(&server.serving);
        let runner = Runner::new(server.core.db.clone(), Arc::new(SystemClock), "test".to_owned(), jobs);
        tasks.spawn("jobs", Arc::new(runner).run(tasks.clone()));
        Self { server, folder, called: BTreeSet::new(), seen: 0, tasks, _home: home }
    }

    /// Calls a route that must leave exactly the entries `actions`, all by the caller.
    async fn states(&mut self, actions: &[&str], route: &str, names: &[(&str, &str)], body: Value) -> Value {
        let (status, answer) = self.send(route, names, body).await;
        assert!(status.is_success(), "{route}: {status} {answer}");
        let entries = self.own_entries().await;
        let told: Vec<&str> = entries.iter().map(|entry| entry.action.as_str()).collect();
        assert_eq!(told, actions, "{route} leaves other entries in the audit log");
        for entry in entries {
            assert!(named("Names: ").contains(entry.action.as_str()), "docs/api.md does not name `{}`", entry.action);
            let (kind, name) = entry.subject.split_once(':').unwrap();
            assert!(!kind.is_empty() && !name.is_empty() && !entry.detail.is_empty(), "{route}: {entry:?}");
        }
        answer
    }

    /// Calls an exempt route, which must leave no entry.
    async fn passes(&mut self, route: &str, names: &[(&str, &str)], body: Value) -> Value {
        let (status, answer) = self.send(route, names, body).await;
        assert!(status.is_success(), "{route}: {status} {answer}");
        self.left_nothing(route).await;
        answer
    }

    /// Calls an exempt route that does not read JSON as this caller sends it.
    async fn unread(&mut self, route: &str) {
        let (status, answer) = self.send(route, &[], json!({})).await;
        assert!(status.is_client_error(), "{route}: {status} {answer}");
        self.left_nothing(route).await;
    }

    /// Calls an exempt route that serves nobody.
    async fn refused(&mut self, route: &str, names: &[(&str, &str)]) {
        let (status, answer) = self.send(route, names, json!({})).await;
        assert_eq!(status, StatusCode::NOT_IMPLEMENTED, "{route}: {answer}");
        self.left_nothing(route).await;
    }

    async fn left_nothing(&mut self, route: &str) {
        assert!(EXEMPT.iter().any(|(exempt, _)| *exempt == short(route)), "{route} is not exempt");
        assert_eq!(self.own_entries().await, [], "{route} leaves an entry: take it out of `EXEMPT`");
    }

    async fn send(&mut self, route: &str, names: &[(&str, &str)], body: Value) -> (StatusCode, Value) {
        let known = self.changing().contains(route);
        assert!(known, "`{route}` is no route that changes something");
        self.called.insert(route.to_owned());
        let (method, path) = route.split_once(' ').unwrap();
        let path = names.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value));
        assert!(!path.contains('{'), "{route}: a name is missing");
        call(&self.server.router, method.parse().unwrap(), &path, Some(body)).await
    }

    /// What the caller did since the last look. What the loop made of it meanwhile has another actor.
    async fn own_entries(&mut self) -> Vec<AuditEntry> {
        self.server.core.pump.drain().await.unwrap();
        let mut entries = self.server.core.db.read(|tx| audit_page(tx, None, PAGE)).await.unwrap();
        entries.retain(|entry| entry.seq > self.seen);
        entries.reverse();
        self.seen = entries.last().map_or(self.seen, |entry| entry.seq);
        entries.retain(|entry| entry.actor == CALLER);
        entries
    }

    /// The release under way, once there is one.
    async fn running_release(&self) -> String {
        let running = |release: &Value| (release["state"] == "running").then(|| release["id"].clone());
        let id = self.until("/api/v1/releases", |found| found["items"].as_array()?.iter().find_map(running)).await;
        id.as_str().unwrap().to_owned()
    }

    /// Waits until a deployment serves this version to everybody.
    async fn champion(&self, version: i64) {
        self.until("/api/v1/deployments/bikes", |found| (found["arms"][0]["version"] == version).then_some(())).await;
    }

    /// Waits, while events are delivered and jobs run, until an answer shows what is looked for.
    async fn until<T>(&self, path: &str, seen: impl Fn(&Value) -> Option<T>) -> T {
        let look = async {
            loop {
                self.server.core.pump.drain().await.unwrap();
                let (_, found) = call(&self.server.router, Method::GET, path, None).await;
                if let Some(seen) = seen(&found) {
                    return seen;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, look).await.expect("it comes about")
    }

    /// Every route that may change something. Reading changes nothing, whoever may do it.
    fn changing(&self) -> BTreeSet<String> {
        let routes = self.server.routes.iter();
        let changing = routes.filter(|route| route.access >= Access::Write && route.method != Method::GET);
        changing.map(|route| format!("{} {}", route.method, route.path)).collect()
    }
}

/// A route without the prefix by which its door is reached.
fn short(route: &str) -> String {
    let (method, path) = route.split_once(' ').unwrap();
    let below = path.strip_prefix("/ajax-api").or_else(|| path.strip_prefix("/api")).unwrap_or(path);
    format!("{method} {below}")
}

/// The names in the paragraph of the document that begins so.
fn named(start: &str) -> BTreeSet<&'static str> {
    let paragraph = DOCUMENT.split("\n\n").find(|each| each.starts_with(start)).unwrap();
    paragraph.split('`').skip(1).step_by(2).collect()
}

#[test]
fn what_is_no_news_is_documented() {
    assert_eq!(named("No news, "), NO_NEWS.iter().copied().collect());
    assert!(named("No news, ").difference(&named("Names: ")).eq(&["serving.log_advanced"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_leaves_an_entry_by_its_caller() {
    let mut it = Audited::new().await;
    calls::declare(&mut it).await;
    for door in ["/api", "/ajax-api"] {
        calls::track(&mut it, door).await;
        calls::register(&mut it, door).await;
        calls::tell(&mut it, door).await;
        calls::trace(&mut it, door).await;
    }
    it.unread("POST /v1/traces").await;
    life::live(&mut it).await;
    calls::serve(&mut it).await;
    calls::administer(&mut it).await;

    let forgotten: Vec<String> = it.changing().difference(&it.called).cloned().collect();
    assert!(forgotten.is_empty(), "add a call to `calls`, or a reason to `EXEMPT`, for {forgotten:#?}");
    let called: BTreeSet<String> = it.called.iter().map(|route| short(route)).collect();
    let idle: Vec<&str> = EXEMPT.iter().map(|(route, _)| *route).filter(|route| !called.contains(*route)).collect();
    assert!(idle.is_empty(), "exempt and never called: {idle:#?}");

    let (_, news) = call(&it.server.router, Method::GET, "/api/v1/events?latest=1000", None).await;
    let news: BTreeSet<&str> = news["items"].as_array().unwrap().iter().map(|e| e["name"].as_str().unwrap()).collect();
    assert!(news.contains("project.applied") && !NO_NEWS.iter().any(|name| news.contains(name)), "{news:?}");
    let (_, chain) = call(&it.server.router, Method::GET, "/api/v1/audit/verify", None).await;
    assert_eq!((&chain["whole"], &chain["seq"]), (&json!(true), &json!(it.seen)), "{chain}");
    it.tasks.stop(PATIENCE).await;
    it.server.close().await;
}
