//! The server's own routes in process: who may call them, what lists of events show, what a stream brings, what rest is.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::{Method, Request, StatusCode, header};
use futures_util::StreamExt as _;
use pitcrew_auth::{Auth, Mode};
use pitcrew_blob::{Blobs, Options};
use pitcrew_contracts::registry::VersionRegistered;
use pitcrew_contracts::release::LogAdvanced;
use pitcrew_contracts::rest::Settle;
use pitcrew_kernel::{Clock as _, Error};
use pitcrew_testkit::{TestDb, World, call, open, stranger_is_refused};
use pitcrew_work::{Job, JobHandler, NewJob, Pump, Runner, Tasks, enqueue};
use tower::ServiceExt as _;

use super::*;
use crate::server::apply::Applier;

/// The server's own part, with nothing plugged in but what the test says.
struct Desk {
    world: World,
    test: TestDb,
    tasks: Tasks,
    pump: Arc<Pump>,
    busy: Arc<Busy>,
    core: Arc<Core>,
    _folder: tempfile::TempDir,
}

#[derive(Default)]
struct Busy(AtomicBool);

#[async_trait]
impl Settle for Busy {
    async fn settle(&self) -> Option<String> {
        self.0.load(Ordering::SeqCst).then(|| "a part is busy".to_owned())
    }
}

impl Desk {
    async fn each() -> Vec<Self> {
        let mut desks = Vec::new();
        for test in TestDb::each(&[pitcrew_auth::MIGRATIONS, store::MIGRATIONS]).await {
            desks.push(Self::over(test, Vec::new()).await);
        }
        desks
    }

    async fn over(test: TestDb, once: Vec<&'static str>) -> Self {
        let (world, tasks, folder) = (World::new(), Tasks::new(), tempfile::tempdir().unwrap());
        let (db, clock, ids, busy) = (test.db.clone(), world.clock(), world.ids.clone(), Arc::new(Busy::default()));
        let blobs = Blobs::open(&Options::Local(folder.path().join("objects")), world.clock()).unwrap();
        let pump = Arc::new(Pump::new(db.clone(), world.clock(), Vec::new()));
        let auth = Auth::load(db.clone(), world.clock(), world.ids.clone(), Mode::None).await.unwrap();
        let core = Arc::new(Core {
            applier: Applier { db: db.clone(), blobs: blobs.clone(), clock: world.clock(), ids, slices: Vec::new() },
            db,
            blobs,
            started_at: clock.now(),
            clock,
            auth: Arc::new(auth),
            pump: Arc::clone(&pump),
            settle: vec![Arc::clone(&busy) as _],
            once,
            references: vec![store::referenced_digests],
            forget: Vec::new(),
            tasks: tasks.clone(),
            home: folder.path().to_path_buf(),
        });
        Self { world, test, tasks, pump, busy, core, _folder: folder }
    }

    async fn router(&self) -> Router {
        open(&self.world, routes(Arc::clone(&self.core))).await
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = call(&self.router().await, Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{}: {path}: {body}", self.test.name);
        body
    }

    /// States that these versions were registered, and that traffic arrived after each, in one transaction.
    async fn state(&self, versions: std::ops::RangeInclusive<i64>) {
        let (world, at) = (self.world.clone(), self.world.clock.now());
        let stated = self.test.db.write(move |tx| {
            for version in versions {
                let version = format!("bikes/{version}").parse().unwrap();
                tx.emit(world.out(), &VersionRegistered { version, digest: None })?;
                let deployment = "bikes".parse().unwrap();
                tx.emit(
                    world.out(),
                    &LogAdvanced { deployment, from: at, to: at, watermark: at, predictions: 1, labels: 0 },
                )?;
            }
            Ok(())
        });
        stated.await.unwrap();
        self.pump.drain().await.unwrap();
    }

    async fn listen(&self, last: Option<&str>) -> Heard {
        let mut request = Request::get("/api/v1/events/stream").header(header::HOST, "localhost");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = self.router().await.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/event-stream");
        Heard { body: answer.into_body().into_data_stream(), text: String::new() }
    }
}

fn places(page: &Value) -> Vec<i64> {
    page["items"].as_array().unwrap().iter().map(|event| event["seq"].as_i64().unwrap()).collect()
}

/// What a stream of server-sent events brings.
struct Heard {
    body: BodyDataStream,
    text: String,
}

impl Heard {
    /// The next event's id, name and data; `None` when the stream ends.
    async fn next(&mut self) -> Option<(i64, String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
                let found = (field("id: ").parse(), field("event: ").to_owned(), field("data: ").parse());
                self.text = rest.to_owned();
                if let (Ok(id), name, Ok(data)) = found {
                    return Some((id, name, data));
                }
                // A sign of life.
                continue;
            }
            self.text.push_str(std::str::from_utf8(&self.body.next().await?.unwrap()).unwrap());
        }
    }

    async fn ids(&mut self, count: usize) -> Vec<i64> {
        let mut ids = Vec::new();
        while ids.len() < count {
            ids.push(self.next().await.expect("an event").0);
        }
        ids
    }
}

