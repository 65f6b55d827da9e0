//! Content-addressed objects: the name of some bytes is their BLAKE3 digest.
//!
//! - An object is never changed. The same bytes are stored once.
//! - Every read is checked against the digest; damaged bytes are an error (`BLOB_CORRUPT`), never an answer.
//! - A write is there completely and durably, or not at all: bytes go to a scratch file first, which is synced and then renamed into place
//!   (local disk) or uploaded under its final name in one act (S3).
//! - Paths are made from digests only, so no name from outside ever reaches the file system.
//! - [`Blobs::gc`] removes what nobody refers to, but nothing younger than a grace period: whoever is about to refer to an object has
//!   either just stored it or calls [`Blobs::renew`].
//!
//! Reading, listing and deleting go through `object_store` for both kinds of store. Writing to the local disk is done here, because
//! `object_store` does not sync files or folders.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

mod blobs;
mod disk;
mod errors;
mod gc;
mod options;
mod read;
mod staging;
mod upload;
mod write;

pub use blobs::{Blobs, Object};
pub use gc::Collected;
pub use options::{Options, S3};
pub use read::{MAX_IN_MEMORY_BYTES, Reading};
pub use upload::{Stored, Upload};
