//! The registry's use cases: versions and the aliases that point to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use pitcrew_contracts::event::{Event, brief};
use pitcrew_contracts::names::{AliasName, ModelName, ModelRef};
use pitcrew_contracts::registry::{AliasMoved, VersionDeleted, VersionRegistered, VersionTagged, VersionUpdated};
use pitcrew_contracts::serving::LoadedModel;
use pitcrew_db::Tx;
use pitcrew_kernel::{Access, Ctx, Digest, Error, Kind, Page, PageRequest, Result};

use crate::model::{AliasChange, NewVersion, ServableFile, Version, check_text};
use crate::require;
use crate::service::{Parts, Registry, check_tags, must_model};
use crate::store;

/// A stage nobody set.
const NO_STAGE: &str = "None";
const MAX_HISTORY: usize = 1_000;
/// The ending by which a servable file is known among a run's artifacts.
const ONNX: &str = ".onnx";

impl Registry {
    /// Registers a version that a client names by its artifacts (MLflow's `register_model`). Its ONNX file, if it holds exactly one, makes it servable.
    ///
    /// # Errors
    /// `MODEL_NOT_FOUND`, `REGISTRY_TEXT_TOO_LONG`, `REGISTRY_TAG_INVALID`.
    pub async fn create_version(&self, ctx: &Ctx, model: &ModelName, mut new: NewVersion) -> Result<Version> {
        ctx.require(Access::Write)?;
        check_text("the description", &new.description)?;
        check_text("the source", &new.source)?;
        check_tags(&new.tags)?;
        if new.file.is_none() {
            new.file = self.find_servable(ctx, &new.source).await?;
        }
        let (parts, ctx, model) = (self.parts.clone(), ctx.clone(), model.clone());
        self.parts
            .db
            .write(move |tx| {
                must_model(tx, &model)?;
                insert_version(tx, &parts, &ctx, &model, new)
            })
            .await
    }

    async fn find_servable(&self, ctx: &Ctx, source: &str) -> Result<Option<ServableFile>> {
        let files = match self.parts.artifacts.list(ctx, source).await {
            // Clients also register what lies elsewhere, or lies there no more: a version without files of ours.
            Err(error) if error.kind() == Kind::NotFound => return Ok(None),
            found => found?,
        };
        let mut onnx = files.iter().filter(|file| file.path.ends_with(ONNX));
        let (Some(file), None) = (onnx.next(), onnx.next()) else { return Ok(None) };
        // A file that does not load is kept as an artifact; it is just not servable.
        match self.load(&file.digest).await {
            Ok(loaded) => {
                let bytes = i64::try_from(file.bytes).unwrap_or(i64::MAX);
                Ok(Some(ServableFile { digest: file.digest, bytes, signature: loaded.signature().clone() }))
            }
            Err(error) => {
                tracing::info!(source, error = ?error, "a registered version holds an ONNX file that cannot be served");
                Ok(None)
            }
        }
    }

    /// Loads stored bytes into the engine, away from the async threads.
    pub(crate) async fn load(&self, digest: &Digest) -> Result<Arc<dyn LoadedModel>> {
        let bytes = self.parts.blobs.get(digest).await?;
        self.load_bytes(bytes).await
    }

    pub(crate) async fn load_bytes(&self, bytes: Bytes) -> Result<Arc<dyn LoadedModel>> {
        let engine = Arc::clone(&self.parts.engine);
        tokio::task::spawn_blocking(move || engine.load(&bytes))
            .await
            .map_err(|source| Error::internal("loading a model did not finish", source))?
    }

    /// One version.
    ///
    /// # Errors
    /// `MODEL_VERSION_NOT_FOUND`.
    pub async fn get_version(&self, ctx: &Ctx, version: &ModelRef) -> Result<Version> {
        ctx.require(Access::Read)?;
        let version = version.clone();
        self.parts.db.read(move |tx| must_version(tx, &version)).await
    }

    /// The versions of a model, newest first.
    ///
    /// # Errors
    /// `PAGE_INVALID`.
    pub async fn list_versions(&self, ctx: &Ctx, model: &ModelName, page: &PageRequest) -> Result<Page<Version>> {
        ctx.require(Access::Read)?;
        let limit = page.limit()?;
        let before = page.page.as_deref().and_then(|token| token.parse().ok()).unwrap_or(i64::MAX);
        let model = model.clone();
        let versions = self
            .parts
            .db
            .read(move |tx| {
                must_model(tx, &model)?;
                store::versions(tx, Some(&model), before, limit + 1)
            })
            .await?;
        Ok(Page::from_overfull(versions, limit, |version| version.version.version.to_string()))
    }

