//! Artifacts that come in parts: large files over lines that break, several parts at once.
//!
//! A part is durable when it is acknowledged, and stays until the upload is completed, given up, or untouched for [`UPLOAD_KEPT`]; a restart
//! changes nothing. Completing reads the parts one after the other into one object, checked like any other, in constant memory.

use bytes::Bytes;
use futures_util::StreamExt as _;
use pitcrew_blob::Upload;
use pitcrew_contracts::tracking::ArtifactFile;
use pitcrew_db::Tx;
use pitcrew_kernel::{Access, Ctx, Error, Result, Timestamp};

use super::Tracking;
use super::artifacts::settle;
use crate::artifact_path::ArtifactPath;
use crate::errors;
use crate::limits::{ARTIFACT_BYTES, UPLOAD_KEPT, UPLOAD_PART_BYTES, UPLOAD_PARTS, UPLOADS};
use crate::model::UploadPart;
use crate::store::uploads::{self as store, Begun};

/// A part on its way in. Dropping it leaves nothing behind.
#[derive(Debug)]
pub struct PartUpload {
    upload_id: String,
    number: i64,
    upload: Upload,
}

impl PartUpload {
    /// Appends a piece.
    ///
    /// # Errors
    /// `ARTIFACT_TOO_LARGE`, `DISK_FULL`.
    pub async fn write(&mut self, piece: Bytes) -> Result<()> {
        if self.upload.received() + piece.len() as u64 > UPLOAD_PART_BYTES {
            return Err(Error::too_large(
                "ARTIFACT_TOO_LARGE",
                format!("a part of an artifact may have at most {UPLOAD_PART_BYTES} bytes"),
            ));
        }
        self.upload.write(piece).await
    }
}

impl Tracking {
    /// Begins an upload of `parts` parts; answers its id.
    ///
    /// # Errors
    /// `ARTIFACT_PATH_INVALID` for the root, `ARTIFACT_UPLOAD_INVALID`, `ARTIFACT_UPLOADS_LIMIT`.
    pub async fn begin_upload(&self, ctx: &Ctx, path: ArtifactPath, parts: i64) -> Result<String> {
        ctx.require(Access::Write)?;
        if path.is_root() {
            return Err(errors::artifact_path(""));
        }
        if !(1..=UPLOAD_PARTS).contains(&parts) {
            return Err(errors::upload_invalid(format!("an upload has between 1 and {UPLOAD_PARTS} parts")));
        }
        let (upload_id, now_ms) = (self.hex_id(), self.now_ms());
        let id = upload_id.clone();
        self.db
            .write(move |tx| {
                store::forget(tx, kept_since(now_ms))?;
                if store::count(tx)? >= UPLOADS {
                    return Err(errors::uploads_limit());
                }
                store::begin(tx, &id, path.as_str(), parts, now_ms)
            })
            .await?;
        Ok(upload_id)
    }

    /// Begins to store a part.
    ///
    /// # Errors
    /// `ARTIFACT_UPLOAD_NOT_FOUND`, `ARTIFACT_UPLOAD_INVALID`, `DISK_FULL`.
    pub async fn upload_part(
        &self,
        ctx: &Ctx,
        path: &ArtifactPath,
        upload_id: &str,
        number: i64,
    ) -> Result<PartUpload> {
        ctx.require(Access::Write)?;
        let (path, upload_id) = (path.clone(), upload_id.to_owned());
        let id = upload_id.clone();
        let begun = self.db.read(move |tx| open(tx, &path, &id)).await?;
        if !(1..=begun.parts).contains(&number) {
            return Err(errors::upload_invalid(format!("this upload has parts 1 to {}", begun.parts)));
        }
        Ok(PartUpload { upload_id, number, upload: self.blobs.upload().await? })
    }

    /// Ends a part: it is on disk, and found by whoever asks, when this answers.
    ///
    /// # Errors
    /// `ARTIFACT_UPLOAD_NOT_FOUND` when the upload ended meanwhile, `DISK_FULL`.
    pub async fn finish_part(&self, ctx: &Ctx, part: PartUpload) -> Result<UploadPart> {
        ctx.require(Access::Write)?;
        let stored = part.upload.finish().await?;
        let (upload_id, now_ms) = (part.upload_id, self.now_ms());
        let part = UploadPart { number: part.number, digest: stored.digest, bytes: stored.size };
        self.db
            .write(move |tx| {
                if store::find(tx, &upload_id)?.is_none_or(|begun| begun.done.is_some()) {
                    return Err(errors::upload_not_found(&upload_id));
                }
                store::put_part(tx, &upload_id, &part, now_ms)?;
                Ok(part)
            })
            .await
    }