#[tokio::test]
async fn a_stranger_is_refused_everywhere() {
    let desk = Desk::over(TestDb::sqlite(&[pitcrew_auth::MIGRATIONS, store::MIGRATIONS]).await, Vec::new()).await;
    let api = routes(Arc::clone(&desk.core));
    let admins: Vec<String> = api
        .routes()
        .iter()
        .filter(|route| route.access == Access::Admin)
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    let expected =
        ["POST apply", "GET audit", "GET audit/verify", "POST tokens", "GET tokens", "DELETE tokens/{id}", "POST gc"];
    assert_eq!(admins, expected.map(|route| route.replace(' ', " /api/v1/")));
    assert!(api.routes().iter().all(|route| route.access >= Access::Read), "nothing is public");
    stranger_is_refused(&desk.world, api).await;
}

#[tokio::test]
async fn lists_of_events_show_what_fits_page_by_page() {
    for desk in Desk::each().await {
        desk.state(1..=5).await;
        let name = desk.test.name;
        let all = desk.get("/api/v1/events?limit=4").await;
        assert_eq!((places(&all), &all["next"]), (vec![1, 2, 3, 4], &json!("4")), "{name}");
        let registered = "/api/v1/events?name=registry.version_registered";
        let page = desk.get(&format!("{registered}&limit=3")).await;
        assert_eq!((places(&page), &page["next"]), (vec![1, 3, 5], &json!("5")), "{name}");
        let page = desk.get(&format!("{registered}&limit=3&after=5")).await;
        assert_eq!((places(&page), &page["next"]), (vec![7, 9], &Value::Null), "{name}");
        assert_eq!(places(&desk.get("/api/v1/events?subject=bikes/2").await), [3], "{name}");
        assert!(places(&desk.get(&format!("{registered}&subject=bikes")).await).is_empty(), "{name}");
        let latest = desk.get("/api/v1/events?latest=2").await;
        assert_eq!((places(&latest), &latest["next"]), (vec![9, 7], &Value::Null), "{name}: without traffic");
        assert_eq!(places(&desk.get("/api/v1/events?latest=2&subject=bikes/1").await), [1], "{name}");
        let (status, wrong) = call(&desk.router().await, Method::GET, "/api/v1/events?limit=0", None).await;
        assert_eq!((status, &wrong["code"]), (StatusCode::BAD_REQUEST, &json!("PAGE_INVALID")), "{name}");
    }
}

#[tokio::test]
async fn a_stream_brings_what_comes_in_order_and_leaves_out_what_was_before() {
    for desk in Desk::each().await {
        desk.state(1..=2).await;
        let mut heard = desk.listen(None).await;
        desk.state(3..=3).await;
        let (id, name, data) = heard.next().await.unwrap();
        assert_eq!((id, name.as_str()), (5, "registry.version_registered"), "{}", desk.test.name);
        assert_eq!((&data["seq"], &data["summary"]), (&json!(5), &json!("bikes/3 registered")), "{}", desk.test.name);
        let (id, name, _) = heard.next().await.unwrap();
        assert_eq!((id, name.as_str()), (6, "serving.log_advanced"), "{}: traffic too", desk.test.name);
        desk.state(4..=4).await;
        assert_eq!(heard.ids(2).await, [7, 8], "{}", desk.test.name);
    }
}

#[tokio::test]
async fn a_page_that_was_away_goes_on_where_it_was_however_much_has_come() {
    for desk in Desk::each().await {
        desk.state(1..=2).await;
        let mut heard = desk.listen(Some("3")).await;
        assert_eq!(heard.ids(1).await, [4], "{}", desk.test.name);
        // More than a listener may fall behind, and more than is read at once.
        desk.state(3..=700).await;
        assert_eq!(heard.ids(1_396).await, (5..=1_400).collect::<Vec<_>>(), "{}", desk.test.name);
        // What is no place is as if it had not been said.
        let mut anew = desk.listen(Some("yesterday")).await;
        desk.state(701..=701).await;
        assert_eq!(anew.ids(1).await, [1_401], "{}", desk.test.name);
        desk.tasks.token().cancel();
        assert_eq!(heard.ids(2).await, [1_401, 1_402], "{}", desk.test.name);
        assert!(heard.next().await.is_none(), "{}: the server stops", desk.test.name);
    }
}

const KIND: &str = "tests.away";

/// Something that never works.
struct Away;

#[async_trait]
impl JobHandler for Away {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn concurrency(&self) -> usize {
        1
    }

    async fn run(&self, _job: &Job) -> Result<()> {
        Err(Error::unavailable("WEBHOOK_FAILED", "nobody answers"))
    }
}

