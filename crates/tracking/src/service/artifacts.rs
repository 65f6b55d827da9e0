//! Artifacts: files of runs and logged models, kept as objects and hung into one tree.

use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pitcrew_blob::{Reading, Stored, Upload};
use pitcrew_contracts::tracking::{
    ARTIFACT_FILES_MAX, ArtifactDeleted, ArtifactFile, ArtifactReader, ArtifactReplaced,
};
use pitcrew_db::Tx;
use pitcrew_kernel::{Access, Ctx, Digest, Error, Kind, Result};

use super::{Saying, Tracking};
use crate::artifact_path::ArtifactPath;
use crate::errors;
use crate::limits::{ARTIFACT_BYTES, ARTIFACT_ENTRIES};
use crate::model::ArtifactEntry;
use crate::store::artifacts::{self as store, Found};
use crate::store::{models, runs};

/// An artifact on its way in. Dropping it leaves nothing behind.
#[derive(Debug)]
pub struct ArtifactUpload {
    path: ArtifactPath,
    upload: Upload,
}

impl ArtifactUpload {
    /// Appends a piece.
    ///
    /// # Errors
    /// `ARTIFACT_TOO_LARGE`, `DISK_FULL`.
    pub async fn write(&mut self, piece: Bytes) -> Result<()> {
        if self.upload.received() + piece.len() as u64 > ARTIFACT_BYTES {
            return Err(Error::too_large(
                "ARTIFACT_TOO_LARGE",
                format!("an artifact may have at most {ARTIFACT_BYTES} bytes"),
            ));
        }
        self.upload.write(piece).await
    }
}

/// An artifact on its way out.
#[derive(Debug)]
pub struct ArtifactContent {
    /// Its size.
    pub bytes: u64,
    /// Its digest.
    pub digest: Digest,
    /// Its bytes, checked while they are read.
    pub reading: Reading,
}

impl Tracking {
    /// Begins to store an artifact.
    ///
    /// # Errors
    /// `ARTIFACT_PATH_INVALID` for the root, `DISK_FULL`.
    pub async fn upload_artifact(&self, ctx: &Ctx, path: ArtifactPath) -> Result<ArtifactUpload> {
        ctx.require(Access::Write)?;
        if path.is_root() {
            return Err(errors::artifact_path(""));
        }
        Ok(ArtifactUpload { path, upload: self.blobs.upload().await? })
    }

    /// Ends an upload: the artifact can be read, and is on disk, when this answers.
    ///
    /// # Errors
    /// `ARTIFACT_IN_THE_WAY`, `DISK_FULL`.
    pub async fn finish_artifact(&self, ctx: &Ctx, upload: ArtifactUpload) -> Result<ArtifactFile> {
        ctx.require(Access::Write)?;
        let stored = upload.upload.finish().await?;
        let path = upload.path;
        let now_ms = self.now_ms();
        let saying = self.outgoing(ctx);
        self.db.write(move |tx| settle(tx, &saying, &path, stored, now_ms)).await
    }

    /// The digest and size of an artifact.
    ///
    /// # Errors
    /// `ARTIFACT_NOT_FOUND` also for folders.
    pub async fn find_artifact(&self, ctx: &Ctx, path: ArtifactPath) -> Result<(Digest, u64)> {
        ctx.require(Access::Read)?;
        self.db.read(move |tx| file_at(tx, &path)?.ok_or_else(|| errors::artifact_not_found(path.as_str()))).await
    }

    /// Reads an artifact that was found, or a part of it.
    ///
    /// # Errors
    /// `BLOB_NOT_FOUND`, `BLOB_RANGE_INVALID`.
    pub async fn read_artifact(&self, ctx: &Ctx, digest: &Digest, part: Option<Range<u64>>) -> Result<Reading> {
        ctx.require(Access::Read)?;
        self.blobs.stream(digest, part).await
    }

    /// An address at which the object store itself hands an artifact out for `life`, and its size; `None` when it cannot.
    ///
    /// # Errors
    /// `ARTIFACT_NOT_FOUND` also for folders, `BLOB_STORE_UNAVAILABLE`.
    pub async fn artifact_url(&self, ctx: &Ctx, path: ArtifactPath, life: Duration) -> Result<Option<(String, u64)>> {
        let (digest, bytes) = self.find_artifact(ctx, path).await?;
        Ok(self.blobs.signed_url(&digest, life).await?.map(|url| (url, bytes)))
    }

