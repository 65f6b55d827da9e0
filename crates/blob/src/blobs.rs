//! The store itself: opening, naming, listing.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};
use pitcrew_kernel::{Clock, Digest, Result, Timestamp};
use tokio::sync::RwLock;

use crate::disk::Disk;
use crate::errors;
use crate::options::{Options, Signing};
use crate::staging;

/// The folder of finished objects.
pub(crate) const OBJECTS: &str = "objects";
const INCOMING: &str = "incoming";
/// How much of a local object is read at a time.
const LOCAL_BLOCK_BYTES: u64 = 1 << 20;
/// How much of a remote object is asked for at a time: larger, since each is a request.
const REMOTE_BLOCK_BYTES: u64 = 8 << 20;

/// A store of content-addressed objects. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct Blobs(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) home: Home,
    /// Where objects are written before they get their name.
    pub(crate) incoming: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) block_bytes: u64,
    /// Writers share it; removing an object takes it alone, so nothing is removed between being found and being dated anew.
    pub(crate) collecting: Arc<RwLock<()>>,
    /// Only a service can hand objects out by itself.
    signing: Option<Signing>,
}

/// Where finished objects live, as far as writing differs.
#[derive(Debug)]
pub(crate) enum Home {
    /// On the local disk.
    Disk(Arc<Disk>),
    /// Elsewhere.
    Remote,
}

/// One stored object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object {
    /// Its name.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// When it was last stored or renewed.
    pub stored_at: Timestamp,
}

impl fmt::Debug for Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Blobs").field(&self.0.home).finish()
    }
}

impl Blobs {
    /// Opens the store, making its folders when absent and removing what interrupted writes left. Reaches no network.
    /// `clock` dates objects for garbage collection. A folder that cannot be written opens for reading.
    ///
    /// # Errors
    /// `BLOB_OPTIONS_INVALID`, `DISK_FULL`, `BLOB_READ_ONLY` when folders are missing and cannot be made.
    pub fn open(options: &Options, clock: Arc<dyn Clock>) -> Result<Self> {
        match options {
            Options::Local(root) => {
                prepare(&root.join(OBJECTS))?;
                let store = LocalFileSystem::new_with_prefix(root)
                    .map_err(|source| errors::store("opening the object folder", None, source))?;
                let home = Home::Disk(Arc::new(Disk::new(root)));
                Self::at(Arc::new(store), home, root, LOCAL_BLOCK_BYTES, clock, None)
            }
            Options::S3(s3) => {
                let (store, signing) = s3.connect()?;
                Self::at(store, Home::Remote, &s3.scratch, REMOTE_BLOCK_BYTES, clock, Some(signing))
            }
        }
    }

    /// The store over any other object store. `scratch` is a local folder for objects on their way there.
    ///
    /// # Errors
    /// As [`Blobs::open`].
    pub fn over(store: Arc<dyn ObjectStore>, scratch: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        Self::at(store, Home::Remote, scratch, REMOTE_BLOCK_BYTES, clock, None)
    }

    fn at(
        store: Arc<dyn ObjectStore>,
        home: Home,
        scratch: &Path,
        block_bytes: u64,
        clock: Arc<dyn Clock>,
        signing: Option<Signing>,
    ) -> Result<Self> {
        let incoming = scratch.join(INCOMING);
        prepare(&incoming)?;
        match staging::sweep(&incoming) {
            Ok(0) => {}
            Ok(removed) => tracing::info!(blob.leftovers = removed, "removed the leftovers of interrupted writes"),
            Err(error) => tracing::warn!(error = %error, "leftovers of interrupted writes could not be removed"),
        }
        let collecting = Arc::new(RwLock::new(()));
        Ok(Self(Arc::new(Inner { store, home, incoming, clock, block_bytes, collecting, signing })))
    }

    /// Asks the store for its first objects, so that a wrong address, key or bucket shows before something has to be stored.
    ///
    /// # Errors
    /// `BLOB_STORE_UNAVAILABLE`.
    pub async fn check(&self) -> Result<()> {
        self.list().next().await.transpose().map(|_first| ())
    }

    /// The object's length in bytes.
    ///
    /// # Errors
    /// `BLOB_NOT_FOUND`, `BLOB_STORE_UNAVAILABLE`.
    pub async fn size(&self, digest: &Digest) -> Result<u64> {
        Ok(self.head(digest).await?.size)
    }

    /// Whether the object is stored.
    ///
    /// # Errors
    /// `BLOB_STORE_UNAVAILABLE`.
    pub async fn contains(&self, digest: &Digest) -> Result<bool> {
        match self.head(digest).await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == "BLOB_NOT_FOUND" => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Every object, in no order. Names that are not digests are passed over.
    ///
    /// # Errors
    /// Items fail with `BLOB_STORE_UNAVAILABLE`.
    pub fn list(&self) -> BoxStream<'static, Result<Object>> {
        let listed = self.0.store.list(Some(&Key::from(OBJECTS)));
        Box::pin(listed.filter_map(|meta| async move {
            match meta {
                Ok(meta) => named(&meta).map(Ok),
                Err(source) => Some(Err(errors::store("listing objects", None, source))),
            }
        }))
    }

    /// An address at which the service hands the object out by itself for `life`, ranges included; `None` when objects are kept where
    /// nobody else serves them. Whoever holds the address can read, and what is read there is not checked.
    ///
    /// # Errors
    /// `BLOB_STORE_UNAVAILABLE`.
    pub async fn signed_url(&self, digest: &Digest, life: Duration) -> Result<Option<String>> {
        match &self.0.signing {
            Some(signing) => signing.sign(&key(digest), life).await.map(Some),
            None => Ok(None),
        }
    }

    pub(crate) async fn head(&self, digest: &Digest) -> Result<ObjectMeta> {
        let found = self.0.store.head(&key(digest)).await;
        found.map_err(|source| errors::store("looking up an object", Some(digest), source))
    }

    /// How long ago the object was stored or renewed.
    pub(crate) fn age(&self, meta: &ObjectMeta) -> Duration {
        self.0.clock.now().since(stored_at(meta))
    }
}

/// The only place where a name in the store is made.
pub(crate) fn key(digest: &Digest) -> Key {
    let hex = digest.hex();
    Key::from(format!("{OBJECTS}/{}/{hex}", &hex[..2]))
}

pub(crate) fn stored_at(meta: &ObjectMeta) -> Timestamp {
    Timestamp::from_micros(meta.last_modified.timestamp_micros())
}

fn named(meta: &ObjectMeta) -> Option<Object> {
    let digest: Digest = format!("b3:{}", meta.location.filename()?).parse().ok()?;
    (meta.location == key(&digest)).then(|| Object { digest, size: meta.size, stored_at: stored_at(meta) })
}

fn prepare(folder: &Path) -> Result<()> {
    staging::make_folder(folder).map_err(|source| errors::disk("making the object folder", source))
}
