//! The registry's use cases: models and gate decisions. Versions and aliases are in `versions`.

use std::collections::BTreeMap;
use std::sync::Arc;

use pitcrew_blob::Blobs;
use pitcrew_contracts::event::{Event, brief};
use pitcrew_contracts::monitoring::References;
use pitcrew_contracts::names::{GateDecisionId, ModelName};
use pitcrew_contracts::registry::{ModelCreated, ModelDeleted, ModelDescribed, ModelRenamed, ModelTagged};
use pitcrew_contracts::serving::ModelEngine;
use pitcrew_contracts::tracking::ArtifactReader;
use pitcrew_db::{Db, Outgoing, Tx};
use pitcrew_kernel::{Access, Clock, Ctx, Error, Ids, Page, PageRequest, Result};

use crate::model::{GateDecision, ModelDetail, check_key, check_text};
use crate::signer::Signer;
use crate::store;
use crate::versions::move_alias;
use crate::webhooks;

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

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("db", &self.db).finish_non_exhaustive()
    }
}

impl Parts {
    /// States `event` by `ctx` in this transaction, and tells those who listen.
    pub(crate) fn state<E: Event>(&self, tx: &mut Tx<'_>, ctx: &Ctx, event: &E) -> Result<()> {
        tx.emit(Outgoing { ctx, ids: self.ids.as_ref(), clock: self.clock.as_ref() }, event)?;
        webhooks::tell(tx, self.ids.as_ref(), self.clock.now(), event)
    }
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
        let (parts, ctx) = (self.parts.clone(), ctx.clone());
        self.parts
            .db
            .write(move |tx| {
                if !store::insert_model(tx, &name, &description, now)? {
                    return Err(Error::conflict("MODEL_EXISTS", format!("model `{name}` exists already")));
                }
                tags.iter().try_for_each(|(key, value)| store::set_model_tag(tx, &name, key, value))?;
                parts.state(tx, &ctx, &ModelCreated { model: name.clone() })?;
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
        self.change_model(ctx, name, move |tx, name| {
            store::set_description(tx, name, &description)?;
            Ok(ModelDescribed { model: name.clone(), description: brief(&description) })
        })
        .await
    }

    /// Sets a model's tag.
    ///
    /// # Errors
    /// `MODEL_NOT_FOUND`, `REGISTRY_TAG_INVALID`.
    pub async fn tag_model(&self, ctx: &Ctx, name: &ModelName, key: &str, value: &str) -> Result<()> {
        ctx.require(Access::Write)?;
        check_tags(&BTreeMap::from([(key.to_owned(), value.to_owned())]))?;
        let (key, value) = (key.to_owned(), value.to_owned());
        self.change_model(ctx, name, move |tx, name| {
            store::set_model_tag(tx, name, &key, &value)?;
            Ok(ModelTagged { model: name.clone(), key, value: Some(brief(&value)) })
        })
        .await
        .map(drop)
    }

    /// Removes a model's tag.
    ///
    /// # Errors
    /// `MODEL_NOT_FOUND`.
    pub async fn untag_model(&self, ctx: &Ctx, name: &ModelName, key: &str) -> Result<()> {
        ctx.require(Access::Write)?;
        let key = key.to_owned();
        self.change_model(ctx, name, move |tx, name| {
            store::delete_model_tag(tx, name, &key)?;
            Ok(ModelTagged { model: name.clone(), key, value: None })
        })
        .await
        .map(drop)
    }

    /// Gives a model another name.
    ///
    /// # Errors
    /// `MODEL_NOT_FOUND`, `MODEL_EXISTS`; `MODEL_IN_USE` while a version is signed, since signatures name the model.
    pub async fn rename_model(&self, ctx: &Ctx, from: &ModelName, to: &ModelName) -> Result<ModelDetail> {
        ctx.require(Access::Write)?;
        let (from, to, now) = (from.clone(), to.clone(), self.parts.clock.now());
        let (parts, ctx) = (self.parts.clone(), ctx.clone());
        self.parts
            .db
            .write(move |tx| {
                may_leave_its_name(&ctx, &must_model(tx, &from)?)?;
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
                parts.state(tx, &ctx, &ModelRenamed { from, model: to.clone() })?;
                must_model(tx, &to)
            })
            .await
    }

    /// Removes a model and its versions. Its gate decisions and alias history stay as evidence, and a model that is made under its name goes on
    /// with the next number.
    ///
    /// # Errors
    /// `MODEL_NOT_FOUND`.
    pub async fn delete_model(&self, ctx: &Ctx, name: &ModelName) -> Result<()> {
        ctx.require(Access::Write)?;
        let (parts, caller) = (self.parts.clone(), ctx.clone());
        self.change_model(ctx, name, move |tx, name| {
            let found = must_model(tx, name)?;
            may_leave_its_name(&caller, &found)?;
            for alias in found.aliases {
                move_alias(tx, &parts, &caller, name, &alias.alias, None, "the model was deleted")?;
            }
            store::delete_model(tx, name)?;
            Ok(ModelDeleted { model: name.clone(), versions: found.versions })
        })
        .await
        .map(drop)
    }

    /// Changes a model and states the event that the change answers.
    async fn change_model<E: Event>(
        &self,
        ctx: &Ctx,
        name: &ModelName,
        change: impl FnOnce(&mut Tx<'_>, &ModelName) -> Result<E> + Send + 'static,
    ) -> Result<ModelDetail> {
        let (name, now) = (name.clone(), self.parts.clock.now());
        let (parts, ctx) = (self.parts.clone(), ctx.clone());
        self.parts
            .db
            .write(move |tx| {
                let before = must_model(tx, &name)?;
                let event = change(tx, &name)?;
                parts.state(tx, &ctx, &event)?;
                store::touch_model(tx, &name, now)?;
                Ok(store::model(tx, &name)?.unwrap_or(before))
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

pub(crate) fn check_tags(tags: &BTreeMap<String, String>) -> Result<()> {
    tags.iter().try_for_each(|(key, value)| {
        check_key(key)?;
        check_text("a tag's value", value)
    })
}

/// What follows a model follows its name. A gate is declared by who may apply a project, so nobody with less gets rid of it by deleting or
/// renaming the model and making another in its place.
fn may_leave_its_name(ctx: &Ctx, model: &ModelDetail) -> Result<()> {
    if model.gate.is_none() {
        return Ok(());
    }
    ctx.require(Access::Admin).map_err(|error| {
        error.hint("the project declares a gate for this model: it is deleted or renamed by who may apply the project")
    })
}

pub(crate) fn must_model(tx: &mut Tx<'_>, name: &ModelName) -> Result<ModelDetail> {
    store::model(tx, name)?.ok_or_else(|| {
        Error::not_found("MODEL_NOT_FOUND", format!("there is no model `{name}`"))
            .hint("`pitcrew models` lists what is registered")
    })
}
