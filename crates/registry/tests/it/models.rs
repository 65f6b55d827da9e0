//! Models and versions as clients of MLflow make them.

use std::collections::BTreeMap;

use pitcrew_contracts::names::{ModelName, ModelRef};
use pitcrew_contracts::registry::Models as _;
use pitcrew_db::migrate;
use pitcrew_kernel::{Access, Error, PageRequest, Result};
use pitcrew_registry::{MIGRATIONS, NewVersion};

use crate::yard::{Yard, bikes, model, project, version};

fn code<T>(found: Result<T>) -> &'static str {
    found.err().map_or("", |error: Error| error.code())
}

#[tokio::test]
async fn a_model_is_made_described_tagged_renamed_and_removed() {
    for yard in Yard::each().await {
        let (registry, ctx, name) = (&yard.registry, yard.ctx(), yard.name());
        let (cars, vans) = ("cars".parse().unwrap(), "vans".parse().unwrap());
        let tags = BTreeMap::from([("team".to_owned(), "blue".to_owned())]);
        registry.create_model(ctx, &cars, "old", tags.clone()).await.unwrap();
        assert_eq!(code(registry.create_model(ctx, &cars, "", BTreeMap::new()).await), "MODEL_EXISTS", "{name}");
        yard.tick();
        registry.describe_model(ctx, &cars, "new").await.unwrap();
        registry.tag_model(ctx, &cars, "team", "red").await.unwrap();
        registry.tag_model(ctx, &cars, "town", "x").await.unwrap();
        registry.untag_model(ctx, &cars, "town").await.unwrap();
        let found = registry.rename_model(ctx, &cars, &vans).await.unwrap();
        assert_eq!((found.name.as_str(), found.description.as_str(), found.versions), ("vans", "new", 0), "{name}");
        assert_eq!(found.tags, BTreeMap::from([("team".to_owned(), "red".to_owned())]), "{name}");
        assert!(found.updated_at > found.created_at, "{name}");
        assert_eq!(code(registry.get_model(ctx, &cars).await), "MODEL_NOT_FOUND", "{name}");
        assert_eq!(code(registry.rename_model(ctx, &vans, &bikes()).await), "MODEL_EXISTS", "{name}");
        registry.delete_model(ctx, &vans).await.unwrap();
        assert_eq!(code(registry.delete_model(ctx, &vans).await), "MODEL_NOT_FOUND", "{name}");
        assert_eq!(
            yard.said().await,
            [
                "registry.model_created: model cars made",
                "registry.model_described: model cars described: new",
                "registry.model_tagged: cars: tag team set to red",
                "registry.model_tagged: cars: tag town set to x",
                "registry.model_tagged: cars: tag town removed",
                "registry.model_renamed: model cars renamed to vans",
                "registry.model_deleted: model vans deleted, its versions too: 0",
            ],
            "{name}: each change once, what was refused not at all"
        );
    }
}

#[tokio::test]
async fn a_model_with_signed_versions_keeps_its_name() {
    for yard in Yard::each().await {
        yard.offer(model(2.2)).await;
        let renamed = yard.registry.rename_model(yard.ctx(), &bikes(), &"vans".parse().unwrap()).await;
        assert_eq!(code(renamed), "MODEL_IN_USE", "{}", yard.name());
    }
}

#[tokio::test]
async fn a_deleted_model_takes_its_aliases_along_and_comes_back_when_it_is_declared() {
    for yard in Yard::each().await {
        yard.offer(model(2.2)).await;
        yard.registry.delete_model(yard.ctx(), &bikes()).await.unwrap();
        let said = yard.said().await;
        assert_eq!(
            said[said.len() - 2..],
            [
                "registry.alias_moved: bikes@champion removed: the model was deleted",
                "registry.model_deleted: model bikes deleted, its versions too: 1",
            ],
            "{}",
            yard.name()
        );
        assert_eq!(
            code(yard.registry.get_version(yard.ctx(), &version(1)).await),
            "MODEL_VERSION_NOT_FOUND",
            "{}",
            yard.name()
        );
        yard.apply(project()).await;
        let back = yard.registry.get_model(yard.ctx(), &bikes()).await.unwrap();
        assert!(back.gate.is_some() && back.versions == 0, "{}", yard.name());
        assert_eq!(yard.said().await.last().unwrap(), "registry.model_created: model bikes made", "{}", yard.name());
    }
}

