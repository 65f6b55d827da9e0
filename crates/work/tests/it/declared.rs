//! What changed in `pitcrew.yaml`, and the dry run that is the same call.

use std::collections::BTreeMap;
use std::path::Path;

use pitcrew_contracts::spec::{ChangeAction, Project};
use pitcrew_db::{Db, Tx};
use pitcrew_kernel::{Digest, Error, Result};
use pitcrew_testkit::World;
use pitcrew_work::{Applying, CodeSnapshot, diff};
use serde_json::json;

use crate::each;

type Things = BTreeMap<String, i64>;

fn things(list: &[(&str, i64)]) -> Things {
    list.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

fn apply(tx: &mut Tx<'_>, world: &World, project: &str, declared: &Things) -> Result<Vec<(ChangeAction, String)>> {
    let project: Project = serde_json::from_value(json!({ "project": project })).unwrap();
    let code = CodeSnapshot { digest: Digest::from_bytes([0; 32]), git_commit: None, files: Vec::new() };
    let applying = Applying { out: world.out(), project: &project, root: Path::new("/nowhere"), code: &code };
    let mut gone = Vec::new();
    let found = diff(tx, &applying, "thing", declared, &mut gone)?;
    Ok(found
        .into_iter()
        .map(|object| {
            assert_eq!(object.spec.is_none(), object.change.action == ChangeAction::Delete);
            assert_eq!((object.change.kind.as_str(), object.change.name.as_str()), ("thing", object.name));
            (object.change.action, object.change.name)
        })
        .collect())
}

async fn applied(
    db: &Db,
    world: &World,
    project: &'static str,
    declared: &[(&str, i64)],
) -> Result<Vec<(ChangeAction, String)>> {
    let (world, declared) = (world.clone(), things(declared));
    db.write(move |tx| apply(tx, &world, project, &declared)).await
}

#[tokio::test]
async fn only_what_differs_is_changed() {
    use ChangeAction::{Create, Delete, Unchanged, Update};
    for test in each().await {
        let world = World::new();
        let first = applied(&test.db, &world, "bikes", &[("a", 1), ("b", 1)]).await.unwrap();
        assert_eq!(first, [(Create, "a".into()), (Create, "b".into())], "{}", test.name);
        let second = applied(&test.db, &world, "bikes", &[("a", 1), ("b", 2), ("c", 1)]).await.unwrap();
        assert_eq!(second, [(Unchanged, "a".into()), (Update, "b".into()), (Create, "c".into())], "{}", test.name);
        let third = applied(&test.db, &world, "bikes", &[("b", 2)]).await.unwrap();
        assert_eq!(third, [(Unchanged, "b".into()), (Delete, "a".into()), (Delete, "c".into())], "{}", test.name);
        assert_eq!(
            applied(&test.db, &world, "bikes", &[("b", 2)]).await.unwrap(),
            [(Unchanged, "b".into())],
            "{}",
            test.name
        );
    }
}

#[tokio::test]
async fn a_plan_is_the_same_call_rolled_back() {
    for test in each().await {
        let world = World::new();
        for _ in 0..2 {
            let planner = world.clone();
            let (said, hear) = std::sync::mpsc::channel();
            let planned = test.db.write(move |tx| {
                said.send(apply(tx, &planner, "bikes", &things(&[("a", 1)]))?).unwrap();
                Err::<(), _>(Error::precondition("DRY_RUN", "nothing is changed"))
            });
            planned.await.unwrap_err();
            assert_eq!(hear.recv().unwrap(), [(ChangeAction::Create, "a".to_owned())], "{}", test.name);
        }
    }
}

#[tokio::test]
async fn a_name_belongs_to_one_project() {
    for test in each().await {
        let world = World::new();
        applied(&test.db, &world, "bikes", &[("a", 1)]).await.unwrap();
        let taken = applied(&test.db, &world, "cars", &[("a", 1)]).await.unwrap_err();
        assert_eq!(taken.code(), "DECLARED_ELSEWHERE", "{}", test.name);
        assert!(taken.detail().contains("`bikes`"), "{}", test.name);
        applied(&test.db, &world, "cars", &[("b", 1)]).await.unwrap();
        applied(&test.db, &world, "bikes", &[]).await.unwrap();
        applied(&test.db, &world, "cars", &[("a", 1), ("b", 1)]).await.unwrap();
    }
}
