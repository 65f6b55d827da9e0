//! What can go wrong, in words for the caller.

use std::error::Error as StdError;
use std::io;
use std::path::Path;

use pitcrew_kernel::{Digest, Error, Kind};

/// How `object_store` calls its store on the local disk.
const LOCAL: &str = "LocalFileSystem";

pub(crate) fn not_found(digest: &Digest) -> Error {
    Error::not_found("BLOB_NOT_FOUND", format!("the object {digest} is not stored here"))
        .hint("it may have been collected, or lie in another home folder or bucket; storing the same bytes again brings it back")
}

pub(crate) fn corrupt(digest: &Digest) -> Error {
    // Also in the log: the answer may have begun, and can only be cut off then.
    tracing::error!(blob.digest = %digest, code = "BLOB_CORRUPT", "the stored bytes of an object do not match its digest");
    Error::new(Kind::Internal, "BLOB_CORRUPT", format!("the stored bytes of {digest} do not match their digest"))
        .hint("the disk damaged them: store the original again, or restore a backup")
}

pub(crate) fn too_large(digest: &Digest, size: u64, limit: u64) -> Error {
    Error::too_large(
        "BLOB_TOO_LARGE",
        format!("the object {digest} has {size} bytes; at most {limit} are read at once"),
    )
    .hint("read it as a stream or copy it to a file")
}

pub(crate) fn bad_range(size: u64) -> Error {
    Error::invalid("BLOB_RANGE_INVALID", format!("the range does not lie within the object's {size} bytes"))
}

/// A failure of the local disk while doing `what`.
pub(crate) fn disk(what: &'static str, source: io::Error) -> Error {
    let error = match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            Error::unavailable("DISK_FULL", format!("{what}: the disk is full"))
                .hint("free space or run `pitcrew gc`; nothing was half written, so try again afterwards")
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            Error::unavailable("BLOB_READ_ONLY", format!("{what}: the object folder cannot be written"))
                .hint("give the server's user write access to its home folder, or mount it read-write")
        }
        _ => Error::new(Kind::Internal, "INTERNAL", what),
    };
    error.with_source(source)
}

/// A failure of the object store while doing `what` with `digest`.
pub(crate) fn store(what: &'static str, digest: Option<&Digest>, source: object_store::Error) -> Error {
    use object_store::Error::{Generic, NotFound, PermissionDenied, Unauthenticated};
    match (&source, digest) {
        (NotFound { .. }, Some(digest)) => return not_found(digest).with_source(source),
        (Generic { store: LOCAL, .. }, _) => {
            if let Some(kind) = io_kind(&source) {
                return disk(what, io::Error::new(kind, source));
            }
        }
        _ => {}
    }
    // What a list answers carries its status in words only.
    let says = |word: &str| source.to_string().contains(word);
    let (why, hint) = if says("NoSuchBucket") {
        ("has no such bucket", "make the bucket, or correct its name")
    } else if matches!(source, PermissionDenied { .. } | Unauthenticated { .. }) || says(" 403 ") || says(" 401 ") {
        ("refused access", "check the key and the bucket's policy")
    } else {
        ("does not answer as it should", "try again; if it persists, check the store's address and health")
    };
    Error::unavailable("BLOB_STORE_UNAVAILABLE", format!("{what}: the object store {why}"))
        .hint(hint)
        .with_source(source)
}

/// The kind of the first I/O error in the chain of causes.
fn io_kind(error: &object_store::Error) -> Option<io::ErrorKind> {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        next = error.source();
    }
    None
}

/// A blocking task ended without an answer.
pub(crate) fn lost_task(source: tokio::task::JoinError) -> Error {
    Error::internal("a disk task ended without an answer", source)
}

/// The file to store cannot be read.
pub(crate) fn unreadable(path: &Path, source: io::Error) -> Error {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    Error::invalid("BLOB_SOURCE_UNREADABLE", format!("the file `{name}` cannot be read: {}", source.kind()))
        .hint("check that it exists, is a file and may be read by the server's user")
        .with_source(source)
}

/// The copy's file cannot be made.
pub(crate) fn target(path: &Path, source: io::Error) -> Error {
    if source.kind() == io::ErrorKind::AlreadyExists {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        return Error::conflict("BLOB_TARGET_EXISTS", format!("the file `{name}` exists already"))
            .hint("copy into an empty folder");
    }
    disk("copying an object", source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(store_name: &'static str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        store("storing an object", None, object_store::Error::Generic { store: store_name, source: source.into() })
    }

    #[test]
    fn a_network_that_fails_is_no_defect_of_ours_and_no_full_disk() {
        for kind in [io::ErrorKind::ConnectionRefused, io::ErrorKind::TimedOut, io::ErrorKind::StorageFull] {
            assert_eq!(said("S3", io::Error::from(kind)).code(), "BLOB_STORE_UNAVAILABLE", "{kind:?}");
        }
        assert_eq!(said(LOCAL, io::Error::from(io::ErrorKind::StorageFull)).code(), "DISK_FULL");
    }

    #[test]
    fn a_refusal_says_what_to_look_at() {
        let bucket = said("S3", "Client error with status 404 Not Found: <Code>NoSuchBucket</Code>");
        let access = said("S3", "Client error with status 403 Forbidden: no body");
        let other = said("S3", "Server error with status 500");
        for (error, word) in [(bucket, "no such bucket"), (access, "refused access"), (other, "does not answer")] {
            assert_eq!(error.code(), "BLOB_STORE_UNAVAILABLE");
            assert!(error.detail().contains(word) && error.hint_text().is_some(), "{error:?}");
        }
    }
}
