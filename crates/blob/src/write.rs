//! Storing: scratch file, sync, then the final name.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::{MultipartUpload, ObjectStoreExt as _};
use pitcrew_kernel::{Digest, Error, Result};
use tokio::io::AsyncReadExt as _;

use crate::blobs::{Blobs, Home, key};
use crate::errors;
use crate::staging::{Sealed, Staging};
use crate::upload::{Stored, Upload};

/// A remote object older than this is written anew when it is stored again, since its date cannot be moved.
const REMOTE_RENEW_AFTER: Duration = Duration::from_secs(600);
/// How many parts of a remote upload are on their way at once.
const REMOTE_PARTS_IN_FLIGHT: usize = 4;
/// How large each part is.
const REMOTE_PART_BYTES: usize = 8 << 20;

impl Blobs {
    /// Stores `bytes`; durable when this returns. Bytes that are stored already are not written again.
    ///
    /// # Errors
    /// `DISK_FULL`, `BLOB_READ_ONLY`, `BLOB_STORE_UNAVAILABLE`.
    pub async fn put(&self, bytes: impl Into<Bytes>) -> Result<Digest> {
        let bytes: Bytes = bytes.into();
        let incoming = self.0.incoming.clone();
        let now = self.0.clock.now();
        let digest = Digest::from_bytes(*blake3::hash(&bytes).as_bytes());
        if self.has_intact(&digest, bytes.len() as u64).await? {
            return Ok(digest);
        }
        let staged = blocking(move || {
            let mut staging = Staging::create(&incoming)?;
            staging.write(&bytes)?;
            staging.seal(now)
        });
        Ok(self.publish(staged.await?).await?.digest)
    }

    /// Stores the file at `path` as it is now, hashing while copying, in constant memory.
    ///
    /// # Errors
    /// `BLOB_SOURCE_UNREADABLE` when the file cannot be read; else as [`Blobs::put`].
    pub async fn put_file(&self, path: &Path) -> Result<Stored> {
        let (incoming, path, now) = (self.0.incoming.clone(), path.to_owned(), self.0.clock.now());
        let staged = tokio::task::spawn_blocking(move || -> Result<Sealed> {
            let mut source = File::open(&path).map_err(|source| errors::unreadable(&path, source))?;
            let write = |source| errors::disk("storing an object", source);
            let mut staging = Staging::create(&incoming).map_err(write)?;
            staging.copy_from(&mut source).map_err(write)?;
            staging.seal(now).map_err(write)
        });
        self.publish(staged.await.map_err(errors::lost_task)??).await
    }

    /// Starts storing bytes that arrive in pieces.
    ///
    /// # Errors
    /// `DISK_FULL`, `BLOB_READ_ONLY`.
    pub async fn upload(&self) -> Result<Upload> {
        let incoming = self.0.incoming.clone();
        Ok(Upload::new(self.clone(), blocking(move || Staging::create(&incoming)).await?))
    }

    /// Protects a stored object from garbage collection for another grace period; false when it is not stored. Call it before referring
    /// to an object that was not stored just now.
    ///
    /// # Errors
    /// `BLOB_READ_ONLY`, `BLOB_STORE_UNAVAILABLE`.
    pub async fn renew(&self, digest: &Digest) -> Result<bool> {
        let guard = self.0.collecting.read().await;
        if !self.contains(digest).await? {
            return Ok(false);
        }
        match &self.0.home {
            Home::Disk(disk) => {
                let (disk, digest, now) = (Arc::clone(disk), *digest, self.0.clock.now());
                blocking(move || disk.renew(&digest, now)).await?;
            }
            Home::Remote if self.age(&self.head(digest).await?) < REMOTE_RENEW_AFTER => {}
            Home::Remote => {
                let sealed = self.stage_again(digest).await?;
                self.send(&sealed).await?;
            }
        }
        drop(guard);
        Ok(true)
    }

