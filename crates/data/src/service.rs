//! The use cases of data sets. `refresh` has a file of its own.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use pitcrew_blob::Blobs;
use pitcrew_contracts::names::{DatasetName, DatasetRef};
use pitcrew_db::{Db, Tx};
use pitcrew_kernel::{Access, Clock, Ctx, Digest, Error, Ids, Page, PageRequest, Result};

use crate::model::{CheckReport, Dataset, DatasetVersion, Manifest};
use crate::store::{self, SetRow};

/// Data sets: listing, refreshing, exporting.
#[derive(Debug)]
pub struct Data {
    pub(crate) db: Db,
    pub(crate) blobs: Blobs,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    /// One lock a data set: refreshes of the same one wait for each other.
    turns: Mutex<HashMap<DatasetName, Arc<tokio::sync::Mutex<()>>>>,
}

impl Data {
    /// The service over a database with this slice's tables, and objects.
    pub fn new(db: Db, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, blobs: Blobs) -> Self {
        Self { db, blobs, clock, ids, turns: Mutex::default() }
    }

    /// The declared data sets by name, each with its newest version.
    ///
    /// # Errors
    /// `FORBIDDEN`, `PAGE_INVALID`.
    pub async fn list(&self, ctx: &Ctx, page: &PageRequest) -> Result<Page<Dataset>> {
        ctx.require(Access::Read)?;
        let limit = page.limit()?;
        let after = page.page.clone().unwrap_or_default();
        let items = self.db.read(move |tx| {
            let sets = store::sets(tx, &after, limit + 1)?;
            sets.into_iter().map(|set| with_latest(tx, set)).collect::<Result<Vec<_>>>()
        });
        Ok(Page::from_overfull(items.await?, limit, |dataset| dataset.name.to_string()))
    }

    /// One data set, also one that is declared no more.
    ///
    /// # Errors
    /// `FORBIDDEN`, `DATASET_NOT_FOUND`.
    pub async fn get(&self, ctx: &Ctx, name: &DatasetName) -> Result<Dataset> {
        ctx.require(Access::Read)?;
        let name = name.clone();
        self.db.read(move |tx| known(tx, &name).and_then(|set| with_latest(tx, set))).await
    }

    /// The versions of a data set, newest first.
    ///
    /// # Errors
    /// `FORBIDDEN`, `DATASET_NOT_FOUND`, `PAGE_INVALID`.
    pub async fn versions(&self, ctx: &Ctx, name: &DatasetName, page: &PageRequest) -> Result<Page<DatasetVersion>> {
        ctx.require(Access::Read)?;
        let limit = page.limit()?;
        let before = below(page)?;
        let name = name.clone();
        let items = self.db.read(move |tx| {
            known(tx, &name)?;
            store::versions(tx, &name, before, limit + 1)
        });
        Ok(Page::from_overfull(items.await?, limit, |version| version.version.to_string()))
    }

    /// One version.
    ///
    /// # Errors
    /// `FORBIDDEN`, `DATASET_NOT_FOUND`, `DATASET_VERSION_NOT_FOUND`.
    pub async fn version(&self, ctx: &Ctx, reference: &DatasetRef) -> Result<DatasetVersion> {
        ctx.require(Access::Read)?;
        let reference = reference.clone();
        self.db
            .read(move |tx| {
                let set = known(tx, &reference.dataset)?;
                store::version(tx, &reference.dataset, reference.version)?
                    .ok_or_else(|| no_version(&reference, set.versions))
            })
            .await
    }

    /// The reports of the checks, newest first.
    ///
    /// # Errors
    /// `FORBIDDEN`, `DATASET_NOT_FOUND`, `PAGE_INVALID`.
    pub async fn check_reports(&self, ctx: &Ctx, name: &DatasetName, page: &PageRequest) -> Result<Page<CheckReport>> {
        ctx.require(Access::Read)?;
        let limit = page.limit()?;
        let before = below(page)?;
        let name = name.clone();
        let items = self.db.read(move |tx| {
            known(tx, &name)?;
            store::reports(tx, &name, before, limit + 1)
        });
        let Page { items, next } = Page::from_overfull(items.await?, limit, |(number, _)| number.to_string());
        Ok(Page { items: items.into_iter().map(|(_, report)| report).collect(), next })
    }

