//! The API's shapes.

use axum::http::{Method, StatusCode};
use pitcrew_testkit::{call, open, stranger_is_refused};
use serde_json::{Value, json};

use crate::yard::{Yard, model};

const MODEL: &str = "/api/v1/models/bikes";

#[tokio::test]
async fn shapes() {
    for yard in Yard::each().await {
        let router = open(&yard.world, pitcrew_registry::routes(yard.registry.clone())).await;
        let get = |path: String| {
            let router = router.clone();
            async move {
                let (status, body) = call(&router, Method::GET, &path, None).await;
                assert_eq!(status, StatusCode::OK, "{path}: {body}");
                body
            }
        };
        let empty = get("/api/v1/models".to_owned()).await;
        insta::allow_duplicates! { insta::assert_json_snapshot!("models_before_any_version", empty) };
        yard.offer(model(2.2)).await;
        yard.offer(model(2.1)).await;
        yard.offer(model(0.5)).await;
        let detail = get(MODEL.to_owned()).await;
        insta::allow_duplicates! { insta::assert_json_snapshot!("model", detail) };
        let one = get(format!("{MODEL}/versions/2")).await;
        assert_eq!(one, detail["latest"]);
        let versions = get(format!("{MODEL}/versions")).await;
        assert_eq!((&versions["items"][0], versions["items"].as_array().unwrap().len()), (&one, 2));
        let history = get(format!("{MODEL}/alias-history")).await;
        insta::allow_duplicates! { insta::assert_json_snapshot!("alias_history", history) };
        let decisions = get("/api/v1/gate-decisions?model=bikes".to_owned()).await;
        insta::allow_duplicates! { insta::assert_json_snapshot!("gate_decision_refused", decisions["items"][0]) };
        let id = decisions["items"][1]["id"].as_str().unwrap();
        let decision = get(format!("/api/v1/gate-decisions/{id}")).await;
        assert_eq!(decision, decisions["items"][1]);
        insta::allow_duplicates! { insta::assert_json_snapshot!("gate_decision_passed", decision) };
        let others = get("/api/v1/gate-decisions?model=cars".to_owned()).await;
        assert_eq!(others, json!({ "items": [], "next": null }));
    }
}

#[tokio::test]
async fn aliases_are_set_and_removed() {
    for yard in Yard::each().await {
        yard.offer(model(2.2)).await;
        yard.offer(model(2.1)).await;
        let router = open(&yard.world, pitcrew_registry::routes(yard.registry.clone())).await;
        let path = format!("{MODEL}/aliases/shadow");
        let (status, set) = call(&router, Method::PUT, &path, Some(json!({ "version": 2 }))).await;
        assert_eq!((status, set), (StatusCode::OK, json!({ "model": "bikes", "alias": "shadow", "version": 2 })));
        assert_eq!(yard.aliases().await["shadow"], 2);
        let (status, removed) = call(&router, Method::DELETE, &path, None).await;
        assert_eq!(
            (status, removed),
            (StatusCode::OK, json!({ "model": "bikes", "alias": "shadow", "version": null }))
        );
        assert!(!yard.aliases().await.contains_key("shadow"));
    }
}

#[tokio::test]
async fn what_is_wrong_is_told() {
    for yard in Yard::each().await {
        let router = open(&yard.world, pitcrew_registry::routes(yard.registry.clone())).await;
        let long = "a".repeat(200);
        let cases: Vec<(Method, String, Option<Value>, u16, &str)> = vec![
            (Method::GET, "/api/v1/models/cars".into(), None, 404, "MODEL_NOT_FOUND"),
            (Method::GET, "/api/v1/models/cars/versions".into(), None, 404, "MODEL_NOT_FOUND"),
            (Method::GET, format!("/api/v1/models/{long}"), None, 400, "NAME_INVALID"),
            (Method::GET, "/api/v1/models/..%2Fetc".into(), None, 400, "NAME_INVALID"),
            (Method::GET, format!("{MODEL}/versions/9"), None, 404, "MODEL_VERSION_NOT_FOUND"),
            (Method::GET, format!("{MODEL}/versions/latest"), None, 400, "PATH_INVALID"),
            (Method::GET, format!("{MODEL}/versions?limit=0"), None, 400, "PAGE_INVALID"),
            (Method::GET, format!("{MODEL}/versions?limit=x"), None, 400, "QUERY_INVALID"),
            (Method::PUT, format!("{MODEL}/aliases/a"), Some(json!({})), 400, "JSON_UNEXPECTED"),
            (
                Method::PUT,
                format!("{MODEL}/aliases/a"),
                Some(json!({ "version": 1, "why": "" })),
                400,
                "JSON_UNEXPECTED",
            ),
            (Method::PUT, format!("{MODEL}/aliases/a"), Some(json!({ "version": 1 })), 404, "MODEL_VERSION_NOT_FOUND"),
            (Method::GET, "/api/v1/gate-decisions/gd_1".into(), None, 400, "ID_INVALID"),
            (
                Method::GET,
                "/api/v1/gate-decisions/gd_00000000000000000000000000".into(),
                None,
                404,
                "GATE_DECISION_NOT_FOUND",
            ),
        ];
        for (method, path, body, status, code) in cases {
            let (found, problem) = call(&router, method, &path, body).await;
            assert_eq!(
                (found.as_u16(), problem["code"].as_str().unwrap_or_default()),
                (status, code),
                "{path}: {problem}"
            );
        }
    }
}

#[tokio::test]
async fn strangers_are_refused_everywhere() {
    for yard in Yard::each().await {
        stranger_is_refused(&yard.world, pitcrew_registry::routes(yard.registry.clone())).await;
    }
}
