//! No candidate passes unmeasured, and every decision keeps its evidence.

use std::collections::BTreeMap;
use std::sync::Arc;

use pitcrew_contracts::names::PipelineRunId;
use pitcrew_contracts::pipelines::{StepAction as _, StepOutcome};
use pitcrew_kernel::{Kind, PageRequest};
use pitcrew_registry::{Evaluate, Register, Verdict};

use crate::yard::{ROWS, Yard, bikes, model, version};

fn aliases(list: &[(&str, i64)]) -> BTreeMap<String, i64> {
    list.iter().map(|(alias, version)| ((*alias).to_owned(), *version)).collect()
}

#[tokio::test]
async fn the_first_version_is_champion_and_a_better_one_challenges_it() {
    for yard in Yard::each().await {
        let first = yard.offer(model(2.2)).await;
        let name = yard.name();
        assert_eq!(first.report.champion, None, "{name}");
        assert_eq!(
            first.evaluated,
            StepOutcome::Done("48 held-out rows: candidate mae 2.79; there is no champion yet".into()),
            "{name}"
        );
        assert_eq!(first.registered, StepOutcome::Done("registered bikes/1: all 1 rules hold".into()), "{name}");
        assert_eq!(yard.aliases().await, aliases(&[("champion", 1)]), "{name}");
        let second = yard.offer(model(2.1)).await;
        assert_eq!((second.report.champion, second.report.rows), (Some(1), ROWS), "{name}");
        assert!((second.report.champion_metrics["mae"] / second.report.metrics["mae"] - 2.0).abs() < 1e-3, "{name}");
        assert_eq!(yard.aliases().await, aliases(&[("challenger", 2), ("champion", 1)]), "{name}");
        let newer = yard.offer(model(2.05)).await;
        assert_eq!(newer.report.champion, Some(1), "{name}: a challenger is no champion");
        assert_eq!(yard.aliases().await, aliases(&[("challenger", 3), ("champion", 1)]), "{name}");
    }
}

#[tokio::test]
async fn a_worse_candidate_is_refused_with_evidence_and_becomes_no_version() {
    for yard in Yard::each().await {
        yard.offer(model(2.1)).await;
        let name = yard.name();
        let worse = yard.offer(model(2.2)).await;
        let StepOutcome::Refused(reason) = &worse.registered else { panic!("{name}: {:?}", worse.registered) };
        assert_eq!(reason, "mae 2.787 is not at most 1.422; the champion has 1.394 on the same rows", "{name}");
        // So bad that it is under the floor: the first rule that fails is the reason.
        let spoiled = yard.offer(model(0.5)).await;
        assert_eq!(spoiled.registered, StepOutcome::Refused("wape 0.75 is not at most 0.3".into()), "{name}");
        assert_eq!(yard.aliases().await, aliases(&[("champion", 1)]), "{name}");
        let versions = yard.registry.list_versions(yard.ctx(), &bikes(), &PageRequest::default()).await.unwrap();
        assert_eq!(versions.items.len(), 1, "{name}");
        let decisions =
            yard.registry.list_decisions(yard.ctx(), Some(&bikes()), &PageRequest::default()).await.unwrap();
        let verdicts: Vec<Verdict> = decisions.items.iter().map(|decision| decision.verdict).collect();
        assert_eq!(verdicts, [Verdict::Refused, Verdict::Refused, Verdict::Passed], "{name}: newest first");
        let kept = yard.registry.get_decision(yard.ctx(), decisions.items[1].id).await.unwrap();
        assert_eq!(kept, decisions.items[1], "{name}");
        assert_eq!((kept.version, kept.champion, kept.rows), (None, Some(1), ROWS), "{name}");
        assert_eq!(
            (&kept.metrics, &kept.champion_metrics),
            (&worse.report.metrics, &worse.report.champion_metrics),
            "{name}"
        );
        assert_eq!(kept.rules.len(), 2, "{name}");
        assert_eq!((kept.rules[0].verdict, kept.rules[1].verdict), (Verdict::Passed, Verdict::Refused), "{name}");
        assert_eq!(kept.pipeline_run, worse.run.to_string(), "{name}");
    }
}

#[tokio::test]
async fn a_candidate_within_the_tolerance_passes() {
    for yard in Yard::each().await {
        yard.offer(model(2.1)).await;
        let close = yard.offer(model(2.1015)).await;
        assert!(matches!(close.registered, StepOutcome::Done(_)), "{}: {:?}", yard.name(), close.registered);
    }
}

