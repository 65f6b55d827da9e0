//! A web page of another site, or a name made to point here, brings nothing about.

use axum::body::Body;
use axum::http::{HeaderValue, Request, header};
use pitcrew_auth::Mode;

use crate::door::Door;

#[tokio::test]
async fn without_a_login_only_this_machines_names_are_answered() {
    let door = Door::open(Mode::None).await;
    for ours in [
        "localhost",
        "LocalHost:7070",
        "127.0.0.1:7070",
        "127.8.9.1",
        "[::1]:7070",
        "[::1]",
        "pitcrew.example",
        "pitcrew.example:80",
    ] {
        assert_eq!(door.call("GET", "/read", &[("host", ours)], Body::empty()).await.status, 200, "{ours}");
    }
    for theirs in [
        "evil.example",
        "localhost.evil.example:7070",
        "10.0.0.1:7070",
        "127.0.0.1.evil.example",
        "evil.example#localhost",
        "0.0.0.0:7070",
        "[::]:7070",
    ] {
        let answered = door.call("GET", "/public", &[("host", theirs)], Body::empty()).await;
        assert_eq!(answered.no(), (403, "HOST_REFUSED"), "{theirs}");
    }
}

#[tokio::test]
async fn behind_a_login_any_name_will_do_for_it_takes_a_token_no_page_has() {
    let door = Door::open(Mode::Token).await;
    assert_eq!(door.call("GET", "/public", &[("host", "evil.example")], Body::empty()).await.status, 200);
    assert_eq!(door.call("GET", "/read", &[("host", "evil.example")], Body::empty()).await.status, 401);
}

#[tokio::test]
async fn pages_of_other_sites_are_refused_whatever_they_ask() {
    for mode in [Mode::None, Mode::Token] {
        let door = Door::open(mode).await;
        for (host, origin) in [
            ("localhost:7070", "http://localhost:7070"),
            ("localhost:7070", "https://localhost:7070"),
            ("LOCALHOST:7070", "http://localhost:7070"),
            ("127.0.0.1:7070", "http://pitcrew.example"),
        ] {
            assert_eq!(
                door.call("GET", "/public", &[("host", host), ("origin", origin)], Body::empty()).await.status,
                200,
                "{origin}"
            );
        }
        for origin in [
            "http://evil.example",
            "null",
            "http://localhost:3000",
            "http://localhost",
            "http://127.0.0.1:7070",
            "file://",
            "",
            "http://localhost:7070.evil.example",
        ] {
            for method in ["GET", "POST", "DELETE", "OPTIONS"] {
                let answered = door.call(method, "/public", &[("origin", origin)], Body::empty()).await;
                assert_eq!(answered.no(), (403, "ORIGIN_REFUSED"), "{mode:?} {method} {origin:?}");
            }
        }
    }
}

#[tokio::test]
async fn headers_that_are_no_text_are_nobodys_names() {
    let door = Door::open(Mode::None).await;
    for (name, code) in [(header::HOST, "HOST_REFUSED"), (header::ORIGIN, "ORIGIN_REFUSED")] {
        let odd = HeaderValue::from_bytes(b"http://\xff").unwrap();
        let mut request = Request::builder().uri("/public").body(Body::empty()).unwrap();
        request.headers_mut().insert(header::HOST, HeaderValue::from_static("localhost"));
        request.headers_mut().insert(name, odd);
        assert_eq!(door.send(request).await.no(), (403, code));
    }
}

#[tokio::test]
async fn every_answer_forbids_guessing_its_type() {
    let door = Door::open(Mode::None).await;
    for path in ["/read", "/nowhere", "/broken"] {
        assert_eq!(door.get(path).await.header("x-content-type-options"), "nosniff", "{path}");
    }
}
