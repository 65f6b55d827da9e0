//! What a version must have before an alias may point to it.

use std::sync::Arc;

use pitcrew_contracts::names::PipelineRunId;
use pitcrew_contracts::pipelines::{StepAction as _, StepOutcome};
use pitcrew_contracts::registry::Models;
use pitcrew_kernel::{Access, PageRequest};
use pitcrew_registry::{NewVersion, Register, Verdict};
use serde_json::{Value, json};

use crate::yard::{Yard, bikes, model, project, version};

fn requiring(require: Value) -> Value {
    let mut wanted = project();
    wanted["models"]["bikes"]["gate"]["require"] = require;
    wanted
}

#[tokio::test]
async fn an_alias_waits_for_what_its_model_requires() {
    for yard in Yard::each().await {
        let (registry, ctx, name) = (&yard.registry, yard.ctx(), yard.name());
        yard.apply(requiring(json!({ "aliases": ["champion"], "gate": true, "description": true, "tags": ["owner"] })))
            .await;
        registry.create_version(ctx, &bikes(), NewVersion::default()).await.unwrap();
        let champion = "champion".parse().unwrap();
        let refused = registry.set_alias(ctx, &version(1), &champion, "").await.unwrap_err();
        assert_eq!(refused.code(), "VERSION_INCOMPLETE", "{name}");
        let all = "`bikes/1` cannot be `champion`: it was not let in by the gate, it has no description, it has no tag `owner`";
        assert_eq!(refused.detail(), all, "{name}");
        assert!(yard.aliases().await.is_empty(), "{name}");
        // Whoever puts versions in charge by other ways asks before.
        let asked = Models::may_be(registry.as_ref(), ctx, &version(1), &champion).await.unwrap_err();
        assert_eq!(asked.detail(), all, "{name}");
        // Another alias may be had without.
        registry.set_alias(ctx, &version(1), &"trial".parse().unwrap(), "").await.unwrap();

        yard.apply(requiring(json!({ "description": true, "tags": ["owner"] }))).await;
        registry.tag_version(ctx, &version(1), "owner", "  ").await.unwrap();
        registry.update_version(ctx, &version(1), Some("hourly".to_owned()), None).await.unwrap();
        let refused = registry.set_alias(ctx, &version(1), &champion, "").await.unwrap_err();
        assert_eq!(
            refused.detail(),
            "`bikes/1` cannot be `champion`: it has no tag `owner`",
            "{name}: blanks are nothing"
        );
        registry.tag_version(ctx, &version(1), "owner", "demand team").await.unwrap();
        registry.set_alias(ctx, &version(1), &champion, "").await.unwrap();
        assert_eq!(yard.aliases().await["champion"], 1, "{name}");
        // Taking an alias away needs nothing.
        registry.remove_alias(ctx, &bikes(), &champion, "").await.unwrap();
    }
}

#[tokio::test]
async fn the_gate_refuses_a_candidate_that_says_too_little_of_itself() {
    for yard in Yard::each().await {
        let name = yard.name();
        yard.apply(requiring(json!({ "gate": true, "description": true, "tags": ["owner"] }))).await;
        let silent = yard.offer(model(2.1)).await;
        assert_eq!(silent.registered, StepOutcome::Refused("it has no description".into()), "{name}");
        assert!(yard.aliases().await.is_empty(), "{name}");
        let kept =
            yard.registry.list_decisions(yard.ctx(), None, &PageRequest::default()).await.unwrap().items.remove(0);
        let seen: Vec<(&str, Verdict)> = kept.rules.iter().map(|rule| (rule.name.as_str(), rule.verdict)).collect();
        let expected = [
            ("wape at most 0.3", Verdict::Passed),
            ("was let in by the gate", Verdict::Passed),
            ("has a description", Verdict::Refused),
            ("has the tag owner", Verdict::Refused),
        ];
        assert_eq!(seen, expected, "{name}");

        let run = PipelineRunId::new(yard.world.ids.as_ref());
        let report = silent.run;
        let report = yard.output(report, "evaluate", "report.json");
        let mut call = yard.register_call(run, &model(2.1), &report).await;
        call.with.insert("description".to_owned(), json!("hourly"));
        call.with.insert("tags".to_owned(), json!({ "owner": "demand team" }));
        let mut wrong = call.clone();
        wrong.with.insert("tags".to_owned(), json!({ "owner": 7 }));
        let step = Register(Arc::clone(&yard.registry));
        assert_eq!(step.run(yard.ctx(), wrong).await.unwrap_err().code(), "STEP_ARGUMENT_INVALID", "{name}");
        assert!(matches!(step.run(yard.ctx(), call).await.unwrap(), StepOutcome::Done(_)), "{name}");
        let made = yard.registry.get_version(yard.ctx(), &version(1)).await.unwrap();
        assert_eq!((made.description.as_str(), made.tags["owner"].as_str()), ("hourly", "demand team"), "{name}");
        assert_eq!(yard.aliases().await["champion"], 1, "{name}");
    }
}

#[tokio::test]
async fn a_gate_is_not_got_rid_of_with_its_model() {
    for yard in Yard::each().await {
        let (registry, name, writer) = (&yard.registry, yard.name(), yard.world.ctx_with(Access::Write));
        yard.apply(requiring(json!({ "gate": true }))).await;
        let other = "other".parse().unwrap();
        assert_eq!(registry.delete_model(&writer, &bikes()).await.unwrap_err().code(), "FORBIDDEN", "{name}");
        assert_eq!(registry.rename_model(&writer, &bikes(), &other).await.unwrap_err().code(), "FORBIDDEN", "{name}");
        registry.rename_model(yard.ctx(), &bikes(), &other).await.unwrap();
        registry.delete_model(yard.ctx(), &other).await.unwrap();
        // One that no project declares is whose it is.
        registry.create_model(&writer, &other, "", Default::default()).await.unwrap();
        registry.delete_model(&writer, &other).await.unwrap();
    }
}
