//! What holds for any bytes.

use futures_util::TryStreamExt as _;
use pitcrew_kernel::Digest;
use proptest::prelude::*;

use crate::{RENEWED_AFTER, Store};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..5_000)) {
        for store in Store::each() {
            block_on(async {
                let digest = store.blobs.put(bytes.clone()).await.unwrap();
                assert_eq!(store.blobs.get(&digest).await.unwrap(), bytes);
                assert_eq!(store.blobs.size(&digest).await.unwrap(), bytes.len() as u64);
            });
        }
    }

    #[test]
    fn any_single_changed_bit_is_found(
        bytes in proptest::collection::vec(any::<u8>(), 1..2_000), at in any::<proptest::sample::Index>(), bit in 0u8..8,
    ) {
        let mut damaged = bytes.clone();
        damaged[at.index(bytes.len())] ^= 1 << bit;
        for store in Store::each() {
            let digest = block_on(store.blobs.put(bytes.clone())).unwrap();
            store.damage(&digest, &damaged);
            // A bucket's young objects are taken for whole without a look.
            store.clock.advance(RENEWED_AFTER);
            block_on(async {
                assert_eq!(store.blobs.get(&digest).await.unwrap_err().code(), "BLOB_CORRUPT");
                let copy = store.folder.path().join("copy");
                assert_eq!(store.blobs.copy_to(&digest, &copy).await.unwrap_err().code(), "BLOB_CORRUPT");
                assert!(!copy.exists());
                store.blobs.put(bytes.clone()).await.unwrap();
                assert_eq!(store.blobs.get(&digest).await.unwrap(), bytes, "storing the original again mends it");
            });
        }
    }

    #[test]
    fn any_range_is_the_slice(
        bytes in proptest::collection::vec(any::<u8>(), 1..3_000), a in any::<proptest::sample::Index>(), b in any::<proptest::sample::Index>(),
    ) {
        let (a, b) = (a.index(bytes.len() + 1), b.index(bytes.len() + 1));
        let (start, end) = (a.min(b), a.max(b));
        for store in Store::each() {
            block_on(async {
                let digest = store.blobs.put(bytes.clone()).await.unwrap();
                let reading = store.blobs.stream(&digest, Some(start as u64..end as u64)).await.unwrap();
                let pieces: Vec<bytes::Bytes> = reading.body.try_collect().await.unwrap();
                assert_eq!(pieces.concat(), &bytes[start..end]);
            });
        }
    }
}

#[tokio::test]
async fn the_same_bytes_are_stored_once_whichever_way_they_come() {
    for store in Store::each() {
        let bytes = vec![7u8; 3 << 20];
        let source = store.folder.path().join("source");
        std::fs::write(&source, &bytes).unwrap();
        let first = store.blobs.put_file(&source).await.unwrap();
        assert!(first.new);
        assert_eq!(first.digest, Digest::from_bytes(*blake3::hash(&bytes).as_bytes()));
        let mut upload = store.blobs.upload().await.unwrap();
        for piece in bytes.chunks(100_000) {
            upload.write(bytes::Bytes::copy_from_slice(piece)).await.unwrap();
        }
        let second = upload.finish().await.unwrap();
        assert_eq!((second.digest, second.size, second.new), (first.digest, bytes.len() as u64, false));
        assert_eq!(store.blobs.put(bytes).await.unwrap(), first.digest);
        let listed: Vec<_> = store.blobs.list().try_collect().await.unwrap();
        assert_eq!(listed.iter().map(|object| object.digest).collect::<Vec<_>>(), [first.digest]);
        assert_eq!(store.incoming(), 0);
    }
}

#[tokio::test]
async fn what_is_absent_says_so() {
    for store in Store::each() {
        let digest = Digest::from_bytes([9; 32]);
        assert!(!store.blobs.contains(&digest).await.unwrap());
        assert!(!store.blobs.renew(&digest).await.unwrap());
        let error = store.blobs.get(&digest).await.unwrap_err();
        assert_eq!(error.code(), "BLOB_NOT_FOUND");
        assert!(error.hint_text().is_some());
        let absent = store.folder.path().join("absent");
        assert_eq!(store.blobs.put_file(&absent).await.unwrap_err().code(), "BLOB_SOURCE_UNREADABLE");
    }
}
