//! The files of a source as they are on disk. Blocking code.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use pitcrew_kernel::{Digest, Error, Result};

use crate::pattern::Pattern;

/// The most files one data set may have.
pub const MAX_FILES: usize = 10_000;
/// The most bytes one file may have.
pub const MAX_FILE_BYTES: u64 = 256 << 20;
/// The most bytes all files of a data set may have together.
pub const MAX_SOURCE_BYTES: u64 = 2 << 30;
/// The most entries of folders looked at, so that a pattern at the top of a large tree ends.
const MAX_ENTRIES: usize = 200_000;
/// How deep folders may lie.
const MAX_DEPTH: usize = 32;

/// A file that belongs to a source.
#[derive(Debug, Clone)]
pub(crate) struct SourceFile {
    /// Relative to the pattern's base, with `/`.
    pub(crate) path: String,
    /// Where it is, after links were followed.
    pub(crate) place: PathBuf,
    /// How it looked when it was found.
    pub(crate) stat: Stat,
}

/// How a file looks from outside. While this stays the same, its bytes are taken to be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) size: i64,
    pub(crate) modified_ns: i64,
    pub(crate) changed_ns: i64,
    pub(crate) inode: i64,
}

impl Stat {
    fn of(metadata: &fs::Metadata) -> Self {
        let nanos = |seconds: i64, nanos: i64| seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
        Self {
            size: i64::try_from(metadata.len()).unwrap_or(i64::MAX),
            modified_ns: nanos(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: nanos(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino().cast_signed(),
        }
    }
}

impl SourceFile {
    /// The digest of its bytes now, in constant memory.
    ///
    /// # Errors
    /// `DATA_SOURCE_UNREADABLE`, `DATA_SOURCE_CHANGED` when it is being written.
    pub(crate) fn hash(&self) -> Result<Digest> {
        let read = || -> io::Result<Digest> {
            let mut file = File::open(&self.place)?;
            let mut hasher = blake3::Hasher::new();
            let mut buffer = vec![0; 256 * 1024];
            loop {
                match file.read(&mut buffer) {
                    Ok(0) => return Ok(Digest::from_bytes(*hasher.finalize().as_bytes())),
                    Ok(read) => hasher.update(&buffer[..read]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error),
                };
            }
        };
        let digest = read().map_err(|source| unreadable(&self.path, source))?;
        self.still()?;
        Ok(digest)
    }

    /// Checks that it looks as it did when it was found.
    ///
    /// # Errors
    /// `DATA_SOURCE_CHANGED`.
    pub(crate) fn still(&self) -> Result<()> {
        match fs::metadata(&self.place) {
            Ok(metadata) if Stat::of(&metadata) == self.stat => Ok(()),
            _ => Err(changed(&self.path)),
        }
    }
}

/// The source's files below `root`, by path. Hidden files are left out; linked folders are not entered.
///
/// # Errors
/// `DATA_SOURCE_EMPTY`, `DATA_SOURCE_OUTSIDE`, `DATA_SOURCE_UNREADABLE`, `DATA_SOURCE_TOO_LARGE`.
pub(crate) fn list(root: &Path, pattern: &Pattern) -> Result<Vec<SourceFile>> {
    let root = root.canonicalize().map_err(|source| unreadable("the project folder", source))?;
    let mut base = root.clone();
    base.extend(pattern.base());
    let mut walk = Walk { root: &root, pattern, entries: 0, files: Vec::new() };
    match base.canonicalize() {
        Ok(real) if !real.starts_with(&root) => return Err(outside(&pattern.base().join("/"))),
        Ok(real) => walk.folder(&real, "", 1)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unreadable(&pattern.base().join("/"), error)),
    }
    let mut files = walk.files;
    if files.is_empty() {
        return Err(Error::precondition("DATA_SOURCE_EMPTY", format!("no file matches `{}`", pattern.text()))
            .hint("put the files below the project folder, or correct `source` in pitcrew.yaml and apply it"));
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let total = files.iter().fold(0u64, |sum, file| sum.saturating_add(file.stat.size.unsigned_abs()));
    if total > MAX_SOURCE_BYTES {
        return Err(too_large(format!("the files have {total} bytes together; at most {MAX_SOURCE_BYTES}")));
    }
    Ok(files)
}

struct Walk<'a> {
    root: &'a Path,
    pattern: &'a Pattern,
    entries: usize,
    files: Vec<SourceFile>,
}

impl Walk<'_> {
    /// Looks through one folder; `prefix` is its path relative to the base, with a final `/` unless empty.
    fn folder(&mut self, folder: &Path, prefix: &str, level: usize) -> Result<()> {
        if level > MAX_DEPTH {
            return Err(too_large(format!("folders lie more than {MAX_DEPTH} deep")));
        }
        let entries = fs::read_dir(folder).map_err(|source| unreadable(prefix, source))?;
        for entry in entries {
            let entry = entry.map_err(|source| unreadable(prefix, source))?;
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(too_large(format!("the folder holds more than {MAX_ENTRIES} entries")));
            }
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                return Err(unreadable(
                    &format!("{prefix}{}", name.to_string_lossy()),
                    io::ErrorKind::InvalidFilename.into(),
                ));
            };
            if name.starts_with('.') {
                continue;
            }
            let path = format!("{prefix}{name}");
            let kind = entry.file_type().map_err(|source| unreadable(&path, source))?;
            if kind.is_dir() {
                if self.pattern.reaches(level + 1) {
                    self.folder(&entry.path(), &format!("{path}/"), level + 1)?;
                }
            } else if self.pattern.matches(&path) {
                self.file(path, entry.path(), kind.is_symlink())?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: String, place: PathBuf, linked: bool) -> Result<()> {
        let place = if linked { place.canonicalize().map_err(|source| unreadable(&path, source))? } else { place };
        if !place.starts_with(self.root) {
            return Err(outside(&path));
        }
        let metadata = fs::metadata(&place).map_err(|source| unreadable(&path, source))?;
        if !metadata.is_file() {
            return Err(unreadable(&path, io::ErrorKind::InvalidInput.into()));
        }
        if metadata.len() > MAX_FILE_BYTES {
            return Err(too_large(format!("`{path}` has {} bytes; at most {MAX_FILE_BYTES}", metadata.len())));
        }
        if self.files.len() == MAX_FILES {
            return Err(too_large(format!("`{}` matches more than {MAX_FILES} files", self.pattern.text())));
        }
        self.files.push(SourceFile { path, place, stat: Stat::of(&metadata) });
        Ok(())
    }
}

pub(crate) fn changed(path: &str) -> Error {
    Error::conflict("DATA_SOURCE_CHANGED", format!("`{path}` changed while it was read"))
        .hint("write new files elsewhere and rename them into place; then refresh again")
}

fn outside(path: &str) -> Error {
    Error::invalid("DATA_SOURCE_OUTSIDE", format!("`{path}` is a link to a place outside of the project folder"))
        .hint("copy the data into the project folder, or declare a project whose folder holds it")
}

fn unreadable(path: &str, source: io::Error) -> Error {
    Error::invalid("DATA_SOURCE_UNREADABLE", format!("`{path}` cannot be read: {}", source.kind()))
        .hint("it must be a regular file or folder that the server's user may read")
        .with_source(source)
}

fn too_large(what: String) -> Error {
    Error::too_large("DATA_SOURCE_TOO_LARGE", what).hint("narrow `source`, or split the data set")
}
