//! The registry's use cases.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use pitcrew_blob::Blobs;
use pitcrew_contracts::monitoring::References;
use pitcrew_contracts::names::{AliasName, GateDecisionId, ModelName, ModelRef};
use pitcrew_contracts::registry::{AliasMoved, VersionRegistered};
use pitcrew_contracts::serving::{LoadedModel, ModelEngine};
use pitcrew_contracts::tracking::ArtifactReader;
use pitcrew_db::{Db, Outgoing, Tx};
use pitcrew_kernel::{Access, Clock, Ctx, Digest, Error, Ids, Page, PageRequest, Result};

use crate::model::{AliasChange, GateDecision, ModelDetail, NewVersion, ServableFile, Version, check_key, check_text};
use crate::signer::Signer;
use crate::store;

/// A stage nobody set.
pub(crate) const NO_STAGE: &str = "None";
const MAX_HISTORY: usize = 1_000;
/// The ending by which a servable file is known among a run's artifacts.
const ONNX: &str = ".onnx";

/// What the registry is made of.
#[derive(Clone)]
pub struct Parts {
    /// The metadata.
    pub db: Db,
    /// The bytes.
    pub blobs: Blobs,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids.
    pub ids: Arc<dyn Ids>,
    /// Loads candidates to measure them.
    pub engine: Arc<dyn ModelEngine>,
    /// Signs versions.
    pub signer: Arc<Signer>,
    /// Freezes training profiles.
    pub references: Arc<dyn References>,
    /// Finds the files of versions made through MLflow.
    pub artifacts: Arc<dyn ArtifactReader>,
}

/// The model registry.
pub struct Registry {
    pub(crate) parts: Parts,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Registry")
    }
}

impl Registry {
    /// A registry over these parts.
    pub fn new(parts: Parts) -> Self {
        Self { parts }
    }

    /// Makes an empty model.
    ///
    /// # Errors
    /// `MODEL_EXISTS`, `REGISTRY_TEXT_TOO_LONG`, `REGISTRY_TAG_INVALID`.
    pub async fn create_model(
        &self,
        ctx: &Ctx,
        name: &ModelName,
        description: &str,
        tags: BTreeMap<String, String>,
    ) -> Result<ModelDetail> {
        ctx.require(Access::Write)?;
        check_text("the description", description)?;
        check_tags(&tags)?;
        let (name, description, now) = (name.clone(), description.to_owned(), self.parts.clock.now());
        self.parts
            .db
            .write(move |tx| {
                if !store::insert_model(tx, &name, &description, now)? {
                    return Err(Error::conflict("MODEL_EXISTS", format!("model `{name}` exists already")));
                }
                tags.iter().try_for_each(|(key, value)| store::set_model_tag(tx, &name, key, value))?;
                must_model(tx, &name)
            })
            .await
    }

    /// One model.
    ///
    /// # Errors
    /// `MODEL_NOT_FOUND`.
    pub async fn get_model(&self, ctx: &Ctx, name: &ModelName) -> Result<ModelDetail> {
        ctx.require(Access::Read)?;
        let name = name.clone();
        self.parts.db.read(move |tx| must_model(tx, &name)).await
    }

    /// Models by name.
    ///
    /// # Errors
    /// `PAGE_INVALID`.
    pub async fn list_models(&self, ctx: &Ctx, page: &PageRequest) -> Result<Page<ModelDetail>> {
        ctx.require(Access::Read)?;
        let (limit, after) = (page.limit()?, page.page.clone().unwrap_or_default());
        let models = self.parts.db.read(move |tx| store::models(tx, &after, limit + 1)).await?;
        Ok(Page::from_overfull(models, limit, |model| model.name.to_string()))
    }

    /// Changes a model's description.
    ///
    /// # Errors
    /// `MODEL_NOT_FOUND`, `REGISTRY_TEXT_TOO_LONG`.
    pub async fn describe_model(&self, ctx: &Ctx, name: &ModelName, description: &str) -> Result<ModelDetail> {
        ctx.require(Access::Write)?;
        check_text("the description", description)?;
        let description = description.to_owned();
        self.change_model(name, move |tx, name| store::set_description(tx, name, &description)).await
    }

    /// Sets a model's tag.
    ///
    /// # Errors
    /// `MODEL_NOT_FOUND`, `REGISTRY_TAG_INVALID`.
    pub async fn tag_model(&self, ctx: &Ctx, name: &ModelName, key: &str, value: &str) -> Result<()> {
        ctx.require(Access::Write)?;
        check_tags(&BTreeMap::from([(key.to_owned(), value.to_owned())]))?;
        let (key, value) = (key.to_owned(), value.to_owned());
        self.change_model(name, move |tx, name| store::set_model_tag(tx, name, &key, &value)).await.map(drop)
    }

    /// Removes a model's tag.
    ///
    /// # Errors
    /// `MODEL_NOT_FOUND`.
    pub async fn untag_model(&self, ctx: &Ctx, name: &ModelName, key: &str) -> Result<()> {
        ctx.require(Access::Write)?;
        let key = key.to_owned();
        self.change_model(name, move |tx, name| store::delete_model_tag(tx, name, &key)).await.map(drop)
    }