    /// Writes the version's files below `folder`, which exists and is empty, every byte checked against its digest. On failure the files
    /// written so far stay, and none of them is damaged.
    ///
    /// # Errors
    /// `FORBIDDEN`, `DATASET_NOT_FOUND`, `DATASET_VERSION_NOT_FOUND`, `BLOB_CORRUPT`, `BLOB_NOT_FOUND`, `BLOB_TARGET_EXISTS`, `DISK_FULL`.
    pub async fn export(&self, ctx: &Ctx, reference: &DatasetRef, folder: &Path) -> Result<Exported> {
        ctx.require(Access::Read)?;
        let manifest = self.manifest(reference).await?;
        for file in &manifest.files {
            let target = folder.join(&file.path);
            if let Some(parent) = target.parent()
                && parent != folder
            {
                tokio::fs::create_dir_all(parent)
                    .await
                    .map_err(|source| Error::internal("a folder for the export could not be made", source))?;
            }
            self.blobs.copy_to(&file.digest, &target).await?;
        }
        Ok(Exported { files: manifest.files.len(), bytes: manifest.bytes() })
    }

    async fn manifest(&self, reference: &DatasetRef) -> Result<Manifest> {
        let reference = reference.clone();
        self.db
            .read(move |tx| {
                let set = known(tx, &reference.dataset)?;
                store::manifest(tx, &reference)?.ok_or_else(|| no_version(&reference, set.versions))
            })
            .await
    }

    /// The lock of one data set.
    pub(crate) fn turn(&self, name: &DatasetName) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(name.clone()).or_default())
    }
}

/// What an export wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// Files.
    pub files: usize,
    /// Bytes.
    pub bytes: i64,
}

/// The data set of this name, declared now or before.
pub(crate) fn known(tx: &mut Tx<'_>, name: &DatasetName) -> Result<SetRow> {
    store::set(tx, name)?.ok_or_else(|| {
        Error::not_found("DATASET_NOT_FOUND", format!("there is no data set `{name}`"))
            .hint("declare it under `datasets:` in pitcrew.yaml and run `pitcrew apply`; `pitcrew data` lists those there are")
    })
}

/// Digest and rows of the newest version.
pub(crate) fn newest(tx: &mut Tx<'_>, name: &DatasetName) -> Result<(i64, Digest, i64)> {
    known(tx, name)?;
    store::latest_brief(tx, name)?.ok_or_else(|| {
        Error::not_found("DATASET_EMPTY", format!("the data set `{name}` has no version yet"))
            .hint(format!("make the first one with `pitcrew data refresh {name}`"))
    })
}

fn with_latest(tx: &mut Tx<'_>, set: SetRow) -> Result<Dataset> {
    let latest = store::latest(tx, &set.name)?;
    let SetRow { name, project, spec, versions, .. } = set;
    Ok(Dataset {
        name,
        description: spec.description,
        source: spec.source,
        time: spec.time,
        project,
        checks: spec.checks,
        versions,
        latest,
    })
}

fn no_version(reference: &DatasetRef, versions: i64) -> Error {
    let error = Error::not_found("DATASET_VERSION_NOT_FOUND", format!("there is no version `{reference}`"));
    match versions {
        0 => error.hint(format!("make the first one with `pitcrew data refresh {}`", reference.dataset)),
        last => error.hint(format!("`{}` has versions 1 to {last}", reference.dataset)),
    }
}

/// The number a list that runs downwards continues below.
fn below(page: &PageRequest) -> Result<i64> {
    let Some(token) = &page.page else { return Ok(i64::MAX) };
    token.parse().map_err(|_| Error::invalid("PAGE_INVALID", "`page` must be the `next` of the page before"))
}