#[tokio::test]
async fn a_model_that_comes_back_goes_on_counting_where_it_was_deleted() {
    for yard in Yard::each().await {
        let (registry, ctx, name) = (&yard.registry, yard.ctx(), yard.name());
        yard.offer(model(2.2)).await;
        yard.offer(model(2.1)).await;
        registry.delete_version(ctx, &version(2)).await.unwrap();
        registry.delete_model(ctx, &bikes()).await.unwrap();
        yard.apply(project()).await;
        let offered = yard.offer(model(2.05)).await;
        assert_eq!(yard.aliases().await, BTreeMap::from([("champion".to_owned(), 3)]), "{name}: {offered:?}");
        assert_eq!(registry.bytes(ctx, &version(3)).await.unwrap(), model(2.05).to_string(), "{name}");
        assert_eq!(code(registry.bytes(ctx, &version(1)).await), "MODEL_VERSION_NOT_FOUND", "{name}");
    }
}

#[tokio::test]
async fn a_name_that_was_used_before_can_be_given_and_goes_on_counting() {
    for yard in Yard::each().await {
        let (registry, ctx, name) = (&yard.registry, yard.ctx(), yard.name());
        let (cars, vans): (ModelName, ModelName) = ("cars".parse().unwrap(), "vans".parse().unwrap());
        let alias = "best".parse().unwrap();
        for (model, versions) in [(&cars, 3), (&vans, 1)] {
            registry.create_model(ctx, model, "", BTreeMap::new()).await.unwrap();
            for _ in 0..versions {
                registry.create_version(ctx, model, NewVersion::default()).await.unwrap();
            }
            let first = ModelRef { model: model.clone(), version: 1 };
            registry.set_alias(ctx, &first, &alias, "a look").await.unwrap();
        }
        registry.delete_model(ctx, &cars).await.unwrap();
        registry.rename_model(ctx, &vans, &cars).await.unwrap();
        let history = registry.alias_history(ctx, &cars).await.unwrap();
        assert_eq!(history.iter().map(|change| change.to).collect::<Vec<_>>(), [Some(1), None, Some(1)], "{name}");
        let next = registry.create_version(ctx, &cars, NewVersion::default()).await.unwrap();
        assert_eq!(next.version.version, 4, "{name}");
        registry.create_model(ctx, &vans, "", BTreeMap::new()).await.unwrap();
        let next = registry.create_version(ctx, &vans, NewVersion::default()).await.unwrap();
        assert_eq!(next.version.version, 2, "{name}: what was said of vans/1 is said of another model");
    }
}

#[tokio::test]
async fn a_database_from_before_numbers_were_kept_goes_on_counting() {
    for yard in Yard::each().await {
        yard.offer(model(2.2)).await;
        yard.offer(model(2.1)).await;
        yard.registry.delete_model(yard.ctx(), &bikes()).await.unwrap();
        yard.apply(project()).await;
        let back = yard.db().write(|tx| {
            for table in ["registry_version_numbers", "registry_webhook_topics", "registry_webhooks"] {
                tx.exec(&format!("DROP TABLE {table}"), &[])?;
            }
            tx.exec("DELETE FROM schema_versions WHERE slice = 'registry' AND version > 1", &[])
        });
        assert_eq!(back.await.unwrap(), 2, "{}", yard.name());
        migrate(yard.db(), &yard.world.clock, &[pitcrew_db::OUTBOX_MIGRATIONS, pitcrew_work::MIGRATIONS, MIGRATIONS])
            .await
            .unwrap();
        yard.offer(model(2.05)).await;
        assert_eq!(yard.aliases().await["champion"], 3, "{}: the decisions know what was given", yard.name());
    }
}

