//! Where a version may say it came from. What is fine and what is not was compared with MLflow 3.17.2, source by source; where this server
//! refuses more, the line says so.

use serde_json::{Value, json};

use crate::Wire;

const RUN: &str = "must identify the resource that contains the source";
const PATH: &str = "without relative path references";
const LOCAL: &str = "To use a local path as a model version source";
const HOST: &str = "addresses a host other than";

struct Story {
    wire: Wire,
    run: String,
    other: String,
    model: String,
}

impl Story {
    async fn new(mut wire: Wire) -> Self {
        let mut run = Vec::new();
        for _ in 0..2 {
            let made = wire.post("/runs/create", json!({"experiment_id": "0"})).await;
            run.push(made["run"]["info"]["run_id"].as_str().unwrap().to_owned());
        }
        let made =
            wire.post("/logged-models", json!({"experiment_id": "0", "name": "model", "source_run_id": run[0]})).await;
        let model = made["model"]["info"]["model_id"].as_str().unwrap().to_owned();
        wire.post("/registered-models/create", json!({"name": "bikes"})).await;
        let prompt =
            json!([{"key": "mlflow.prompt.is_prompt", "value": "true"}, {"key": "mlflow.prompt.text", "value": "x"}]);
        wire.post("/registered-models/create", json!({"name": "hello", "tags": prompt})).await;
        let made = wire
            .post("/model-versions/create", json!({"name": "hello", "source": "dummy-source", "tags": prompt}))
            .await;
        assert_eq!(made["model_version"]["version"], "1", "{made}");
        Self { wire, other: run.remove(1), run: run.remove(0), model }
    }

    /// Tries a source; `<run>`, `<other>` and `<model>` in it and in what it is claimed with stand for those there are.
    async fn tries(&mut self, source: &str, with: Value) -> Value {
        let mut body = json!({"name": "bikes", "source": source});
        body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        let text = body
            .to_string()
            .replace("<other>", &self.other)
            .replace("<run>", &self.run)
            .replace("<model>", &self.model);
        self.wire.post("/model-versions/create", serde_json::from_str(&text).unwrap()).await
    }
}

#[tokio::test]
async fn a_source_belongs_to_what_it_is_claimed_with() {
    for wire in Wire::each().await {
        let mut story = Story::new(wire).await;
        let run = || json!({"run_id": "<run>"});
        let model = || json!({"model_id": "<model>"});
        for (source, with) in [
            ("runs:/<run>/model", run()),
            // MLflow does not ask whether the run is there, and some register what is not.
            ("runs:/gone/model", json!({"run_id": "gone"})),
            ("models:/<model>", model()),
            ("mlflow-artifacts:/0/<run>/artifacts/sub", run()),
            ("mlflow-artifacts:/0/models/<model>/artifacts", model()),
            ("s3://b/x", json!({})),
            ("s3://b//x/", json!({})),
            ("s3:/b/x", json!({})),
            ("s3://b/a+b", json!({})),
            ("s3://b/a%2520b", json!({})),
            ("dbfs:/x", json!({})),
            ("gs://b/x", json!({})),
            ("models:/bikes/1", json!({})),
            ("models:/bikes/latest", json!({})),
        ] {
            let answer = story.tries(source, with).await;
            assert!(answer["model_version"]["version"].is_string(), "{source}: {answer}");
        }
        for (source, with, why) in [
            ("RUNS:/<other>/model", run(), RUN),
            ("runs:/<other>/model", run(), RUN),
            ("runs://h/<run>/model", run(), RUN),
            ("runs:/<run>/model", json!({}), RUN),
            ("runs:/<run>/model", json!({"run_id": "<run>", "model_id": "<model>"}), RUN),
            ("runs:/<run>/../<other>/m", run(), PATH),
            ("runs:/<run>/%252e%252e/m", run(), PATH),
            ("runs:/", run(), PATH),
            ("runs:", run(), PATH),
            ("models:/<model>", json!({}), RUN),
            ("models:/<model>", run(), RUN),
            ("models:/<model>", json!({"model_id": "m-other"}), RUN),
            ("models:/m-nope", json!({"model_id": "m-nope"}), RUN),
            ("models://h/<model>", model(), RUN),
            ("models:/a/b/c", json!({}), RUN),
            ("models:/hello/1", json!({}), "Prompt versions cannot be used"),
            ("mlflow-artifacts:/0/<run>/artifacts/sub", json!({"run_id": "<other>"}), RUN),
            ("mlflow-artifacts:/0/<run>/artifacts/sub", json!({}), RUN),
            ("mlflow-artifacts:/0/<run>/artifactsx/sub", run(), RUN),
            ("MLFLOW-ARTIFACTS:/0/<run>/artifacts/s", json!({"run_id": "<other>"}), RUN),
            ("mlflow-artifacts:/0/models/<model>/artifacts", run(), RUN),
            ("mlflow-artifacts:/0/models/<model>/artifacts/../x", model(), PATH),
            ("mlflow-artifacts:/0/<run>/artifacts/%2e%2e", run(), PATH),
            ("mlflow-artifacts:/", run(), PATH),
            ("mlflow-artifacts://host:1/0/<run>/artifacts/s", run(), HOST),
            ("http://h/api/2.0/mlflow-artifacts/artifacts/1/x", run(), HOST),
            ("https://h/../y", json!({}), HOST),
            ("ftp://h/x", json!({}), HOST),
            ("s3://b", json!({}), PATH),
            ("s3://b/", json!({}), PATH),
            ("s3:b/x", json!({}), PATH),
            ("s3://b/./x", json!({}), PATH),
            ("s3://b/%2e/x", json!({}), PATH),
            ("s3://b/x%00", json!({}), PATH),
            ("/etc/passwd", json!({}), LOCAL),
            ("/etc/passwd", run(), LOCAL),
            ("/etc/passwd", model(), LOCAL),
            ("file:///etc/x", run(), LOCAL),
            ("..", json!({}), LOCAL),
            ("relative/x", json!({}), LOCAL),
            // MLflow on Linux takes a drive for the scheme of some store, and a backslash for a letter.
            ("C:/x", json!({}), LOCAL),
            ("4s:/x", json!({}), LOCAL),
            ("C:\\x", json!({}), LOCAL),
            ("s3://b/..\\x", json!({}), PATH),
            // MLflow reads past what stands in front; nobody writes such a source who means well.
            ("\u{0}s3://b/x", json!({}), "Invalid model version source"),
            (" mlflow-artifacts:/99/x", json!({}), "Invalid model version source"),
            ("mlflow-\nartifacts:/99/x", json!({}), "Invalid model version source"),
        ] {
            let answer = story.tries(source, with.clone()).await;
            let said = answer["message"].as_str().unwrap_or_default();
            assert_eq!(answer["error_code"], "INVALID_PARAMETER_VALUE", "{source} {with}: {answer}");
            assert!(said.contains(why), "{source} {with}: {said}");
        }
        let prompt = json!({"name": "hello", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]});
        let answer = story.tries("s3://b/x", prompt).await;
        assert!(answer["message"].as_str().unwrap().starts_with("Invalid prompt source"), "{answer}");
    }
}