    /// Every version of one model, or of all, for searches that filter themselves. At most `limit`.
    ///
    /// # Errors
    /// What the database can give.
    pub async fn all_versions(&self, ctx: &Ctx, model: Option<&ModelName>, limit: usize) -> Result<Vec<Version>> {
        ctx.require(Access::Read)?;
        let model = model.cloned();
        self.parts.db.read(move |tx| store::versions(tx, model.as_ref(), i64::MAX, limit)).await
    }

    /// Changes a version's description or stage.
    ///
    /// # Errors
    /// `MODEL_VERSION_NOT_FOUND`, `REGISTRY_TEXT_TOO_LONG`.
    pub async fn update_version(
        &self,
        ctx: &Ctx,
        version: &ModelRef,
        description: Option<String>,
        stage: Option<String>,
    ) -> Result<Version> {
        ctx.require(Access::Write)?;
        check_text("the description", description.as_deref().unwrap_or_default())?;
        let now = self.parts.clock.now();
        self.change_version(ctx, version, move |tx, of| {
            store::update_version(tx, of, description.as_deref(), stage.as_deref(), now)?;
            Ok(VersionUpdated { version: of.clone(), description: description.as_deref().map(brief), stage })
        })
        .await
    }

    /// Sets a version's tag.
    ///
    /// # Errors
    /// `MODEL_VERSION_NOT_FOUND`, `REGISTRY_TAG_INVALID`.
    pub async fn tag_version(&self, ctx: &Ctx, version: &ModelRef, key: &str, value: &str) -> Result<()> {
        ctx.require(Access::Write)?;
        check_tags(&BTreeMap::from([(key.to_owned(), value.to_owned())]))?;
        let (key, value) = (key.to_owned(), value.to_owned());
        self.change_version(ctx, version, move |tx, of| {
            store::set_version_tag(tx, of, &key, &value)?;
            Ok(VersionTagged { version: of.clone(), key, value: Some(brief(&value)) })
        })
        .await
        .map(drop)
    }

    /// Removes a version's tag.
    ///
    /// # Errors
    /// `MODEL_VERSION_NOT_FOUND`.
    pub async fn untag_version(&self, ctx: &Ctx, version: &ModelRef, key: &str) -> Result<()> {
        ctx.require(Access::Write)?;
        let key = key.to_owned();
        self.change_version(ctx, version, move |tx, of| {
            store::delete_version_tag(tx, of, &key)?;
            Ok(VersionTagged { version: of.clone(), key, value: None })
        })
        .await
        .map(drop)
    }

