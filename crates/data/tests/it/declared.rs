//! `apply` for data sets.

use std::collections::BTreeMap;

use pitcrew_contracts::spec::{Change, ChangeAction};

use crate::{Lab, bikes, hours, name};

fn told(changes: &[Change]) -> Vec<(ChangeAction, String, String)> {
    changes.iter().map(|change| (change.action, change.name.clone(), change.detail.clone())).collect()
}

#[tokio::test]
async fn changes_are_told_and_applied() {
    for lab in Lab::each().await {
        let mut spec = bikes();
        let same = lab.declare(spec.clone()).await.unwrap();
        assert_eq!(told(&same), [(ChangeAction::Unchanged, "bikes".into(), String::new())]);
        spec.source = "data/2011*.csv".into();
        spec.checks.pop();
        let update = lab.declare(spec).await.unwrap();
        assert_eq!(told(&update), [(ChangeAction::Update, "bikes".into(), "source, checks".into())]);
        let dataset = lab.data.get(&lab.world.ctx, &name()).await.unwrap();
        assert_eq!((dataset.source.as_str(), dataset.checks.len()), ("data/2011*.csv", 4));
    }
}

#[tokio::test]
async fn a_data_set_declared_no_more_keeps_its_history_and_its_numbers() {
    for lab in Lab::each().await {
        lab.write("a.csv", hours(1, 48));
        lab.refresh().await.unwrap();
        let changes = lab.apply(BTreeMap::new(), lab.project.path()).await.unwrap();
        assert_eq!(changes[0].action, ChangeAction::Delete);
        assert!(lab.data.list(&lab.world.ctx, &Default::default()).await.unwrap().items.is_empty());
        assert_eq!(lab.refresh().await.unwrap_err().code(), "DATASET_NOT_FOUND");
        assert_eq!(lab.versions().await, [1]);
        assert_eq!(lab.declare(bikes()).await.unwrap()[0].action, ChangeAction::Create);
        lab.write("a.csv", hours(1, 72));
        assert_eq!(lab.refresh().await.unwrap().version.version, 2);
    }
}

#[tokio::test]
async fn a_project_that_moved_is_read_at_its_new_place() {
    for lab in Lab::each().await {
        let elsewhere = tempfile::TempDir::new().unwrap();
        std::fs::create_dir(elsewhere.path().join("data")).unwrap();
        std::fs::write(elsewhere.path().join("data/a.csv"), hours(1, 48)).unwrap();
        let all = BTreeMap::from([("bikes".to_owned(), bikes())]);
        let changes = lab.apply(all, elsewhere.path()).await.unwrap();
        assert_eq!(told(&changes), [(ChangeAction::Update, "bikes".into(), "the project folder moved".into())]);
        assert_eq!(lab.refresh().await.unwrap().version.rows, 48);
    }
}

#[tokio::test]
async fn a_declaration_that_cannot_be_is_refused_whole() {
    for lab in Lab::each().await {
        let mut outside = bikes();
        outside.source = "../other/*.csv".into();
        let error = lab.declare(outside).await.unwrap_err();
        assert_eq!(error.code(), "DATA_SOURCE_INVALID");
        assert!(error.detail().starts_with("datasets.bikes: source: "), "{error}");
        let mut nothing = bikes();
        nothing.checks = serde_json::from_str(r#"[{"column": "ts"}]"#).unwrap();
        assert_eq!(lab.declare(nothing).await.unwrap_err().code(), "DATA_CHECK_INVALID");
        let mut columnless = bikes();
        columnless.checks = serde_json::from_str(r#"[{"not_null": true}]"#).unwrap();
        assert_eq!(lab.declare(columnless).await.unwrap_err().code(), "DATA_CHECK_INVALID");
        let kept = lab.data.get(&lab.world.ctx, &name()).await.unwrap();
        assert_eq!(kept.source, "data/*.csv");
    }
}
