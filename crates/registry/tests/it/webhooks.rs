//! Webhooks: what is told, how it is signed, what happens to a message on its way.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pitcrew_contracts::names::ModelRef;
use pitcrew_db::{Db, Signal};
use pitcrew_kernel::{Access, Clock as _, PageRequest};
use pitcrew_outbound::{Outbound, Policy, Resolve};
use pitcrew_registry::{
    NewVersion, NewWebhook, Secret, Signer, Topic, Trial, Webhook, WebhookChange, Webhooks, webhook_routes,
};
use pitcrew_testkit::{call, open, stranger_is_refused};
use pitcrew_work::{Runner, Tasks, release_leases};
use ring::hmac;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::yard::Yard;

/// One message as it arrived.
#[derive(Debug, Clone, PartialEq)]
struct Got {
    delivery: String,
    at: String,
    signature: Option<String>,
    body: String,
}

impl Got {
    fn said(&self) -> Value {
        let mut said: Value = serde_json::from_str(&self.body).unwrap();
        assert!(said["timestamp"].as_str().unwrap().ends_with("+00:00"));
        said.as_object_mut().unwrap().remove("timestamp");
        said
    }

    /// As a receiver checks it.
    fn is_signed_with(&self, secret: &str) -> bool {
        let Some(signature) = self.signature.as_deref().and_then(|text| text.strip_prefix("v1,")) else { return false };
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let content = format!("{}.{}.{}", self.delivery, self.at, self.body);
        hmac::verify(&key, content.as_bytes(), &STANDARD.decode(signature).unwrap()).is_ok()
    }
}

/// Answers what it is told to, then 200, and keeps what it got. The status 0 is no answer at all.
#[derive(Clone, Default)]
struct Receiver {
    answers: Arc<Mutex<VecDeque<u16>>>,
    got: Arc<Mutex<Vec<Got>>>,
}

async fn hook(State(receiver): State<Receiver>, headers: HeaderMap, body: String) -> (StatusCode, &'static str) {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    receiver.got.lock().unwrap().push(Got {
        delivery: header("x-mlflow-delivery-id").unwrap(),
        at: header("x-mlflow-timestamp").unwrap(),
        signature: header("x-mlflow-signature"),
        body,
    });
    let answer = receiver.answers.lock().unwrap().pop_front().unwrap_or(200);
    match answer {
        0 => std::future::pending().await,
        status => (StatusCode::from_u16(status).unwrap(), "thanks"),
    }
}

impl Receiver {
    async fn open(tasks: &Tasks, answers: &[u16]) -> (Self, String) {
        let receiver = Self::default();
        receiver.answers.lock().unwrap().extend(answers);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://hooks.test:{}/hook?token=quiet", listener.local_addr().unwrap().port());
        let router = Router::new().route("/hook", post(hook)).with_state(receiver.clone());
        tasks.spawn("receiver", async move { axum::serve(listener, router).await.unwrap() });
        (receiver, address)
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }
}

/// A registry with webhooks, and a name server that says where `hooks.test` is.
struct Post {
    yard: Yard,
    webhooks: Arc<Webhooks>,
    leads_to: Arc<Mutex<IpAddr>>,
    tasks: Tasks,
}

impl Post {
    async fn each() -> Vec<Self> {
        Yard::each().await.into_iter().map(Self::over).collect()
    }

