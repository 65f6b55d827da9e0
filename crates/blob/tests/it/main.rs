//! The store as its users see it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")]

mod crash;
mod full_disk;
mod gc;
mod laws;
mod streams;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pitcrew_blob::{Blobs, Options};
use pitcrew_kernel::{Digest, FakeClock, Timestamp};
use tempfile::TempDir;

struct Store {
    blobs: Blobs,
    clock: FakeClock,
    folder: TempDir,
}

impl Store {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let clock = FakeClock::at(Timestamp::from_millis(1_750_000_000_000));
        let blobs = open(folder.path(), &clock);
        Self { blobs, clock, folder }
    }

    fn reopen(&self) -> Blobs {
        open(self.folder.path(), &self.clock)
    }

    /// The file that holds the object.
    fn file(&self, digest: &Digest) -> PathBuf {
        self.folder.path().join("objects").join(&digest.hex()[..2]).join(digest.hex())
    }

    fn incoming(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("incoming")).unwrap().count()
    }
}

fn open(path: &Path, clock: &FakeClock) -> Blobs {
    Blobs::open(&Options::Local(path.to_owned()), Arc::new(clock.clone())).unwrap()
}

fn overwrite(path: &Path, bytes: &[u8]) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}