    /// Gives a model another name.
    ///
    /// # Errors
    /// `MODEL_NOT_FOUND`, `MODEL_EXISTS`; `MODEL_IN_USE` while a version is signed, since signatures name the model.
    pub async fn rename_model(&self, ctx: &Ctx, from: &ModelName, to: &ModelName) -> Result<ModelDetail> {
        ctx.require(Access::Write)?;
        let (from, to, now) = (from.clone(), to.clone(), self.parts.clock.now());
        self.parts
            .db
            .write(move |tx| {
                must_model(tx, &from)?;
                if store::model(tx, &to)?.is_some() {
                    return Err(Error::conflict("MODEL_EXISTS", format!("model `{to}` exists already")));
                }
                if store::versions(tx, Some(&from), i64::MAX, usize::MAX)?
                    .iter()
                    .any(|version| version.signature.is_some())
                {
                    return Err(Error::precondition(
                        "MODEL_IN_USE",
                        format!("model `{from}` has signed versions, and signatures name the model"),
                    )
                    .hint("register its versions under the new name instead"));
                }
                store::rename_model(tx, &from, &to)?;
                store::touch_model(tx, &to, now)?;
                must_model(tx, &to)
            })
            .await
    }

    /// Removes a model and its versions. Its gate decisions and alias history stay as evidence.
    ///
    /// # Errors
    /// `MODEL_NOT_FOUND`.
    pub async fn delete_model(&self, ctx: &Ctx, name: &ModelName) -> Result<()> {
        ctx.require(Access::Write)?;
        self.change_model(name, |tx, name| store::delete_model(tx, name)).await.map(drop)
    }

    async fn change_model(
        &self,
        name: &ModelName,
        change: impl FnOnce(&mut Tx<'_>, &ModelName) -> Result<()> + Send + 'static,
    ) -> Result<ModelDetail> {
        let (name, now) = (name.clone(), self.parts.clock.now());
        self.parts
            .db
            .write(move |tx| {
                let before = must_model(tx, &name)?;
                change(tx, &name)?;
                store::touch_model(tx, &name, now)?;
                Ok(store::model(tx, &name)?.unwrap_or(before))
            })
            .await
    }

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
        let files = self.parts.artifacts.list(ctx, source).await?;
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
        self.change_version(version, move |tx, of| {
            store::update_version(tx, of, description.as_deref(), stage.as_deref(), now)
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
        self.change_version(version, move |tx, of| store::set_version_tag(tx, of, &key, &value)).await.map(drop)
    }

    /// Removes a version's tag.
    ///
    /// # Errors
    /// `MODEL_VERSION_NOT_FOUND`.
    pub async fn untag_version(&self, ctx: &Ctx, version: &ModelRef, key: &str) -> Result<()> {
        ctx.require(Access::Write)?;
        let key = key.to_owned();
        self.change_version(version, move |tx, of| store::delete_version_tag(tx, of, &key)).await.map(drop)
    }

    async fn change_version(
        &self,
        version: &ModelRef,
        change: impl FnOnce(&mut Tx<'_>, &ModelRef) -> Result<()> + Send + 'static,
    ) -> Result<Version> {
        let version = version.clone();
        self.parts
            .db
            .write(move |tx| {
                must_version(tx, &version)?;
                change(tx, &version)?;
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
                store::delete_version(tx, &version, parts.clock.now())
            })
            .await
    }

    /// Points an alias to a version.
    ///
    /// # Errors
    /// `MODEL_VERSION_NOT_FOUND`.
    pub async fn set_alias(&self, ctx: &Ctx, version: &ModelRef, alias: &AliasName, reason: &str) -> Result<()> {
        ctx.require(Access::Write)?;
        check_text("the reason", reason)?;
        let (parts, ctx, version, alias, reason) =
            (self.parts.clone(), ctx.clone(), version.clone(), alias.clone(), reason.to_owned());
        self.parts
            .db
            .write(move |tx| {
                must_version(tx, &version)?;
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

    /// Gate decisions, newest first.
    ///
    /// # Errors
    /// `PAGE_INVALID`.
    pub async fn list_decisions(
        &self,
        ctx: &Ctx,
        model: Option<&ModelName>,
        page: &PageRequest,
    ) -> Result<Page<GateDecision>> {
        ctx.require(Access::Read)?;
        let (limit, before, model) = (page.limit()?, page.page.clone().unwrap_or_default(), model.cloned());
        let found = self.parts.db.read(move |tx| store::decisions(tx, model.as_ref(), &before, limit + 1)).await?;
        Ok(Page::from_overfull(found, limit, |decision| decision.id.to_string()))
    }

    /// One gate decision.
    ///
    /// # Errors
    /// `GATE_DECISION_NOT_FOUND`.
    pub async fn get_decision(&self, ctx: &Ctx, id: GateDecisionId) -> Result<GateDecision> {
        ctx.require(Access::Read)?;
        self.parts
            .db
            .read(move |tx| store::decision(tx, id))
            .await?
            .ok_or_else(|| Error::not_found("GATE_DECISION_NOT_FOUND", format!("no gate decision has the id `{id}`")))
    }
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<()> {
    tags.iter().try_for_each(|(key, value)| {
        check_key(key)?;
        check_text("a tag's value", value)
    })
}

pub(crate) fn must_model(tx: &mut Tx<'_>, name: &ModelName) -> Result<ModelDetail> {
    store::model(tx, name)?.ok_or_else(|| {
        Error::not_found("MODEL_NOT_FOUND", format!("there is no model `{name}`"))
            .hint("`pitcrew models` lists what is registered")
    })
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
    let out = Outgoing { ctx, ids: parts.ids.as_ref(), clock: parts.clock.as_ref() };
    tx.emit(out, &VersionRegistered { version: version.version.clone(), digest: version.digest })?;
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
    let from = store::alias(tx, model, alias)?;
    if from == to {
        return Ok(());
    }
    let now = parts.clock.now();
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
    store::touch_model(tx, model, now)?;
    let out = Outgoing { ctx, ids: parts.ids.as_ref(), clock: parts.clock.as_ref() };
    tx.emit(out, &AliasMoved { model: model.clone(), alias: alias.clone(), from, to, reason: reason.to_owned() })
}
