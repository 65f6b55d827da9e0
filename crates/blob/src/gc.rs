//! Removing what nobody refers to.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::StreamExt as _;
use object_store::ObjectStoreExt as _;
use pitcrew_kernel::{Digest, Result};

use crate::blobs::{Blobs, Object, key};
use crate::errors;

/// What a collection removed, or would remove.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Blobs {
    /// Removes every object that is not in `keep` and was last stored or renewed more than `older_than` ago. With `dry_run` it only counts.
    ///
    /// `keep` must hold every digest referred to at a moment before this call; whoever refers to an object after that moment has stored
    /// or renewed it less than `older_than` before, so it stays.
    ///
    /// # Errors
    /// `BLOB_STORE_UNAVAILABLE`, `BLOB_READ_ONLY`. What was removed before the failure stays removed.
    pub async fn gc(&self, keep: &HashSet<Digest>, older_than: Duration, dry_run: bool) -> Result<Collected> {
        let mut collected = Collected::default();
        let mut objects = self.list();
        while let Some(object) = objects.next().await {
            let object = object?;
            if keep.contains(&object.digest) || self.0.clock.now().since(object.stored_at) <= older_than {
                continue;
            }
            if dry_run || self.remove_if_old(&object, older_than).await? {
                collected.objects += 1;
                collected.bytes += object.size;
            }
        }
        Ok(collected)
    }

    /// Removes the object unless it was renewed since it was listed.
    async fn remove_if_old(&self, object: &Object, older_than: Duration) -> Result<bool> {
        let _alone = self.0.collecting.write().await;
        match self.head(&object.digest).await {
            Ok(meta) if self.age(&meta) <= older_than => return Ok(false),
            Ok(_) => {}
            Err(error) if error.code() == "BLOB_NOT_FOUND" => return Ok(false),
            Err(error) => return Err(error),
        }
        let removed = self.0.store.delete(&key(&object.digest)).await;
        removed.map_err(|source| errors::store("removing an object", Some(&object.digest), source))?;
        tracing::debug!(blob.digest = %object.digest, blob.bytes = object.size, "removed an object nobody refers to");
        Ok(true)
    }
}
