//! Everything of a home folder in one file, and back.
//!
//! The database is copied page by page through SQLite's own backup, so a running server is not stopped and the copy is one moment. Objects and
//! log files never change once written, so they are copied after it: whatever the database names is there.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pitcrew_kernel::{Error, Result};
use serde_json::json;

use super::args::{Backup, Restore};
use super::out::Out;

/// What belongs to a backup besides the database. Environments and work folders are made again when needed.
const KEPT: &[&str] = &["objects", "log", "signing.key"];
const DATABASE: &str = "metadata.db";

pub(crate) async fn backup(plan: &Backup, home: &Path, out: Out) -> Result<ExitCode> {
    let (file, home) = (plan.file.clone(), home.to_path_buf());
    let bytes = tokio::task::spawn_blocking(move || pack(&file, &home))
        .await
        .map_err(|source| Error::internal("the backup did not finish", source))??;
    out.result(&json!({ "file": plan.file, "bytes": bytes }), |_| {
        format!("wrote {} ({bytes} bytes)", plan.file.display())
    });
    Ok(ExitCode::SUCCESS)
}

fn pack(file: &Path, home: &Path) -> Result<u64> {
    let database = home.join(DATABASE);
    if !database.is_file() {
        return Err(Error::not_found(
            "HOME_EMPTY",
            format!("`{}` is not a home folder with a database", home.display()),
        )
        .hint("name it with `--home`; a server on PostgreSQL is backed up with PostgreSQL's own tools"));
    }
    let failed = |source: std::io::Error| {
        Error::unavailable("BACKUP_FAILED", format!("`{}` cannot be written: {source}", file.display()))
    };
    let folder =
        tempfile::tempdir_in(file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
            .map_err(failed)?;
    let copy = folder.path().join(DATABASE);
    pitcrew_db::backup(&database, &copy)?;
    let unfinished = folder.path().join("backup.tar");
    let mut archive = tar::Builder::new(File::create(&unfinished).map_err(failed)?);
    archive.follow_symlinks(false);
    archive.append_path_with_name(&copy, DATABASE).map_err(failed)?;
    for name in KEPT {
        let path = home.join(name);
        if path.is_dir() {
            archive.append_dir_all(name, &path).map_err(failed)?;
        } else if path.is_file() {
            archive.append_path_with_name(&path, name).map_err(failed)?;
        }
    }
    let done = archive.into_inner().map_err(failed)?;
    done.sync_all().map_err(failed)?;
    let bytes = done.metadata().map_err(failed)?.len();
    // Until here the old backup of the same name is untouched.
    std::fs::rename(&unfinished, file).map_err(failed)?;
    Ok(bytes)
}

pub(crate) fn restore(plan: &Restore, home: &Path, out: Out) -> Result<ExitCode> {
    let occupied = home.read_dir().is_ok_and(|mut entries| entries.next().is_some());
    if occupied {
        return Err(Error::conflict("HOME_NOT_EMPTY", format!("`{}` is not empty", home.display()))
            .hint("restore into a new folder with `--home`"));
    }
    let failed = |source: std::io::Error| {
        Error::unavailable("RESTORE_FAILED", format!("`{}` cannot be restored: {source}", plan.file.display()))
    };
    let file = File::open(&plan.file).map_err(failed)?;
    let parent = home.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(failed)?;
    // Unpacked beside and renamed: a half restored home never exists under its name.
    let folder = tempfile::tempdir_in(parent).map_err(failed)?;
    unpack(file, folder.path())?;
    if !folder.path().join(DATABASE).is_file() {
        return Err(Error::invalid("BACKUP_INVALID", format!("`{}` is not a backup of pitcrew", plan.file.display())));
    }
    if home.is_dir() {
        std::fs::remove_dir(home).map_err(failed)?;
    }
    std::fs::rename(folder.keep(), home).map_err(failed)?;
    out.result(&json!({ "home": home }), |_| {
        format!("restored {}; start it with `pitcrew up --home {}`", home.display(), home.display())
    });
    Ok(ExitCode::SUCCESS)
}

/// Only plain files and folders under the names a backup holds; anything else in the archive is refused.
fn unpack(file: File, into: &Path) -> Result<()> {
    let invalid =
        |why: String| Error::invalid("BACKUP_INVALID", format!("the archive is not a backup of pitcrew: {why}"));
    let mut archive = tar::Archive::new(file);
    for entry in archive.entries().map_err(|error| invalid(error.to_string()))? {
        let mut entry = entry.map_err(|error| invalid(error.to_string()))?;
        let path: PathBuf = entry.path().map_err(|error| invalid(error.to_string()))?.into_owned();
        let top =
            path.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned()).unwrap_or_default();
        let kind = entry.header().entry_type();
        if !(kind.is_file() || kind.is_dir()) || !(top == DATABASE || KEPT.contains(&top.as_str())) {
            return Err(invalid(format!("it holds `{}`", path.display())));
        }
        if !entry.unpack_in(into).map_err(|error| invalid(error.to_string()))? {
            return Err(invalid(format!("`{}` leads out of the folder", path.display())));
        }
    }
    Ok(())
}