    /// Changes a version and states the event that the change answers.
    async fn change_version<E: Event>(
        &self,
        ctx: &Ctx,
        version: &ModelRef,
        change: impl FnOnce(&mut Tx<'_>, &ModelRef) -> Result<E> + Send + 'static,
    ) -> Result<Version> {
        let (parts, ctx, version) = (self.parts.clone(), ctx.clone(), version.clone());
        self.parts
            .db
            .write(move |tx| {
                must_version(tx, &version)?;
                let event = change(tx, &version)?;
                parts.state(tx, &ctx, &event)?;
                must_version(tx, &version)
            })
            .await
    }

    /// Removes a version and the aliases that point to it. Its number is never given again.
    ///
    /// # Errors
    /// `MODEL_VERSION_NOT_FOUND`.
    pub async fn delete_version(&self, ctx: &Ctx, version: &ModelRef) -> Result<()> {
        ctx.require(Access::Write)?;
        let (parts, ctx, version) = (self.parts.clone(), ctx.clone(), version.clone());
        self.parts
            .db
            .write(move |tx| {
                let found = must_version(tx, &version)?;
                for alias in &found.aliases {
                    move_alias(
                        tx,
                        &parts,
                        &ctx,
                        &version.model,
                        alias,
                        None,
                        &format!("version {} was deleted", version.version),
                    )?;
                }
                store::delete_version(tx, &version, parts.clock.now())?;
                parts.state(tx, &ctx, &VersionDeleted { version: version.clone() })
            })
            .await
    }

    /// Points an alias to a version.
    ///
    /// # Errors
    /// `MODEL_VERSION_NOT_FOUND`, `VERSION_INCOMPLETE`.
    pub async fn set_alias(&self, ctx: &Ctx, version: &ModelRef, alias: &AliasName, reason: &str) -> Result<()> {
        ctx.require(Access::Write)?;
        check_text("the reason", reason)?;
        let (parts, ctx, version, alias, reason) =
            (self.parts.clone(), ctx.clone(), version.clone(), alias.clone(), reason.to_owned());
        self.parts
            .db
            .write(move |tx| {
                may_point(tx, &version, &alias)?;
                move_alias(tx, &parts, &ctx, &version.model, &alias, Some(version.version), &reason)
            })
            .await
    }

    /// Removes an alias; removing one that is not there is no error.
    ///
    /// # Errors
    /// `MODEL_NOT_FOUND`.
    pub async fn remove_alias(&self, ctx: &Ctx, model: &ModelName, alias: &AliasName, reason: &str) -> Result<()> {
        ctx.require(Access::Write)?;
        let (parts, ctx, model, alias, reason) =
            (self.parts.clone(), ctx.clone(), model.clone(), alias.clone(), reason.to_owned());
        self.parts
            .db
            .write(move |tx| {
                must_model(tx, &model)?;
                move_alias(tx, &parts, &ctx, &model, &alias, None, &reason)
            })
            .await
    }

    /// The version an alias names.
    ///
    /// # Errors
    /// `MODEL_NOT_FOUND`, `ALIAS_NOT_FOUND`.
    pub async fn version_by_alias(&self, ctx: &Ctx, model: &ModelName, alias: &AliasName) -> Result<Version> {
        ctx.require(Access::Read)?;
        let (model, alias) = (model.clone(), alias.clone());
        self.parts
            .db
            .read(move |tx| {
                must_model(tx, &model)?;
                let version = store::alias(tx, &model, &alias)?.ok_or_else(|| {
                    Error::not_found("ALIAS_NOT_FOUND", format!("model `{model}` has no alias `{alias}`"))
                })?;
                must_version(tx, &ModelRef { model, version })
            })
            .await
    }

    /// The movements of a model's aliases, newest first.
    ///
    /// # Errors
    /// `MODEL_NOT_FOUND`.
    pub async fn alias_history(&self, ctx: &Ctx, model: &ModelName) -> Result<Vec<AliasChange>> {
        ctx.require(Access::Read)?;
        let model = model.clone();
        self.parts
            .db
            .read(move |tx| {
                must_model(tx, &model)?;
                store::alias_history(tx, &model, MAX_HISTORY)
            })
            .await
    }
}

/// Whether the version has what its model requires before this alias may point to it.
pub(crate) fn may_point(tx: &mut Tx<'_>, version: &ModelRef, alias: &AliasName) -> Result<()> {
    let found = must_version(tx, version)?;
    let gate = must_model(tx, &version.model)?.gate.unwrap_or_default();
    require::check(&gate.require, alias, &found)
}

pub(crate) fn must_version(tx: &mut Tx<'_>, version: &ModelRef) -> Result<Version> {
    store::version(tx, version)?.ok_or_else(|| {
        Error::not_found("MODEL_VERSION_NOT_FOUND", format!("there is no model version `{version}`"))
            .hint(format!("`pitcrew models show {}` lists its versions", version.model))
    })
}

/// Gives the version the next number, signs its file, states it.
pub(crate) fn insert_version(
    tx: &mut Tx<'_>,
    parts: &Parts,
    ctx: &Ctx,
    model: &ModelName,
    new: NewVersion,
) -> Result<Version> {
    let now = parts.clock.now();
    // Holds the model's row until the end: what changes a model takes its turn here first.
    store::touch_model(tx, model, now)?;
    let of = ModelRef { model: model.clone(), version: store::next_version(tx, model)? };
    let signature = new.file.as_ref().map(|file| parts.signer.sign(&of, &file.digest));
    let version = Version {
        version: of,
        description: new.description,
        source: new.source,
        tracking_run_id: new.tracking_run_id,
        logged_model_id: new.logged_model_id,
        digest: new.file.as_ref().map(|file| file.digest),
        bytes: new.file.as_ref().map_or(0, |file| file.bytes),
        signature,
        model_signature: new.file.map(|file| file.signature),
        reference: new.reference,
        lineage: new.lineage,
        metrics: new.metrics,
        gate_decision: new.gate_decision,
        stage: NO_STAGE.to_owned(),
        tags: new.tags,
        aliases: Vec::new(),
        created_at: now,
        updated_at: now,
        created_by: ctx.actor.clone(),
    };
    store::insert_version(tx, &version)?;
    parts.state(tx, ctx, &VersionRegistered { version: version.version.clone(), digest: version.digest })?;
    Ok(version)
}

/// Points an alias elsewhere, unless it points there already.
pub(crate) fn move_alias(
    tx: &mut Tx<'_>,
    parts: &Parts,
    ctx: &Ctx,
    model: &ModelName,
    alias: &AliasName,
    to: Option<i64>,
    reason: &str,
) -> Result<()> {
    let now = parts.clock.now();
    if store::alias(tx, model, alias)? == to {
        return Ok(());
    }
    // Holds the model's row until the end: aliases move one after the other, and each move knows the one before.
    store::touch_model(tx, model, now)?;
    let from = store::alias(tx, model, alias)?;
    if from == to {
        return Ok(());
    }
    let change = AliasChange {
        alias: alias.clone(),
        from,
        to,
        at: now,
        actor: ctx.actor.clone(),
        cause: ctx.cause.clone(),
        reason: reason.to_owned(),
    };
    store::set_alias(tx, model, &change)?;
    let reason = reason.to_owned();
    parts.state(tx, ctx, &AliasMoved { model: model.clone(), alias: alias.clone(), from, to, reason })
}
