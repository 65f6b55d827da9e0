use axum::http::{Method, StatusCode};
use pitcrew_testkit::{call, open};
use pitcrew_tracking::{life_routes, referenced_digests};
use serde_json::{Value, json};

use crate::Place;

const ID: &str = "0123456789abcdef0123456789abcdef";
const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

/// A run as a script without a server writes it.
fn head() -> Value {
    json!({
        "format": 1, "run_id": ID, "experiment": "far", "name": "from afar", "user": "ana", "status": "FINISHED",
        "started_ms": 1_700_000_000_123_i64, "ended_ms": 1_700_000_001_456_i64,
        "params": { "max_iter": "200" }, "tags": { "team": "blue" },
        "datasets": [{ "name": "bikes", "digest": "d1", "tags": { "mlflow.data.context": "training" } }],
        "model_inputs": ["m-1"], "model_outputs": [{ "model_id": "m-2", "step": 3 }],
    })
}

fn points() -> Value {
    json!({ "points": [
        { "key": "a/b", "value": "NaN", "step": 0, "at_ms": 5 },
        { "key": "a/b", "value": "-Infinity", "step": 1, "at_ms": 6 },
        { "key": "loss", "value": 0.1, "step": 7, "at_ms": 1_700_000_000_999_i64 },
    ]})
}

/// A server for one place.
struct Desk {
    router: axum::Router,
    name: &'static str,
}

impl Desk {
    async fn at(place: &Place) -> Self {
        Self { router: open(&place.world, life_routes(place.retention())).await, name: place.db.name }
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        call(&self.router, method, &format!("/api/v1/runs/{path}"), Some(body)).await
    }

    async fn fine(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(method, path, body).await;
        assert_eq!(status, StatusCode::OK, "{}: {path}: {answer}", self.name);
        answer
    }

    async fn wrong(&self, method: Method, path: &str, body: Value) -> (u16, String) {
        let (status, answer) = self.ask(method, path, body).await;
        (status.as_u16(), answer["code"].as_str().unwrap_or_default().to_owned())
    }

    async fn finish(&self, run: &Value, points: Value, artifacts: u64) -> Value {
        let body = json!({ "run": run, "points": points, "artifacts": artifacts });
        self.fine(Method::POST, &format!("import/{ID}/finish"), body).await
    }

    /// Sends a file, and asks for its digest first.
    async fn file(&self, path: &str, body: &Value) -> String {
        let at = |digest: &str| format!("import/{ID}/artifacts?path={path}&digest={digest}");
        let nothing = format!("b3:{}", "0".repeat(64));
        let (_, answer) = self.ask(Method::PUT, &at(&nothing), body.clone()).await;
        assert_eq!(answer["code"], json!("RUN_IMPORT_DIGEST"), "{answer}");
        let digest = answer["detail"].as_str().unwrap().rsplit(' ').next().unwrap().to_owned();
        self.fine(Method::PUT, &at(&digest), body.clone()).await;
        digest
    }
}