#[tokio::test]
async fn a_version_keeps_what_made_it() {
    for yard in Yard::each().await {
        let offered = yard.offer(model(2.1)).await;
        let name = yard.name();
        let made = yard.registry.get_version(yard.ctx(), &version(1)).await.unwrap();
        let lineage = made.lineage.unwrap();
        assert_eq!((lineage.pipeline_run, lineage.params["max_iter"].as_i64()), (offered.run, Some(200)), "{name}");
        assert_eq!(made.metrics, offered.report.metrics, "{name}");
        assert_eq!(made.digest, Some(offered.report.candidate_digest), "{name}");
        assert_eq!(made.tracking_run_id, Some("8a".repeat(16)), "{name}");
        assert_eq!(made.model_signature.unwrap().inputs.len(), 2, "{name}");
        assert_eq!(made.source, format!("pipeline-run:{}", offered.run), "{name}");
        let reference = yard.blobs.get(&made.reference.unwrap()).await.unwrap();
        assert_eq!(reference, "48 rows", "{name}");
        let decision = yard.registry.get_decision(yard.ctx(), made.gate_decision.unwrap()).await.unwrap();
        assert_eq!(decision.version, Some(1), "{name}");
    }
}

#[tokio::test]
async fn what_was_decided_is_said_once_and_in_order() {
    for yard in Yard::each().await {
        yard.offer(model(2.2)).await;
        yard.offer(model(2.1)).await;
        yard.offer(model(0.5)).await;
        let said = yard.said().await;
        let expected = [
            "registry.version_registered: bikes/1 registered",
            "registry.alias_moved: bikes@champion is now version 1: the first version to pass the gate",
            "registry.gate_decided: gate of bikes passed: all 1 rules hold",
            "registry.version_registered: bikes/2 registered",
            "registry.alias_moved: bikes@challenger is now version 2: passed the gate: all 2 rules hold",
            "registry.gate_decided: gate of bikes passed: all 2 rules hold",
            "registry.gate_decided: gate of bikes refused: wape 0.75 is not at most 0.3",
        ];
        assert_eq!(said, expected, "{}", yard.name());
    }
}

#[tokio::test]
async fn a_run_offered_again_after_a_crash_gets_the_answer_it_got() {
    for yard in Yard::each().await {
        yard.offer(model(2.2)).await;
        let run = PipelineRunId::new(yard.world.ids.as_ref());
        let first = yard.offer_as(run, model(2.1)).await.unwrap();
        let said = yard.said().await;
        yard.tick();
        let again = yard.offer_as(run, model(2.1)).await.unwrap();
        assert_eq!(again.registered, first.registered, "{}", yard.name());
        assert_eq!(again.report, first.report, "{}", yard.name());
        assert_eq!(yard.said().await, said, "{}: nothing happened twice", yard.name());
        assert_eq!(yard.aliases().await, aliases(&[("challenger", 2), ("champion", 1)]), "{}", yard.name());
        let versions = yard.registry.list_versions(yard.ctx(), &bikes(), &PageRequest::default()).await.unwrap();
        assert_eq!(versions.items.len(), 2, "{}", yard.name());
    }
}

#[tokio::test]
async fn a_champion_that_cannot_be_measured_on_these_rows_loses_to_one_that_can() {
    for yard in Yard::each().await {
        // With a feature the table does not have any more.
        let mut old = model(2.0);
        old["inputs"] = serde_json::json!([["humidity", "FP32"]]);
        crown(&yard, "runs:/1/model", &old).await;
        let offered = yard.offer(model(2.1)).await;
        assert_eq!((offered.report.champion, offered.report.champion_metrics.len()), (Some(1), 0), "{}", yard.name());
        assert!(matches!(offered.registered, StepOutcome::Done(_)), "{}: {:?}", yard.name(), offered.registered);
        let decisions = yard.registry.list_decisions(yard.ctx(), None, &PageRequest::default()).await.unwrap();
        assert_eq!(
            decisions.items[0].rules[1].detail,
            "the champion's mae could not be measured on these rows",
            "{}",
            yard.name()
        );
        assert_eq!(yard.aliases().await, aliases(&[("challenger", 2), ("champion", 1)]), "{}", yard.name());
    }
}

/// Registers a model by hand and makes it the champion.
async fn crown(yard: &Yard, source: &str, model: &serde_json::Value) {
    let digest = yard.file(model.to_string().as_bytes()).await.digest;
    yard.artifacts.put(source, "model.onnx", digest);
    let new = pitcrew_registry::NewVersion { source: source.into(), ..Default::default() };
    let made = yard.registry.create_version(yard.ctx(), &bikes(), new).await.unwrap();
    yard.registry.set_alias(yard.ctx(), &made.version, &"champion".parse().unwrap(), "by hand").await.unwrap();
}

