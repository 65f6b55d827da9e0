//! What the end of a release does to aliases.

use std::collections::BTreeMap;

use pitcrew_contracts::event::Event;
use pitcrew_contracts::names::ReleaseId;
use pitcrew_contracts::release::{ReleaseFacts, ReleasePromoted, ReleaseRolledBack};

use crate::yard::{Yard, bikes, model, version};

fn facts(yard: &Yard, candidate: i64) -> ReleaseFacts {
    ReleaseFacts {
        release: ReleaseId::new(yard.world.ids.as_ref()),
        deployment: "bikes".parse().unwrap(),
        model: bikes(),
        alias: "champion".parse().unwrap(),
        candidate_alias: "challenger".parse().unwrap(),
        champion: 1,
        candidate,
        share: 1.0,
        event_time: None,
        reason: "better by 61".to_owned(),
    }
}

async fn state(yard: &Yard, event: impl Event) {
    yard.tick();
    let world = yard.world.clone();
    yard.db().write(move |tx| tx.emit(world.out(), &event)).await.unwrap();
    yard.events().await;
}

fn aliases(list: &[(&str, i64)]) -> BTreeMap<String, i64> {
    list.iter().map(|(alias, version)| ((*alias).to_owned(), *version)).collect()
}

#[tokio::test]
async fn a_promotion_moves_the_champion_and_ends_the_challenge() {
    for yard in Yard::each().await {
        yard.offer(model(2.2)).await;
        yard.offer(model(2.1)).await;
        state(&yard, ReleasePromoted(facts(&yard, 2))).await;
        assert_eq!(yard.aliases().await, aliases(&[("champion", 2)]), "{}", yard.name());
        let history = yard.registry.alias_history(yard.ctx(), &bikes()).await.unwrap();
        let moves: Vec<(&str, Option<i64>, Option<i64>, &str)> =
            history.iter().map(|move_| (move_.alias.as_str(), move_.from, move_.to, move_.actor.as_str())).collect();
        let expected = [
            ("challenger", Some(2), None, "system:release"),
            ("champion", Some(1), Some(2), "system:release"),
            ("challenger", None, Some(2), "ana"),
            ("champion", None, Some(1), "ana"),
        ];
        assert_eq!(moves, expected, "{}", yard.name());
        let cause = history[0].cause.as_ref().unwrap();
        assert!(cause.kind == "release" && cause.id.starts_with("rel_"), "{}: {cause:?}", yard.name());
        assert_eq!(history[1].reason, "better by 61", "{}", yard.name());
    }
}

#[tokio::test]
async fn a_rollback_ends_the_challenge_and_leaves_the_champion() {
    for yard in Yard::each().await {
        yard.offer(model(2.2)).await;
        yard.offer(model(2.1)).await;
        state(&yard, ReleaseRolledBack(facts(&yard, 2))).await;
        assert_eq!(yard.aliases().await, aliases(&[("champion", 1)]), "{}", yard.name());
        assert!(
            yard.said().await.contains(&"registry.alias_moved: bikes@challenger removed: better by 61".to_owned()),
            "{}",
            yard.name()
        );
    }
}

#[tokio::test]
async fn a_newer_challenger_stays_when_an_older_release_ends() {
    for yard in Yard::each().await {
        for factor in [2.2, 2.1, 2.05] {
            yard.offer(model(factor)).await;
        }
        state(&yard, ReleaseRolledBack(facts(&yard, 2))).await;
        assert_eq!(yard.aliases().await, aliases(&[("challenger", 3), ("champion", 1)]), "{}", yard.name());
        state(&yard, ReleasePromoted(facts(&yard, 2))).await;
        assert_eq!(yard.aliases().await, aliases(&[("challenger", 3), ("champion", 2)]), "{}", yard.name());
    }
}

#[tokio::test]
async fn a_promotion_heard_twice_moves_once() {
    for yard in Yard::each().await {
        yard.offer(model(2.2)).await;
        yard.offer(model(2.1)).await;
        state(&yard, ReleasePromoted(facts(&yard, 2))).await;
        let said = yard.said().await.len();
        state(&yard, ReleasePromoted(facts(&yard, 2))).await;
        assert_eq!(yard.said().await.len(), said + 1, "{}: only the event itself", yard.name());
    }
}

#[tokio::test]
async fn a_deleted_version_is_not_put_in_charge() {
    for yard in Yard::each().await {
        yard.offer(model(2.2)).await;
        yard.offer(model(2.1)).await;
        yard.registry.delete_version(yard.ctx(), &version(2)).await.unwrap();
        state(&yard, ReleasePromoted(facts(&yard, 2))).await;
        assert_eq!(yard.aliases().await, aliases(&[("champion", 1)]), "{}", yard.name());
    }
}