    /// The parts that are there: what a caller who lost count need not send again.
    ///
    /// # Errors
    /// `ARTIFACT_UPLOAD_NOT_FOUND`.
    pub async fn uploaded_parts(&self, ctx: &Ctx, path: &ArtifactPath, upload_id: &str) -> Result<Vec<UploadPart>> {
        ctx.require(Access::Read)?;
        let (path, id) = (path.clone(), upload_id.to_owned());
        self.db
            .read(move |tx| {
                open(tx, &path, &id)?;
                store::parts(tx, &id)
            })
            .await
    }

    /// Makes one artifact of the parts named by number and tag, in this order. Asked again, it answers again.
    ///
    /// # Errors
    /// `ARTIFACT_UPLOAD_NOT_FOUND`, `ARTIFACT_UPLOAD_INVALID`, `ARTIFACT_TOO_LARGE`, `ARTIFACT_IN_THE_WAY`, `DISK_FULL`.
    pub async fn complete_upload(
        &self,
        ctx: &Ctx,
        path: ArtifactPath,
        upload_id: &str,
        named: &[(i64, String)],
    ) -> Result<ArtifactFile> {
        ctx.require(Access::Write)?;
        let (at, id) = (path.clone(), upload_id.to_owned());
        let (begun, there) = self.db.read(move |tx| Ok((known(tx, &at, &id)?, store::parts(tx, &id)?))).await?;
        if let Some((digest, bytes)) = begun.done {
            return Ok(ArtifactFile { path: path.to_string(), digest, bytes });
        }
        let parts = chosen(&there, named)?;
        let mut whole = self.blobs.upload().await?;
        for part in parts {
            let mut reading = self.blobs.stream(&part.digest, None).await?;
            while let Some(piece) = reading.body.next().await {
                whole.write(piece?).await?;
            }
        }
        let stored = whole.finish().await?;
        let (now_ms, saying, id) = (self.now_ms(), self.outgoing(ctx), upload_id.to_owned());
        self.db
            .write(move |tx| {
                known(tx, &path, &id)?;
                let file = settle(tx, &saying, &path, stored, now_ms)?;
                store::finish(tx, &id, (file.digest, file.bytes), now_ms)?;
                Ok(file)
            })
            .await
    }

    /// Gives an upload up. What came of it goes with the next garbage collection.
    ///
    /// # Errors
    /// What the database can give: an upload that is not there is given up already.
    pub async fn abort_upload(&self, ctx: &Ctx, path: &ArtifactPath, upload_id: &str) -> Result<()> {
        ctx.require(Access::Write)?;
        let (path, id) = (path.clone(), upload_id.to_owned());
        self.db
            .write(move |tx| match store::find(tx, &id)? {
                Some(begun) if begun.path == path.as_str() && begun.done.is_none() => store::remove(tx, &id),
                _ => Ok(()),
            })
            .await
    }
}

/// Forgets the uploads that nobody has touched for [`UPLOAD_KEPT`], so that garbage collection takes their parts; answers how many.
///
/// # Errors
/// What the database can give.
pub fn forget_uploads(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64> {
    store::forget(tx, kept_since(now.millis()))
}

fn kept_since(now_ms: i64) -> i64 {
    now_ms.saturating_sub(i64::try_from(UPLOAD_KEPT.as_millis()).unwrap_or(i64::MAX))
}

/// The upload, if it is one to this path.
fn known(tx: &mut Tx<'_>, path: &ArtifactPath, upload_id: &str) -> Result<Begun> {
    store::find(tx, upload_id)?
        .filter(|begun| begun.path == path.as_str())
        .ok_or_else(|| errors::upload_not_found(upload_id))
}

/// The upload, if parts can still come.
fn open(tx: &mut Tx<'_>, path: &ArtifactPath, upload_id: &str) -> Result<Begun> {
    let begun = known(tx, path, upload_id)?;
    if begun.done.is_some() { Err(errors::upload_not_found(upload_id)) } else { Ok(begun) }
}

/// The stored parts that a caller names. What it believes to have sent must be what is there.
fn chosen<'p>(there: &'p [UploadPart], named: &[(i64, String)]) -> Result<Vec<&'p UploadPart>> {
    if named.is_empty() || !named.is_sorted_by(|(one, _), (other, _)| one < other) {
        return Err(errors::upload_invalid("the parts must be named once each, in rising order".to_owned()));
    }
    let parts = named
        .iter()
        .map(|(number, tag)| {
            let part = there.iter().find(|part| part.number == *number);
            part.filter(|part| part.tag() == tag.trim_matches('"'))
                .ok_or_else(|| errors::upload_invalid(format!("part {number} is not there, or is not the one named")))
        })
        .collect::<Result<Vec<_>>>()?;
    if parts.iter().map(|part| part.bytes).sum::<u64>() > ARTIFACT_BYTES {
        return Err(Error::too_large(
            "ARTIFACT_TOO_LARGE",
            format!("an artifact may have at most {ARTIFACT_BYTES} bytes"),
        ));
    }
    Ok(parts)
}
