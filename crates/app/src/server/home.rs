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

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
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
        keep_private(&path);
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

    /// A folder below it, made if needed, durably.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.path.join(name);
        std::fs::create_dir_all(&folder)
            .and_then(|()| File::open(&self.path)?.sync_all())
            .map_err(|error| unusable(&folder, &error))?;
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

/// The address of the server that runs on `home`, if one has announced itself and was not killed since.
pub(crate) fn announced(home: &Path) -> Option<String> {
    let text = std::fs::read_to_string(home.join("server.json")).ok()?;
    let value: serde_json::Value = serde_json::from_str(&text).ok()?;
    let pid = i32::try_from(value.get("pid")?.as_i64()?).ok()?;
    let gone = kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH);
    value.get("url")?.as_str().map(str::to_owned).filter(|_| !gone)
}

/// Whether a server runs on `home`.
pub(crate) fn is_running(home: &Path) -> bool {
    File::open(home.join("lock")).is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// A folder that others can look into is closed to them. Where that is not allowed (a volume that somebody else owns), its owner has decided.
fn keep_private(path: &Path) {
    let open = std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0);
    if open && std::fs::set_permissions(path, Permissions::from_mode(0o700)).is_err() {
        tracing::warn!(home = %path.display(), "others may look into the home folder, and its mode cannot be changed");
    }
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
        assert!(is_running(folder.path()));
        drop(first);
        assert!(!is_running(folder.path()));
        assert!(Home::open(folder.path()).is_ok());
        let mode = std::fs::metadata(folder.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn what_a_killed_server_has_announced_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        Home::open(folder.path()).unwrap().announce("http://127.0.0.1:1").unwrap();
        assert_eq!(announced(folder.path()).as_deref(), Some("http://127.0.0.1:1"));
        let mut gone = std::process::Command::new("true").spawn().unwrap();
        gone.wait().unwrap();
        let text = json!({ "url": "http://127.0.0.1:1", "pid": gone.id() }).to_string();
        std::fs::write(folder.path().join("server.json"), text).unwrap();
        assert_eq!(announced(folder.path()), None);
    }
}
