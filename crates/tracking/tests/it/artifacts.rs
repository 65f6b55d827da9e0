use bytes::Bytes;
use futures_util::TryStreamExt as _;
use pitcrew_contracts::tracking::ArtifactReader as _;
use pitcrew_kernel::Result;
use pitcrew_tracking::{ArtifactPath, NewModel, referenced_digests};

use crate::Place;

async fn put(place: &Place, path: &str, bytes: &str) -> Result<()> {
    let (tracking, ctx) = (&place.tracking, &place.world.ctx);
    let mut upload = tracking.upload_artifact(ctx, path.parse()?).await?;
    for piece in bytes.as_bytes().chunks(3) {
        upload.write(Bytes::copy_from_slice(piece)).await?;
    }
    tracking.finish_artifact(ctx, upload).await.map(drop)
}

async fn get(place: &Place, path: &str) -> Result<String> {
    let content = place.tracking.open_artifact(&place.world.ctx, path.parse()?).await?;
    let pieces: Vec<Bytes> = content.reading.body.try_collect().await?;
    Ok(String::from_utf8(pieces.concat()).unwrap())
}

async fn list(place: &Place, folder: &str) -> Vec<(String, bool, u64)> {
    let entries = place.tracking.list_artifacts(&place.world.ctx, folder.parse().unwrap()).await.unwrap();
    entries.into_iter().map(|entry| (entry.name, entry.is_dir, entry.bytes)).collect()
}

#[tokio::test]
async fn files_hang_in_folders_and_are_replaced() {
    for place in Place::each().await {
        put(&place, "1/r/artifacts/model/MLmodel", "flavors").await.unwrap();
        put(&place, "1/r/artifacts/model/data/m.onnx", "bytes").await.unwrap();
        put(&place, "1/r/artifacts/a b.txt", "one").await.unwrap();
        put(&place, "1/r/artifacts/a b.txt", "two!").await.unwrap();
        assert_eq!(get(&place, "1/r/artifacts/a b.txt").await.unwrap(), "two!");
        assert_eq!(
            list(&place, "1/r/artifacts").await,
            [("a b.txt".to_owned(), false, 4), ("model".to_owned(), true, 0)],
            "{}",
            place.db.name
        );
        assert_eq!(list(&place, "").await, [("1".to_owned(), true, 0)]);
        assert!(list(&place, "1/r/artifacts/a b.txt").await.is_empty());
        assert_eq!(get(&place, "1/r/artifacts/model").await.unwrap_err().code(), "ARTIFACT_NOT_FOUND");
        for bad in ["1/r/artifacts/model", "1/r/artifacts/a b.txt/below"] {
            assert_eq!(put(&place, bad, "x").await.unwrap_err().code(), "ARTIFACT_IN_THE_WAY", "{bad}");
        }
    }
}

#[tokio::test]
async fn folders_go_with_everything_in_them() {
    for place in Place::each().await {
        for path in ["1/a/x", "1/a/b/y", "1/a/b/c/z", "1/ab/x"] {
            put(&place, path, path).await.unwrap();
        }
        let kept = place.db.db.read(referenced_digests).await.unwrap().len();
        assert_eq!(kept, 4);
        place.tracking.delete_artifact(&place.world.ctx, "1/a".parse().unwrap()).await.unwrap();
        assert_eq!(list(&place, "1").await, [("ab".to_owned(), true, 0)]);
        assert!(list(&place, "1/a/b/c").await.is_empty());
        assert_eq!(place.db.db.read(referenced_digests).await.unwrap().len(), 1);
        let again = place.tracking.delete_artifact(&place.world.ctx, "1/a".parse().unwrap()).await;
        assert_eq!(again.unwrap_err().code(), "ARTIFACT_NOT_FOUND");
    }
}

#[tokio::test]
async fn an_upload_that_is_dropped_leaves_nothing() {
    let place = Place::one().await;
    let mut upload = place.tracking.upload_artifact(&place.world.ctx, "1/a".parse().unwrap()).await.unwrap();
    upload.write(Bytes::from_static(b"half")).await.unwrap();
    drop(upload);
    assert!(list(&place, "").await.is_empty());
    assert!(place.tracking.upload_artifact(&place.world.ctx, ArtifactPath::root()).await.is_err());
}

#[tokio::test]
async fn addresses_of_all_kinds_are_read() {
    for place in Place::each().await {
        let (tracking, ctx) = (&place.tracking, &place.world.ctx);
        let run = place.run(0, "a").await.info;
        let new = NewModel { name: Some("m".to_owned()), ..NewModel::default() };
        let model = tracking.create_model(ctx, new).await.unwrap();
        put(&place, &format!("0/{}/artifacts/model/m.onnx", run.run_id), "of the run").await.unwrap();
        put(&place, &format!("0/models/{}/artifacts/data/m.onnx", model.model_id), "of the model").await.unwrap();
        let paths = async |address: &str| {
            let files = tracking.list(ctx, address).await.unwrap();
            files.into_iter().map(|file| (file.path, file.bytes)).collect::<Vec<_>>()
        };
        let own = |path: &str, bytes| vec![(path.to_owned(), bytes)];
        assert_eq!(paths(&format!("runs:/{}/model", run.run_id)).await, own("m.onnx", 10));
        assert_eq!(paths(&run.artifact_uri).await, own("model/m.onnx", 10));
        assert_eq!(paths(&format!("models:/{}", model.model_id)).await, own("data/m.onnx", 12));
        assert!(paths("s3://bucket/x").await.is_empty());
        assert!(paths("mlflow-artifacts:/9/none").await.is_empty());
        let file = tracking.digest_of(ctx, &format!("runs:/{}/model/m.onnx", run.run_id)).await.unwrap().unwrap();
        assert_eq!((file.path.as_str(), file.bytes), ("m.onnx", 10));
        assert_eq!(tracking.digest_of(ctx, &run.artifact_uri).await.unwrap(), None);
        assert_eq!(tracking.list(ctx, "runs:/nope/x").await.unwrap_err().code(), "RUN_NOT_FOUND");
        assert_eq!(tracking.list(ctx, "models:/m-nope").await.unwrap_err().code(), "LOGGED_MODEL_NOT_FOUND");
    }
}
