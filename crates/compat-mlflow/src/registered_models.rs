//! `/registered-models/...`.

use std::collections::BTreeMap;

use axum::extract::State;
use pitcrew_contracts::names::{AliasName, ModelName};
use pitcrew_kernel::{Ctx, Error, MAX_PAGE_LIMIT, PageRequest, Result};
use pitcrew_registry::{ModelDetail, Version};
use pitcrew_web::{Answer, Caller, Json};
use serde::Serialize;

use crate::Door;
use crate::model_versions::{OfVersion, VersionView, version_ref};
use crate::registry_search::{Field, Searched, Words, page};
use crate::wire::{Fields, Nothing, PairView, pairs, wrong};

const MODELS_PER_PAGE: usize = 100;
const MODELS_PER_PAGE_MAX: usize = 1_000;
/// Versions looked at to find the latest of each stage.
pub(crate) const VERSIONS_MAX: usize = 10_000;
const ALIAS_CHARS: usize = 255;
/// Why an alias moved, when a client moved it.
const MOVED_BY_CLIENT: &str = "set through the MLflow API";

#[derive(Debug, Serialize)]
pub(crate) struct ModelView {
    name: String,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    latest_versions: Vec<VersionView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<PairView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<AliasView>,
}

#[derive(Debug, Serialize)]
struct AliasView {
    alias: String,
    version: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct OfModel {
    registered_model: ModelView,
}

#[derive(Debug, Serialize)]
pub(crate) struct OfModels {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    registered_models: Vec<ModelView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct OfVersions {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_versions: Vec<VersionView>,
}

/// The name of a model that must exist: one that no model can have names none.
pub(crate) fn known_name(name: &str) -> Result<ModelName> {
    name.parse().map_err(|_| model_not_found(name))
}

fn model_not_found(name: &str) -> Error {
    Error::not_found("MODEL_NOT_FOUND", format!("Registered Model with name={name} not found"))
}

/// The name of a model to be.
fn new_name(name: &str) -> Result<ModelName> {
    if name.contains(['/', ':']) {
        return Err(wrong(format!("Invalid model name '{name}'. Names cannot contain '/' or ':'.")));
    }
    name.parse()
}

/// Says it in MLflow's words where it has some.
pub(crate) fn worded(error: Error, name: &str) -> Error {
    match error.code() {
        "MODEL_NOT_FOUND" => model_not_found(name),
        "MODEL_EXISTS" => Error::conflict("MODEL_EXISTS", format!("Registered Model (name={name}) already exists.")),
        _ => error,
    }
}

/// The model as clients see it, with the newest version of each stage.
async fn view(door: &Door, ctx: &Ctx, model: ModelDetail) -> Result<ModelView> {
    let versions = door.registry.all_versions(ctx, Some(&model.name), VERSIONS_MAX).await?;
    let alias = |alias: &pitcrew_registry::Alias| AliasView {
        alias: alias.alias.to_string(),
        version: alias.version.to_string(),
    };
    Ok(ModelView {
        name: model.name.to_string(),
        creation_timestamp: model.created_at.millis(),
        last_updated_timestamp: model.updated_at.millis(),
        description: model.description,
        latest_versions: newest_of_each_stage(versions).into_iter().map(VersionView::without_aliases).collect(),
        tags: pairs(model.tags),
        aliases: model.aliases.iter().map(alias).collect(),
    })
}

fn newest_of_each_stage(versions: Vec<Version>) -> Vec<Version> {
    let mut newest: BTreeMap<String, Version> = BTreeMap::new();
    for version in versions {
        let kept = newest.get(&version.stage).map_or(0, |kept| kept.version.version);
        if version.version.version > kept {
            newest.insert(version.stage.clone(), version);
        }
    }
    newest.into_values().collect()
}

pub(crate) async fn create(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<OfModel>> {
    let name = fields.required("name")?;
    let tags = fields.pairs("tags")?.into_iter().collect();
    let description = fields.text_or_empty("description")?;
    let made = door.registry.create_model(&ctx, &new_name(&name)?, &description, tags).await;
    let made = made.map_err(|error| worded(error, &name))?;
    Ok(Json(OfModel { registered_model: view(&door, &ctx, made).await? }))
}

pub(crate) async fn get(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<OfModel>> {
    let name = fields.required("name")?;
    let found = door.registry.get_model(&ctx, &known_name(&name)?).await.map_err(|error| worded(error, &name))?;
    Ok(Json(OfModel { registered_model: view(&door, &ctx, found).await? }))
}

pub(crate) async fn update(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<OfModel>> {
    let name = fields.required("name")?;
    let description = fields.text_or_empty("description")?;
    let changed = door.registry.describe_model(&ctx, &known_name(&name)?, &description).await;
    let changed = changed.map_err(|error| worded(error, &name))?;
    Ok(Json(OfModel { registered_model: view(&door, &ctx, changed).await? }))
}

pub(crate) async fn rename(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<OfModel>> {
    let (from, to) = (fields.required("name")?, fields.required("new_name")?);
    let renamed = door.registry.rename_model(&ctx, &known_name(&from)?, &new_name(&to)?).await;
    let renamed = renamed.map_err(|error| {
        let name = if error.code() == "MODEL_EXISTS" { &to } else { &from };
        worded(error, name)
    })?;
    Ok(Json(OfModel { registered_model: view(&door, &ctx, renamed).await? }))
}

pub(crate) async fn delete(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Nothing>> {
    let name = fields.required("name")?;
    door.registry.delete_model(&ctx, &known_name(&name)?).await.map_err(|error| worded(error, &name))?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn set_tag(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Nothing>> {
    let (name, key, value) = (fields.required("name")?, fields.required("key")?, fields.text_or_empty("value")?);
    let done = door.registry.tag_model(&ctx, &known_name(&name)?, &key, &value).await;
    done.map_err(|error| worded(error, &name))?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn delete_tag(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Nothing>> {
    let (name, key) = (fields.required("name")?, fields.required("key")?);
    let done = door.registry.untag_model(&ctx, &known_name(&name)?, &key).await;
    done.map_err(|error| worded(error, &name))?;
    Ok(Json(Nothing {}))
}

impl Searched for ModelDetail {
    fn attribute(&self, name: &str) -> Option<Field> {
        match name {
            "name" => Some(Field::Text(self.name.to_string())),
            "creation_timestamp" => Some(Field::Number(self.created_at.millis())),
            "last_updated_timestamp" | "timestamp" => Some(Field::Number(self.updated_at.millis())),
            _ => None,
        }
    }

    fn tags(&self) -> &BTreeMap<String, String> {
        &self.tags
    }
}

const WORDS: Words = Words {
    filters: &["name"],
    lists: &["name"],
    orders: &["name", "creation_timestamp", "last_updated_timestamp", "timestamp"],
    ties: &[("name", true)],
};

pub(crate) async fn search(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<OfModels>> {
    let limit = fields.max_results(MODELS_PER_PAGE, MODELS_PER_PAGE_MAX)?;
    let token = fields.page_token()?;
    let all = every_model(&door, &ctx).await?;
    let filter = fields.text_or_empty("filter")?;
    let order_by = fields.texts("order_by")?;
    let (found, next_page_token) = page(all, &WORDS, &filter, &order_by, (limit, token.as_deref()))?;
    let mut registered_models = Vec::with_capacity(found.len());
    for model in found {
        registered_models.push(view(&door, &ctx, model).await?);
    }
    Ok(Json(OfModels { registered_models, next_page_token }))
}

async fn every_model(door: &Door, ctx: &Ctx) -> Result<Vec<ModelDetail>> {
    let mut all = Vec::new();
    let mut page = None;
    loop {
        let request = PageRequest { limit: Some(MAX_PAGE_LIMIT), page };
        let found = door.registry.list_models(ctx, &request).await?;
        all.extend(found.items);
        match found.next {
            Some(next) => page = Some(next),
            None => return Ok(all),
        }
    }
}

pub(crate) async fn latest_versions(
    State(door): State<Door>,
    Caller(ctx): Caller,
    fields: Fields,
) -> Answer<Json<OfVersions>> {
    let name = fields.required("name")?;
    let stages = fields.texts("stages")?;
    let model = door.registry.get_model(&ctx, &known_name(&name)?).await.map_err(|error| worded(error, &name))?;
    let stages =
        stages.iter().map(|stage| crate::model_versions::stage(stage)).collect::<Result<Vec<&'static str>>>()?;
    let versions = door.registry.all_versions(&ctx, Some(&model.name), VERSIONS_MAX).await?;
    let newest = newest_of_each_stage(versions);
    let wanted = newest.into_iter().filter(|version| stages.is_empty() || stages.contains(&version.stage.as_str()));
    Ok(Json(OfVersions { model_versions: wanted.map(VersionView::from).collect() }))
}

pub(crate) async fn set_alias(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Nothing>> {
    let (name, alias) = (fields.required("name")?, fields.required("alias")?);
    let version = version_ref(&name, &fields.required("version")?)?;
    let alias = new_alias(&alias)?;
    let done = door.registry.set_alias(&ctx, &version, &alias, MOVED_BY_CLIENT).await;
    done.map_err(|error| crate::model_versions::worded(error, &version))?;
    Ok(Json(Nothing {}))
}

/// An alias to be.
fn new_alias(alias: &str) -> Result<AliasName> {
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    if !alias.chars().all(fine) {
        return Err(wrong(format!(
            "Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."
        )));
    }
    if alias.chars().count() > ALIAS_CHARS {
        return Err(wrong(format!(
            "'Registered model alias name' exceeds the maximum length of {ALIAS_CHARS} characters"
        )));
    }
    if alias.eq_ignore_ascii_case("latest") {
        return Err(wrong("'latest' alias name (case insensitive) is reserved.".to_owned()));
    }
    let number = alias.strip_prefix(['v', 'V']).unwrap_or_default();
    if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong(format!("Version alias name '{alias}' is reserved.")));
    }
    alias.parse()
}

pub(crate) async fn delete_alias(
    State(door): State<Door>,
    Caller(ctx): Caller,
    fields: Fields,
) -> Answer<Json<Nothing>> {
    let (name, alias) = (fields.required("name")?, fields.required("alias")?);
    let model = known_name(&name)?;
    match alias.parse::<AliasName>() {
        Ok(alias) => {
            let done = door.registry.remove_alias(&ctx, &model, &alias, "removed through the MLflow API").await;
            done.map_err(|error| worded(error, &name))?;
        }
        // No model has such an alias: there is nothing to remove.
        Err(_) => drop(door.registry.get_model(&ctx, &model).await.map_err(|error| worded(error, &name))?),
    }
    Ok(Json(Nothing {}))
}

pub(crate) async fn version_by_alias(
    State(door): State<Door>,
    Caller(ctx): Caller,
    fields: Fields,
) -> Answer<Json<OfVersion>> {
    let (name, alias) = (fields.required("name")?, fields.required("alias")?);
    let model = known_name(&name)?;
    // MLflow speaks of alias `latest` and means the newest version.
    if alias.eq_ignore_ascii_case("latest") {
        let versions = door.registry.all_versions(&ctx, Some(&model), 1).await?;
        let newest = versions.into_iter().next();
        let newest = newest.ok_or_else(|| {
            Error::not_found("MODEL_VERSION_NOT_FOUND", format!("Latest version not found for model {name}."))
        })?;
        return Ok(Json(OfVersion { model_version: newest.into() }));
    }
    let absent = || wrong(format!("Registered model alias {alias} not found."));
    let parsed: AliasName = alias.parse().map_err(|_| absent())?;
    let found = door.registry.version_by_alias(&ctx, &model, &parsed).await.map_err(|error| match error.code() {
        "ALIAS_NOT_FOUND" => absent(),
        _ => worded(error, &name),
    })?;
    Ok(Json(OfVersion { model_version: found.into() }))
}
