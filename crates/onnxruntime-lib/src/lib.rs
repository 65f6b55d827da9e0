//! Carries the ONNX Runtime shared library inside the binary, when the build was given one, and unpacks it once.
//!
//! A crate of its own so that an ordinary edit never compresses or links 35 MB. `build.rs` reads the path from `PITCREW_ONNXRUNTIME_LIB`;
//! without it nothing is embedded and [`unpack`] says so.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use pitcrew_kernel::{Digest, Error, Result};

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// A library in its compressed form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Embedded {
    /// The file's name.
    name: &'static str,
    /// Size of the library, unpacked.
    bytes: usize,
    /// BLAKE3 of the library, unpacked.
    digest: [u8; 32],
    /// The library, zstd.
    library: &'static [u8],
    /// Size of the notices, unpacked.
    notices_bytes: usize,
    /// Licence and third-party notices, zstd.
    notices: &'static [u8],
}

/// Whether this binary carries the library.
pub const fn is_embedded() -> bool {
    EMBEDDED.is_some()
}

/// The licence of the embedded library and the notices of what it contains; `None` when nothing is embedded.
///
/// # Errors
/// `INTERNAL` when the embedded bytes are damaged.
pub fn notices() -> Result<Option<String>> {
    let read = |embedded: Embedded| {
        let text = zstd::bulk::decompress(embedded.notices, embedded.notices_bytes).map_err(damaged)?;
        String::from_utf8(text).map_err(|error| damaged(io::Error::other(error)))
    };
    EMBEDDED.map(read).transpose()
}

/// Puts the embedded library into `<cache>/onnxruntime/<digest>/` unless it lies there already, and gives its path; `None` when nothing is
/// embedded. The file is verified by digest every time, so a damaged or tampered copy is replaced.
///
/// # Errors
/// `SERVING_ENGINE_MISSING` when the folder cannot be written.
pub fn unpack(cache: &Path) -> Result<Option<PathBuf>> {
    EMBEDDED.map(|embedded| embedded.unpack(cache)).transpose()
}

impl Embedded {
    fn unpack(&self, cache: &Path) -> Result<PathBuf> {
        let digest = Digest::from_bytes(self.digest);
        let folder = cache.join("onnxruntime").join(&digest.hex()[..16]);
        let path = folder.join(self.name);
        if self.lies_at(&path) {
            return Ok(path);
        }
        let bytes = zstd::bulk::decompress(self.library, self.bytes).map_err(damaged)?;
        if blake3::hash(&bytes).as_bytes() != &self.digest {
            return Err(damaged(io::Error::other("digest differs")));
        }
        store(&folder, &path, &bytes).map_err(|error| {
            let sentence = format!("cannot unpack ONNX Runtime into `{}`", folder.display());
            let hint = "make the folder writable, or put `libonnxruntime.so` beside the `pitcrew` binary";
            Error::unavailable("SERVING_ENGINE_MISSING", sentence).hint(hint).with_source(error)
        })?;
        Ok(path)
    }

    fn lies_at(&self, path: &Path) -> bool {
        let right_size = fs::metadata(path).is_ok_and(|meta| meta.len() == self.bytes as u64);
        right_size && fs::read(path).is_ok_and(|bytes| blake3::hash(&bytes).as_bytes() == &self.digest)
    }
}

fn damaged(error: io::Error) -> Error {
    Error::internal("the ONNX Runtime library in this binary is damaged", error)
}

/// Writes beside the target, makes it durable, then renames: another process sees the whole file or none.
fn store(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Embedded {
        let library = b"\x7fELF not really".repeat(1000);
        let digest = *blake3::hash(&library).as_bytes();
        let packed = zstd::bulk::compress(&library, 3).unwrap().leak();
        Embedded { name: "libsample.so", bytes: library.len(), digest, library: packed, notices_bytes: 0, notices: &[] }
    }

    #[test]
    fn unpacking_again_keeps_the_file_and_replaces_a_damaged_one() {
        let home = tempfile::tempdir().unwrap();
        let path = sample().unpack(home.path()).unwrap();
        let first = fs::read(&path).unwrap();
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        assert_eq!(sample().unpack(home.path()).unwrap(), path);
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), written, "not written twice");

        let mut spoiled = first.clone();
        spoiled[7] ^= 1;
        fs::write(&path, &spoiled).unwrap();
        sample().unpack(home.path()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), first);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn damage_and_unwritable_folders_are_errors() {
        let home = tempfile::tempdir().unwrap();
        let blocked = home.path().join("file");
        fs::write(&blocked, "in the way").unwrap();
        assert_eq!(sample().unpack(&blocked).unwrap_err().code(), "SERVING_ENGINE_MISSING");
        let wrong = Embedded { digest: [0; 32], ..sample() };
        assert_eq!(wrong.unpack(home.path()).unwrap_err().code(), "INTERNAL");
        let cut = Embedded { library: &sample().library[..20], ..sample() };
        assert_eq!(cut.unpack(home.path()).unwrap_err().code(), "INTERNAL");
    }

    #[test]
    fn what_the_build_embedded_unpacks() {
        let home = tempfile::tempdir().unwrap();
        let path = unpack(home.path()).unwrap();
        assert_eq!(path.is_some(), is_embedded());
        assert_eq!(notices().unwrap().is_some(), is_embedded());
    }
}
