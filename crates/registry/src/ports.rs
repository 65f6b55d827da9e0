//! How serving finds and loads versions, and tracking learns which runs they came from.

use std::collections::HashSet;

use async_trait::async_trait;
use bytes::Bytes;
use pitcrew_contracts::names::{AliasName, ModelName, ModelRef};
use pitcrew_contracts::registry::{Models, ServableVersion};
use pitcrew_contracts::tracking::RunUses;
use pitcrew_kernel::{Access, Ctx, Error, Result};

use crate::model::Version;
use crate::service::Registry;
use crate::store;
use crate::versions::may_point;

#[async_trait]
impl Models for Registry {
    async fn resolve(&self, ctx: &Ctx, model: &ModelName, alias: &AliasName) -> Result<Option<ServableVersion>> {
        ctx.require(Access::Read)?;
        let (model, alias) = (model.clone(), alias.clone());
        let found = self
            .parts
            .db
            .read(move |tx| match store::alias(tx, &model, &alias)? {
                Some(version) => store::version(tx, &ModelRef { model, version }),
                None => Ok(None),
            })
            .await?;
        found.map(|version| servable(&version)).transpose()
    }

    async fn version(&self, ctx: &Ctx, version: &ModelRef) -> Result<ServableVersion> {
        servable(&self.get_version(ctx, version).await?)
    }

    async fn bytes(&self, ctx: &Ctx, version: &ModelRef) -> Result<Bytes> {
        let found = self.get_version(ctx, version).await?;
        let (Some(digest), Some(signature)) = (found.digest, &found.signature) else {
            return Err(not_servable(version));
        };
        self.parts.signer.verify(version, &digest, signature)?;
        self.parts.blobs.get(&digest).await
    }

    async fn reference(&self, ctx: &Ctx, version: &ModelRef) -> Result<Option<Bytes>> {
        match self.get_version(ctx, version).await?.reference {
            Some(digest) => self.parts.blobs.get(&digest).await.map(Some),
            None => Ok(None),
        }
    }

    async fn may_be(&self, ctx: &Ctx, version: &ModelRef, alias: &AliasName) -> Result<()> {
        ctx.require(Access::Read)?;
        let (version, alias) = (version.clone(), alias.clone());
        self.parts.db.read(move |tx| may_point(tx, &version, &alias)).await
    }
}

#[async_trait]
impl RunUses for Registry {
    /// Runs that a version names, or whose files it was made from.
    async fn used(&self, ctx: &Ctx, run_ids: HashSet<String>) -> Result<HashSet<String>> {
        ctx.require(Access::Read)?;
        self.parts
            .db
            .read(move |tx| {
                let mut used = HashSet::new();
                store::each_origin(tx, &mut |run_id, source| {
                    let parts = run_id.into_iter().chain(source.split([':', '/']));
                    used.extend(parts.filter(|part| run_ids.contains(*part)).map(ToOwned::to_owned));
                })?;
                Ok(used)
            })
            .await
    }
}

fn servable(version: &Version) -> Result<ServableVersion> {
    match (version.digest, &version.model_signature) {
        (Some(digest), Some(signature)) => Ok(ServableVersion {
            version: version.version.clone(),
            digest,
            signature: signature.clone(),
            reference: version.reference,
        }),
        _ => Err(not_servable(&version.version)),
    }
}

fn not_servable(version: &ModelRef) -> Error {
    Error::precondition("MODEL_NOT_SERVABLE", format!("{version} holds no ONNX file that can be served"))
        .hint("log the model with `mlflow.onnx.log_model`, or register it through a pipeline's `register` step")
}
