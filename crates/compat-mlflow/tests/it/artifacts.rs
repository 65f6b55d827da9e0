//! The artifact proxy, byte by byte.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::Wire;

const PROXY: &str = "/api/2.0/mlflow-artifacts/artifacts";

async fn send(wire: &Wire, method: &str, path: &str, body: Body) -> (StatusCode, axum::http::HeaderMap, Vec<u8>) {
    let request = Request::builder().method(method).uri(path).header(header::HOST, "localhost").body(body).unwrap();
    let response = wire.router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
}

#[tokio::test]
async fn bytes_go_in_and_come_out() {
    for wire in Wire::each().await {
        let large: Vec<u8> = (0..3_000_000u32).map(|at| (at % 251) as u8).collect();
        let pieces: Vec<Result<Vec<u8>, std::io::Error>> =
            large.chunks(100_000).map(|piece| Ok(piece.to_vec())).collect();
        let body = Body::from_stream(futures_util::stream::iter(pieces));
        let path = format!("{PROXY}/1/r/artifacts/model/gr%C3%B6%C3%9Fe%20a.onnx");
        assert_eq!(send(&wire, "PUT", &path, body).await.0, StatusCode::OK);
        let (status, headers, bytes) = send(&wire, "GET", &path, Body::empty()).await;
        assert_eq!((status, bytes.len()), (StatusCode::OK, large.len()));
        assert!(bytes == large, "the bytes come back as they were");
        assert_eq!(headers[header::CONTENT_LENGTH], "3000000");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(headers[header::CONTENT_TYPE], "application/octet-stream");
        assert_eq!(
            headers[header::CONTENT_DISPOSITION],
            "attachment; filename=\"gr__e a.onnx\"; filename*=UTF-8''gr%C3%B6%C3%9Fe%20a.onnx"
        );
        let (_, _, listed) = send(&wire, "GET", &format!("{PROXY}?path=1/r/artifacts/model"), Body::empty()).await;
        let listed: Value = serde_json::from_slice(&listed).unwrap();
        assert_eq!(listed, json!({"files": [{"path": "größe a.onnx", "is_dir": false, "file_size": 3_000_000}]}));
        assert_eq!(send(&wire, "DELETE", &format!("{PROXY}/1/r"), Body::empty()).await.0, StatusCode::OK);
        assert_eq!(send(&wire, "GET", &path, Body::empty()).await.0, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn text_is_sent_to_be_saved_not_run() {
    let wire = Wire::each().await.remove(0);
    for (name, kind) in [
        ("page.html", "text/html; charset=utf-8"),
        ("MLmodel", "application/octet-stream"),
        ("a.json", "application/json"),
    ] {
        let path = format!("{PROXY}/1/r/artifacts/{name}");
        send(&wire, "PUT", &path, Body::from("x")).await;
        let (_, headers, _) = send(&wire, "GET", &path, Body::empty()).await;
        assert_eq!(headers[header::CONTENT_TYPE], kind);
        assert_eq!(headers[header::CONTENT_DISPOSITION], format!("attachment; filename=\"{name}\""));
    }
}

#[tokio::test]
async fn nothing_climbs_out() {
    let wire = Wire::each().await.remove(0);
    for climb in
        ["1/../secret", "1/..%2Fsecret", "%2e%2e/secret", "1/%252e%252e/secret", "1//secret", "1/%00", "..%5Csecret"]
    {
        for method in ["PUT", "GET", "DELETE"] {
            let (status, _, body) = send(&wire, method, &format!("{PROXY}/{climb}"), Body::from("x")).await;
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(
                (status, body["error_code"].as_str()),
                (StatusCode::BAD_REQUEST, Some("INVALID_PARAMETER_VALUE")),
                "{method} {climb}"
            );
        }
    }
    let (status, _, _) = send(&wire, "GET", &format!("{PROXY}?path=../x"), Body::empty()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let wire = Wire::each().await.remove(0);
    let pieces: Vec<Result<&str, std::io::Error>> = vec![Ok("half"), Err(std::io::Error::other("gone"))];
    let body = Body::from_stream(futures_util::stream::iter(pieces));
    let path = format!("{PROXY}/1/r/artifacts/a.bin");
    assert_eq!(send(&wire, "PUT", &path, body).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(send(&wire, "GET", &path, Body::empty()).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn runs_list_their_files_by_path() {
    for mut wire in Wire::each().await {
        let made = wire.post("/runs/create", json!({})).await;
        let id = made["run"]["info"]["run_id"].as_str().unwrap().to_owned();
        for name in ["model/MLmodel", "model/data/m.onnx", "a.txt"] {
            send(&wire, "PUT", &format!("{PROXY}/0/{id}/artifacts/{name}"), Body::from("12345")).await;
        }
        let root = wire.get(&format!("/artifacts/list?run_id={id}")).await;
        assert_eq!(
            root["files"],
            json!([{"path": "a.txt", "is_dir": false, "file_size": 5}, {"path": "model", "is_dir": true}])
        );
        assert_eq!(root["root_uri"], format!("mlflow-artifacts:/0/{id}/artifacts"));
        let model = wire.get(&format!("/artifacts/list?run_id={id}&path=model")).await;
        assert_eq!(
            model["files"],
            json!([{"path": "model/MLmodel", "is_dir": false, "file_size": 5}, {"path": "model/data", "is_dir": true}])
        );
        assert_eq!(wire.get(&format!("/artifacts/list?run_id={id}&path=none")).await.get("files"), None);
    }
}

#[tokio::test]
async fn a_version_with_an_onnx_file_can_be_served() {
    use pitcrew_contracts::registry::Models as _;
    for mut wire in Wire::each().await {
        let made = wire.post("/logged-models", json!({"experiment_id": "0", "name": "model"})).await;
        let id = made["model"]["info"]["model_id"].as_str().unwrap().to_owned();
        let root = format!("{PROXY}/0/models/{id}/artifacts");
        send(&wire, "PUT", &format!("{root}/MLmodel"), Body::from("flavors")).await;
        send(&wire, "PUT", &format!("{root}/model.onnx"), Body::from("onnx bytes")).await;
        wire.post("/registered-models/create", json!({"name": "bikes"})).await;
        wire.post(
            "/model-versions/create",
            json!({"name": "bikes", "source": format!("models:/{id}"), "model_id": id}),
        )
        .await;
        wire.post("/registered-models/alias", json!({"name": "bikes", "alias": "champion", "version": "1"})).await;
        let (registry, ctx) = (&wire.door.registry, &wire.world.ctx);
        let found =
            registry.resolve(ctx, &"bikes".parse().unwrap(), &"champion".parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(registry.bytes(ctx, &found.version).await.unwrap(), "onnx bytes");
    }
}

#[tokio::test]
async fn a_version_of_a_pipeline_shows_as_a_folder_that_never_changes() {
    for mut wire in Wire::each().await {
        let (registry, ctx) = (&wire.door.registry, &wire.world.ctx);
        let bikes = "bikes".parse().unwrap();
        registry.create_model(ctx, &bikes, "", std::collections::BTreeMap::new()).await.unwrap();
        let path = format!("{PROXY}/0/r/artifacts/model.onnx");
        send(&wire, "PUT", &path, Body::from("onnx bytes")).await;
        let new = |source: &str| pitcrew_registry::NewVersion { source: source.to_owned(), ..Default::default() };
        // Registered as a pipeline does it: with the file, and the run for a source.
        let found = registry.create_version(ctx, &bikes, new("mlflow-artifacts:/0/r/artifacts")).await.unwrap();
        let file = pitcrew_registry::ServableFile {
            digest: found.digest.unwrap(),
            bytes: found.bytes,
            signature: found.model_signature.unwrap(),
        };
        let new = pitcrew_registry::NewVersion { file: Some(file), ..new("pipeline-run:run_1") };
        registry.create_version(ctx, &bikes, new).await.unwrap();
        let uri = wire.get("/model-versions/get-download-uri?name=bikes&version=2").await;
        assert_eq!(uri["artifact_uri"], "mlflow-artifacts:/_registered/bikes/2");
        let (_, _, listed) = send(&wire, "GET", &format!("{PROXY}?path=_registered/bikes/2"), Body::empty()).await;
        let listed: Value = serde_json::from_slice(&listed).unwrap();
        let names: Vec<&str> =
            listed["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
        assert_eq!(names, ["MLmodel", "model.onnx"]);
        let (_, _, model) = send(&wire, "GET", &format!("{PROXY}/_registered/bikes/2/model.onnx"), Body::empty()).await;
        assert_eq!(model, b"onnx bytes");
        let (_, _, described) =
            send(&wire, "GET", &format!("{PROXY}/_registered/bikes/2/MLmodel"), Body::empty()).await;
        insta::assert_snapshot!("description", String::from_utf8(described).unwrap());
        for (method, path) in [("PUT", "_registered/bikes/2/model.onnx"), ("DELETE", "_registered/bikes/2")] {
            assert_eq!(
                send(&wire, method, &format!("{PROXY}/{path}"), Body::from("x")).await.0,
                StatusCode::BAD_REQUEST
            );
        }
        for none in ["_registered/bikes/9/MLmodel", "_registered/bikes/2/other", "_registered/x"] {
            assert_eq!(
                send(&wire, "GET", &format!("{PROXY}/{none}"), Body::empty()).await.0,
                StatusCode::NOT_FOUND,
                "{none}"
            );
        }
    }
}
