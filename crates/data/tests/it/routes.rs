//! The API's shapes.

use axum::http::{Method, StatusCode};
use pitcrew_testkit::{call, open, stranger_is_refused};
use serde_json::json;

use crate::{Lab, hours};

const DATASETS: &str = "/api/v1/datasets";
const BIKES: &str = "/api/v1/datasets/bikes";

#[tokio::test]
async fn shapes() {
    for lab in Lab::each().await {
        let router = open(&lab.world, pitcrew_data::routes(lab.data.clone())).await;
        let versions = format!("{BIKES}/versions");
        let (status, empty) = call(&router, Method::GET, DATASETS, None).await;
        assert_eq!(status, StatusCode::OK);
        insta::allow_duplicates! { insta::assert_json_snapshot!("datasets_before_any_version", empty) };
        lab.write("2011-01.csv", hours(1, 48));
        let (status, made) = call(&router, Method::POST, &versions, Some(json!({"dry_run": false}))).await;
        assert_eq!(status, StatusCode::OK);
        insta::allow_duplicates! { insta::assert_json_snapshot!("version_created", made) };
        let (_, again) = call(&router, Method::POST, &versions, None).await;
        assert_eq!((&again["created"], &again["version"]), (&json!(false), &made["version"]));
        let (_, one) = call(&router, Method::GET, &format!("{versions}/1"), None).await;
        assert_eq!(one, made["version"]);
        let (_, list) = call(&router, Method::GET, &versions, None).await;
        assert_eq!(list, json!({"items": [one], "next": null}));
        let (_, dataset) = call(&router, Method::GET, BIKES, None).await;
        assert_eq!((&dataset["latest"], &dataset["versions"]), (&one, &json!(1)));

        lab.write("2011-01.csv", hours(1, 2));
        let (status, problem) = call(&router, Method::POST, &versions, None).await;
        assert_eq!(status, StatusCode::PRECONDITION_FAILED);
        insta::allow_duplicates! { insta::assert_json_snapshot!("checks_failed", problem, {".request_id" => "[id]"}) };
        let (_, reports) = call(&router, Method::GET, &format!("{BIKES}/check-reports?limit=1"), None).await;
        insta::allow_duplicates! { insta::assert_json_snapshot!("check_reports", reports) };
        let next = format!("{BIKES}/check-reports?page={}", reports["next"].as_str().unwrap());
        let (_, rest) = call(&router, Method::GET, &next, None).await;
        assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (1, &json!(null)));
    }
}

#[tokio::test]
async fn pages_of_versions_are_the_whole_list() {
    for lab in Lab::each().await {
        for rows in 24..29 {
            lab.write("a.csv", hours(1, rows));
            lab.refresh().await.unwrap();
        }
        let router = open(&lab.world, pitcrew_data::routes(lab.data.clone())).await;
        let mut path = format!("{BIKES}/versions?limit=2");
        let mut seen = Vec::new();
        loop {
            let (_, page) = call(&router, Method::GET, &path, None).await;
            seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["version"].as_i64().unwrap()));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("{BIKES}/versions?limit=2&page={next}");
        }
        assert_eq!(seen, [5, 4, 3, 2, 1]);
    }
}

#[tokio::test]
async fn wrong_calls_are_told_apart() {
    for lab in Lab::each().await {
        let router = open(&lab.world, pitcrew_data::routes(lab.data.clone())).await;
        for (method, path, status, code) in [
            (Method::GET, "/api/v1/datasets/ghost", 404, "DATASET_NOT_FOUND"),
            (Method::GET, "/api/v1/datasets/bikes/versions/3", 404, "DATASET_VERSION_NOT_FOUND"),
            (Method::GET, "/api/v1/datasets/bikes/versions/zero", 400, "REFERENCE_INVALID"),
            (Method::GET, "/api/v1/datasets/bikes/versions/0", 400, "REFERENCE_INVALID"),
            (Method::GET, "/api/v1/datasets/bikes/versions?page=x", 400, "PAGE_INVALID"),
            (Method::GET, "/api/v1/datasets/bikes/check-reports?page=x", 400, "PAGE_INVALID"),
            (Method::GET, "/api/v1/datasets?limit=0", 400, "PAGE_INVALID"),
            (Method::GET, "/api/v1/datasets/..%2Fetc", 400, "NAME_INVALID"),
            (Method::POST, "/api/v1/datasets/bikes/versions", 412, "DATA_SOURCE_EMPTY"),
        ] {
            let (found, problem) = call(&router, method, path, None).await;
            assert_eq!((found.as_u16(), problem["code"].as_str()), (status, Some(code)), "{path}");
        }
        let unknown = Some(json!({"dryrun": true}));
        let (status, problem) = call(&router, Method::POST, &format!("{BIKES}/versions"), unknown).await;
        assert_eq!((status.as_u16(), &problem["code"]), (400, &json!("JSON_UNEXPECTED")));
    }
}

#[tokio::test]
async fn strangers_are_refused() {
    for lab in Lab::each().await {
        stranger_is_refused(&lab.world, pitcrew_data::routes(lab.data.clone())).await;
    }
}