#[tokio::test]
async fn a_run_comes_in_by_parts_is_seen_when_whole_and_goes_out_as_it_came() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let desk = Desk::at(&place).await;
        let tried = desk.fine(Method::POST, "import?dry_run=true", head()).await;
        assert_eq!(tried, json!({ "there": false, "points": {}, "artifacts": [] }), "{}", desk.name);
        assert!(place.rows().await.is_empty(), "{}: nothing happened", desk.name);
        let begun = desk.fine(Method::POST, "import", head()).await;
        assert_eq!(begun, json!({ "there": false, "points": {}, "artifacts": [] }), "{}", desk.name);
        for _ in 0..2 {
            desk.fine(Method::POST, &format!("import/{ID}/points"), points()).await;
        }
        let digest = desk.file("model/a.json", &json!({ "a": 1 })).await;
        assert_eq!(tracking.run(ctx, ID).await.unwrap_err().code(), "RUN_NOT_FOUND", "{}: not whole yet", desk.name);
        let whole = json!({ "a/b": 2, "loss": 1 });
        let body = json!({ "run": head(), "points": { "loss": 2 }, "artifacts": 1 });
        let code = (412, "RUN_IMPORT_INCOMPLETE".to_owned());
        assert_eq!(desk.wrong(Method::POST, &format!("import/{ID}/finish"), body).await, code);
        let body = json!({ "run": head(), "points": whole, "artifacts": 2 });
        assert_eq!(desk.wrong(Method::POST, &format!("import/{ID}/finish"), body).await, code);
        assert_eq!(desk.finish(&head(), whole.clone(), 1).await["changed"], json!(true));
        assert_eq!(desk.finish(&head(), whole, 1).await["changed"], json!(false), "{}: twice is once", desk.name);

        let run = tracking.run(ctx, ID).await.unwrap();
        assert_eq!((run.info.start_ms, run.info.end_ms), (1_700_000_000_123, Some(1_700_000_001_456)));
        assert_eq!((run.info.name.as_str(), &run.tags["mlflow.runName"]), ("from afar", &"from afar".to_owned()));
        assert!(run.metrics[0].value.is_infinite(), "{}: the latest point is known: {:?}", desk.name, run.metrics);
        let out = desk.fine(Method::GET, &format!("{ID}/export"), Value::Null).await;
        let mut expected = head();
        expected["tags"]["mlflow.runName"] = json!("from afar");
        for key in ["source", "source_type"] {
            expected["datasets"][0][key] = json!("");
        }
        for key in ["schema", "profile"] {
            expected["datasets"][0][key] = Value::Null;
        }
        expected["metrics"] = json!({ "a/b": 2, "loss": 1 });
        expected["artifacts"] = json!([{ "path": "model/a.json", "digest": digest, "bytes": 7 }]);
        assert_eq!(out, expected, "{}", desk.name);
        let path = format!("{ID}/points?key=a%2Fb&limit=1");
        let page = desk.fine(Method::GET, &path, Value::Null).await;
        assert_eq!(page["items"], json!([{ "value": "NaN", "step": 0, "at_ms": 5 }]), "{}", desk.name);
        let path = format!("{path}&page={}", page["next"].as_str().unwrap());
        let page = desk.fine(Method::GET, &path, Value::Null).await;
        assert_eq!(page, json!({ "items": [{ "value": "-Infinity", "step": 1, "at_ms": 6 }], "next": null }));
        let told = ["local: experiment far made", "local: run from afar imported to far"];
        assert_eq!(place.said().await, told, "{}", desk.name);
    }
}

#[tokio::test]
async fn a_run_that_is_there_is_completed_and_a_conflict_overwrites_nothing() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let desk = Desk::at(&place).await;
        let mut running = head();
        running["status"] = json!("RUNNING");
        running["ended_ms"] = Value::Null;
        running["params"] = json!({});
        desk.fine(Method::POST, "import", running.clone()).await;
        desk.fine(Method::POST, &format!("import/{ID}/points"), points()).await;
        desk.file("a.json", &json!(1)).await;
        desk.finish(&running, json!({}), 1).await;

        let again = desk.fine(Method::POST, "import", head()).await;
        assert_eq!((&again["there"], &again["points"]["a/b"]), (&json!(true), &json!(2)), "{}", desk.name);
        let more = json!({ "points": [{ "key": "loss", "value": 0.05, "step": 8, "at_ms": 9 }] });
        desk.fine(Method::POST, &format!("import/{ID}/points"), more).await;
        assert_eq!(desk.finish(&head(), json!({ "loss": 2 }), 1).await["changed"], json!(true));
        let run = tracking.run(ctx, ID).await.unwrap();
        assert_eq!((run.info.status.as_str(), run.params["max_iter"].as_str()), ("FINISHED", "200"), "{}", desk.name);
        let said = place.said().await;
        assert!(said.contains(&"local: run from afar ended FINISHED".to_owned()), "{}: {said:?}", desk.name);

        for (pointer, other) in [
            ("/name", json!("other")),
            ("/params/max_iter", json!("300")),
            ("/tags/team", json!("red")),
            ("/started_ms", json!(1)),
            ("/status", json!("FAILED")),
            ("/experiment", json!("near")),
        ] {
            let mut differs = head();
            *differs.pointer_mut(pointer).unwrap() = other;
            let refused = (409, "RUN_IMPORT_CONFLICT".to_owned());
            assert_eq!(desk.wrong(Method::POST, "import", differs.clone()).await, refused, "{}: {pointer}", desk.name);
            let body = json!({ "run": differs, "points": {}, "artifacts": 0 });
            assert_eq!(desk.wrong(Method::POST, &format!("import/{ID}/finish"), body).await, refused, "{pointer}");
        }
        let body = json!(2);
        let nothing = format!("b3:{}", "0".repeat(64));
        let path = format!("import/{ID}/artifacts?path=a.json&digest={nothing}");
        let (_, answer) = desk.ask(Method::PUT, &path, body.clone()).await;
        let digest = answer["detail"].as_str().unwrap().rsplit(' ').next().unwrap().to_owned();
        let path = format!("import/{ID}/artifacts?path=a.json&digest={digest}");
        assert_eq!(desk.wrong(Method::PUT, &path, body).await, (409, "RUN_IMPORT_CONFLICT".to_owned()));
        assert_eq!(tracking.run(ctx, ID).await.unwrap(), run, "{}: as it was", desk.name);
        tracking.delete_run(ctx, ID).await.unwrap();
        assert_eq!(desk.wrong(Method::POST, "import", head()).await, (400, "RUN_DELETED".to_owned()));
    }
}

