//! Everything of a home folder in one file, and back.
//!
//! The database is copied page by page through SQLite's own backup, so a running server is not stopped and the copy is one moment. Objects and
//! log files never change once written, so they are copied after it: whatever the database names is there. What grows, the open segments of
//! the inference log, is held open from before: a segment that goes into Parquet meanwhile is in the backup as it was.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pitcrew_kernel::{Error, Result};
use serde_json::json;

use super::args::{Backup, Restore};
use super::out::Out;

/// What belongs to a backup besides the database. Environments and work folders are made again when needed.
const KEPT: &[&str] = &["objects", LOG, "signing.key"];
const LOG: &str = "log";
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
    let mut growing = BTreeMap::new();
    hold_segments(home, &mut growing).map_err(failed)?;
    let copy = folder.path().join(DATABASE);
    pitcrew_db::backup(&database, &copy)?;
    hold_segments(home, &mut growing).map_err(failed)?;
    let unfinished = folder.path().join("backup.tar");
    // It holds the signing key: only its owner may read it.
    let private = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished);
    let mut archive = tar::Builder::new(private.map_err(failed)?);
    append(&mut archive, Path::new(DATABASE), &File::open(&copy).map_err(failed)?).map_err(failed)?;
    for (path, file) in &growing {
        append(&mut archive, path, file).map_err(failed)?;
    }
    for name in KEPT {
        append_all(&mut archive, home, Path::new(name), &growing).map_err(failed)?;
    }
    let done = archive.into_inner().map_err(failed)?;
    done.sync_all().map_err(failed)?;
    let bytes = done.metadata().map_err(failed)?.len();
    // Until here the old backup of the same name is untouched.
    std::fs::rename(&unfinished, file).map_err(failed)?;
    Ok(bytes)
}

/// Opens the segments that are not held yet, by their path below `home`.
fn hold_segments(home: &Path, held: &mut BTreeMap<PathBuf, File>) -> std::io::Result<()> {
    let log = home.join(LOG);
    for path in pitcrew_serving::open_segments(&log).map_err(std::io::Error::other)? {
        let name = Path::new(LOG).join(path.strip_prefix(&log).unwrap_or(&path));
        if let (false, Some(file)) = (held.contains_key(&name), open(&path)?) {
            held.insert(name, file);
        }
    }
    Ok(())
}

/// Opens a file; `None` when it is gone: a segment that went into Parquet, or an upload that ended.
fn open(path: &Path) -> std::io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Adds a file as long as it is now: what is written to it meanwhile is not in the archive.
fn append(archive: &mut tar::Builder<File>, name: &Path, file: &File) -> std::io::Result<()> {
    let meta = file.metadata()?;
    let mut header = tar::Header::new_gnu();
    header.set_metadata(&meta);
    archive.append_data(&mut header, name, file.take(meta.len()))
}

/// Adds the file or folder `name` of `home` with all that is in it, except what `done` has. Links are passed over.
fn append_all(
    archive: &mut tar::Builder<File>,
    home: &Path,
    name: &Path,
    done: &BTreeMap<PathBuf, File>,
) -> std::io::Result<()> {
    let path = home.join(name);
    let kind = match path.symlink_metadata() {
        Ok(meta) => meta.file_type(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if kind.is_dir() {
        for entry in path.read_dir()? {
            append_all(archive, home, &name.join(entry?.file_name()), done)?;
        }
    } else if kind.is_file()
        && !done.contains_key(name)
        && let Some(file) = open(&path)?
    {
        append(archive, name, &file)?;
    }
    Ok(())
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
