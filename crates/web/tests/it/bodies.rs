//! Bodies: as large as allowed, whole, and what the route takes.

use axum::body::{Body, Bytes};
use axum::http::Request;
use pitcrew_auth::Mode;
use pitcrew_web::MAX_BODY_BYTES;
use serde_json::json;

use crate::door::{Door, SMALL};

#[tokio::test]
async fn json_that_is_wrong_is_told_with_line_and_column() {
    let door = Door::open(Mode::None).await;
    for (body, status, code, says) in [
        ("{\n  \"name\": \"a\",\n  \"wheels\": ", 400, "JSON_INVALID", "line 3 column 12"),
        ("{\"name\": \"a\"} trailing", 400, "JSON_INVALID", "line 1 column 15"),
        ("not json", 400, "JSON_INVALID", "line 1 column 2"),
        ("{\n\"name\": 7}", 400, "JSON_UNEXPECTED", "invalid type: integer `7`, expected a string at line 2 column 9"),
        ("{\"name\": \"a\", \"wheels\": 300}", 400, "JSON_UNEXPECTED", "300"),
        ("{\"nmae\": \"a\"}", 400, "JSON_UNEXPECTED", "unknown field `nmae`, expected `name` or `wheels`"),
        ("{}", 400, "JSON_UNEXPECTED", "missing field `name`"),
        ("", 400, "JSON_UNEXPECTED", "missing field `name`"),
        ("[]", 400, "JSON_UNEXPECTED", "invalid length 0"),
        ("\u{0}", 400, "JSON_INVALID", "line 1 column 1"),
    ] {
        let answered = door.post("/bikes", body).await;
        assert_eq!(answered.no(), (status, code), "{body:?}: {}", answered.body);
        let detail = answered.body["detail"].as_str().unwrap();
        assert!(detail.contains(says), "{body:?}: {detail}");
    }
    assert_eq!(door.post("/bikes", "{\"name\": \"a\"}").await.body, json!({ "name": "a", "wheels": 0 }));
}

#[tokio::test]
async fn deeply_nested_json_is_an_error_not_a_crash() {
    let door = Door::open(Mode::None).await;
    let body = "[".repeat(200_000);
    assert_eq!(door.post("/json", &body).await.no(), (400, "JSON_INVALID"));
}

#[tokio::test]
async fn a_body_over_the_routes_limit_is_refused() {
    let door = Door::open(Mode::None).await;
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    assert_eq!(door.post("/small", &text(SMALL)).await.status, 200);
    assert_eq!(door.post("/small", &text(SMALL + 1)).await.no(), (413, "BODY_TOO_LARGE"));
    assert_eq!(door.post("/json", &text(SMALL + 1)).await.status, 200, "another route, another limit");
    assert_eq!(door.post("/json", &text(MAX_BODY_BYTES + 1)).await.no(), (413, "BODY_TOO_LARGE"));
}

#[tokio::test]
async fn a_body_whose_length_was_not_said_is_counted_all_the_same() {
    let door = Door::open(Mode::None).await;
    let pieces = (0..SMALL).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(b"  ")));
    let request = Request::builder().method("POST").uri("/small").header("host", "localhost");
    let answered = door.send(request.body(Body::from_stream(futures_util::stream::iter(pieces))).unwrap()).await;
    assert_eq!(answered.no(), (413, "BODY_TOO_LARGE"));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_told() {
    let door = Door::open(Mode::None).await;
    let pieces = [Ok(Bytes::from_static(b"{\"name\":")), Err(std::io::Error::other("the line went dead"))];
    let request = Request::builder().method("POST").uri("/bikes").header("host", "localhost");
    let answered = door.send(request.body(Body::from_stream(futures_util::stream::iter(pieces))).unwrap()).await;
    assert_eq!(answered.no(), (400, "BODY_INCOMPLETE"));
    assert!(!answered.body.to_string().contains("went dead"));
}

#[tokio::test]
async fn paths_and_queries_that_do_not_read_are_told() {
    let door = Door::open(Mode::None).await;
    assert_eq!(door.get("/nth/a/7").await.body, json!({ "name": "a", "n": 7 }));
    let answered = door.get("/nth/a/seven").await;
    assert_eq!(answered.no(), (400, "PATH_INVALID"));
    assert!(answered.body["detail"].as_str().unwrap().contains("seven"));
    assert_eq!(door.get("/nth/%ff/7").await.no(), (400, "PATH_INVALID"));
    assert_eq!(door.get("/few?limit=3").await.body, json!({ "limit": 3 }));
    for query in ["", "?limit=", "?limit=-1", "?limit=300", "?limit=three"] {
        assert_eq!(door.get(&format!("/few{query}")).await.no(), (400, "QUERY_INVALID"), "{query}");
    }
}
