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

/// A path as it stands in an address: `/` and what is percent-encoded already stay.
fn in_address(path: &str) -> String {
    path.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'/' | b'%' | b'-' | b'_' | b':' | b';' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

#[tokio::test]
async fn nothing_climbs_out() {
    let mut wire = Wire::each().await.remove(0);
    let made = wire.post("/runs/create", json!({})).await;
    let run = made["run"]["info"]["run_id"].as_str().unwrap().to_owned();
    for climb in [
        "1/../secret",
        "1/..%2Fsecret",
        "%2e%2e/secret",
        ".%2e/secret",
        "1/%252e%252e/secret",
        "1/%25252e%25252e%25252fsecret",
        "1//secret",
        "....//secret",
        "..././secret",
        "%2Fetc/passwd",
        "%252Fetc/passwd",
        "1/%00",
        "1/%2500",
        "1/a%00.png",
        "..%5Csecret",
        "1/..%255Csecret",
        "1\\..\\..\\secret",
        "\\\\host\\share",
        "C:/secret",
        "C:\\secret",
        "C%3A/secret",
        "file:/etc/passwd",
        "1/..;/secret",
        "1/.. /secret",
        "1/\u{2024}\u{2024}/secret",
        "1/\u{ff0e}\u{ff0e}\u{ff0f}secret",
        "1/..\u{2215}secret",
        "1/%25c0%25ae%25c0%25ae/secret",
    ] {
        let address = in_address(climb);
        let ways = ["PUT", "GET", "DELETE", "HEAD"].map(|method| (method, format!("{PROXY}/{address}")));
        let queries = [
            format!("{PROXY}?path={address}"),
            format!("/get-artifact?run_id={run}&path={address}"),
            format!("/model-versions/get-artifact?name=none&version=1&path={address}"),
            format!("/ajax-api/2.0/mlflow/logged-models/m-none/artifacts/files?artifact_file_path={address}"),
            format!("/api/2.0/mlflow/artifacts/list?run_id={run}&path={address}"),
        ];
        for (method, address) in ways.into_iter().chain(queries.map(|query| ("GET", query))) {
            let (status, _, body) = send(&wire, method, &address, Body::from("x")).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{method} {address}");
            if method != "HEAD" {
                let body: Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(body["error_code"], "INVALID_PARAMETER_VALUE", "{method} {address}");
            }
        }
    }
    let (_, _, left) = send(&wire, "GET", &format!("{PROXY}?path="), Body::empty()).await;
    assert_eq!(serde_json::from_slice::<Value>(&left).unwrap(), json!({}), "nothing was stored");
}

#[tokio::test]
async fn parts_of_a_file_can_be_asked_for() {
    for wire in Wire::each().await {
        let path = format!("{PROXY}/1/r/artifacts/a.bin");
        send(&wire, "PUT", &path, Body::from("0123456789")).await;
        let ask = async |method: &str, headers: &[(&str, &str)]| {
            let request = Request::builder().method(method).uri(&path).header(header::HOST, "localhost");
            let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            let response = wire.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            let (parts, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
        };
        let (_, whole, _) = ask("GET", &[]).await;
        assert_eq!(whole[header::ACCEPT_RANGES], "bytes");
        let tag = whole[header::ETAG].to_str().unwrap().to_owned();
        for (range, told, want) in [
            ("bytes=3-5", "bytes 3-5/10", "345"),
            ("bytes=7-", "bytes 7-9/10", "789"),
            ("bytes=-2", "bytes 8-9/10", "89"),
            ("bytes=0-99", "bytes 0-9/10", "0123456789"),
        ] {
            let (status, headers, body) = ask("GET", &[("range", range)]).await;
            assert_eq!((status, body.as_str()), (StatusCode::PARTIAL_CONTENT, want), "{range}");
            assert_eq!(headers[header::CONTENT_RANGE], told);
            assert_eq!(headers[header::CONTENT_LENGTH], want.len().to_string());
        }
        let (status, headers, body) = ask("GET", &[("range", "bytes=10-")]).await;
        assert_eq!((status, body.as_str()), (StatusCode::RANGE_NOT_SATISFIABLE, ""));
        assert_eq!(headers[header::CONTENT_RANGE], "bytes */10");
        for several in ["bytes=0-1,4-5", "items=1-2"] {
            assert_eq!(ask("GET", &[("range", several)]).await.0, StatusCode::OK, "{several}");
        }
        let (status, headers, body) = ask("HEAD", &[]).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, ""));
        assert_eq!(headers[header::CONTENT_LENGTH], "10");
        let (status, headers, _) = ask("HEAD", &[("range", "bytes=3-5")]).await;
        assert_eq!((status, &headers[header::CONTENT_LENGTH]), (StatusCode::PARTIAL_CONTENT, &"3".parse().unwrap()));
        assert_eq!(ask("GET", &[("if-none-match", &tag)]).await.0, StatusCode::NOT_MODIFIED);
        assert_eq!(ask("GET", &[("range", "bytes=3-5"), ("if-range", "\"old\"")]).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn browsers_get_files_of_runs_models_and_versions() {
    for mut wire in Wire::each().await {
        let made = wire.post("/runs/create", json!({})).await;
        let run = made["run"]["info"]["run_id"].as_str().unwrap().to_owned();
        let made = wire.post("/logged-models", json!({"experiment_id": "0", "name": "model"})).await;
        let model = made["model"]["info"]["model_id"].as_str().unwrap().to_owned();
        send(&wire, "PUT", &format!("{PROXY}/0/{run}/artifacts/sub/p%C3%A4ge.html"), Body::from("<b>hi</b>")).await;
        send(&wire, "PUT", &format!("{PROXY}/0/models/{model}/artifacts/MLmodel"), Body::from("flavors")).await;
        wire.post("/registered-models/create", json!({"name": "bikes"})).await;
        for (source, with) in [
            (format!("runs:/{run}/sub"), json!({"run_id": run})),
            (format!("models:/{model}"), json!({"model_id": model})),
        ] {
            let mut body = json!({"name": "bikes", "source": source});
            body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
            wire.post("/model-versions/create", body).await;
        }
        for (address, want) in [
            (format!("/get-artifact?run_id={run}&path=sub/p%C3%A4ge.html"), "<b>hi</b>"),
            (format!("/get-artifact?run_uuid={run}&path=sub%2Fp%C3%A4ge.html"), "<b>hi</b>"),
            ("/model-versions/get-artifact?name=bikes&version=1&path=p%C3%A4ge.html".to_owned(), "<b>hi</b>"),
            ("/model-versions/get-artifact?name=bikes&version=2&path=MLmodel".to_owned(), "flavors"),
            (
                format!("/ajax-api/2.0/mlflow/logged-models/{model}/artifacts/files?artifact_file_path=MLmodel"),
                "flavors",
            ),
        ] {
            let (status, headers, body) = send(&wire, "GET", &address, Body::empty()).await;
            assert_eq!((status, body.as_slice()), (StatusCode::OK, want.as_bytes()), "{address}");
            let (status, alone, nothing) = send(&wire, "HEAD", &address, Body::empty()).await;
            assert_eq!((status, nothing.len()), (StatusCode::OK, 0), "{address}");
            assert_eq!(alone[header::CONTENT_LENGTH], want.len().to_string());
            assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
            let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.starts_with("sandbox;") && policy.contains("default-src 'none'"), "{policy}");
            if want.starts_with('<') {
                assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
                let said = "attachment; filename=\"p_ge.html\"; filename*=UTF-8''p%C3%A4ge.html";
                assert_eq!(headers[header::CONTENT_DISPOSITION], said);
            }
        }
        for (address, status) in [
            (format!("/get-artifact?run_id={run}&path=nope"), StatusCode::NOT_FOUND),
            (format!("/get-artifact?run_id={run}&path=sub"), StatusCode::NOT_FOUND),
            (format!("/get-artifact?run_id={run}"), StatusCode::BAD_REQUEST),
            ("/get-artifact?path=x".to_owned(), StatusCode::BAD_REQUEST),
            ("/get-artifact?run_id=nope&path=x".to_owned(), StatusCode::NOT_FOUND),
            ("/model-versions/get-artifact?name=bikes&version=9&path=x".to_owned(), StatusCode::NOT_FOUND),
            ("/model-versions/get-artifact?name=bikes&version=x&path=x".to_owned(), StatusCode::BAD_REQUEST),
            ("/model-versions/get-artifact?name=bikes&path=x".to_owned(), StatusCode::BAD_REQUEST),
        ] {
            assert_eq!(send(&wire, "GET", &address, Body::empty()).await.0, status, "{address}");
        }
    }
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

#[tokio::test]
async fn an_address_that_is_no_text_is_refused_in_the_words_of_clients() {
    let mut wire = Wire::each().await.remove(0);
    for path in ["/api/2.0/mlflow-artifacts/artifacts/%c0%ae%c0%ae/x", "/api/3.0/mlflow/traces/%ff"] {
        let answer = wire.get(path).await;
        assert_eq!(answer["error_code"], "INVALID_PARAMETER_VALUE", "{path}: {answer}");
    }
}