impl Desk {
    async fn queue(&self, key: &str, run_at: pitcrew_kernel::Timestamp) {
        let (ids, now) = (self.world.ids.clone(), self.world.clock.now());
        let job = NewJob { kind: KIND, key: key.to_owned(), payload: Value::Null, run_at, max_attempts: 3 };
        self.test.db.write(move |tx| enqueue(tx, ids.as_ref(), now, &job)).await.unwrap();
    }

    async fn at_rest(&self) -> bool {
        self.get("/api/v1/rest?timeout_ms=0").await["at_rest"].as_bool().unwrap()
    }

    /// Lets the job fail once.
    async fn fail_once(&self) {
        let runner = Runner::new(self.test.db.clone(), self.world.clock(), "test".to_owned(), vec![Arc::new(Away)]);
        self.tasks.spawn("jobs", Arc::new(runner).run(self.tasks.clone()));
        let now = self.world.clock.now();
        let waits =
            async || self.test.db.read(move |tx| pitcrew_work::under_way(tx, now, &[])).await.unwrap().retrying == 1;
        while !waits().await {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn what_waits_to_be_tried_again_is_no_rest_and_what_waits_for_its_hour_is() {
    for desk in Desk::each().await {
        let (now, name) = (desk.world.clock.now(), desk.test.name);
        assert!(desk.at_rest().await, "{name}");
        desk.queue("tomorrow", now.plus(Duration::from_secs(86_400))).await;
        assert!(desk.at_rest().await, "{name}");
        desk.queue("now", now).await;
        assert!(!desk.at_rest().await, "{name}");
        desk.fail_once().await;
        let status = desk.get("/api/v1/rest?timeout_ms=0").await;
        assert_eq!(
            (&status["at_rest"], &status["work"]),
            (
                &json!(false),
                &json!({ "outbox_lag": 0, "jobs_ready": 0, "jobs_running": 0, "jobs_retrying": 1, "busy": null })
            ),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_holds_up_nobody() {
    let test = TestDb::sqlite(&[pitcrew_auth::MIGRATIONS, store::MIGRATIONS]).await;
    let desk = Desk::over(test, vec![KIND]).await;
    desk.queue("a message", desk.world.clock.now()).await;
    assert!(!desk.at_rest().await, "it has not been tried");
    desk.fail_once().await;
    assert!(desk.at_rest().await);
}

#[tokio::test]
async fn rest_is_waited_for() {
    for desk in Desk::each().await {
        desk.busy.0.store(true, Ordering::SeqCst);
        let status = desk.get("/api/v1/status").await;
        assert_eq!((&status["at_rest"], &status["work"]["busy"]), (&json!(false), &json!("a part is busy")));
        let (router, path) = (desk.router().await, "/api/v1/rest?timeout_ms=60000");
        let mut asked = Box::pin(call(&router, Method::GET, path, None));
        for _ in 0..20 {
            assert!(futures_util::poll!(&mut asked).is_pending(), "{}", desk.test.name);
            desk.world.clock.advance(Duration::from_millis(5));
            tokio::task::yield_now().await;
        }
        desk.busy.0.store(false, Ordering::SeqCst);
        let settled = loop {
            if let std::task::Poll::Ready((_, body)) = futures_util::poll!(&mut asked) {
                break body;
            }
            desk.world.clock.advance(Duration::from_millis(5));
            tokio::task::yield_now().await;
        };
        assert_eq!(settled["at_rest"], json!(true), "{}", desk.test.name);
    }
}

#[tokio::test]
async fn a_token_is_made_listed_and_revoked_and_garbage_is_told() {
    for desk in Desk::each().await {
        let (router, name) = (desk.router().await, desk.test.name);
        let body = json!({ "name": "ci", "access": "read", "expires_in": "30d" });
        let (status, made) = call(&router, Method::POST, "/api/v1/tokens", Some(body)).await;
        assert_eq!(status, StatusCode::OK, "{name}: {made}");
        assert!(made["token"].as_str().unwrap().starts_with("pc_"), "{name}: {made}");
        let listed = desk.get("/api/v1/tokens").await;
        assert_eq!(listed["items"][0]["name"], json!("ci"), "{name}");
        assert!(!listed.to_string().contains(made["token"].as_str().unwrap()), "{name}: shown once");
        let path = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
        let (_, revoked) = call(&router, Method::DELETE, &path, None).await;
        assert_eq!(revoked["revoked"], json!(true), "{name}: {revoked}");
        let (_, collected) = call(&router, Method::POST, "/api/v1/gc", Some(json!({ "dry_run": true }))).await;
        assert_eq!(collected, json!({ "objects": 0, "bytes": 0, "dry_run": true }), "{name}");
        assert_eq!(desk.get("/api/v1/projects").await, json!({ "items": [], "next": null }), "{name}");
    }
}