    /// Gives a sealed scratch file its name, unless the same bytes are stored already.
    pub(crate) async fn publish(&self, sealed: Sealed) -> Result<Stored> {
        let (digest, size) = (sealed.digest, sealed.size);
        if self.has_intact(&digest, size).await? {
            return Ok(Stored { digest, size, new: false });
        }
        let guard = self.0.collecting.read().await;
        match &self.0.home {
            Home::Disk(disk) => {
                let disk = Arc::clone(disk);
                blocking(move || disk.store(&sealed)).await?;
            }
            Home::Remote => self.send(&sealed).await?,
        }
        drop(guard);
        Ok(Stored { digest, size, new: true })
    }

    /// Whether the object is stored, whole, durable and (from now on) young. A damaged local object counts as absent, so that storing mends it.
    async fn has_intact(&self, digest: &Digest, size: u64) -> Result<bool> {
        let _guard = self.0.collecting.read().await;
        match &self.0.home {
            Home::Disk(disk) => {
                let (disk, digest, now) = (Arc::clone(disk), *digest, self.0.clock.now());
                blocking(move || disk.has(&digest, size, now)).await
            }
            Home::Remote => match self.head(digest).await {
                Ok(meta) => Ok(meta.size == size && self.age(&meta) < REMOTE_RENEW_AFTER),
                Err(error) if error.code() == "BLOB_NOT_FOUND" => Ok(false),
                Err(error) => Err(error),
            },
        }
    }

    async fn stage_again(&self, digest: &Digest) -> Result<Sealed> {
        let scratch = blocking({
            let incoming = self.0.incoming.clone();
            move || Staging::create(&incoming)
        });
        let mut upload = Upload::new(self.clone(), scratch.await?);
        self.pour(digest, &mut upload).await?;
        upload.seal().await
    }

    /// Uploads a scratch file under its final name. The object appears at the end, whole.
    async fn send(&self, sealed: &Sealed) -> Result<()> {
        let mut file = tokio::fs::File::open(sealed.path.as_path()).await.map_err(unread)?;
        let key = key(&sealed.digest);
        if sealed.size <= REMOTE_PART_BYTES as u64 {
            let bytes = next_part(&mut file).await?;
            self.0.store.put(&key, bytes.into()).await.map_err(unsent)?;
            return Ok(());
        }
        let mut upload = self.0.store.put_multipart(&key).await.map_err(unsent)?;
        let sent = match send_parts(upload.as_mut(), &mut file).await {
            Ok(()) => upload.complete().await.map(|_named| ()).map_err(unsent),
            Err(error) => Err(error),
        };
        if sent.is_err()
            && let Err(source) = upload.abort().await
        {
            tracing::warn!(error = %source, "an upload could not be ended; the bucket's rule will end it");
        }
        sent
    }
}

async fn send_parts(upload: &mut dyn MultipartUpload, file: &mut tokio::fs::File) -> Result<()> {
    let mut on_their_way = FuturesUnordered::new();
    loop {
        let part = next_part(file).await?;
        if part.is_empty() {
            break;
        }
        on_their_way.push(upload.put_part(part.into()));
        if on_their_way.len() >= REMOTE_PARTS_IN_FLIGHT {
            on_their_way.next().await.transpose().map_err(unsent)?;
        }
    }
    on_their_way.try_collect::<()>().await.map_err(unsent)
}

/// The next [`REMOTE_PART_BYTES`] of the file; fewer at its end.
async fn next_part(file: &mut tokio::fs::File) -> Result<Vec<u8>> {
    let mut part = Vec::new();
    file.take(REMOTE_PART_BYTES as u64).read_to_end(&mut part).await.map_err(unread)?;
    Ok(part)
}

fn unsent(source: object_store::Error) -> Error {
    errors::store("uploading an object", None, source)
}

fn unread(source: io::Error) -> Error {
    errors::disk("reading a scratch file", source)
}

/// Runs blocking disk work off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await.map_err(errors::lost_task)?;
    done.map_err(|source| errors::disk("storing an object", source))
}
