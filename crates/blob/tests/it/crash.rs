//! What interrupted work leaves: nothing.

use bytes::Bytes;
use futures_util::TryStreamExt as _;

use crate::Store;

#[tokio::test]
async fn a_dropped_upload_leaves_nothing() {
    for store in Store::each() {
        let mut upload = store.blobs.upload().await.unwrap();
        upload.write(Bytes::from(vec![1; 1 << 20])).await.unwrap();
        assert_eq!((store.incoming(), upload.received()), (1, 1 << 20));
        drop(upload);
        assert_eq!(store.incoming(), 0);
        let listed: Vec<_> = store.blobs.list().try_collect().await.unwrap();
        assert!(listed.is_empty());
    }
}

#[tokio::test]
async fn leftovers_are_swept_at_start_and_objects_survive() {
    for store in Store::each() {
        let kept = store.blobs.put("kept").await.unwrap();
        let mut upload = store.blobs.upload().await.unwrap();
        upload.write(Bytes::from(vec![1; 1 << 20])).await.unwrap();
        // As a killed process leaves it: no destructor runs.
        std::mem::forget(upload);
        assert_eq!(store.incoming(), 1);
        let again = store.reopen();
        assert_eq!(store.incoming(), 0);
        assert_eq!(again.get(&kept).await.unwrap(), "kept");
    }
}

#[tokio::test]
async fn strange_files_among_the_objects_are_passed_over() {
    let store = Store::new();
    let digest = store.blobs.put("x").await.unwrap();
    let objects = store.folder.path().join("objects");
    std::fs::write(objects.join("notes.txt"), "hello").unwrap();
    std::fs::create_dir_all(objects.join("zz")).unwrap();
    std::fs::write(objects.join("zz").join(digest.hex()), "x").unwrap();
    let listed: Vec<_> = store.blobs.list().try_collect().await.unwrap();
    assert_eq!(listed.len(), 1);
}

#[tokio::test]
async fn many_writers_of_the_same_bytes_agree() {
    for store in Store::each() {
        let puts = (0..16).map(|_| store.blobs.put(vec![3u8; 100_000]));
        let digests = futures_util::future::try_join_all(puts).await.unwrap();
        assert!(digests.windows(2).all(|pair| pair[0] == pair[1]));
        store.blobs.verify(&digests[0]).await.unwrap();
        assert_eq!(store.incoming(), 0);
    }
}

#[tokio::test]
async fn a_folder_that_went_missing_is_made_again() {
    let store = Store::new();
    let digest = store.blobs.put("x").await.unwrap();
    std::fs::remove_dir_all(store.file(&digest).parent().unwrap()).unwrap();
    assert_eq!(store.blobs.get(&digest).await.unwrap_err().code(), "BLOB_NOT_FOUND");
    assert_eq!(store.blobs.put("x").await.unwrap(), digest);
    store.blobs.verify(&digest).await.unwrap();
}