#[tokio::test]
async fn a_version_is_servable_if_its_artifacts_hold_one_model_file_that_loads() {
    for yard in Yard::each().await {
        let (registry, ctx, name) = (&yard.registry, yard.ctx(), yard.name());
        let good = yard.blobs.put(model(2.0).to_string()).await.unwrap();
        let bad = yard.blobs.put("no model").await.unwrap();
        for (address, path, digest) in [
            ("one", "model/model.onnx", good),
            ("one", "model/MLmodel", bad),
            ("two", "a.onnx", good),
            ("two", "b.onnx", good),
            ("broken", "model.onnx", bad),
            ("pickle", "model.pkl", good),
        ] {
            yard.artifacts.put(address, path, digest);
        }
        for (number, (address, servable)) in
            (1..).zip([("one", true), ("two", false), ("broken", false), ("pickle", false), ("s3://elsewhere", false)])
        {
            let new = NewVersion { source: address.to_owned(), ..NewVersion::default() };
            let made = registry.create_version(ctx, &bikes(), new).await.unwrap();
            assert_eq!(made.version, version(number), "{name}");
            assert_eq!(made.digest.is_some(), servable, "{name}: {address}");
            assert_eq!(made.signature.is_some(), servable, "{name}: {address}");
            assert_eq!(registry.version(ctx, &version(number)).await.is_ok(), servable, "{name}: {address}");
        }
        assert_eq!(code(registry.bytes(ctx, &version(2)).await), "MODEL_NOT_SERVABLE", "{name}");
        let nowhere = registry.create_version(ctx, &"cars".parse().unwrap(), NewVersion::default()).await;
        assert_eq!(code(nowhere), "MODEL_NOT_FOUND", "{name}");
    }
}

#[tokio::test]
async fn a_version_is_described_and_tagged() {
    for yard in Yard::each().await {
        let (registry, ctx, name) = (&yard.registry, yard.ctx(), yard.name());
        registry.create_version(ctx, &bikes(), NewVersion::default()).await.unwrap();
        registry.tag_version(ctx, &version(1), "a", "1").await.unwrap();
        registry.tag_version(ctx, &version(1), "a", "2").await.unwrap();
        registry.tag_version(ctx, &version(1), "b", "3").await.unwrap();
        registry.untag_version(ctx, &version(1), "b").await.unwrap();
        registry.update_version(ctx, &version(1), Some("words".into()), None).await.unwrap();
        let found = registry.update_version(ctx, &version(1), None, Some("Staging".into())).await.unwrap();
        assert_eq!((found.description.as_str(), found.stage.as_str()), ("words", "Staging"), "{name}");
        assert_eq!(found.tags, BTreeMap::from([("a".to_owned(), "2".to_owned())]), "{name}");
        assert_eq!(code(registry.tag_version(ctx, &version(7), "a", "1").await), "MODEL_VERSION_NOT_FOUND", "{name}");
        registry.delete_version(ctx, &version(1)).await.unwrap();
        assert_eq!(
            yard.said().await[1..],
            [
                "registry.version_tagged: bikes/1: tag a set to 1",
                "registry.version_tagged: bikes/1: tag a set to 2",
                "registry.version_tagged: bikes/1: tag b set to 3",
                "registry.version_tagged: bikes/1: tag b removed",
                "registry.version_updated: bikes/1 described: words",
                "registry.version_updated: bikes/1 put in stage Staging",
                "registry.version_deleted: bikes/1 deleted",
            ],
            "{name}"
        );
    }
}

#[tokio::test]
async fn texts_and_keys_have_limits() {
    for yard in Yard::each().await {
        let (registry, ctx, name) = (&yard.registry, yard.ctx(), yard.name());
        let (long, key) = ("x".repeat(100_001), "k".repeat(251));
        let model = "cars".parse().unwrap();
        assert_eq!(
            code(registry.create_model(ctx, &model, &long, BTreeMap::new()).await),
            "REGISTRY_TEXT_TOO_LONG",
            "{name}"
        );
        assert_eq!(code(registry.tag_model(ctx, &bikes(), "k", &long).await), "REGISTRY_TEXT_TOO_LONG", "{name}");
        assert_eq!(code(registry.tag_model(ctx, &bikes(), &key, "v").await), "REGISTRY_TAG_INVALID", "{name}");
        assert_eq!(code(registry.tag_model(ctx, &bikes(), "", "v").await), "REGISTRY_TAG_INVALID", "{name}");
        assert_eq!(code(registry.tag_model(ctx, &bikes(), "k", "a\0b").await), "TEXT_INVALID", "{name}");
        let new = NewVersion { source: long, ..NewVersion::default() };
        assert_eq!(code(registry.create_version(ctx, &bikes(), new).await), "REGISTRY_TEXT_TOO_LONG", "{name}");
    }
}

