//! `/model-versions/...`.

use std::collections::BTreeMap;

use axum::extract::State;
use pitcrew_contracts::names::ModelRef;
use pitcrew_kernel::{Ctx, Error, Result};
use pitcrew_registry::{NewVersion, Version};
use pitcrew_web::{Answer, Caller, Json};
use serde::Serialize;

use crate::Door;
use crate::registered_models::{self, VERSIONS_MAX, known_name};
use crate::registry_search::{Field, Searched, Words, page};
use crate::version_source::{self, Claim};
use crate::wire::{Fields, Nothing, PairView, pairs, wrong};

const VERSIONS_PER_PAGE_MAX: usize = 200_000;
/// Stages, which MLflow deprecated and still serves.
const STAGES: [&str; 4] = ["None", "Staging", "Production", "Archived"];
/// The tag in which a logged model remembers the versions made of it.
const MODEL_VERSIONS_TAG: &str = "mlflow.modelVersions";

#[derive(Debug, Serialize)]
pub(crate) struct VersionView {
    name: String,
    version: String,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    current_stage: String,
    description: String,
    source: String,
    run_id: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<PairView>,
    run_link: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<String>,
}

impl From<Version> for VersionView {
    fn from(version: Version) -> Self {
        Self {
            name: version.version.model.to_string(),
            version: version.version.version.to_string(),
            creation_timestamp: version.created_at.millis(),
            last_updated_timestamp: version.updated_at.millis(),
            current_stage: version.stage,
            description: version.description,
            source: version.source,
            run_id: version.tracking_run_id.unwrap_or_default(),
            status: "READY",
            tags: pairs(version.tags),
            run_link: String::new(),
            aliases: version.aliases.iter().map(ToString::to_string).collect(),
        }
    }
}

