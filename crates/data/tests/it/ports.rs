//! What pipelines ask for.

use pitcrew_contracts::data::Datasets;
use pitcrew_contracts::names::DatasetRef;
use tempfile::TempDir;

use crate::{Lab, bikes, hours, name};

#[tokio::test]
async fn a_version_is_written_out_as_it_was_read() {
    for lab in Lab::each().await {
        let mut deep = bikes();
        deep.source = "data/**/*.csv".to_owned();
        lab.declare(deep).await.unwrap();
        std::fs::create_dir_all(lab.project.path().join("data/2011/q1")).unwrap();
        lab.write("2011/q1/jan.csv", hours(1, 48));
        lab.write("feb.csv", hours(2, 24));
        let port: &dyn Datasets = lab.data.as_ref();
        assert_eq!(port.latest(&lab.world.ctx, &name()).await.unwrap_err().code(), "DATASET_EMPTY");
        let made = port.refresh(&lab.world.ctx, &name()).await.unwrap();
        assert_eq!((made.version.to_string(), made.rows), ("bikes@1".to_owned(), 72));
        assert_eq!(port.latest(&lab.world.ctx, &name()).await.unwrap().digest, made.digest);
        lab.write("feb.csv", "changed since");
        let folder = TempDir::new().unwrap();
        port.materialize(&lab.world.ctx, &made.version, folder.path()).await.unwrap();
        let read = |path: &str| std::fs::read_to_string(folder.path().join(path)).unwrap();
        assert_eq!((read("2011/q1/jan.csv"), read("feb.csv")), (hours(1, 48), hours(2, 24)));
    }
}

#[tokio::test]
async fn damaged_bytes_are_not_written_out() {
    for lab in Lab::each().await {
        lab.write("a.csv", hours(1, 48));
        let version = lab.refresh().await.unwrap().version;
        let hex = version.files[0].digest.hex();
        let object = lab._objects.path().join("objects").join(&hex[..2]).join(&hex);
        std::fs::remove_file(&object).unwrap();
        std::fs::write(&object, hours(1, 47)).unwrap();
        let folder = TempDir::new().unwrap();
        let error = lab.data.materialize(&lab.world.ctx, &version.reference, folder.path()).await.unwrap_err();
        assert_eq!(error.code(), "BLOB_CORRUPT");
        assert!(!folder.path().join("a.csv").exists());
    }
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    for lab in Lab::each().await {
        let ghost = "ghost".parse().unwrap();
        assert_eq!(lab.data.latest(&lab.world.ctx, &ghost).await.unwrap_err().code(), "DATASET_NOT_FOUND");
        lab.write("a.csv", hours(1, 48));
        lab.refresh().await.unwrap();
        let beyond = DatasetRef { dataset: name(), version: 7 };
        let folder = TempDir::new().unwrap();
        let error = lab.data.materialize(&lab.world.ctx, &beyond, folder.path()).await.unwrap_err();
        assert_eq!(error.code(), "DATASET_VERSION_NOT_FOUND");
        assert_eq!(error.hint_text(), Some("`bikes` has versions 1 to 1"));
    }
}
