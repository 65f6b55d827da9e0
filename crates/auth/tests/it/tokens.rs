//! Bearer tokens.

use std::sync::Arc;
use std::time::Duration;

use futures_util::poll;
use pitcrew_auth::{AuditSubscriber, Auth, Mode, audit_page};
use pitcrew_db::Db;
use pitcrew_kernel::Access;
use pitcrew_testkit::World;
use pitcrew_work::events_after;

use crate::each;

async fn auth(db: &Db, world: &World, mode: Mode) -> Auth {
    Auth::load(db.clone(), world.clock(), world.ids.clone(), mode).await.unwrap()
}

fn who(auth: &Auth, secret: Option<&str>) -> Result<(String, Access), &'static str> {
    auth.authenticate(secret, "req-9".to_owned()).map(|ctx| (ctx.actor, ctx.access)).map_err(|error| error.code())
}

#[tokio::test]
async fn a_token_opens_what_it_is_for_and_is_nowhere_to_be_read() {
    for test in each().await {
        let world = World::new();
        let auth = auth(&test.db, &world, Mode::Token).await;
        assert!(!auth.has_admin(), "{}", test.name);
        let mut secrets = Vec::new();
        for (name, access) in [("ci", Access::Read), ("trainer", Access::Write), ("ops", Access::Admin)] {
            let made = auth.create_token(&world.ctx, name, access, None).await.unwrap();
            assert!(made.token.starts_with("pc_") && made.token.len() > 40, "{}", made.token);
            assert_eq!(who(&auth, Some(&made.token)), Ok((format!("token:{name}"), access)), "{}", test.name);
            secrets.push(made.token);
        }
        assert!(auth.has_admin(), "{}", test.name);
        assert!(secrets[0] != secrets[1] && secrets[1] != secrets[2], "{}", test.name);
        let kept = test
            .db
            .read(|tx| {
                tx.all("SELECT id || name || hash || access || created_by FROM auth_tokens", &[], |row| row.text(0))
            })
            .await
            .unwrap();
        let listed = serde_json::to_string(&auth.tokens(&world.ctx).await.unwrap()).unwrap();
        for secret in &secrets {
            let body = &secret["pc_".len()..];
            assert!(kept.iter().all(|row| !row.contains(body)) && !listed.contains(body), "{}", test.name);
        }
    }
}

#[tokio::test]
async fn who_made_and_withdrew_a_token_is_written_down() {
    for test in each().await {
        let world = World::new();
        let auth = auth(&test.db, &world, Mode::Token).await;
        let made = auth.create_token(&world.ctx, "ci", Access::Write, None).await.unwrap();
        auth.revoke_token(&world.ctx, &made.id).await.unwrap();
        auth.revoke_token(&world.ctx, &made.id).await.unwrap_err();
        world.pump(&test.db, vec![Arc::new(AuditSubscriber)]).await;
        let entries = test.db.read(|tx| audit_page(tx, None, 10)).await.unwrap();
        let told: Vec<String> = entries
            .iter()
            .map(|entry| format!("{} {} {}: {}", entry.actor, entry.action, entry.subject, entry.detail))
            .collect();
        let id = &made.id;
        assert_eq!(
            told,
            [
                format!("ana auth.token_revoked token:{id}: token ci withdrawn"),
                format!(
                    "ana auth.token_created token:{id}: token ci made: write access until 2026-04-01T00:00:00.000000Z"
                ),
            ],
            "{}",
            test.name
        );
        let events = test.db.read(|tx| events_after(tx, 0, 10)).await.unwrap();
        assert!(!serde_json::to_string(&events).unwrap().contains(&made.token), "{}", test.name);
    }
}

#[tokio::test]
async fn strangers_and_near_misses_are_refused() {
    for test in each().await {
        let world = World::new();
        let auth = auth(&test.db, &world, Mode::Token).await;
        let made = auth.create_token(&world.ctx, "ci", Access::Read, None).await.unwrap();
        assert_eq!(who(&auth, None), Err("TOKEN_REQUIRED"), "{}", test.name);
        let cut = &made.token[..made.token.len() - 1];
        let longer = format!("{}A", made.token);
        let shouted = made.token.to_uppercase();
        let hash = test.db.read(|tx| tx.one("SELECT hash FROM auth_tokens", &[], |row| row.text(0))).await.unwrap();
        for wrong in ["", "pc_", cut, longer.as_str(), shouted.as_str(), hash.as_str(), made.id.as_str()] {
            assert_eq!(who(&auth, Some(wrong)), Err("TOKEN_INVALID"), "{}: {wrong}", test.name);
        }
    }
}

#[tokio::test]
async fn a_token_ends_at_its_time() {
    for test in each().await {
        let world = World::new();
        let auth = auth(&test.db, &world, Mode::Token).await;
        let hour = Duration::from_secs(3600);
        let made = auth.create_token(&world.ctx, "ci", Access::Admin, Some(hour)).await.unwrap();
        world.clock.advance(hour - Duration::from_micros(1));
        assert!(who(&auth, Some(&made.token)).is_ok() && auth.has_admin(), "{}", test.name);
        world.clock.advance(Duration::from_micros(1));
        assert_eq!(who(&auth, Some(&made.token)), Err("TOKEN_EXPIRED"), "{}", test.name);
        assert!(!auth.has_admin(), "{}", test.name);
        let lasting = auth.create_token(&world.ctx, "default", Access::Read, None).await.unwrap();
        world.clock.advance(Duration::from_secs(90 * 86_400));
        assert_eq!(who(&auth, Some(&lasting.token)), Err("TOKEN_EXPIRED"), "{}: no token lives for ever", test.name);
    }
}

