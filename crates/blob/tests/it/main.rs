//! The store as its users see it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")]

mod bucket;
mod crash;
mod full_disk;
mod gc;
mod laws;
mod remote;
mod streams;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pitcrew_blob::{Blobs, Options};
use pitcrew_kernel::{Digest, FakeClock, Timestamp};
use tempfile::TempDir;

use bucket::Bucket;

/// A bucket's object is written anew when it is stored again, once it is older than this.
const RENEWED_AFTER: Duration = Duration::from_secs(600);

struct Store {
    blobs: Blobs,
    clock: FakeClock,
    folder: TempDir,
    /// Where the objects are, when not below `folder`.
    bucket: Option<Arc<Bucket>>,
}

impl Store {
    /// One below a folder.
    fn new() -> Self {
        let (folder, clock) = (TempDir::new().unwrap(), clock());
        Self { blobs: open(folder.path(), &clock), clock, folder, bucket: None }
    }

    /// One in a bucket.
    fn remote() -> Self {
        let (folder, clock) = (TempDir::new().unwrap(), clock());
        let bucket = Arc::new(Bucket::new(&clock));
        let blobs = Blobs::over(Arc::clone(&bucket) as _, folder.path(), Arc::new(clock.clone())).unwrap();
        Self { blobs, clock, folder, bucket: Some(bucket) }
    }

    /// One of each.
    fn each() -> [Self; 2] {
        [Self::new(), Self::remote()]
    }

    fn reopen(&self) -> Blobs {
        match &self.bucket {
            None => open(self.folder.path(), &self.clock),
            Some(bucket) => {
                Blobs::over(Arc::clone(bucket) as _, self.folder.path(), Arc::new(self.clock.clone())).unwrap()
            }
        }
    }

    /// The file that holds the object.
    fn file(&self, digest: &Digest) -> PathBuf {
        self.folder.path().join("objects").join(&digest.hex()[..2]).join(digest.hex())
    }

    /// Changes the stored bytes behind the store's back.
    fn damage(&self, digest: &Digest, bytes: &[u8]) {
        match &self.bucket {
            Some(bucket) => bucket.damage(&digest.hex(), bytes),
            None => {
                std::fs::remove_file(self.file(digest)).unwrap();
                std::fs::write(self.file(digest), bytes).unwrap();
            }
        }
    }

    fn incoming(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("incoming")).unwrap().count()
    }
}

fn clock() -> FakeClock {
    FakeClock::at(Timestamp::from_millis(1_750_000_000_000))
}

fn open(path: &Path, clock: &FakeClock) -> Blobs {
    Blobs::open(&Options::Local(path.to_owned()), Arc::new(clock.clone())).unwrap()
}
