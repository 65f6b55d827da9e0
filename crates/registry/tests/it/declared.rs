//! Models as `pitcrew.yaml` declares them.

use std::sync::Arc;

use pitcrew_contracts::pipelines::StepOutcome;
use pitcrew_contracts::spec::ChangeAction;
use pitcrew_kernel::Error;
use serde_json::json;

use crate::yard::{Yard, bikes, declare, model, project};

#[tokio::test]
async fn a_gate_is_declared_changed_and_withdrawn() {
    for yard in Yard::each().await {
        let name = yard.name();
        let actions = |changes: Vec<pitcrew_contracts::spec::Change>| {
            changes.into_iter().map(|change| (change.action, change.name)).collect::<Vec<_>>()
        };
        let found = yard.registry.get_model(yard.ctx(), &bikes()).await.unwrap();
        assert_eq!((found.description.as_str(), found.gate.unwrap().floors.len()), ("hourly demand", 1), "{name}");
        assert_eq!(actions(yard.apply(project()).await), [(ChangeAction::Unchanged, "bikes".to_owned())], "{name}");
        let mut stricter = project();
        stricter["models"]["bikes"]["gate"]["floors"][0]["max"] = json!(0.01);
        assert_eq!(actions(yard.apply(stricter).await), [(ChangeAction::Update, "bikes".to_owned())], "{name}");
        let refused = yard.offer(model(2.2)).await.registered;
        assert_eq!(refused, StepOutcome::Refused("wape 0.1 is not at most 0.01".into()), "{name}");
        yard.apply(project()).await;
        yard.offer(model(2.2)).await;
        assert_eq!(
            actions(yard.apply(json!({ "project": "bikes" })).await),
            [(ChangeAction::Delete, "bikes".to_owned())],
            "{name}"
        );
        let left = yard.registry.get_model(yard.ctx(), &bikes()).await.unwrap();
        assert_eq!((left.gate, left.versions), (None, 1), "{name}: versions stay");
    }
}

#[tokio::test]
async fn a_plan_changes_nothing() {
    for yard in Yard::each().await {
        let (registry, world) = (Arc::clone(&yard.registry), yard.world.clone());
        let (said, hear) = std::sync::mpsc::channel();
        let planned = yard.db().write(move |tx| {
            let mut wanted = project();
            wanted["models"]["cars"] = json!({});
            said.send(declare(tx, &registry, &world, wanted)?).unwrap();
            Err::<(), _>(Error::precondition("DRY_RUN", "nothing is changed"))
        });
        planned.await.unwrap_err();
        let actions: Vec<ChangeAction> = hear.recv().unwrap().into_iter().map(|change| change.action).collect();
        assert_eq!(actions, [ChangeAction::Unchanged, ChangeAction::Create], "{}", yard.name());
        assert_eq!(
            yard.registry.get_model(yard.ctx(), &"cars".parse().unwrap()).await.unwrap_err().code(),
            "MODEL_NOT_FOUND"
        );
    }
}

#[tokio::test]
async fn a_name_that_is_none_is_refused() {
    for yard in Yard::each().await {
        let (registry, world) = (Arc::clone(&yard.registry), yard.world.clone());
        let wrong = json!({ "project": "bikes", "models": { "../etc": {} } });
        let applied = yard.db().write(move |tx| declare(tx, &registry, &world, wrong)).await;
        assert_eq!(applied.unwrap_err().code(), "NAME_INVALID", "{}", yard.name());
    }
}