#[tokio::test]
async fn what_is_no_run_is_refused() {
    let place = Place::one().await;
    let desk = Desk::at(&place).await;
    for (pointer, bad) in [
        ("/format", json!(2)),
        ("/run_id", json!("../../etc")),
        ("/run_id", json!("models")),
        ("/run_id", json!("count")),
        ("/run_id", json!("import")),
        ("/run_id", json!("")),
        ("/experiment", json!("")),
        ("/status", json!("DONE")),
        ("/params", json!({ "a//b": "1" })),
        ("/datasets/0/digest", json!("")),
    ] {
        let mut wrong = head();
        *wrong.pointer_mut(pointer).unwrap() = bad;
        assert_eq!(
            desk.wrong(Method::POST, "import", wrong).await,
            (400, "TRACKING_VALUE_INVALID".to_owned()),
            "{pointer}"
        );
    }
    let nobody = (404, "RUN_IMPORT_NOT_FOUND".to_owned());
    assert_eq!(desk.wrong(Method::POST, &format!("import/{ID}/points"), points()).await, nobody);
    desk.fine(Method::POST, "import", head()).await;
    let digest = format!("b3:{}", "0".repeat(64));
    for path in ["..%2Fx", "a%2F..%2F..%2Fx", "", "%252e%252e/x"] {
        let path = format!("import/{ID}/artifacts?path={path}&digest={digest}");
        assert_eq!(desk.wrong(Method::PUT, &path, json!(1)).await, (400, "ARTIFACT_PATH_INVALID".to_owned()), "{path}");
    }
    let many: Vec<Value> = (0..10_001).map(|n| json!({ "key": "m", "value": 1, "step": n, "at_ms": 1 })).collect();
    let path = format!("import/{ID}/points");
    assert_eq!(desk.wrong(Method::POST, &path, json!({ "points": many })).await.1, "TRACKING_VALUE_INVALID");
    let other = json!({ "run": head() });
    assert_eq!(desk.wrong(Method::POST, "import/other/finish", other).await.1, "TRACKING_VALUE_INVALID");
}

#[tokio::test]
async fn an_import_that_nobody_goes_on_with_is_removed_and_one_that_is_gone_on_with_is_not() {
    for place in Place::each().await {
        let desk = Desk::at(&place).await;
        desk.fine(Method::POST, "import", head()).await;
        desk.fine(Method::POST, &format!("import/{ID}/points"), points()).await;
        desk.file("a.json", &json!(1)).await;
        place.world.clock.advance(DAY / 2);
        desk.fine(Method::POST, &format!("import/{ID}/points"), points()).await;
        place.world.clock.advance(DAY / 2);
        place.work().await;
        assert_eq!(place.rows().await["points"], 3, "{}: half a day ago somebody was at it", desk.name);
        place.world.clock.advance(DAY / 2);
        place.work().await;
        let rows = place.rows().await;
        assert!(!rows.contains_key("points") && !rows.contains_key("drafts"), "{}: {rows:?}", desk.name);
        assert!(place.db.db.read(referenced_digests).await.unwrap().is_empty(), "{}", desk.name);
        let again = desk.fine(Method::POST, "import", head()).await;
        assert_eq!(again["points"], json!({}), "{}: it can begin anew", desk.name);
    }
}

