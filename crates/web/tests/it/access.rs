//! Every route knows who may call it.

use axum::body::Body;
use axum::http::StatusCode;
use pitcrew_auth::Mode;
use pitcrew_kernel::Access;
use serde_json::json;

use crate::door::Door;

const LEVELS: [Access; 3] = [Access::Read, Access::Write, Access::Admin];

#[tokio::test]
async fn each_route_lets_in_whom_it_should_and_nobody_else() {
    let door = Door::open(Mode::Token).await;
    let mut tokens = Vec::new();
    for access in LEVELS {
        let made = door.auth.create_token(&door.world.ctx, &format!("{access:?}"), access, None).await.unwrap();
        tokens.push((access, format!("Bearer {}", made.token)));
    }
    let routes = Door::routes();
    assert_eq!(routes.len(), 19);
    for route in routes {
        let path = route.path.replace("{name}", "a").replace("{n}", "1");
        let stranger = door.call(route.method.as_str(), &path, &[], Body::empty()).await.status;
        let expected = route.access > Access::Public;
        assert_eq!(stranger == StatusCode::UNAUTHORIZED, expected, "a stranger at {} {path}", route.method);
        for (access, token) in &tokens {
            let answered = door.call(route.method.as_str(), &path, &[("authorization", token)], Body::empty()).await;
            let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&answered.status);
            assert_eq!(refused, *access < route.access, "{access:?} at {} {path}: {}", route.method, answered.status);
            assert!(!refused || answered.status == StatusCode::FORBIDDEN);
        }
    }
}

#[tokio::test]
async fn a_token_may_be_written_in_several_ways_and_a_wrong_one_says_what_is_wrong() {
    let door = Door::open(Mode::Token).await;
    let made = door.auth.create_token(&door.world.ctx, "ci", Access::Read, None).await.unwrap();
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let answered =
            door.call("GET", "/read", &[("authorization", &format!("{scheme} {}", made.token))], Body::empty()).await;
        assert_eq!(answered.body["actor"], json!("token:ci"), "{scheme}");
    }
    for (value, code) in [
        (format!("Basic {}", made.token), "TOKEN_REQUIRED"),
        (made.token.clone(), "TOKEN_REQUIRED"),
        ("Bearer pc_wrong".to_owned(), "TOKEN_INVALID"),
        ("Bearer ".to_owned(), "TOKEN_INVALID"),
    ] {
        let answered = door.call("GET", "/read", &[("authorization", &value)], Body::empty()).await;
        assert_eq!(answered.no(), (401, code), "{value}");
    }
}

#[tokio::test]
async fn without_a_login_a_caller_is_local() {
    let door = Door::open(Mode::None).await;
    let answered = door.call("GET", "/read", &[("x-request-id", "abc")], Body::empty()).await;
    assert_eq!(answered.body, json!({ "actor": "local", "access": "admin", "request_id": "abc" }));
}
