//! Objects larger than one block.

use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::Store;

/// Several blocks of either store.
fn large() -> Vec<u8> {
    (0..17_000_003u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[tokio::test]
async fn a_large_object_comes_in_pieces_and_whole() {
    for store in Store::each() {
        let bytes = large();
        let digest = store.blobs.put(bytes.clone()).await.unwrap();
        let reading = store.blobs.stream(&digest, None).await.unwrap();
        assert_eq!((reading.size, reading.range.clone()), (bytes.len() as u64, 0..bytes.len() as u64));
        let pieces: Vec<bytes::Bytes> = reading.body.try_collect().await.unwrap();
        assert!(pieces.len() > 1);
        assert_eq!(pieces.concat(), bytes);
        let copy = store.folder.path().join("copy");
        assert_eq!(store.blobs.copy_to(&digest, &copy).await.unwrap(), bytes.len() as u64);
        assert_eq!(std::fs::read(&copy).unwrap(), bytes);
        assert_eq!(store.blobs.copy_to(&digest, &copy).await.unwrap_err().code(), "BLOB_TARGET_EXISTS");
        assert_eq!(std::fs::read(&copy).unwrap(), bytes, "a file that was there before is left alone");
    }
}

#[tokio::test]
async fn who_asks_again_after_the_end_hears_it_again() {
    for store in Store::each() {
        let digest = store.blobs.put("short").await.unwrap();
        let mut reading = store.blobs.stream(&digest, None).await.unwrap();
        assert_eq!(reading.body.next().await.unwrap().unwrap(), "short");
        assert!(reading.body.next().await.is_none());
        assert!(reading.body.next().await.is_none());
    }
}

#[tokio::test]
async fn damage_anywhere_spoils_a_range_elsewhere_before_its_end() {
    for store in Store::each() {
        let bytes = large();
        let digest = store.blobs.put(bytes.clone()).await.unwrap();
        let mut damaged = bytes.clone();
        *damaged.last_mut().unwrap() ^= 1;
        store.damage(&digest, &damaged);
        let mut reading = store.blobs.stream(&digest, Some(0..10)).await.unwrap();
        assert_eq!(reading.body.next().await.unwrap().unwrap_err().code(), "BLOB_CORRUPT");
        assert!(reading.body.next().await.is_none());
    }
}

#[tokio::test]
async fn a_shortened_object_is_found() {
    for store in Store::each() {
        let bytes = large();
        let digest = store.blobs.put(bytes.clone()).await.unwrap();
        store.damage(&digest, &bytes[..bytes.len() - 1]);
        assert_eq!(store.blobs.verify(&digest).await.unwrap_err().code(), "BLOB_CORRUPT");
    }
}

#[tokio::test]
async fn limits_and_ranges_are_checked() {
    for store in Store::each() {
        let digest = store.blobs.put("0123456789").await.unwrap();
        assert_eq!(store.blobs.get_up_to(&digest, 9).await.unwrap_err().code(), "BLOB_TOO_LARGE");
        assert_eq!(store.blobs.get_up_to(&digest, 10).await.unwrap(), "0123456789");
        for (start, end) in [(0, 11), (11, 11), (7, 3)] {
            let refused = store.blobs.stream(&digest, Some(start..end)).await;
            assert_eq!(refused.unwrap_err().code(), "BLOB_RANGE_INVALID");
        }
        let empty = store.blobs.put("").await.unwrap();
        assert!(store.blobs.get(&empty).await.unwrap().is_empty());
    }
}