impl VersionView {
    /// Where it stands under its model, whose aliases are told beside it.
    pub(crate) fn without_aliases(version: Version) -> Self {
        Self { aliases: Vec::new(), ..version.into() }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct OfVersion {
    pub(crate) model_version: VersionView,
}

#[derive(Debug, Serialize)]
pub(crate) struct OfVersions {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_versions: Vec<VersionView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct OfUri {
    artifact_uri: String,
}

/// A version by the two texts clients name it with.
pub(crate) fn version_ref(name: &str, version: &str) -> Result<ModelRef> {
    let number: i64 =
        version.parse().map_err(|_| wrong(format!("Parameter 'version' must be an integer, got '{version}'.")))?;
    Ok(ModelRef { model: known_name(name)?, version: number })
}

/// Says it in MLflow's words where it has some.
pub(crate) fn worded(error: Error, version: &ModelRef) -> Error {
    match error.code() {
        "MODEL_VERSION_NOT_FOUND" => Error::not_found(
            "MODEL_VERSION_NOT_FOUND",
            format!("Model Version (name={}, version={}) not found", version.model, version.version),
        ),
        _ => registered_models::worded(error, version.model.as_str()),
    }
}

/// The version named by the request.
fn named(fields: &Fields) -> Result<ModelRef> {
    version_ref(&fields.required("name")?, &fields.required("version")?)
}

pub(crate) async fn create(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<OfVersion>> {
    let name = fields.required("name")?;
    let model = known_name(&name)?;
    let tags: BTreeMap<String, String> = fields.pairs("tags")?.into_iter().collect();
    let claim = Claim {
        source: fields.required("source")?,
        run_id: fields.text("run_id")?.filter(|id| !id.is_empty()),
        model_id: fields.text("model_id")?.filter(|id| !id.is_empty()),
    };
    let claim = version_source::checked(&door, &ctx, claim, &tags).await?;
    let new = NewVersion {
        description: fields.text_or_empty("description")?,
        source: claim.source,
        tracking_run_id: claim.run_id,
        logged_model_id: claim.model_id.clone(),
        tags,
        ..NewVersion::default()
    };
    let made = door.registry.create_version(&ctx, &model, new).await;
    let made = made.map_err(|error| registered_models::worded(error, &name))?;
    if let Some(model_id) = claim.model_id {
        remember(&door, &ctx, &model_id, &made.version).await?;
    }
    Ok(Json(OfVersion { model_version: made.into() }))
}

/// Adds the version to the list its logged model keeps.
async fn remember(door: &Door, ctx: &Ctx, model_id: &str, version: &ModelRef) -> Result<()> {
    let model = door.tracking.model(ctx, model_id, true).await?;
    let known = model.tags.get(MODEL_VERSIONS_TAG);
    let mut versions: Vec<serde_json::Value> =
        known.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let entry = serde_json::json!({"name": version.model, "version": version.version});
    if !versions.contains(&entry) {
        versions.push(entry);
    }
    let text = listed(&versions);
    let tags = BTreeMap::from([(MODEL_VERSIONS_TAG.to_owned(), text)]);
    door.tracking.set_model_tags(ctx, model_id, tags).await.map(drop)
}

/// JSON as clients written in Python write it, with blanks: some compare the text.
fn listed(versions: &[serde_json::Value]) -> String {
    let each: Vec<String> = versions
        .iter()
        .map(|entry| format!("{{\"name\": {}, \"version\": {}}}", entry["name"], entry["version"]))
        .collect();
    format!("[{}]", each.join(", "))
}

pub(crate) async fn get(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<OfVersion>> {
    let version = named(&fields)?;
    let found = door.registry.get_version(&ctx, &version).await.map_err(|error| worded(error, &version))?;
    Ok(Json(OfVersion { model_version: found.into() }))
}

pub(crate) async fn update(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<OfVersion>> {
    let version = named(&fields)?;
    let description = fields.text("description")?;
    let changed = door.registry.update_version(&ctx, &version, description, None).await;
    let changed = changed.map_err(|error| worded(error, &version))?;
    Ok(Json(OfVersion { model_version: changed.into() }))
}

pub(crate) async fn delete(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Nothing>> {
    let version = named(&fields)?;
    door.registry.delete_version(&ctx, &version).await.map_err(|error| worded(error, &version))?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn set_tag(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Nothing>> {
    let version = named(&fields)?;
    let (key, value) = (fields.required("key")?, fields.text_or_empty("value")?);
    door.registry.tag_version(&ctx, &version, &key, &value).await.map_err(|error| worded(error, &version))?;
    Ok(Json(Nothing {}))
}

pub(crate) async fn delete_tag(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<Nothing>> {
    let version = named(&fields)?;
    let key = fields.required("key")?;
    door.registry.untag_version(&ctx, &version, &key).await.map_err(|error| worded(error, &version))?;
    Ok(Json(Nothing {}))
}

/// A stage by its name, in any case.
pub(crate) fn stage(name: &str) -> Result<&'static str> {
    STAGES.into_iter().find(|stage| stage.eq_ignore_ascii_case(name)).ok_or_else(|| {
        wrong(format!("Invalid Model Version stage: {name}. Value must be one of {}.", STAGES.join(", ")))
    })
}

pub(crate) async fn transition_stage(
    State(door): State<Door>,
    Caller(ctx): Caller,
    fields: Fields,
) -> Answer<Json<OfVersion>> {
    let version = named(&fields)?;
    let stage = stage(&fields.required("stage")?)?;
    let archive = fields.flag("archive_existing_versions")?.unwrap_or(false);
    if archive && !matches!(stage, "Staging" | "Production") {
        return Err(wrong(format!(
            "Model version transition cannot archive existing model versions because '{stage}' is not an Active stage. Valid stages are Staging, Production"
        ))
        .into());
    }
    let moved = door.registry.update_version(&ctx, &version, None, Some(stage.to_owned())).await;
    let moved = moved.map_err(|error| worded(error, &version))?;
    if archive {
        let all = door.registry.all_versions(&ctx, Some(&version.model), VERSIONS_MAX).await?;
        for other in all.into_iter().filter(|other| other.stage == stage && other.version != version) {
            door.registry.update_version(&ctx, &other.version, None, Some("Archived".to_owned())).await?;
        }
    }
    Ok(Json(OfVersion { model_version: moved.into() }))
}

impl Searched for Version {
    fn attribute(&self, name: &str) -> Option<Field> {
        match name {
            "name" => Some(Field::Text(self.version.model.to_string())),
            "version_number" => Some(Field::Number(self.version.version)),
            "run_id" => Some(Field::Text(self.tracking_run_id.clone().unwrap_or_default())),
            "source_path" => Some(Field::Text(self.source.clone())),
            "creation_timestamp" => Some(Field::Number(self.created_at.millis())),
            "last_updated_timestamp" => Some(Field::Number(self.updated_at.millis())),
            _ => None,
        }
    }

    fn tags(&self) -> &BTreeMap<String, String> {
        &self.tags
    }
}

const WORDS: Words = Words {
    filters: &["name", "version_number", "run_id", "source_path"],
    lists: &["name", "run_id"],
    orders: &["name", "version_number", "creation_timestamp", "last_updated_timestamp"],
    ties: &[("last_updated_timestamp", false), ("name", true), ("version_number", false)],
};

pub(crate) async fn search(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<OfVersions>> {
    let limit = fields.max_results(VERSIONS_PER_PAGE_MAX, VERSIONS_PER_PAGE_MAX)?;
    let token = fields.page_token()?;
    let filter = fields.text_or_empty("filter")?;
    let order_by = fields.texts("order_by")?;
    let all = door.registry.all_versions(&ctx, None, VERSIONS_PER_PAGE_MAX).await?;
    let (found, next_page_token) = page(all, &WORDS, &filter, &order_by, (limit, token.as_deref()))?;
    Ok(Json(OfVersions { model_versions: found.into_iter().map(VersionView::from).collect(), next_page_token }))
}

pub(crate) async fn download_uri(State(door): State<Door>, Caller(ctx): Caller, fields: Fields) -> Answer<Json<OfUri>> {
    let version = named(&fields)?;
    Ok(Json(OfUri { artifact_uri: version_source::download_uri(&door, &ctx, version).await? }))
}