#[tokio::test]
async fn pages_are_the_whole_list_in_order() {
    for yard in Yard::each().await {
        let (registry, ctx, name) = (&yard.registry, yard.ctx(), yard.name());
        for other in ["ant", "bee", "cat", "dog"] {
            registry.create_model(ctx, &other.parse().unwrap(), "", BTreeMap::new()).await.unwrap();
        }
        for _ in 0..5 {
            registry.create_version(ctx, &bikes(), NewVersion::default()).await.unwrap();
        }
        for factor in [2.2, 2.1, 2.05, 0.5, 0.4] {
            yard.offer(model(factor)).await;
        }
        let (mut models, mut versions, mut verdicts) = (Vec::new(), Vec::new(), Vec::new());
        let mut page = PageRequest { limit: Some(2), page: None };
        loop {
            let found = registry.list_models(ctx, &page).await.unwrap();
            models.extend(found.items.into_iter().map(|model| model.name.to_string()));
            page.page = found.next;
            if page.page.is_none() {
                break;
            }
        }
        assert_eq!(models, ["ant", "bee", "bikes", "cat", "dog"], "{name}");
        loop {
            let found = registry.list_versions(ctx, &bikes(), &page).await.unwrap();
            versions.extend(found.items.into_iter().map(|version| version.version.version));
            page.page = found.next;
            if page.page.is_none() {
                break;
            }
        }
        assert_eq!(versions, (1..=8).rev().collect::<Vec<_>>(), "{name}");
        loop {
            let found = registry.list_decisions(ctx, None, &page).await.unwrap();
            verdicts.extend(found.items.into_iter().map(|decision| decision.verdict.as_str()));
            page.page = found.next;
            if page.page.is_none() {
                break;
            }
        }
        assert_eq!(verdicts, ["refused", "refused", "passed", "passed", "passed"], "{name}");
        let none = PageRequest { limit: Some(0), page: None };
        assert_eq!(code(registry.list_models(ctx, &none).await), "PAGE_INVALID", "{name}");
    }
}

#[tokio::test]
async fn who_may_only_read_changes_nothing() {
    for yard in Yard::each().await {
        let (registry, ctx, name) = (&yard.registry, yard.world.ctx_with(Access::Read), yard.name());
        let (cars, alias) = ("cars".parse().unwrap(), "champion".parse().unwrap());
        let refused = [
            code(registry.create_model(&ctx, &cars, "", BTreeMap::new()).await),
            code(registry.describe_model(&ctx, &bikes(), "").await),
            code(registry.tag_model(&ctx, &bikes(), "a", "b").await),
            code(registry.untag_model(&ctx, &bikes(), "a").await),
            code(registry.rename_model(&ctx, &bikes(), &cars).await),
            code(registry.delete_model(&ctx, &bikes()).await),
            code(registry.create_version(&ctx, &bikes(), NewVersion::default()).await),
            code(registry.update_version(&ctx, &version(1), None, None).await),
            code(registry.tag_version(&ctx, &version(1), "a", "b").await),
            code(registry.untag_version(&ctx, &version(1), "a").await),
            code(registry.delete_version(&ctx, &version(1)).await),
            code(registry.set_alias(&ctx, &version(1), &alias, "").await),
            code(registry.remove_alias(&ctx, &bikes(), &alias, "").await),
        ];
        assert_eq!(refused, ["FORBIDDEN"; 13], "{name}");
        registry.get_model(&ctx, &bikes()).await.unwrap();
    }
}

#[tokio::test]
async fn versions_made_at_once_get_numbers_of_their_own() {
    for yard in Yard::each().await {
        let model = bikes();
        let makes = (0..12).map(|_| yard.registry.create_version(yard.ctx(), &model, NewVersion::default()));
        let made = futures_util::future::join_all(makes).await;
        let mut numbers: Vec<i64> = made.into_iter().map(|version| version.unwrap().version.version).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=12).collect::<Vec<_>>(), "{}", yard.name());
    }
}