#[tokio::test]
async fn a_run_comes_back_only_after_all_of_it_went() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let desk = Desk::at(&place).await;
        desk.fine(Method::POST, "import", head()).await;
        desk.finish(&head(), json!({}), 0).await;
        desk.fine(Method::DELETE, ID, json!({})).await;
        assert!(tracking.purge_run(ctx, ID).await.is_ok());
        assert_eq!(desk.wrong(Method::POST, "import", head()).await, (409, "RUN_BEING_REMOVED".to_owned()));
        place.work().await;
        desk.fine(Method::POST, "import", head()).await;
    }
}

#[tokio::test]
async fn an_import_that_says_another_experiment_begins_anew_there() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let desk = Desk::at(&place).await;
        desk.fine(Method::POST, "import", head()).await;
        desk.fine(Method::POST, &format!("import/{ID}/points"), points()).await;
        let mut near = head();
        near["experiment"] = json!("near");
        let begun = desk.fine(Method::POST, "import", near.clone()).await;
        assert_eq!(begun["points"], json!({}), "{}", desk.name);
        desk.finish(&near, json!({}), 0).await;
        let run = tracking.run(ctx, ID).await.unwrap();
        let name = tracking.experiment(ctx, run.info.experiment_id).await.unwrap().name;
        assert_eq!((name.as_str(), run.metrics.len()), ("near", 0), "{}", desk.name);
        place.work().await;
        assert!(!place.rows().await.contains_key("points"), "{}: nothing is left of the first", desk.name);
    }
}

#[tokio::test]
async fn an_import_whose_experiment_was_removed_begins_anew() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let desk = Desk::at(&place).await;
        desk.fine(Method::POST, "import", head()).await;
        let far = tracking.experiments_called(ctx, vec!["far".to_owned()], Vec::new()).await.unwrap()[0];
        tracking.delete_experiment(ctx, far).await.unwrap();
        tracking.purge_experiment(ctx, far).await.unwrap();
        desk.fine(Method::POST, "import", head()).await;
        desk.finish(&head(), json!({}), 0).await;
        assert_ne!(tracking.run(ctx, ID).await.unwrap().info.experiment_id, far, "{}", desk.name);
    }
}

#[tokio::test]
async fn two_imports_of_one_run_at_once_are_one() {
    for place in Place::each().await {
        let desk = Desk::at(&place).await;
        let begin = || desk.fine(Method::POST, "import", head());
        tokio::join!(begin(), begin(), begin(), begin());
        desk.fine(Method::POST, &format!("import/{ID}/points"), points()).await;
        let (head, whole) = (head(), json!({ "a/b": 2, "loss": 1 }));
        let finish = || desk.finish(&head, whole.clone(), 0);
        let (one, two, three, four) = tokio::join!(finish(), finish(), finish(), finish());
        let changed = [one, two, three, four].iter().filter(|ended| ended["changed"] == json!(true)).count();
        assert_eq!(changed, 1, "{}", desk.name);
    }
}

#[tokio::test]
async fn a_run_with_more_files_than_an_export_lists_is_not_exported_in_part() {
    for place in Place::each().await {
        let desk = Desk::at(&place).await;
        desk.fine(Method::POST, "import", head()).await;
        desk.file("a.json", &json!(1)).await;
        desk.finish(&head(), json!({}), 1).await;
        let folder = format!("1/{ID}/artifacts");
        let copy = move |tx: &mut pitcrew_db::Tx<'_>, from: i64, to: i64| {
            for n in from..to {
                tx.exec(
                    "INSERT INTO tracking_artifacts (parent, name, digest, bytes, changed_ms) \
                     SELECT parent, CAST($1 AS TEXT), digest, bytes, changed_ms FROM tracking_artifacts WHERE parent = $2 AND name = 'a.json'",
                    &[format!("{n}").into(), (&folder).into()],
                )?;
            }
            Ok(())
        };
        let more = copy.clone();
        place.db.db.write(move |tx| copy(tx, 1, 10_000)).await.unwrap();
        let out = desk.fine(Method::GET, &format!("{ID}/export"), Value::Null).await;
        assert_eq!(out["artifacts"].as_array().unwrap().len(), 10_000, "{}", desk.name);
        place.db.db.write(move |tx| more(tx, 10_000, 10_001)).await.unwrap();
        let refused = (400, "TRACKING_VALUE_INVALID".to_owned());
        assert_eq!(desk.wrong(Method::GET, &format!("{ID}/export"), Value::Null).await, refused, "{}", desk.name);
    }
}

