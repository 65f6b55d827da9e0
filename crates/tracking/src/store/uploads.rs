//! Artifacts on their way in, in parts.

use std::collections::HashSet;

use pitcrew_db::Tx;
use pitcrew_kernel::{Digest, Result};

use crate::model::UploadPart;

/// An upload as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Begun {
    pub(crate) path: String,
    pub(crate) parts: i64,
    /// The artifact that it became.
    pub(crate) done: Option<(Digest, u64)>,
}

pub(crate) fn begin(tx: &mut Tx<'_>, upload_id: &str, path: &str, parts: i64, now_ms: i64) -> Result<()> {
    tx.exec(
        "INSERT INTO tracking_uploads (upload_id, path, parts, touched_ms, done_digest, done_bytes) VALUES ($1, $2, $3, $4, NULL, 0)",
        &[upload_id.into(), path.into(), parts.into(), now_ms.into()],
    )
    .map(drop)
}

/// How many uploads are open.
pub(crate) fn count(tx: &mut Tx<'_>) -> Result<i64> {
    tx.one("SELECT count(*) FROM tracking_uploads WHERE done_digest IS NULL", &[], |row| row.int(0))
}

pub(crate) fn find(tx: &mut Tx<'_>, upload_id: &str) -> Result<Option<Begun>> {
    tx.optional(
        "SELECT path, parts, done_digest, done_bytes FROM tracking_uploads WHERE upload_id = $1",
        &[upload_id.into()],
        |row| {
            let bytes = u64::try_from(row.int(3)?).unwrap_or(0);
            Ok(Begun { path: row.text(0)?, parts: row.int(1)?, done: row.opt_parsed(2)?.map(|digest| (digest, bytes)) })
        },
    )
}

/// Puts a part in its place; one that is sent again takes the place of the first.
pub(crate) fn put_part(tx: &mut Tx<'_>, upload_id: &str, part: &UploadPart, now_ms: i64) -> Result<()> {
    let bytes = i64::try_from(part.bytes).unwrap_or(i64::MAX);
    tx.exec(
        "INSERT INTO tracking_upload_parts (upload_id, part, digest, bytes) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (upload_id, part) DO UPDATE SET digest = excluded.digest, bytes = excluded.bytes",
        &[upload_id.into(), part.number.into(), part.digest.into(), bytes.into()],
    )?;
    tx.exec("UPDATE tracking_uploads SET touched_ms = $1 WHERE upload_id = $2", &[now_ms.into(), upload_id.into()])
        .map(drop)
}

/// The parts that are there, by number.
pub(crate) fn parts(tx: &mut Tx<'_>, upload_id: &str) -> Result<Vec<UploadPart>> {
    tx.all(
        "SELECT part, digest, bytes FROM tracking_upload_parts WHERE upload_id = $1 ORDER BY part",
        &[upload_id.into()],
        |row| {
            Ok(UploadPart {
                number: row.int(0)?,
                digest: row.parsed(1)?,
                bytes: u64::try_from(row.int(2)?).unwrap_or(0),
            })
        },
    )
}

/// Notes what an upload became; its parts are needed no more.
pub(crate) fn finish(tx: &mut Tx<'_>, upload_id: &str, (digest, bytes): (Digest, u64), now_ms: i64) -> Result<()> {
    tx.exec("DELETE FROM tracking_upload_parts WHERE upload_id = $1", &[upload_id.into()])?;
    tx.exec(
        "UPDATE tracking_uploads SET done_digest = $1, done_bytes = $2, touched_ms = $3 WHERE upload_id = $4",
        &[digest.into(), i64::try_from(bytes).unwrap_or(i64::MAX).into(), now_ms.into(), upload_id.into()],
    )
    .map(drop)
}

pub(crate) fn remove(tx: &mut Tx<'_>, upload_id: &str) -> Result<()> {
    tx.exec("DELETE FROM tracking_upload_parts WHERE upload_id = $1", &[upload_id.into()])?;
    tx.exec("DELETE FROM tracking_uploads WHERE upload_id = $1", &[upload_id.into()]).map(drop)
}

/// Removes what nobody has touched since `before_ms`; answers how many that were.
pub(crate) fn forget(tx: &mut Tx<'_>, before_ms: i64) -> Result<u64> {
    tx.exec(
        "DELETE FROM tracking_upload_parts WHERE upload_id IN (SELECT upload_id FROM tracking_uploads WHERE touched_ms < $1)",
        &[before_ms.into()],
    )?;
    tx.exec("DELETE FROM tracking_uploads WHERE touched_ms < $1", &[before_ms.into()])
}

/// Every object that a part refers to.
pub(crate) fn digests(tx: &mut Tx<'_>) -> Result<HashSet<Digest>> {
    let mut found = HashSet::new();
    tx.for_each("SELECT DISTINCT digest FROM tracking_upload_parts", &[], &mut |row| {
        found.insert(row.parsed(0)?);
        Ok(())
    })?;
    Ok(found)
}