    /// Opens an artifact for reading.
    ///
    /// # Errors
    /// `ARTIFACT_NOT_FOUND` also for folders, `BLOB_NOT_FOUND`.
    pub async fn open_artifact(&self, ctx: &Ctx, path: ArtifactPath) -> Result<ArtifactContent> {
        let (digest, bytes) = self.find_artifact(ctx, path).await?;
        Ok(ArtifactContent { bytes, digest, reading: self.read_artifact(ctx, &digest, None).await? })
    }

    /// The entries of a folder by name; none when there is no such folder. At most [`ARTIFACT_ENTRIES`].
    ///
    /// # Errors
    /// What the database can give.
    pub async fn list_artifacts(&self, ctx: &Ctx, folder: ArtifactPath) -> Result<Vec<ArtifactEntry>> {
        ctx.require(Access::Read)?;
        self.db
            .read(move |tx| {
                let entries = store::list(tx, folder.as_str(), ARTIFACT_ENTRIES)?;
                Ok(entries.into_iter().map(|(entry, _)| entry).collect())
            })
            .await
    }

    /// Removes a file, or a folder with everything in it. Its bytes go with the next garbage collection.
    ///
    /// # Errors
    /// `ARTIFACT_NOT_FOUND`, `ARTIFACT_PATH_INVALID` for the root.
    pub async fn delete_artifact(&self, ctx: &Ctx, path: ArtifactPath) -> Result<()> {
        ctx.require(Access::Write)?;
        if path.is_root() {
            return Err(errors::artifact_path(""));
        }
        let saying = self.outgoing(ctx);
        self.db
            .write(move |tx| {
                let (parent, name) = path.split();
                let found = store::at(tx, parent, name)?.ok_or_else(|| errors::artifact_not_found(path.as_str()))?;
                store::remove(tx, parent, name)?;
                if found == Found::Folder {
                    empty_all(tx, path.as_str())?;
                }
                tx.emit(saying.out(), &ArtifactDeleted { path: path.to_string() })
            })
            .await
    }

    /// The path that an artifact address names (`runs:/...`, `models:/m-...`, `mlflow-artifacts:/...`); `None` when this server does not
    /// store it.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`, `LOGGED_MODEL_NOT_FOUND`, `ARTIFACT_PATH_INVALID`.
    pub async fn artifact_path(&self, ctx: &Ctx, address: &str) -> Result<Option<ArtifactPath>> {
        ctx.require(Access::Read)?;
        self.resolve(address).await
    }

    async fn resolve(&self, address: &str) -> Result<Option<ArtifactPath>> {
        let root_of = |rest: &str| {
            let (id, below) =
                rest.trim_start_matches('/').split_once('/').unwrap_or((rest.trim_start_matches('/'), ""));
            (id.to_owned(), below.trim_matches('/').to_owned())
        };
        let (uri, below) = if let Some(rest) = address.strip_prefix("runs:") {
            let (run_id, below) = root_of(rest);
            let run = self.db.read(move |tx| runs::by_id(tx, &run_id)?.ok_or_else(|| errors::run_not_found(&run_id)));
            (run.await?.artifact_uri, below)
        } else if let Some(rest) = address.strip_prefix("models:/m-") {
            let (id, below) = root_of(&format!("m-{rest}"));
            let model = self.db.read(move |tx| models::by_id(tx, &id)?.ok_or_else(|| errors::model_not_found(&id)));
            (model.await?.artifact_uri, below)
        } else {
            (address.to_owned(), String::new())
        };
        match ArtifactPath::of_uri(&uri)? {
            Some(root) => root.join(&below.parse()?).map(Some),
            None => Ok(None),
        }
    }
}

#[async_trait]
impl ArtifactReader for Tracking {
    async fn list(&self, ctx: &Ctx, address: &str) -> Result<Vec<ArtifactFile>> {
        ctx.require(Access::Read)?;
        match self.resolve(address).await? {
            Some(path) => self.db.read(move |tx| files_below(tx, &path, ARTIFACT_FILES_MAX)).await,
            None => Ok(Vec::new()),
        }
    }

