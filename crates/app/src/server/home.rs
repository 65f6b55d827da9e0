//! The home folder: one server at a time, private to its user.
//!
//! ```text
//! <home>/lock           held while a server runs
//! <home>/server.json    address and process of the running server
//! <home>/metadata.db    SQLite
//! <home>/signing.key    Ed25519 seed, mode 0600
//! <home>/objects/       content-addressed bytes
//! <home>/log/           inference log
//! <home>/environments/  Python environments
//! <home>/runs/          work folders and logs of pipeline steps
//! ```

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use pitcrew_kernel::{Error, Result};
use serde_json::json;

/// A home folder this process owns until the value is dropped.
#[derive(Debug)]
pub(crate) struct Home {
    path: PathBuf,
    _lock: File,
}

impl Home {
    /// Makes the folder if needed and takes its lock.
    ///
    /// # Errors
    /// `HOME_IN_USE`, `HOME_READ_ONLY`, `HOME_UNUSABLE`.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| unusable(path, &error))?;
        let path = path.canonicalize().map_err(|error| unusable(path, &error))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join("lock"))
            .map_err(|error| unusable(&path, &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(in_use(&path)),
            Err(TryLockError::Error(error)) => Err(unusable(&path, &error)),
        }
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A folder below it, made if needed.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.path.join(name);
        std::fs::create_dir_all(&folder).map_err(|error| unusable(&folder, &error))?;
        Ok(folder)
    }

    /// Says where this server listens, for the command line and for people.
    pub(crate) fn announce(&self, url: &str) -> Result<()> {
        let text = json!({ "url": url, "pid": std::process::id() }).to_string();
        let (temporary, target) = (self.path.join("server.json.new"), self.path.join("server.json"));
        let write = || -> std::io::Result<()> {
            let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&temporary)?;
            file.write_all(text.as_bytes())?;
            std::fs::rename(&temporary, &target)
        };
        write().map_err(|error| unusable(&self.path, &error))
    }

    /// Takes the announcement back.
    pub(crate) fn withdraw(&self) {
        // A stale file only misleads until the next start; nothing depends on it.
        let _gone = std::fs::remove_file(self.path.join("server.json"));
    }
}

/// The address of the server that runs on `home`, if one has announced itself.
pub(crate) fn announced(home: &Path) -> Option<String> {
    let text = std::fs::read_to_string(home.join("server.json")).ok()?;
    let value: serde_json::Value = serde_json::from_str(&text).ok()?;
    value.get("url")?.as_str().map(str::to_owned)
}

fn in_use(path: &Path) -> Error {
    let where_at = announced(path).map(|url| format!(" at {url}")).unwrap_or_default();
    Error::conflict("HOME_IN_USE", format!("another pitcrew is running on `{}`{where_at}", path.display()))
        .hint("use that one, stop it first, or choose another folder with `--home`")
}

fn unusable(path: &Path, error: &std::io::Error) -> Error {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            Error::unavailable("HOME_READ_ONLY", format!("`{}` cannot be written: {error}", path.display()))
                .hint("make it writable for the user that runs pitcrew, or choose another folder with `--home`")
        }
        ErrorKind::StorageFull => {
            Error::unavailable("DISK_FULL", format!("the disk that holds `{}` is full", path.display()))
                .hint("free some space, then start again; nothing acknowledged was lost")
        }
        _ => {
            Error::unavailable("HOME_UNUSABLE", format!("`{}` cannot be used as home folder: {error}", path.display()))
                .hint("choose another folder with `--home`")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_has_one_owner_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = Home::open(folder.path()).unwrap();
        first.announce("http://127.0.0.1:1").unwrap();
        let error = Home::open(folder.path()).unwrap_err();
        assert_eq!(error.code(), "HOME_IN_USE");
        assert!(error.detail().contains("http://127.0.0.1:1"));
        drop(first);
        assert!(Home::open(folder.path()).is_ok());
    }
}
