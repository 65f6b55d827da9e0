//! A full and a read-only disk.

use bytes::Bytes;
use pitcrew_blob::{Blobs, Options};
use pitcrew_testkit::Tmpfs;

use crate::{clock, open};

#[tokio::test]
async fn a_full_disk_is_told_and_leaves_nothing_half_written() {
    let Some(disk) = Tmpfs::mount("1m") else { return };
    let blobs = open(disk.path(), &clock());
    let kept = blobs.put("kept").await.unwrap();
    let error = blobs.put(vec![1; 2 << 20]).await.unwrap_err();
    assert_eq!(error.code(), "DISK_FULL");
    assert!(error.hint_text().is_some());
    let mut upload = blobs.upload().await.unwrap();
    let failed = upload.write(Bytes::from(vec![2; 2 << 20])).await.unwrap_err();
    assert_eq!(failed.code(), "DISK_FULL");
    assert_eq!(upload.write(Bytes::from(vec![2; 1 << 20])).await.unwrap_err().code(), "BLOB_UPLOAD_OVER");
    drop(upload);
    let small = blobs.put(vec![3; 100_000]).await.expect("the space of the failed writes is free again");
    assert_eq!(blobs.get(&kept).await.unwrap(), "kept");
    blobs.verify(&small).await.unwrap();
}

#[tokio::test]
async fn a_read_only_disk_reads_and_refuses_writes() {
    let Some(disk) = Tmpfs::mount("1m") else { return };
    let kept = open(disk.path(), &clock()).put("kept").await.unwrap();
    disk.make_read_only();
    let blobs = open(disk.path(), &clock());
    assert_eq!(blobs.get(&kept).await.unwrap(), "kept");
    assert_eq!(blobs.put("new").await.unwrap_err().code(), "BLOB_READ_ONLY");
    assert_eq!(blobs.upload().await.map(|_| ()).unwrap_err().code(), "BLOB_READ_ONLY");
    let elsewhere = Options::Local(disk.path().join("more"));
    let refused = Blobs::open(&elsewhere, std::sync::Arc::new(clock()));
    assert_eq!(refused.map(|_| ()).unwrap_err().code(), "BLOB_READ_ONLY");
}