    fn over(yard: Yard) -> Self {
        let leads_to = Arc::new(Mutex::new(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        let webhooks = webhooks(&yard, &leads_to, 7);
        Self { yard, webhooks, leads_to, tasks: Tasks::new() }
    }

    fn name(&self) -> &'static str {
        self.yard.name()
    }

    fn db(&self) -> &Db {
        self.yard.db()
    }

    async fn hook(&self, url: &str, topics: &[Topic]) -> Webhook {
        let new = NewWebhook {
            name: "ci".to_owned(),
            url: url.to_owned(),
            topics: topics.to_vec(),
            secret: Some(Secret("hush".to_owned())),
            ..NewWebhook::default()
        };
        self.webhooks.create(self.yard.ctx(), new).await.unwrap()
    }

    async fn model(&self, name: &str, tags: &[(&str, &str)]) {
        let name = name.parse().unwrap();
        self.yard.registry.create_model(self.yard.ctx(), &name, "words", pairs(tags)).await.unwrap();
    }

    fn run_jobs(&self) {
        let clock = self.yard.world.clock();
        let runner = Runner::new(self.db().clone(), clock, "one".to_owned(), self.webhooks.jobs());
        self.tasks.spawn("runner", Arc::new(runner).run(self.tasks.clone()));
    }

    async fn waiting(&self) -> i64 {
        let sql = "SELECT count(*) FROM work_jobs WHERE kind = 'registry.deliver_webhook'";
        self.db().read(move |tx| tx.one(sql, &[], |row| row.int(0))).await.unwrap()
    }

    /// Lets messages go until none is left; time passes only when one waits for its next try.
    async fn until_quiet(&self) {
        while self.waiting().await > 0 {
            let due = "SELECT min(run_at) FROM work_jobs WHERE kind = 'registry.deliver_webhook' AND state = 'ready'";
            if let Some(due) = self.db().read(move |tx| tx.one(due, &[], |row| row.opt_time(0))).await.unwrap() {
                self.yard.world.clock.advance(due.since(self.yard.world.clock.now()));
                self.db().raise(Signal::Jobs);
            }
            tokio::task::yield_now().await;
        }
    }

    async fn sent(&self) {
        self.run_jobs();
        self.until_quiet().await;
    }

    async fn failure(&self, hook: &Webhook) -> Option<String> {
        self.webhooks.get(self.yard.ctx(), hook.id).await.unwrap().failure.map(|failure| failure.why)
    }
}

fn webhooks(yard: &Yard, leads_to: &Arc<Mutex<IpAddr>>, seed: u8) -> Arc<Webhooks> {
    let leads_to = Arc::clone(leads_to);
    let resolve: Resolve = Arc::new(move |_| {
        let address = *leads_to.lock().unwrap();
        Box::pin(async move { Ok(vec![address]) })
    });
    let outbound = Outbound::with_resolver(Policy { loopback: true, exceptions: Vec::new() }, resolve);
    let (db, world) = (yard.db().clone(), &yard.world);
    let signer = Signer::from_seed(&[seed; 32]);
    Arc::new(Webhooks::new(db, world.clock(), Arc::clone(&world.ids), &signer, outbound).unwrap())
}

fn pairs(tags: &[(&str, &str)]) -> BTreeMap<String, String> {
    tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn version(model: &str) -> ModelRef {
    ModelRef { model: model.parse().unwrap(), version: 1 }
}

#[tokio::test]
async fn each_thing_that_happens_is_told_signed() {
    for post in Post::each().await {
        let (receiver, url) = Receiver::open(&post.tasks, &[]).await;
        post.hook(&url, &Topic::ALL).await;
        let (registry, ctx) = (&post.yard.registry, post.yard.ctx());
        let mark = ("mlflow.prompt.is_prompt", "true");
        post.model("rides", &[("team", "a")]).await;
        post.model("greeting", &[mark, ("_mlflow_prompt_type", "text"), ("team", "b")]).await;
        for (model, tags) in
            [("rides", vec![("k", "v")]), ("greeting", vec![mark, ("mlflow.prompt.text", "Hello {{name}}")])]
        {
            let new = NewVersion {
                source: "models:/m-1".to_owned(),
                tracking_run_id: Some("r1".to_owned()),
                tags: pairs(&tags),
                ..NewVersion::default()
            };
            registry.create_version(ctx, &model.parse().unwrap(), new).await.unwrap();
            let (of, name) = (version(model), model.parse().unwrap());
            registry.tag_model(ctx, &name, "own", "1").await.unwrap();
            registry.untag_model(ctx, &name, "own").await.unwrap();
            registry.tag_version(ctx, &of, "note", &"long ".repeat(100)).await.unwrap();
            registry.tag_version(ctx, &of, "flag", "x").await.unwrap();
            registry.untag_version(ctx, &of, "flag").await.unwrap();
            registry.set_alias(ctx, &of, &"best".parse().unwrap(), "why not").await.unwrap();
            registry.remove_alias(ctx, &name, &"best".parse().unwrap(), "why").await.unwrap();
        }
        post.sent().await;
        let mut got = receiver.got();
        assert!(got.iter().all(|got| got.is_signed_with("hush") && !got.is_signed_with("other")), "{}", post.name());
        // Several are on their way at once.
        got.sort_by_key(|got| got.body.clone());
        let said: Vec<Value> = got.iter().map(Got::said).collect();
        insta::allow_duplicates! { insta::assert_json_snapshot!("told", said) };
        post.tasks.token().cancel();
    }
}

#[tokio::test]
async fn only_those_who_listen_are_told() {
    for post in Post::each().await {
        let (receiver, url) = Receiver::open(&post.tasks, &[]).await;
        let (other, elsewhere) = Receiver::open(&post.tasks, &[]).await;
        let disabled = post.hook(&url, &[Topic::ModelCreated]).await;
        let change = WebhookChange { active: Some(false), ..WebhookChange::default() };
        post.webhooks.update(post.yard.ctx(), disabled.id, change).await.unwrap();
        post.hook(&url, &[Topic::PromptCreated]).await;
        post.hook(&elsewhere, &[Topic::ModelCreated]).await;
        post.model("rides", &[]).await;
        post.sent().await;
        assert_eq!((receiver.got().len(), other.got().len()), (0, 1), "{}", post.name());
        post.tasks.token().cancel();
    }
}

#[tokio::test]
async fn what_happened_is_told_as_it_was_though_it_is_otherwise_by_now() {
    for post in Post::each().await {
        let (receiver, url) = Receiver::open(&post.tasks, &[]).await;
        post.hook(&url, &Topic::ALL).await;
        let (registry, ctx, of) = (&post.yard.registry, post.yard.ctx(), version("rides"));
        post.model("rides", &[("team", "a")]).await;
        registry.create_version(ctx, &of.model, NewVersion::default()).await.unwrap();
        registry.tag_version(ctx, &of, "k", "first").await.unwrap();
        registry.tag_version(ctx, &of, "k", "second").await.unwrap();
        registry.set_alias(ctx, &of, &"best".parse().unwrap(), "").await.unwrap();
        registry.delete_model(ctx, &of.model).await.unwrap();
        post.sent().await;
        let mut told: Vec<Value> = receiver.got().iter().map(Got::said).collect();
        told.sort_by_key(ToString::to_string);
        insta::allow_duplicates! { insta::assert_json_snapshot!("told_as_it_was", told) };
        post.tasks.token().cancel();
    }
}

#[tokio::test]
async fn models_that_a_project_declares_are_told_once() {
    for post in Post::each().await {
        let (receiver, url) = Receiver::open(&post.tasks, &[]).await;
        post.hook(&url, &[Topic::ModelCreated]).await;
        let declared = json!({ "project": "bikes", "models": { "rides": { "description": "words" } } });
        for _ in 0..2 {
            post.yard.apply(declared.clone()).await;
        }
        post.sent().await;
        let told: Vec<Value> = receiver.got().iter().map(|got| got.said()["data"].clone()).collect();
        assert_eq!(told, [json!({"name": "rides", "tags": {}, "description": "words"})], "{}", post.name());
        post.tasks.token().cancel();
    }
}

#[tokio::test]
async fn a_message_is_sent_again_until_it_is_taken_and_known_by_its_id() {
    for post in Post::each().await {
        let (receiver, url) = Receiver::open(&post.tasks, &[500, 429, 503]).await;
        let hook = post.hook(&url, &[Topic::ModelCreated]).await;
        post.model("rides", &[]).await;
        post.sent().await;
        let got = receiver.got();
        assert_eq!(got.len(), 4, "{}", post.name());
        assert!(got.iter().all(|each| each.delivery == got[0].delivery && each.body == got[0].body), "{}", post.name());
        assert!(got.iter().all(|each| each.is_signed_with("hush")), "{}", post.name());
        let moments: Vec<i64> = got.iter().map(|each| each.at.parse().unwrap()).collect();
        assert!(moments.is_sorted() && moments[3] - moments[0] == 3, "{}: {moments:?}", post.name());
        assert_eq!(post.failure(&hook).await, None, "{}", post.name());
        post.tasks.token().cancel();
    }
}

#[tokio::test]
async fn a_receiver_that_is_never_there_is_given_up_and_says_so_until_it_is_back() {
    for post in Post::each().await {
        let refusals = vec![500; 12];
        let (receiver, url) = Receiver::open(&post.tasks, &refusals).await;
        let hook = post.hook(&url, &[Topic::ModelCreated]).await;
        post.model("rides", &[]).await;
        post.sent().await;
        assert_eq!(receiver.got().len(), 12, "{}", post.name());
        let why = post.failure(&hook).await.unwrap();
        assert!(why.ends_with("answered 500") && !why.contains("quiet") && !why.contains("hook?"), "{why}");
        post.model("cars", &[]).await;
        post.until_quiet().await;
        assert_eq!((receiver.got().len(), post.failure(&hook).await), (13, None), "{}", post.name());
        post.tasks.token().cancel();
    }
}

#[tokio::test]
async fn who_says_no_is_not_asked_again() {
    for post in Post::each().await {
        for status in [302, 400, 404, 410] {
            let (receiver, url) = Receiver::open(&post.tasks, &[status]).await;
            let hook = post.hook(&url, &[Topic::ModelCreated]).await;
            post.model(&format!("rides{status}"), &[]).await;
            post.run_jobs();
            post.until_quiet().await;
            assert_eq!(receiver.got().len(), 1, "{}: {status}", post.name());
            assert!(post.failure(&hook).await.unwrap().ends_with(&format!("answered {status}")), "{}", post.name());
            post.webhooks.delete(post.yard.ctx(), hook.id).await.unwrap();
        }
        post.tasks.token().cancel();
    }
}

#[tokio::test]
async fn a_kill_loses_no_message_and_doubles_none() {
    for post in Post::each().await {
        // The first try hears nothing: the process is gone before there is an answer.
        let (receiver, url) = Receiver::open(&post.tasks, &[0]).await;
        post.hook(&url, &[Topic::ModelCreated]).await;
        post.model("rides", &[]).await;
        // What is refused is not told, and what is told is on disk with the change.
        let again = post.yard.registry.create_model(post.yard.ctx(), &"rides".parse().unwrap(), "", pairs(&[])).await;
        assert_eq!(again.unwrap_err().code(), "MODEL_EXISTS", "{}", post.name());
        assert_eq!(post.waiting().await, 1, "{}", post.name());
        let killed = Tasks::new();
        let first = Runner::new(post.db().clone(), post.yard.world.clock(), "killed".to_owned(), post.webhooks.jobs());
        killed.spawn("runner", Arc::new(first).run(killed.clone()));
        while receiver.got().is_empty() {
            tokio::task::yield_now().await;
        }
        killed.stop(Duration::ZERO).await;
        post.db().write(release_leases).await.unwrap();
        post.run_jobs();
        post.until_quiet().await;
        let got = receiver.got();
        assert_eq!(got.len(), 2, "{}", post.name());
        assert_eq!((&got[0].delivery, &got[0].body), (&got[1].delivery, &got[1].body), "{}", post.name());
        post.tasks.token().cancel();
    }
}

#[tokio::test]
async fn a_webhook_that_is_gone_or_disabled_sends_nothing_that_waits() {
    for post in Post::each().await {
        let (receiver, url) = Receiver::open(&post.tasks, &[]).await;
        let gone = post.hook(&url, &[Topic::ModelCreated]).await;
        let disabled = post.hook(&url, &[Topic::ModelCreated]).await;
        post.model("rides", &[]).await;
        assert_eq!(post.waiting().await, 2, "{}", post.name());
        post.webhooks.delete(post.yard.ctx(), gone.id).await.unwrap();
        let change = WebhookChange { active: Some(false), ..WebhookChange::default() };
        post.webhooks.update(post.yard.ctx(), disabled.id, change).await.unwrap();
        post.run_jobs();
        post.until_quiet().await;
        assert!(receiver.got().is_empty(), "{}", post.name());
        post.tasks.token().cancel();
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_when_it_is_given_and_when_it_is_called() {
    for post in Post::each().await {
        let (receiver, url) = Receiver::open(&post.tasks, &[]).await;
        let inside: IpAddr = "169.254.169.254".parse().unwrap();
        let hook = post.hook(&url, &[Topic::ModelCreated]).await;
        // The name server changes its mind after the webhook was made.
        *post.leads_to.lock().unwrap() = inside;
        let change = WebhookChange { url: Some("http://other.test/".to_owned()), ..WebhookChange::default() };
        let error = post.webhooks.update(post.yard.ctx(), hook.id, change).await.unwrap_err();
        assert_eq!(error.code(), "OUTBOUND_REFUSED", "{}", post.name());
        post.model("rides", &[]).await;
        post.sent().await;
        assert!(receiver.got().is_empty(), "{}", post.name());
        let why = post.failure(&hook).await.unwrap();
        assert!(why.contains("169.254.169.254") && !why.contains("quiet"), "{why}");
        let trial = post.webhooks.test(post.yard.ctx(), hook.id, None).await.unwrap();
        assert!(matches!(trial, Trial::Failed(why) if why.contains("169.254.169.254")), "{}", post.name());
        post.tasks.token().cancel();
    }
}

#[tokio::test]
async fn a_trial_sends_each_kind_of_message() {
    for post in Post::each().await {
        let (receiver, url) = Receiver::open(&post.tasks, &[]).await;
        let hook = post.hook(&url, &[Topic::VersionTagSet, Topic::ModelCreated]).await;
        let ctx = post.yard.ctx();
        let answered = Trial::Answered { status: 200, body: "thanks".to_owned() };
        assert_eq!(post.webhooks.test(ctx, hook.id, None).await.unwrap(), answered, "{}", post.name());
        assert_eq!(receiver.got()[0].said()["entity"], json!("model_version_tag"), "{}", post.name());
        for topic in Topic::ALL {
            assert_eq!(post.webhooks.test(ctx, hook.id, Some(topic)).await.unwrap(), answered, "{}", post.name());
        }
        let got = receiver.got();
        assert!(got.iter().all(|got| got.is_signed_with("hush")), "{}", post.name());
        let said: Vec<Value> = got[1..].iter().map(Got::said).collect();
        insta::allow_duplicates! { insta::assert_json_snapshot!("trials", said) };
        post.tasks.token().cancel();
    }
}

#[tokio::test]
async fn a_secret_is_stored_sealed_and_shown_to_nobody() {
    for post in Post::each().await {
        let (receiver, url) = Receiver::open(&post.tasks, &[]).await;
        let hook = post.hook(&url, &[Topic::ModelCreated]).await;
        post.model("rides", &[]).await;
        let mut stored = Vec::new();
        for sql in [
            "SELECT coalesce(secret, '') FROM registry_webhooks",
            "SELECT payload FROM work_jobs",
            "SELECT data FROM outbox",
        ] {
            stored.extend(post.db().read(move |tx| tx.all(sql, &[], |row| row.text(0))).await.unwrap());
        }
        assert!(stored.len() >= 4 && !stored[0].is_empty(), "{}: {stored:?}", post.name());
        assert!(!stored.iter().any(|text| text.contains("hush")), "{}: {stored:?}", post.name());
        assert!(!stored[1..].iter().any(|text| text.contains("quiet")), "{}: {stored:?}", post.name());
        assert_eq!(format!("{:?}", Secret("hush".to_owned())), "Secret");

        // With another signing key nothing is sent unsigned.
        let other = webhooks(&post.yard, &post.leads_to, 8);
        let error = other.test(post.yard.ctx(), hook.id, None).await.unwrap_err();
        assert_eq!(error.code(), "WEBHOOK_SECRET_UNREADABLE", "{}", post.name());
        assert!(receiver.got().is_empty(), "{}", post.name());

        let change = WebhookChange { secret: Some(Secret(String::new())), ..WebhookChange::default() };
        post.webhooks.update(post.yard.ctx(), hook.id, change).await.unwrap();
        post.webhooks.test(post.yard.ctx(), hook.id, None).await.unwrap();
        assert_eq!(receiver.got()[0].signature, None, "{}", post.name());
        post.tasks.token().cancel();
    }
}

#[tokio::test]
async fn webhooks_are_the_business_of_administrators() {
    let post = Post::each().await.remove(0);
    let hook = post.hook("http://hooks.test/", &[Topic::ModelCreated]).await;
    let ctx = post.yard.world.ctx_with(Access::Write);
    let (webhooks, id) = (&post.webhooks, hook.id);
    let codes = [
        webhooks.create(&ctx, NewWebhook::default()).await.unwrap_err(),
        webhooks.get(&ctx, id).await.unwrap_err(),
        webhooks.list(&ctx, &PageRequest::default()).await.unwrap_err(),
        webhooks.update(&ctx, id, WebhookChange::default()).await.unwrap_err(),
        webhooks.test(&ctx, id, None).await.unwrap_err(),
        webhooks.delete(&ctx, id).await.unwrap_err(),
    ]
    .map(|error| error.kind());
    assert_eq!(codes, [pitcrew_kernel::Kind::Forbidden; 6]);
    stranger_is_refused(&post.yard.world, webhook_routes(Arc::clone(&post.webhooks))).await;
}

#[tokio::test]
async fn the_list_tells_how_each_fares_without_what_is_secret() {
    for post in Post::each().await {
        let (_receiver, url) = Receiver::open(&post.tasks, &[404]).await;
        post.hook(&url, &[Topic::ModelCreated]).await;
        post.model("rides", &[]).await;
        post.sent().await;
        let router = open(&post.yard.world, webhook_routes(Arc::clone(&post.webhooks))).await;
        let (_, answer) = call(&router, axum::http::Method::GET, "/api/v1/webhooks", None).await;
        let found = &answer["items"][0];
        assert!(found["target"].as_str().unwrap().starts_with("http://hooks.test:"), "{}: {answer}", post.name());
        assert!(found["last_failure"]["why"].as_str().unwrap().ends_with("answered 404"), "{}: {answer}", post.name());
        assert!(!answer.to_string().contains("quiet") && !answer.to_string().contains("hush"), "{}", post.name());
        post.tasks.token().cancel();
    }
}

#[tokio::test]
async fn changes_are_stated_by_who_made_them() {
    for post in Post::each().await {
        let hook = post.hook("https://user:word@hooks.test/T0?key=1", &[Topic::ModelCreated]).await;
        post.webhooks.update(post.yard.ctx(), hook.id, WebhookChange::default()).await.unwrap();
        post.webhooks.delete(post.yard.ctx(), hook.id).await.unwrap();
        let said = post.yard.said().await;
        let expected = ["created", "changed", "deleted"]
            .map(|act| format!("registry.webhook_changed: webhook ci to https://hooks.test {act}"));
        assert_eq!(said, expected, "{}", post.name());
    }
}