#[tokio::test]
async fn an_error_that_passes_is_no_measurement_of_the_champion() {
    for yard in Yard::each().await {
        let mut champion = model(2.0);
        for (mode, expected) in [("fail", Some(Kind::Internal)), ("busy", Some(Kind::Unavailable)), ("nan", None)] {
            champion["mode"] = mode.into();
            crown(&yard, &format!("runs:/{mode}/model"), &champion).await;
            let offered = yard.offer_as(PipelineRunId::new(yard.world.ids.as_ref()), model(2.1)).await;
            match (expected, offered) {
                (Some(kind), Err(error)) => assert_eq!(error.kind(), kind, "{}: {mode}: {error:?}", yard.name()),
                (None, Ok(offered)) => assert!(offered.report.champion_metrics.is_empty(), "{}", yard.name()),
                (_, offered) => panic!("{}: {mode}: {offered:?}", yard.name()),
            }
        }
    }
}

#[tokio::test]
async fn a_candidate_meets_the_champion_there_is_when_it_is_registered() {
    for yard in Yard::each().await {
        let name = yard.name();
        yard.offer(model(2.2)).await;
        let evaluated = async |factor: f64| {
            let run = PipelineRunId::new(yard.world.ids.as_ref());
            let call = yard.evaluate_call(run, &model(factor)).await;
            let report = call.output_dir.join("report.json");
            Evaluate(Arc::clone(&yard.registry)).run(yard.ctx(), call).await.unwrap();
            yard.register_call(run, &model(factor), &report).await
        };
        // All three were compared with version 1, which then loses its place to version 2.
        let (worse, better, old) = (evaluated(2.15).await, evaluated(2.05).await, evaluated(2.04).await);
        crown(&yard, "runs:/1/model", &model(2.1)).await;
        let register = Register(Arc::clone(&yard.registry));
        let refused = register.run(yard.ctx(), worse).await.unwrap();
        let reason = "mae 2.091 is not at most 1.422; the champion has 1.394 on the same rows";
        assert_eq!(refused, StepOutcome::Refused(reason.into()), "{name}");
        yard.tick();
        let passed = register.run(yard.ctx(), better).await.unwrap();
        assert_eq!(passed, StepOutcome::Done("registered bikes/3: all 2 rules hold".into()), "{name}");
        let decisions = yard.registry.list_decisions(yard.ctx(), None, &PageRequest::default()).await.unwrap();
        for decision in &decisions.items[..2] {
            assert_eq!(decision.champion, Some(2), "{name}");
            assert!((decision.champion_metrics["mae"] - 1.394).abs() < 1e-3, "{name}: {decision:?}");
        }
        // A report from before the held-out rows were named cannot be made again.
        let path = old.inputs["report"].path.clone();
        let mut report: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        report.as_object_mut().unwrap().remove("holdout_digest");
        std::fs::write(&path, report.to_string()).unwrap();
        let error = register.run(yard.ctx(), old).await.unwrap_err();
        assert_eq!(error.code(), "EVALUATION_REPORT_STALE", "{name}");
        assert_eq!(
            error.detail(),
            "the candidate was compared with version 1, and the champion of `bikes` is version 2 now",
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_run_with_nothing_changed_has_the_opponent_it_had() {
    for yard in Yard::each().await {
        let name = yard.name();
        assert_eq!(yard.salt(&model(2.2)).await.unwrap(), "no champion", "{name}");
        yard.offer(model(2.2)).await;
        assert_eq!(
            yard.salt(&model(2.2)).await.unwrap(),
            "no champion",
            "{name}: the first was compared with nobody, and still is"
        );
        assert_eq!(yard.salt(&model(2.1)).await.unwrap(), "champion bikes/1", "{name}");
        yard.offer(model(2.1)).await;
        assert_eq!(yard.salt(&model(2.1)).await.unwrap(), "champion bikes/1", "{name}");
        yard.registry.set_alias(yard.ctx(), &version(2), &"champion".parse().unwrap(), "promoted").await.unwrap();
        assert_eq!(yard.salt(&model(2.1)).await.unwrap(), "champion bikes/1", "{name}: promoted by its own run");
        assert_eq!(
            yard.salt(&model(2.05)).await.unwrap(),
            "champion bikes/2",
            "{name}: another candidate meets the new champion"
        );
        assert_eq!(
            yard.salt(&model(2.2)).await.unwrap(),
            "champion bikes/2",
            "{name}: and so does the champion before"
        );
    }
}
