//! Which runs versions came from, as tracking asks before it deletes old ones.

use std::collections::HashSet;

use pitcrew_contracts::names::{ModelName, ModelRef};
use pitcrew_contracts::tracking::RunUses as _;
use pitcrew_registry::NewVersion;

use crate::yard::Yard;

fn ids(ids: &[&str]) -> HashSet<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[tokio::test]
async fn runs_that_versions_name_or_were_made_from_are_needed_until_the_version_goes() {
    for yard in Yard::each().await {
        let (registry, ctx) = (&yard.registry, yard.ctx());
        let model: ModelName = "rides".parse().unwrap();
        registry.create_model(ctx, &model, "", std::collections::BTreeMap::new()).await.unwrap();
        for (source, run) in [
            ("models:/m-1", Some("named")),
            ("runs:/source/model", None),
            ("mlflow-artifacts:/1/address/artifacts/model", None),
            ("runs:/former/model", None),
        ] {
            let (source, tracking_run_id) = (source.to_owned(), run.map(str::to_owned));
            let new = NewVersion { source, tracking_run_id, ..NewVersion::default() };
            registry.create_version(ctx, &model, new).await.unwrap();
        }
        let asked = ids(&["named", "source", "address", "former", "other", "model"]);
        let former = ModelRef { model: model.clone(), version: 4 };
        registry.delete_version(ctx, &former).await.unwrap();
        let used = registry.used(ctx, asked).await.unwrap();
        // A run that is called like a part of an address stays rather than goes.
        assert_eq!(used, ids(&["named", "source", "address", "model"]), "{}", yard.name());
        assert_eq!(registry.used(ctx, ids(&["other"])).await.unwrap(), ids(&[]), "{}", yard.name());
    }
}
