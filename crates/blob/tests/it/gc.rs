//! Garbage collection keeps what is referred to and what is young.

use std::collections::HashSet;
use std::time::Duration;

use pitcrew_blob::Collected;

use crate::Store;

const GRACE: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn only_old_unreferenced_objects_go() {
    for store in Store::each() {
        let referenced = store.blobs.put("referenced").await.unwrap();
        let garbage = store.blobs.put("garbage").await.unwrap();
        let keep = HashSet::from([referenced]);
        assert_eq!(store.blobs.gc(&keep, GRACE, false).await.unwrap(), Collected::default(), "nothing is old yet");
        store.clock.advance(GRACE + Duration::from_secs(1));
        let young = store.blobs.put("young").await.unwrap();
        let expected = Collected { objects: 1, bytes: 7 };
        assert_eq!(store.blobs.gc(&keep, GRACE, true).await.unwrap(), expected);
        assert!(store.blobs.contains(&garbage).await.unwrap(), "a dry run removes nothing");
        assert_eq!(store.blobs.gc(&keep, GRACE, false).await.unwrap(), expected);
        assert!(!store.blobs.contains(&garbage).await.unwrap());
        assert!(store.blobs.contains(&referenced).await.unwrap() && store.blobs.contains(&young).await.unwrap());
    }
}

#[tokio::test]
async fn storing_again_and_renewing_protect() {
    for store in Store::each() {
        let again = store.blobs.put("again").await.unwrap();
        let renewed = store.blobs.put("renewed").await.unwrap();
        store.clock.advance(GRACE + Duration::from_secs(1));
        store.blobs.put("again").await.unwrap();
        assert!(store.blobs.renew(&renewed).await.unwrap());
        assert_eq!(store.blobs.gc(&HashSet::new(), GRACE, false).await.unwrap(), Collected::default());
        assert!(store.blobs.contains(&again).await.unwrap());
        store.clock.advance(GRACE + Duration::from_secs(1));
        assert_eq!(store.blobs.gc(&HashSet::new(), GRACE, false).await.unwrap().objects, 2);
    }
}
