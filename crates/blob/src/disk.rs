//! Objects on the local disk: where they lie, and when they are durable. Blocking code; callers run it off the async threads.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use pitcrew_kernel::{Digest, Timestamp};

use crate::blobs::OBJECTS;
use crate::staging::{self, Sealed};

/// Folders that objects lie in: one for each first byte of a digest.
const SHARDS: usize = 256;

/// The objects below a folder.
///
/// Nobody is told that an object is stored before its entry is synced in its shard, and the shard's entry in the folder of all objects. Both are
/// synced by whoever answers, not only by who made them: who made them may not have come to it yet, or may have been killed before.
pub(crate) struct Disk {
    root: PathBuf,
    /// Shards whose entry this process has synced.
    durable: [AtomicBool; SHARDS],
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Disk").field(&self.root).finish()
    }
}

impl Disk {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), durable: [const { AtomicBool::new(false) }; SHARDS] }
    }

    /// Gives a sealed scratch file its name.
    pub(crate) fn store(&self, sealed: &Sealed) -> io::Result<()> {
        let target = self.place(&sealed.digest);
        match fs::rename(sealed.path.as_path(), &target) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(self.shard(&sealed.digest))?;
                self.known(&sealed.digest).store(false, Ordering::Release);
                fs::rename(sealed.path.as_path(), &target)?;
            }
            other => other?,
        }
        self.settle(&sealed.digest)
    }

    /// Whether the object is stored and whole. If so, it is dated `now` and durable.
    pub(crate) fn has(&self, digest: &Digest, size: u64, now: Timestamp) -> io::Result<bool> {
        match staging::is_intact(&self.place(digest), digest, size) {
            Ok(true) => self.renew(digest, now).map(|()| true),
            Ok(false) => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Dates a stored object `now`; it is durable then.
    pub(crate) fn renew(&self, digest: &Digest, now: Timestamp) -> io::Result<()> {
        File::open(self.place(digest))?.set_times(staging::dated(now))?;
        self.settle(digest)
    }

    fn settle(&self, digest: &Digest) -> io::Result<()> {
        staging::sync_folder(&self.shard(digest))?;
        let known = self.known(digest);
        if !known.load(Ordering::Acquire) {
            staging::sync_folder(&self.root.join(OBJECTS))?;
            known.store(true, Ordering::Release);
        }
        Ok(())
    }

    fn known(&self, digest: &Digest) -> &AtomicBool {
        let [first, ..] = digest.as_bytes();
        &self.durable[usize::from(*first)]
    }

    fn shard(&self, digest: &Digest) -> PathBuf {
        self.root.join(OBJECTS).join(&digest.hex()[..2])
    }

    fn place(&self, digest: &Digest) -> PathBuf {
        self.shard(digest).join(digest.hex())
    }
}