    async fn digest_of(&self, ctx: &Ctx, address: &str) -> Result<Option<ArtifactFile>> {
        ctx.require(Access::Read)?;
        let Some(path) = self.resolve(address).await? else { return Ok(None) };
        let found = self.db.read(move |tx| Ok((file_at(tx, &path)?, path.name().to_owned()))).await?;
        let (file, name) = found;
        Ok(file.map(|(digest, bytes)| ArtifactFile { path: name, digest, bytes }))
    }
}

pub(super) fn file_at(tx: &mut Tx<'_>, path: &ArtifactPath) -> Result<Option<(Digest, u64)>> {
    let (parent, name) = path.split();
    match store::at(tx, parent, name)? {
        Some(Found::File { digest, bytes }) => Ok(Some((digest, bytes))),
        Some(Found::Folder) | None => Ok(None),
    }
}

/// Hangs a file where it belongs and makes the folders above it. Answers the bytes of the file that was there before.
pub(super) fn hang(
    tx: &mut Tx<'_>,
    path: &ArtifactPath,
    digest: Digest,
    bytes: u64,
    now_ms: i64,
) -> Result<Option<Digest>> {
    let (parent, name) = path.split();
    let before = match store::at(tx, parent, name)? {
        Some(Found::Folder) => return Err(in_the_way(path.as_str(), "a folder")),
        Some(Found::File { digest, .. }) => Some(digest),
        None => None,
    };
    make_all(tx, parent, now_ms)?;
    store::put_file(tx, (parent, name), digest, bytes, now_ms)?;
    Ok(before)
}

/// Makes a folder of artifacts, and those above it.
pub(super) fn make_folders(tx: &mut Tx<'_>, path: &ArtifactPath, now_ms: i64) -> Result<()> {
    make_all(tx, path.as_str(), now_ms)
}

fn make_all(tx: &mut Tx<'_>, mut folder: &str, now_ms: i64) -> Result<()> {
    while !folder.is_empty() {
        let place = folder.rsplit_once('/').unwrap_or(("", folder));
        match store::at(tx, place.0, place.1)? {
            // Folders above one that is there are there too.
            Some(Found::Folder) => break,
            Some(Found::File { .. }) => return Err(in_the_way(folder, "a file")),
            None => store::put_folder(tx, place, now_ms)?,
        }
        folder = place.0;
    }
    Ok(())
}

/// Hangs stored bytes at a path and says so when they take the place of others: a new file is logged data like any other, one that takes
/// another's place changes what was logged.
pub(super) fn settle(
    tx: &mut Tx<'_>,
    saying: &Saying,
    path: &ArtifactPath,
    stored: Stored,
    now_ms: i64,
) -> Result<ArtifactFile> {
    let before = hang(tx, path, stored.digest, stored.size, now_ms)?;
    if let Some(from) = before.filter(|before| *before != stored.digest) {
        tx.emit(saying.out(), &ArtifactReplaced { path: path.to_string(), from, to: stored.digest })?;
    }
    Ok(ArtifactFile { path: path.to_string(), digest: stored.digest, bytes: stored.size })
}

fn in_the_way(path: &str, what: &str) -> Error {
    Error::new(Kind::Invalid, "ARTIFACT_IN_THE_WAY", format!("there is {what} at '{path}' already"))
        .hint("choose another path, or delete what is there first")
}

fn empty_all(tx: &mut Tx<'_>, folder: &str) -> Result<()> {
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        let below = store::empty(tx, &folder)?;
        waiting.extend(below.into_iter().map(|name| format!("{folder}/{name}")));
    }
    Ok(())
}

/// At most `most` of the files below a folder, by path.
pub(super) fn files_below(tx: &mut Tx<'_>, root: &ArtifactPath, most: usize) -> Result<Vec<ArtifactFile>> {
    let mut files = Vec::new();
    let mut waiting = vec![String::new()];
    while let Some(below) = waiting.pop() {
        let folder = root.join(&below.parse()?)?;
        for (entry, digest) in store::list(tx, folder.as_str(), most)? {
            let path = if below.is_empty() { entry.name } else { format!("{below}/{}", entry.name) };
            match digest {
                Some(digest) => files.push(ArtifactFile { path, digest, bytes: entry.bytes }),
                None => waiting.push(path),
            }
        }
        if files.len() >= most {
            break;
        }
    }
    files.truncate(most);
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}
