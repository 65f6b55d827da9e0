//! Reading: every byte handed out has been checked, or its end is an error.

use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use object_store::ObjectStoreExt as _;
use pitcrew_kernel::{Digest, Result};
use tokio::io::AsyncWriteExt as _;

use crate::blobs::{Blobs, key};
use crate::errors;
use crate::upload::Upload;

/// The most bytes [`Blobs::get`] reads into memory.
pub const MAX_IN_MEMORY_BYTES: u64 = 256 << 20;

/// A stream over an object or a part of it.
pub struct Reading {
    /// The length of the whole object in bytes.
    pub size: u64,
    /// Which bytes the stream yields.
    pub range: Range<u64>,
    /// The bytes. The last piece comes only after the whole object was checked; when it is damaged, `BLOB_CORRUPT` comes in its place.
    pub body: BoxStream<'static, Result<Bytes>>,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("size", &self.size).field("range", &self.range).finish_non_exhaustive()
    }
}

impl Blobs {
    /// The whole object, checked. At most [`MAX_IN_MEMORY_BYTES`].
    ///
    /// # Errors
    /// `BLOB_NOT_FOUND`, `BLOB_CORRUPT`, `BLOB_TOO_LARGE`, `BLOB_STORE_UNAVAILABLE`.
    pub async fn get(&self, digest: &Digest) -> Result<Bytes> {
        self.get_up_to(digest, MAX_IN_MEMORY_BYTES).await
    }

    /// The whole object, checked, if it has at most `limit` bytes.
    ///
    /// # Errors
    /// As [`Blobs::get`].
    pub async fn get_up_to(&self, digest: &Digest, limit: u64) -> Result<Bytes> {
        let size = self.size(digest).await?;
        if size > limit {
            return Err(errors::too_large(digest, size, limit));
        }
        let mut reading = self.stream(digest, None).await?;
        let mut whole = BytesMut::with_capacity(usize::try_from(size).unwrap_or(0));
        while let Some(piece) = reading.body.next().await {
            whole.extend_from_slice(&piece?);
        }
        Ok(whole.freeze())
    }

    /// A stream over the object, or over `range` of it, in constant memory. A range costs reading the whole object: the digest covers all
    /// of it, and unchecked bytes are not handed out as complete.
    ///
    /// # Errors
    /// `BLOB_NOT_FOUND`, `BLOB_RANGE_INVALID`, `BLOB_STORE_UNAVAILABLE`.
    pub async fn stream(&self, digest: &Digest, range: Option<Range<u64>>) -> Result<Reading> {
        let size = self.size(digest).await?;
        let range = range.unwrap_or(0..size);
        if range.start > range.end || range.end > size {
            return Err(errors::bad_range(size));
        }
        let walk = Walk {
            blobs: self.clone(),
            digest: *digest,
            hasher: blake3::Hasher::new(),
            size,
            at: 0,
            range: range.clone(),
            held: None,
            over: false,
        };
        // Fused: a compressor in the way asks again after the end, which `unfold` answers with a panic.
        Ok(Reading { size, range, body: Box::pin(stream::unfold(walk, Walk::next).fuse()) })
    }

    /// Reads the whole object and compares it with its digest.
    ///
    /// # Errors
    /// `BLOB_CORRUPT` and what [`Blobs::get`] can give.
    pub async fn verify(&self, digest: &Digest) -> Result<()> {
        let mut reading = self.stream(digest, None).await?;
        while let Some(piece) = reading.body.next().await {
            piece?;
        }
        Ok(())
    }

    /// Writes the object to the new file `path`, checked while copying, in constant memory. On failure no file is left. The copy is not
    /// synced to the disk.
    ///
    /// # Errors
    /// `BLOB_NOT_FOUND`, `BLOB_CORRUPT`, `BLOB_TARGET_EXISTS`, `DISK_FULL`, `BLOB_STORE_UNAVAILABLE`.
    pub async fn copy_to(&self, digest: &Digest, path: &Path) -> Result<u64> {
        let mut reading = self.stream(digest, None).await?;
        let mut file = tokio::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .await
            .map_err(|source| errors::target(path, source))?;
        let copied: Result<()> = async {
            let failed = |source| errors::disk("copying an object", source);
            while let Some(piece) = reading.body.next().await {
                file.write_all(&piece?).await.map_err(failed)?;
            }
            file.flush().await.map_err(failed)
        }
        .await;
        if copied.is_err()
            && let Err(error) = fs::remove_file(path)
        {
            tracing::warn!(error = %error, "an incomplete copy of an object could not be removed");
        }
        copied.map(|()| reading.size)
    }

    pub(crate) async fn pour(&self, digest: &Digest, upload: &mut Upload) -> Result<()> {
        let mut reading = self.stream(digest, None).await?;
        while let Some(piece) = reading.body.next().await {
            upload.write(piece?).await?;
        }
        Ok(())
    }
}

/// A walk over a whole object that hashes everything and yields the wanted part, always one piece behind.
struct Walk {
    blobs: Blobs,
    digest: Digest,
    hasher: blake3::Hasher,
    size: u64,
    at: u64,
    range: Range<u64>,
    held: Option<Bytes>,
    over: bool,
}

impl Walk {
    async fn next(mut self) -> Option<(Result<Bytes>, Self)> {
        loop {
            if self.over {
                return None;
            }
            if self.at == self.size {
                self.over = true;
                if self.hasher.finalize().as_bytes() != self.digest.as_bytes() {
                    return Some((Err(errors::corrupt(&self.digest)), self));
                }
                return self.held.take().map(|last| (Ok(last), self));
            }
            match self.step().await {
                Ok(Some(piece)) => return Some((Ok(piece), self)),
                Ok(None) => {}
                Err(error) => {
                    self.over = true;
                    return Some((Err(error), self));
                }
            }
        }
    }

    /// Reads one block; answers the piece that was held back when a new one takes its place.
    async fn step(&mut self) -> Result<Option<Bytes>> {
        let end = self.size.min(self.at + self.blobs.0.block_bytes);
        let block = self.blobs.0.store.get_range(&key(&self.digest), self.at..end).await;
        let block = block.map_err(|source| errors::store("reading an object", Some(&self.digest), source))?;
        if block.len() as u64 != end - self.at {
            return Err(errors::corrupt(&self.digest));
        }
        self.hasher.update(&block);
        let wanted = self.range.start.max(self.at)..self.range.end.min(end);
        let start = self.at;
        self.at = end;
        if wanted.is_empty() {
            return Ok(None);
        }
        let within = |position: u64| usize::try_from(position - start).unwrap_or(usize::MAX);
        Ok(self.held.replace(block.slice(within(wanted.start)..within(wanted.end))))
    }
}
