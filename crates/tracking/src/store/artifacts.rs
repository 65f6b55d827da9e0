//! The tree of artifacts. Bytes are objects; this is where they hang.

use std::collections::HashSet;

use pitcrew_db::Tx;
use pitcrew_kernel::{Digest, Result};

use crate::model::ArtifactEntry;

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Folder,
    File { digest: Digest, bytes: u64 },
}

pub(crate) fn at(tx: &mut Tx<'_>, parent: &str, name: &str) -> Result<Option<Found>> {
    tx.optional(
        "SELECT digest, bytes FROM tracking_artifacts WHERE parent = $1 AND name = $2",
        &[parent.into(), name.into()],
        |row| {
            let bytes = size(row.int(1)?);
            Ok(row.opt_parsed(0)?.map_or(Found::Folder, |digest| Found::File { digest, bytes }))
        },
    )
}

/// Hangs a file in its folder, or replaces the file of that name.
pub(crate) fn put_file(
    tx: &mut Tx<'_>,
    (parent, name): (&str, &str),
    digest: Digest,
    bytes: u64,
    now_ms: i64,
) -> Result<()> {
    put(tx, (parent, name), Some(digest), bytes, now_ms)
}

pub(crate) fn put_folder(tx: &mut Tx<'_>, (parent, name): (&str, &str), now_ms: i64) -> Result<()> {
    put(tx, (parent, name), None, 0, now_ms)
}

fn put(tx: &mut Tx<'_>, (parent, name): (&str, &str), digest: Option<Digest>, bytes: u64, now_ms: i64) -> Result<()> {
    tx.exec(
        "INSERT INTO tracking_artifacts (parent, name, digest, bytes, changed_ms) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (parent, name) DO UPDATE SET digest = excluded.digest, bytes = excluded.bytes, changed_ms = excluded.changed_ms",
        &[
            parent.into(),
            name.into(),
            digest.into(),
            i64::try_from(bytes).unwrap_or(i64::MAX).into(),
            now_ms.into(),
        ],
    )
    .map(drop)
}

/// The entries of a folder by name; digests of files.
pub(crate) fn list(tx: &mut Tx<'_>, folder: &str, limit: usize) -> Result<Vec<(ArtifactEntry, Option<Digest>)>> {
    tx.all(
        "SELECT name, digest, bytes FROM tracking_artifacts WHERE parent = $1 ORDER BY name LIMIT $2",
        &[folder.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()],
        |row| {
            let digest: Option<Digest> = row.opt_parsed(1)?;
            let entry = ArtifactEntry { name: row.text(0)?, is_dir: digest.is_none(), bytes: size(row.int(2)?) };
            Ok((entry, digest))
        },
    )
}

pub(crate) fn remove(tx: &mut Tx<'_>, parent: &str, name: &str) -> Result<()> {
    tx.exec("DELETE FROM tracking_artifacts WHERE parent = $1 AND name = $2", &[parent.into(), name.into()]).map(drop)
}

/// Removes the entries of a folder; answers which of them were folders.
pub(crate) fn empty(tx: &mut Tx<'_>, folder: &str) -> Result<Vec<String>> {
    let folders =
        tx.all("SELECT name FROM tracking_artifacts WHERE parent = $1 AND digest IS NULL", &[folder.into()], |row| {
            row.text(0)
        })?;
    tx.exec("DELETE FROM tracking_artifacts WHERE parent = $1", &[folder.into()])?;
    Ok(folders)
}

/// Every object an artifact refers to.
pub(crate) fn digests(tx: &mut Tx<'_>) -> Result<HashSet<Digest>> {
    let mut found = HashSet::new();
    tx.for_each("SELECT DISTINCT digest FROM tracking_artifacts WHERE digest IS NOT NULL", &[], &mut |row| {
        found.insert(row.parsed(0)?);
        Ok(())
    })?;
    Ok(found)
}

fn size(bytes: i64) -> u64 {
    u64::try_from(bytes).unwrap_or(0)
}