#[tokio::test]
async fn a_withdrawn_token_is_dead_at_once_here_and_soon_elsewhere() {
    for test in each().await {
        let world = World::new();
        let here = auth(&test.db, &world, Mode::Token).await;
        let made = here.create_token(&world.ctx, "ci", Access::Read, None).await.unwrap();
        let elsewhere = auth(&test.db, &world, Mode::Token).await;
        assert!(who(&elsewhere, Some(&made.token)).is_ok(), "{}", test.name);
        here.revoke_token(&world.ctx, &made.id).await.unwrap();
        assert_eq!(who(&here, Some(&made.token)), Err("TOKEN_INVALID"), "{}", test.name);
        elsewhere.refresh().await.unwrap();
        assert_eq!(who(&elsewhere, Some(&made.token)), Err("TOKEN_INVALID"), "{}", test.name);
        let again = here.revoke_token(&world.ctx, &made.id).await.unwrap_err();
        assert_eq!(again.code(), "TOKEN_NOT_FOUND", "{}", test.name);
        assert_eq!(here.revoke_token(&world.ctx, "nonsense").await.unwrap_err().code(), "ID_INVALID", "{}", test.name);
        let listed = here.tokens(&world.ctx).await.unwrap();
        assert!(listed[0].revoked_at.is_some() && listed[0].created_by == "ana", "{}", test.name);
    }
}

#[tokio::test]
async fn a_look_that_began_before_brings_no_withdrawn_token_back() {
    for test in each().await {
        let world = World::new();
        let auth = auth(&test.db, &world, Mode::Token).await;
        for _ in 0..10 {
            let made = auth.create_token(&world.ctx, "ci", Access::Read, None).await.unwrap();
            // This look has read the table, but mostly has not been told the answer yet.
            let mut early = Box::pin(auth.refresh());
            let over = poll!(early.as_mut()).is_ready();
            for _ in 0..20 {
                test.db.read(|_| Ok(())).await.unwrap();
            }
            auth.revoke_token(&world.ctx, &made.id).await.unwrap();
            if !over {
                early.await.unwrap();
            }
            assert_eq!(who(&auth, Some(&made.token)), Err("TOKEN_INVALID"), "{}", test.name);
        }
    }
}

#[tokio::test]
async fn only_administrators_manage_tokens() {
    for test in each().await {
        let world = World::new();
        let auth = auth(&test.db, &world, Mode::Token).await;
        for access in [Access::Public, Access::Read, Access::Write] {
            let ctx = world.ctx_with(access);
            let codes = [
                auth.create_token(&ctx, "x", Access::Read, None).await.unwrap_err().code(),
                auth.tokens(&ctx).await.unwrap_err().code(),
                auth.revoke_token(&ctx, "x").await.unwrap_err().code(),
            ];
            assert_eq!(codes, ["FORBIDDEN"; 3], "{}: {access:?}", test.name);
        }
        for name in ["", "a\nb", &"x".repeat(129)] {
            let refused = auth.create_token(&world.ctx, name, Access::Read, None).await.unwrap_err();
            assert_eq!(refused.code(), "TOKEN_NAME_INVALID", "{}", test.name);
        }
    }
}

#[tokio::test]
async fn without_a_login_everyone_who_reaches_the_socket_may_do_everything() {
    for test in each().await {
        let world = World::new();
        let auth = auth(&test.db, &world, Mode::None).await;
        for secret in [None, Some("anything")] {
            let ctx = auth.authenticate(secret, "req-9".to_owned()).unwrap();
            assert_eq!(
                (ctx.actor.as_str(), ctx.access, ctx.request_id.as_str()),
                ("local", Access::Admin, "req-9"),
                "{}",
                test.name
            );
        }
    }
}

#[tokio::test]
async fn a_pass_works_while_it_is_held_and_only_where_callers_show_something() {
    for test in each().await {
        let world = World::new();
        let auth = auth(&test.db, &world, Mode::Token).await;
        let pass = auth.admit("step:a".to_owned(), Access::Write).unwrap();
        let other = auth.admit("step:b".to_owned(), Access::Read).unwrap();
        let secret = pass.secret().to_owned();
        assert_eq!(who(&auth, Some(&secret)), Ok(("step:a".to_owned(), Access::Write)), "{}", test.name);
        auth.refresh().await.unwrap();
        assert!(who(&auth, Some(&secret)).is_ok(), "{}: reading tokens again keeps passes", test.name);
        assert!(!format!("{pass:?} {auth:?}").contains(&secret), "{}", test.name);
        drop(pass);
        assert_eq!(who(&auth, Some(&secret)), Err("TOKEN_INVALID"), "{}", test.name);
        assert_eq!(who(&auth, Some(other.secret())), Ok(("step:b".to_owned(), Access::Read)), "{}", test.name);
        let open = Auth::new(test.db.clone(), world.clock(), world.ids.clone(), Mode::None);
        assert!(open.admit("step:a".to_owned(), Access::Write).is_none(), "{}", test.name);
    }
}