#[tokio::test]
async fn a_run_that_is_not_whole_has_no_columns_yet() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let desk = Desk::at(&place).await;
        desk.fine(Method::POST, "import", head()).await;
        desk.fine(Method::POST, &format!("import/{ID}/points"), points()).await;
        assert!(tracking.columns(ctx, 1, "").await.unwrap().metrics.keys.is_empty(), "{}", desk.name);
        desk.finish(&head(), json!({}), 0).await;
        assert_eq!(tracking.columns(ctx, 1, "").await.unwrap().metrics.keys, ["a/b", "loss"], "{}", desk.name);
    }
}

#[tokio::test]
async fn a_logged_model_comes_in_with_its_id_and_its_points() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let desk = Desk::at(&place).await;
        let id = format!("m-{ID}");
        let model = json!({
            "model_id": id, "experiment": "far", "name": "m", "status": "LOGGED_MODEL_READY", "created_ms": 5, "updated_ms": 6,
            "model_type": "pyfunc", "source_run_id": ID, "params": { "p": "1" }, "tags": { "t": "2" },
            "metrics": [{ "key": "loss", "value": "NaN", "step": 1, "at_ms": 5, "run_id": ID, "dataset_name": "bikes", "dataset_digest": "d1" }],
        });
        let path = "/api/v1/logged-models/import";
        let send = async |body: &Value| call(&desk.router, Method::POST, path, Some(body.clone())).await;
        let (status, came) = send(&model).await;
        assert_eq!(status, StatusCode::OK, "{}: {came}", desk.name);
        let root = format!("1/models/{id}/artifacts");
        assert_eq!(came, json!({ "model_id": id, "there": false, "root": root, "artifacts": [] }), "{}", desk.name);
        let mut upload = tracking.upload_artifact(ctx, format!("{root}/MLmodel").parse().unwrap()).await.unwrap();
        upload.write("flavors".into()).await.unwrap();
        tracking.finish_artifact(ctx, upload).await.unwrap();
        let (_, again) = send(&model).await;
        assert_eq!(
            (&again["there"], &again["artifacts"][0]["path"]),
            (&json!(true), &json!("MLmodel")),
            "{}",
            desk.name
        );
        let kept = tracking.model(ctx, &id, false).await.unwrap();
        assert_eq!((kept.created_ms, kept.updated_ms, kept.source_run_id.as_str()), (5, 6, ID));
        assert_eq!((kept.params["p"].as_str(), kept.tags["t"].as_str()), ("1", "2"));
        assert!(kept.metrics[0].value.is_nan() && kept.metrics[0].dataset_name.as_deref() == Some("bikes"));
        for (pointer, other, code) in [
            ("/name", json!("other"), "RUN_IMPORT_CONFLICT"),
            ("/params/p", json!("2"), "RUN_IMPORT_CONFLICT"),
            ("/model_id", json!("m-../x"), "TRACKING_VALUE_INVALID"),
            ("/model_id", json!(ID), "TRACKING_VALUE_INVALID"),
            ("/status", json!("READY"), "TRACKING_VALUE_INVALID"),
        ] {
            let mut differs = model.clone();
            *differs.pointer_mut(pointer).unwrap() = other;
            assert_eq!(send(&differs).await.1["code"], json!(code), "{}: {pointer}", desk.name);
        }
        assert_eq!(tracking.model(ctx, &id, false).await.unwrap().name, "m", "{}", desk.name);
    }
}
