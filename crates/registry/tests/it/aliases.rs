//! Aliases and versions by hand.

use pitcrew_contracts::names::AliasName;
use pitcrew_contracts::registry::Models as _;
use pitcrew_kernel::{Access, PageRequest};
use pitcrew_registry::referenced_digests;

use crate::yard::{Yard, bikes, model, version};

fn alias(name: &str) -> AliasName {
    name.parse().unwrap()
}

#[tokio::test]
async fn an_alias_moves_and_remembers() {
    for yard in Yard::each().await {
        let (registry, ctx, name) = (&yard.registry, yard.ctx(), yard.name());
        yard.offer(model(2.2)).await;
        yard.offer(model(2.1)).await;
        registry.set_alias(ctx, &version(2), &alias("shadow"), "a look").await.unwrap();
        registry.set_alias(ctx, &version(2), &alias("shadow"), "again").await.unwrap();
        registry.set_alias(ctx, &version(1), &alias("shadow"), "back").await.unwrap();
        registry.remove_alias(ctx, &bikes(), &alias("shadow"), "enough").await.unwrap();
        registry.remove_alias(ctx, &bikes(), &alias("shadow"), "twice").await.unwrap();
        let history = registry.alias_history(ctx, &bikes()).await.unwrap();
        let moves: Vec<(Option<i64>, Option<i64>, &str)> = history
            .iter()
            .filter(|m| m.alias.as_str() == "shadow")
            .map(|m| (m.from, m.to, m.reason.as_str()))
            .collect();
        assert_eq!(moves, [(Some(1), None, "enough"), (Some(2), Some(1), "back"), (None, Some(2), "a look")], "{name}");
        for (found, code) in [
            (registry.set_alias(ctx, &version(9), &alias("shadow"), "").await.err(), "MODEL_VERSION_NOT_FOUND"),
            (registry.version_by_alias(ctx, &bikes(), &alias("shadow")).await.err(), "ALIAS_NOT_FOUND"),
            (registry.remove_alias(ctx, &"cars".parse().unwrap(), &alias("shadow"), "").await.err(), "MODEL_NOT_FOUND"),
        ] {
            assert_eq!(found.unwrap().code(), code, "{name}");
        }
        assert_eq!(
            registry.version_by_alias(ctx, &bikes(), &alias("champion")).await.unwrap().version,
            version(1),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_deleted_version_takes_its_aliases_along_and_its_number_is_never_given_again() {
    for yard in Yard::each().await {
        let (registry, ctx, name) = (&yard.registry, yard.ctx(), yard.name());
        yard.offer(model(2.2)).await;
        yard.offer(model(2.1)).await;
        registry.set_alias(ctx, &version(2), &alias("shadow"), "a look").await.unwrap();
        let kept = yard.db().read(referenced_digests).await.unwrap();
        let digest = registry.get_version(ctx, &version(2)).await.unwrap().digest.unwrap();
        assert!(kept.contains(&digest), "{name}");
        registry.delete_version(ctx, &version(2)).await.unwrap();
        assert_eq!(yard.aliases().await.into_keys().collect::<Vec<_>>(), ["champion"], "{name}");
        let said = yard.said().await;
        for removed in ["challenger", "shadow"] {
            let line = format!("registry.alias_moved: bikes@{removed} removed: version 2 was deleted");
            assert!(said.contains(&line), "{name}: {said:?}");
        }
        assert_eq!(
            registry.get_version(ctx, &version(2)).await.unwrap_err().code(),
            "MODEL_VERSION_NOT_FOUND",
            "{name}"
        );
        assert_eq!(
            registry.delete_version(ctx, &version(2)).await.unwrap_err().code(),
            "MODEL_VERSION_NOT_FOUND",
            "{name}"
        );
        assert!(!yard.db().read(referenced_digests).await.unwrap().contains(&digest), "{name}: its bytes may go");
        yard.offer(model(2.05)).await;
        let versions = registry.list_versions(ctx, &bikes(), &PageRequest::default()).await.unwrap();
        let numbers: Vec<i64> = versions.items.iter().map(|v| v.version.version).collect();
        assert_eq!(numbers, [3, 1], "{name}");
        assert_eq!(registry.get_model(ctx, &bikes()).await.unwrap().versions, 2, "{name}");
    }
}

#[tokio::test]
async fn serving_finds_what_an_alias_names() {
    for yard in Yard::each().await {
        let (registry, ctx, name) = (&yard.registry, yard.ctx(), yard.name());
        assert!(registry.resolve(ctx, &bikes(), &alias("champion")).await.unwrap().is_none(), "{name}: not yet");
        assert!(registry.resolve(ctx, &"cars".parse().unwrap(), &alias("champion")).await.unwrap().is_none(), "{name}");
        yard.offer(model(2.2)).await;
        let found = registry.resolve(ctx, &bikes(), &alias("champion")).await.unwrap().unwrap();
        assert_eq!((&found.version, found.signature.outputs[0].name.as_str()), (&version(1), "y"), "{name}");
        let bytes = registry.bytes(ctx, &version(1)).await.unwrap();
        assert_eq!(bytes, model(2.2).to_string(), "{name}");
        assert_eq!(registry.reference(ctx, &version(1)).await.unwrap().unwrap(), "48 rows", "{name}");
        assert_eq!(registry.version(ctx, &version(9)).await.unwrap_err().code(), "MODEL_VERSION_NOT_FOUND", "{name}");
        let nobody = yard.world.ctx_with(Access::Public);
        assert_eq!(registry.bytes(&nobody, &version(1)).await.unwrap_err().code(), "FORBIDDEN", "{name}");
    }
}
