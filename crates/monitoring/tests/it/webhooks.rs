//! Telling people: every transition reaches its receiver, also one that is down for a while.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use pitcrew_db::{Db, Signal};
use pitcrew_kernel::Clock as _;
use pitcrew_monitoring::MIGRATIONS;
use pitcrew_outbound::{Outbound, Policy};
use pitcrew_testkit::TestDb;
use pitcrew_work::{Runner, Tasks};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::post::{Post, project};

/// Answers what it is told to, then 200, and keeps what it got.
#[derive(Clone, Default)]
struct Receiver {
    answers: Arc<Mutex<VecDeque<StatusCode>>>,
    got: Arc<Mutex<Vec<(String, Value)>>>,
}

async fn hook(State(receiver): State<Receiver>, headers: HeaderMap, Json(body): Json<Value>) -> StatusCode {
    let id = headers.get("x-pitcrew-delivery").map(|id| id.to_str().unwrap().to_owned()).unwrap_or_default();
    receiver.got.lock().unwrap().push((id, body));
    receiver.answers.lock().unwrap().pop_front().unwrap_or(StatusCode::OK)
}

impl Receiver {
    async fn open(tasks: &Tasks, answers: &[u16]) -> (Self, String) {
        let receiver = Self::default();
        receiver.answers.lock().unwrap().extend(answers.iter().map(|code| StatusCode::from_u16(*code).unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = Router::new().route("/hook", post(hook)).with_state(receiver.clone());
        tasks.spawn("receiver", async move { axum::serve(listener, router).await.unwrap() });
        (receiver, address)
    }

    fn got(&self) -> Vec<(String, Value)> {
        self.got.lock().unwrap().clone()
    }
}

async fn deliveries(db: &Db) -> Vec<(String, String, i64, Option<String>)> {
    let sql = "SELECT transition, state, attempts, error FROM monitoring_notifications ORDER BY transition";
    db.read(|tx| tx.all(sql, &[], |row| Ok((row.text(0)?, row.text(1)?, row.int(2)?, row.opt_text(3)?)))).await.unwrap()
}

/// Calls this machine and nothing else that is not public.
fn outbound() -> Outbound {
    Outbound::new(Policy { loopback: true, exceptions: Vec::new() })
}

fn run_jobs(post: &Post, tasks: &Tasks) {
    let handlers = pitcrew_monitoring::jobs(&post.monitoring, outbound());
    let runner = Arc::new(Runner::new(post.db().clone(), post.world.clock(), "one".to_owned(), handlers));
    tasks.spawn("runner", runner.run(tasks.clone()));
}

/// Lets the job runner work until the deliveries are as wanted; time passes only when a message waits for its next try.
async fn until(post: &Post, wanted: impl Fn(&[(String, String, i64, Option<String>)]) -> bool) {
    loop {
        let found = deliveries(post.db()).await;
        if wanted(&found) {
            return;
        }
        let due = "SELECT min(run_at) FROM work_jobs WHERE kind = 'monitoring.notify' AND state = 'ready'";
        if let Some(due) = post.db().read(move |tx| tx.one(due, &[], |row| row.opt_time(0))).await.unwrap() {
            post.world.clock.advance(due.since(post.world.clock.now()));
            post.db().raise(Signal::Jobs);
        }
        tokio::task::yield_now().await;
    }
}

async fn with_target(post: &Post, target: &str) {
    let mut told = project();
    told["alerts"]["bikes-error"]["notify"] = json!([{ "webhook": target }]);
    post.apply(told).await;
}

#[tokio::test]
async fn a_receiver_that_fails_once_is_told_again_and_each_message_has_one_id() {
    for post in Post::each().await {
        let tasks = Tasks::new();
        let (receiver, address) = Receiver::open(&tasks, &[500]).await;
        with_target(&post, &address).await;
        for day in 0..4 {
            post.observe(day * 24..day * 24 + 24, 20.0).await;
        }
        assert_eq!(deliveries(post.db()).await, [("firing".into(), "waiting".into(), 0, None)], "{}", post.name());
        run_jobs(&post, &tasks);
        until(&post, |found| found[0].1 == "delivered").await;
        assert_eq!(deliveries(post.db()).await, [("firing".into(), "delivered".into(), 2, None)], "{}", post.name());
        let got = receiver.got();
        assert_eq!((got.len(), &got[0]), (2, &got[1]), "{}", post.name());
        insta::allow_duplicates! { insta::assert_json_snapshot!("firing", got[0].1) };

        for day in 4..7 {
            post.observe(day * 24..day * 24 + 24, 3.0).await;
        }
        until(&post, |found| found.len() == 2 && found[1].1 == "delivered").await;
        let got = receiver.got();
        assert_eq!((got.len(), &got[2].1["status"]), (3, &json!("resolved")), "{}", post.name());
        assert_ne!(got[0].0, got[2].0, "{}", post.name());
        tasks.token().cancel();
    }
}

#[tokio::test]
async fn a_receiver_that_is_never_there_is_given_up_and_told_so() {
    for post in Post::each().await {
        let tasks = Tasks::new();
        // A port that was free a moment ago, where nobody listens.
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        with_target(&post, &format!("http://{address}/hook?token=secret")).await;
        for day in 0..4 {
            post.observe(day * 24..day * 24 + 24, 20.0).await;
        }
        run_jobs(&post, &tasks);
        until(&post, |found| found[0].1 == "failed").await;
        let (_, _, attempts, error) = deliveries(post.db()).await.remove(0);
        let error = error.unwrap();
        assert_eq!(attempts, 8, "{}", post.name());
        assert!(error.contains("cannot be connected to") && !error.contains("secret"), "{}: {error}", post.name());
        tasks.token().cancel();
    }
}

#[tokio::test]
async fn what_another_try_does_not_change_is_given_up_at_once() {
    for post in Post::each().await {
        let tasks = Tasks::new();
        let (receiver, address) = Receiver::open(&tasks, &[302, 200]).await;
        with_target(&post, &address).await;
        for day in 0..4 {
            post.observe(day * 24..day * 24 + 24, 20.0).await;
        }
        run_jobs(&post, &tasks);
        until(&post, |found| found[0].1 == "failed").await;
        let (_, _, attempts, error) = deliveries(post.db()).await.remove(0);
        assert_eq!((receiver.got().len(), attempts), (1, 1), "{}: a redirect is not followed", post.name());
        assert!(error.is_some_and(|error| error.ends_with("answered 302")), "{}", post.name());
        tasks.token().cancel();
    }
}

#[tokio::test]
async fn a_place_that_is_not_public_is_not_called() {
    let post = Post::over(TestDb::sqlite(&[MIGRATIONS]).await).await;
    let tasks = Tasks::new();
    with_target(&post, "http://169.254.169.254/latest/meta-data").await;
    for day in 0..4 {
        post.observe(day * 24..day * 24 + 24, 20.0).await;
    }
    run_jobs(&post, &tasks);
    until(&post, |found| found[0].1 == "failed").await;
    let (_, _, attempts, error) = deliveries(post.db()).await.remove(0);
    assert_eq!(attempts, 1);
    assert!(error.is_some_and(|error| error.contains("may not be called")));
    tasks.token().cancel();
}

#[tokio::test]
async fn a_receiver_that_is_away_does_not_keep_the_loop_from_rest() {
    let post = Post::over(TestDb::sqlite(&[MIGRATIONS]).await).await;
    let handlers = pitcrew_monitoring::jobs(&post.monitoring, outbound());
    let aside: Vec<&str> = handlers.iter().filter(|job| !job.retries_are_under_way()).map(|job| job.kind()).collect();
    assert_eq!(aside, ["monitoring.notify"], "windows that cannot be judged yet do");
}
