//! Bytes that arrive in pieces.

use bytes::{Bytes, BytesMut};
use pitcrew_kernel::{Digest, Error, Result};

use crate::blobs::Blobs;
use crate::staging::{Sealed, Staging};
use crate::write::blocking;

/// Pieces are gathered up to this size before they go to the disk.
const GATHER_BYTES: usize = 256 * 1024;

/// What storing gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// The object's name.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Whether it was not stored before.
    pub new: bool,
}

/// An object being written piece by piece. Dropping it leaves nothing behind.
#[derive(Debug)]
pub struct Upload {
    blobs: Blobs,
    /// `None` only after a failed write, which ends the upload.
    staging: Option<Staging>,
    waiting: BytesMut,
    received: u64,
}

impl Upload {
    pub(crate) fn new(blobs: Blobs, staging: Staging) -> Self {
        Self { blobs, staging: Some(staging), waiting: BytesMut::new(), received: 0 }
    }

    /// Appends a piece.
    ///
    /// # Errors
    /// `DISK_FULL`, `BLOB_READ_ONLY`; the upload is over then.
    pub async fn write(&mut self, piece: Bytes) -> Result<()> {
        self.received += piece.len() as u64;
        self.waiting.extend_from_slice(&piece);
        if self.waiting.len() >= GATHER_BYTES { self.flush().await } else { Ok(()) }
    }

    /// Bytes received so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Ends the upload: the object is stored and durable when this returns.
    ///
    /// # Errors
    /// As [`Blobs::put`].
    pub async fn finish(self) -> Result<Stored> {
        let blobs = self.blobs.clone();
        let sealed = self.seal().await?;
        blobs.publish(sealed).await
    }

    pub(crate) async fn seal(mut self) -> Result<Sealed> {
        self.flush().await?;
        let now = self.blobs.0.clock.now();
        let staging = self.staging.take().ok_or_else(over)?;
        blocking(move || staging.seal(now)).await
    }

    async fn flush(&mut self) -> Result<()> {
        let mut staging = self.staging.take().ok_or_else(over)?;
        let piece = self.waiting.split().freeze();
        self.staging = Some(blocking(move || staging.write(&piece).map(|()| staging)).await?);
        Ok(())
    }
}

fn over() -> Error {
    Error::conflict("BLOB_UPLOAD_OVER", "this upload has failed before").hint("start it again from its first byte")
}
