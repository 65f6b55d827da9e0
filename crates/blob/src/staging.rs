//! Scratch files: bytes on their way into the store. Blocking code; callers run it off the async threads.

use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pitcrew_kernel::{Digest, Timestamp};

/// How much is copied at a time.
const COPY_BUFFER_BYTES: usize = 256 * 1024;

/// Makes scratch names different within this process; the process id makes them different between processes.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A scratch file being written. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct Staging {
    file: File,
    path: Scratch,
    hasher: blake3::Hasher,
    size: u64,
}

/// A complete, synced scratch file. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) path: Scratch,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

/// The path of a scratch file, removed on drop unless it was renamed away.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn as_path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(error = %error, "a scratch file could not be removed; the next start removes it");
        }
    }
}

impl Staging {
    pub(crate) fn create(folder: &Path) -> io::Result<Self> {
        let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = folder.join(name);
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok(Self { file, path: Scratch(path), hasher: blake3::Hasher::new(), size: 0 })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Copies a file to its end.
    pub(crate) fn copy_from(&mut self, source: &mut File) -> io::Result<()> {
        let mut buffer = vec![0; COPY_BUFFER_BYTES];
        loop {
            let read = match source.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.write(&buffer[..read])?;
        }
    }

    /// Ends writing: the file is read-only, dated `now`, and on the disk when this returns.
    pub(crate) fn seal(self, now: Timestamp) -> io::Result<Sealed> {
        let Self { file, path, hasher, size } = self;
        file.set_times(dated(now))?;
        let mut permissions = file.metadata()?.permissions();
        permissions.set_readonly(true);
        file.set_permissions(permissions)?;
        file.sync_all()?;
        Ok(Sealed { path, digest: Digest::from_bytes(*hasher.finalize().as_bytes()), size })
    }
}

/// The times an object written at `now` carries. Garbage collection compares them with the same clock.
pub(crate) fn dated(now: Timestamp) -> FileTimes {
    let since_epoch = Duration::from_micros(u64::try_from(now.micros()).unwrap_or(0));
    let time: SystemTime = UNIX_EPOCH + since_epoch;
    FileTimes::new().set_modified(time).set_accessed(time)
}

/// Removes what interrupted writes left behind.
pub(crate) fn sweep(folder: &Path) -> io::Result<u64> {
    let mut removed = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Whether the file holds exactly the bytes of `digest`.
pub(crate) fn is_intact(path: &Path, digest: &Digest, size: u64) -> io::Result<bool> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() != size {
        return Ok(false);
    }
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; COPY_BUFFER_BYTES];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finalize().as_bytes() == digest.as_bytes()),
            Ok(read) => hasher.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
    }
}

/// Makes a folder and those above it that are missing, each durably.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_folder(parent)?;
    match fs::create_dir(folder) {
        // Somebody else made it just now, and may not have come to the sync.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other?,
    }
    sync_folder(parent)
}

/// Makes a folder's entries durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
