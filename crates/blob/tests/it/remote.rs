//! What is different in a bucket: large objects travel in parts, and a date is moved by writing the object anew.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use pitcrew_kernel::Digest;

use crate::bucket::Written;
use crate::{RENEWED_AFTER, Store};

const NOTHING: Written = Written { puts: 0, parts: 0, aborted: 0 };
/// Two full parts of 8 MiB and a last one.
const THREE_PARTS: usize = (16 << 20) + 5;

fn written(store: &Store) -> Written {
    store.bucket.as_ref().unwrap().written()
}

fn be_down(store: &Store, down: bool) {
    store.bucket.as_ref().unwrap().be_down(down);
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at >> 7) as u8).collect()
}

#[tokio::test]
async fn a_large_object_travels_in_parts_and_only_once() {
    let store = Store::remote();
    let (bytes, source, copy) =
        (bytes(THREE_PARTS), store.folder.path().join("source"), store.folder.path().join("copy"));
    std::fs::write(&source, &bytes).unwrap();
    let stored = store.blobs.put_file(&source).await.unwrap();
    assert_eq!((stored.new, written(&store)), (true, Written { parts: 3, ..NOTHING }));
    assert!(!store.blobs.put_file(&source).await.unwrap().new);
    assert_eq!(written(&store).parts, 3);
    store.blobs.copy_to(&stored.digest, &copy).await.unwrap();
    assert_eq!(std::fs::read(&copy).unwrap(), bytes);
    assert_eq!(store.incoming(), 0);
}

#[tokio::test]
async fn a_part_that_fails_ends_the_upload_and_leaves_nothing() {
    let store = Store::remote();
    be_down(&store, true);
    let error = store.blobs.put(bytes(THREE_PARTS)).await.unwrap_err();
    assert_eq!((error.code(), written(&store)), ("BLOB_STORE_UNAVAILABLE", Written { aborted: 1, ..NOTHING }));
    assert_eq!(store.blobs.put("small").await.unwrap_err().code(), "BLOB_STORE_UNAVAILABLE");
    be_down(&store, false);
    let listed: Vec<_> = store.blobs.list().try_collect().await.unwrap();
    assert!(listed.is_empty());
    assert_eq!(store.incoming(), 0);
    let digest = store.blobs.put(bytes(THREE_PARTS)).await.unwrap();
    store.blobs.verify(&digest).await.unwrap();
}

#[tokio::test]
async fn renewing_writes_old_objects_anew_and_young_ones_not() {
    let store = Store::remote();
    let small = store.blobs.put("small").await.unwrap();
    let large = store.blobs.put(bytes(THREE_PARTS)).await.unwrap();
    let once = written(&store);
    store.clock.advance(RENEWED_AFTER - Duration::from_secs(1));
    assert!(store.blobs.renew(&small).await.unwrap() && store.blobs.renew(&large).await.unwrap());
    assert_eq!(written(&store), once);
    store.clock.advance(Duration::from_secs(1));
    assert!(store.blobs.renew(&small).await.unwrap() && store.blobs.renew(&large).await.unwrap());
    assert_eq!(written(&store), Written { puts: once.puts * 2, parts: once.parts * 2, aborted: 0 });
    store.blobs.verify(&large).await.unwrap();
    let collected = store.blobs.gc(&HashSet::new(), RENEWED_AFTER, false).await.unwrap();
    assert_eq!((collected.objects, store.incoming()), (0, 0));
}

#[tokio::test]
async fn damage_is_not_renewed() {
    let store = Store::remote();
    let digest = store.blobs.put("whole").await.unwrap();
    store.damage(&digest, b"wrong");
    store.clock.advance(RENEWED_AFTER);
    assert_eq!(store.blobs.renew(&digest).await.unwrap_err().code(), "BLOB_CORRUPT");
}

#[tokio::test]
async fn a_check_finds_a_bucket_that_does_not_answer() {
    for store in Store::each() {
        store.blobs.check().await.expect("an empty store is fine");
        store.blobs.put("something").await.unwrap();
        store.blobs.check().await.unwrap();
    }
    let store = Store::remote();
    be_down(&store, true);
    assert_eq!(store.blobs.check().await.unwrap_err().code(), "BLOB_STORE_UNAVAILABLE");
    assert!(!store.blobs.contains(&Digest::from_bytes([9; 32])).await.unwrap());
}
