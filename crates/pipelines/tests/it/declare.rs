//! What apply makes of environments and pipelines, and says of it.

use pitcrew_contracts::spec::Change;
use serde_json::json;

use crate::yard::Yard;

fn said(changes: &[Change]) -> Vec<String> {
    let action = |change: &Change| serde_json::to_value(change.action).unwrap().as_str().unwrap().to_owned();
    changes
        .iter()
        .map(|change| format!("{} {} {}: {}", action(change), change.kind, change.name, change.detail))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_told_and_nothing_else() {
    for yard in Yard::each().await {
        yard.file("requirements.txt", "numpy==2.3.1\n");
        yard.file("steps/train.py", "print(1)");
        yard.file("pitcrew.yaml", "project: bikes");
        let project = json!({
            "environments": {"python": {"requirements": "requirements.txt"}},
            "alerts": {"bikes-error": {"monitor": "bikes", "metric": "wape", "action": {"run": "train"}}},
            "pipelines": {"train": {"environment": "python", "on": [{"schedule": "0 3 * * *"}], "steps": {
                "train": {"run": "python steps/train.py"},
                "register": {"uses": "register", "needs": ["train"]},
            }}},
        });
        let mut log = Vec::new();
        let mut note = |what: &str, changes: &[Change]| log.push(format!("# {what}\n{}", said(changes).join("\n")));
        note("new", &yard.apply(project.clone()).await);
        let shown = yard.service.pipeline(&yard.world.ctx, &"train".parse().unwrap()).await.unwrap();
        assert_eq!(shown.triggers, ["alert bikes-error", "schedule 0 3 * * *"]);
        yard.file("pitcrew.yaml", "project: bikes # only a declaration");
        note("nothing that steps see", &yard.apply(project.clone()).await);
        yard.file("steps/train.py", "print(2)");
        note("code", &yard.apply(project.clone()).await);
        yard.file("requirements.txt", "numpy==2.3.2\nscipy==1.16.0\n");
        note("pins", &yard.apply(project.clone()).await);
        let mut other = project.clone();
        other["pipelines"]["train"]["params"] = json!({"seed": 7});
        other["pipelines"]["train"]["steps"]["train"]["retries"] = json!(1);
        other["pipelines"]["train"]["steps"]["more"] = json!({"run": "true"});
        note("declaration", &yard.apply(other).await);
        note("gone", &yard.apply(json!({})).await);
        let gone = yard.start_with(json!({}), false).await.unwrap_err();
        assert_eq!(gone.code(), "PIPELINE_NOT_FOUND");
        note("back", &yard.apply(project).await);
        assert_eq!(yard.start().await.number, 1, "{}", yard.name);
        insta::assert_snapshot!("every_change_is_told", log.join("\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_whole() {
    for yard in Yard::each().await {
        yard.file("requirements.txt", "numpy>=2\n");
        yard.file("pinned.txt", "numpy==2.3.1\n");
        let steps = json!({"a": {"run": "true"}});
        let mut told = Vec::new();
        for project in [
            json!({"environments": {"python": {"requirements": "requirements.txt"}}}),
            json!({"environments": {"python": {"requirements": "../pinned.txt"}}}),
            json!({"environments": {"python": {"requirements": "pinned.txt"}}, "pipelines": {"train": {"environment": "pyhton", "steps": steps}}}),
            json!({"pipelines": {"good": {"steps": steps}, "train": {"steps": {"a": {"run": "python steps/train.py"}}}}}),
            json!({"pipelines": {"train": {"steps": {"a": {"run": "./train.sh --fast"}}}}}),
            json!({"pipelines": {"train": {"steps": {"a": {"run": "true", "needs": ["b"]}, "b": {"run": "true", "needs": ["a"]}}}}}),
            json!({"pipelines": {"no/name": {"steps": steps}}}),
        ] {
            let error = yard.try_apply(project).await.unwrap_err();
            told.push(format!("{}: {}", error.code(), error.detail()));
        }
        insta::assert_snapshot!("what_cannot_be", told.join("\n"));
        let page = yard.service.pipelines(&yard.world.ctx, Default::default()).await.unwrap();
        assert!(page.items.is_empty(), "a refused project changes nothing on {}", yard.name);
    }
}
