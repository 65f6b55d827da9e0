//! How a no sounds: one shape a door, the request's id in each, and never what only the log may know.

use axum::body::Body;
use pitcrew_auth::Mode;
use serde_json::json;

use crate::door::Door;

#[tokio::test]
async fn a_problem_says_what_where_and_what_next() {
    let door = Door::open(Mode::None).await;
    let answered = door.call("GET", "/busy", &[("x-request-id", "req-7")], Body::empty()).await;
    assert_eq!(answered.status, 503);
    assert_eq!(answered.header("content-type"), "application/problem+json");
    assert_eq!(answered.header("retry-after"), "3");
    let expected = json!({
        "type": "https://pitcrew.dev/errors/DB_BUSY", "title": "Service Unavailable", "status": 503, "code": "DB_BUSY",
        "detail": "the metadata database is busy", "hint": "wait", "request_id": "req-7",
    });
    assert_eq!(answered.body, expected);
}

#[tokio::test]
async fn our_own_defects_are_told_without_their_cause() {
    let door = Door::open(Mode::None).await;
    for (path, detail) in [("/broken", "reading the model failed"), ("/falls", "a handler panicked")] {
        let answered = door.call("GET", path, &[("x-request-id", "req-7")], Body::empty()).await;
        assert_eq!(answered.no(), (500, "INTERNAL"), "{path}");
        assert_eq!(
            (&answered.body["detail"], &answered.body["request_id"]),
            (&json!(detail), &json!("req-7")),
            "{path}"
        );
        let told = format!("{} {:?}", answered.body, answered.headers);
        assert!(!told.contains("fire") && !told.contains("secret"), "{told}");
    }
    assert_eq!(door.get("/read").await.status, 200, "the server lives on");
}

#[tokio::test]
async fn a_foreign_door_speaks_its_own_way_about_everything() {
    let door = Door::open(Mode::Token).await;
    let made = door.auth.create_token(&door.world.ctx, "ci", pitcrew_kernel::Access::Write, None).await.unwrap();
    let token = format!("Bearer {}", made.token);
    for (method, path, authorized, status, code) in [
        ("GET", "/foreign/read", false, 401, "TOKEN_REQUIRED"),
        ("GET", "/foreign/admin", true, 403, "FORBIDDEN"),
        ("GET", "/foreign/busy", true, 503, "DB_BUSY"),
        ("GET", "/foreign/falls", true, 500, "INTERNAL"),
        ("POST", "/foreign/bikes", true, 400, "JSON_UNEXPECTED"),
    ] {
        let mut headers = vec![("x-request-id", "req-7")];
        if authorized {
            headers.push(("authorization", &token));
        }
        let answered = door.call(method, path, &headers, Body::empty()).await;
        assert_eq!(answered.status, status, "{path}");
        assert_eq!(
            (&answered.body["error_code"], &answered.body["id"]),
            (&json!(code), &json!("req-7")),
            "{path}: {}",
            answered.body
        );
        assert!(answered.body["message"].is_string() && answered.body.get("detail").is_none(), "{path}");
    }
}

#[tokio::test]
async fn the_requests_id_comes_back_the_callers_own_or_a_new_one() {
    let door = Door::open(Mode::None).await;
    let own = door.call("GET", "/read", &[("x-request-id", "abc-123")], Body::empty()).await;
    assert_eq!((own.header("x-request-id"), &own.body["request_id"]), ("abc-123", &json!("abc-123")));
    let (one, two) = (door.get("/read").await, door.get("/read").await);
    assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
    assert_eq!(one.body["request_id"], json!(one.header("x-request-id")));
    let too_long = "x".repeat(129);
    for odd in ["", "two words", too_long.as_str()] {
        let answered = door.call("GET", "/read", &[("x-request-id", odd)], Body::empty()).await;
        let given = answered.header("x-request-id");
        assert!(
            given != odd && given.len() == 32 && given.chars().all(|c| c.is_ascii_hexdigit()),
            "{odd:?} became {given:?}"
        );
    }
    let lost = door.call("GET", "/nowhere/at/all", &[("x-request-id", "abc")], Body::empty()).await;
    assert_eq!(lost.no(), (404, "ROUTE_NOT_FOUND"));
    assert_eq!((lost.header("x-request-id"), &lost.body["request_id"]), ("abc", &json!("abc")));
    assert!(lost.body["detail"].as_str().unwrap().contains("/nowhere/at/all"));
    let refused =
        door.call("GET", "/read", &[("x-request-id", "abc"), ("origin", "http://evil.example")], Body::empty()).await;
    assert_eq!((refused.header("x-request-id"), &refused.body["request_id"]), ("abc", &json!("abc")));
}

#[tokio::test]
async fn a_method_that_is_not_served_names_those_that_are() {
    let door = Door::open(Mode::None).await;
    let answered = door.call("GET", "/write", &[], Body::empty()).await;
    assert_eq!(answered.status, 405);
    let mut allowed: Vec<&str> = answered.header("allow").split(',').map(str::trim).collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["PATCH", "POST", "PUT"]);
}
