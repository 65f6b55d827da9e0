//! What a caller may write, checked at the door of the service. The sentences are MLflow's: its clients' tests match on them.

use std::collections::BTreeSet;

use pitcrew_kernel::Result;

use crate::errors::invalid;
use crate::limits;
use crate::model::{Dataset, DatasetInput, Entries, Metric};

const BAD_CHARACTERS: &str = "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).";

/// A metric: its key, time and value.
pub(crate) fn metric(metric: &Metric, path: &str) -> Result<()> {
    key(&metric.key, &join(path, "name"))?;
    too_long("Metric name", limits::KEY_CHARS, &metric.key)?;
    if metric.at_ms < 0 {
        return Err(invalid(format!(
            "Invalid value {} for parameter '{}' supplied: metric '{}' (value={}). Timestamp must be a nonnegative long (64-bit integer) ",
            metric.at_ms,
            join(path, "timestamp"),
            metric.key,
            metric.value
        )));
    }
    for text in [&metric.model_id, &metric.dataset_name, &metric.dataset_digest].into_iter().flatten() {
        plain("metric", text)?;
        too_long("metric", limits::DATASET_NAME_CHARS, text)?;
    }
    Ok(())
}

/// A param's key and value.
pub(crate) fn param(name: &str, value: &str, path: &str) -> Result<()> {
    key(name, &join(path, "key"))?;
    too_long("Param key", limits::KEY_CHARS, name)?;
    plain(&join(path, "value"), value)?;
    too_long("Param value", limits::PARAM_VALUE_CHARS, value)
}

/// A run tag's key and value; a value beyond the limit is cut, as clients expect.
pub(crate) fn run_tag(name: &str, value: &mut String, path: &str) -> Result<()> {
    key(name, &join(path, "key"))?;
    too_long(&join(path, "key"), limits::KEY_CHARS, name)?;
    plain(&join(path, "value"), value)?;
    if let Some((cut, _)) = value.char_indices().nth(limits::TAG_VALUE_CHARS) {
        value.truncate(cut);
    }
    Ok(())
}

/// An experiment tag's key and value.
pub(crate) fn experiment_tag(name: &str, value: &str) -> Result<()> {
    key(name, "key")?;
    too_long("key", limits::KEY_CHARS, name)?;
    plain("value", value)?;
    too_long("value", limits::EXPERIMENT_TAG_VALUE_CHARS, value)
}

/// Params or tags of a logged model. Their keys may be anything.
pub(crate) fn model_entries(what: &str, entries: &Entries) -> Result<()> {
    at_most(what, entries.len(), limits::MODEL_ENTRIES_PER_CALL)?;
    for (name, value) in entries {
        if name.is_empty() {
            return Err(invalid("Missing value for required parameter 'key'."));
        }
        plain("key", name)?;
        too_long("key", limits::KEY_CHARS, name)?;
        plain("value", value)?;
        too_long("value", limits::MODEL_VALUE_CHARS, value)?;
    }
    Ok(())
}

/// An experiment's name.
pub(crate) fn experiment_name(name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(invalid(format!("Invalid experiment name: '{name}'")));
    }
    plain("name", name)?;
    too_long("name", limits::EXPERIMENT_NAME_CHARS, name)
}

/// An address for an experiment's artifacts.
pub(crate) fn artifact_uri(uri: &str) -> Result<()> {
    plain("artifact_location", uri)?;
    too_long("artifact_location", limits::ARTIFACT_URI_CHARS, uri)?;
    if uri.starts_with("runs:") {
        return Err(invalid(format!("Artifact location cannot be a runs:/ URI. Given: '{uri}'")));
    }
    let climbs = uri.replace('\\', "/").split('/').any(|part| part == "..");
    if climbs || uri.contains(['?', '#', '%']) {
        return Err(invalid(format!("Invalid 'artifact_location' URI: '{uri}'")));
    }
    Ok(())
}

/// A run's name or user.
pub(crate) fn run_text(what: &str, text: &str) -> Result<()> {
    plain(what, text)?;
    too_long(what, limits::RUN_NAME_CHARS, text)
}

/// A logged model's name, which becomes part of addresses.
pub(crate) fn model_name(name: &str) -> Result<()> {
    plain("name", name)?;
    too_long("name", limits::EXPERIMENT_NAME_CHARS, name)?;
    if name.contains(['/', ':', '.', '%', '"', '\'']) {
        return Err(invalid(format!(
            "Invalid model name ('{name}') provided. Model name must be a non-empty string and cannot contain the following characters: ('/', ':', '.', '%', '\"', \"'\")"
        )));
    }
    Ok(())
}

/// The data sets of one call.
pub(crate) fn inputs(inputs: &[DatasetInput]) -> Result<()> {
    at_most("datasets", inputs.len(), limits::DATASETS_PER_CALL)?;
    inputs.iter().try_for_each(|input| {
        dataset(&input.dataset)?;
        input.tags.iter().try_for_each(|(name, value)| {
            plain("key", name)?;
            too_long("InputTag key", limits::INPUT_TAG_KEY_CHARS, name)?;
            plain("value", value)?;
            too_long("InputTag value", limits::INPUT_TAG_VALUE_CHARS, value)
        })
    })
}

fn dataset(dataset: &Dataset) -> Result<()> {
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    for (what, text, limit) in [
        ("name", &dataset.name, limits::DATASET_NAME_CHARS),
        ("digest", &dataset.digest, limits::DATASET_DIGEST_CHARS),
        ("source_type", &dataset.source_type, limits::DATASET_NAME_CHARS),
        ("source", &dataset.source, limits::DATASET_SOURCE_CHARS),
        ("schema", &optional(&dataset.schema), limits::DATASET_SCHEMA_CHARS),
        ("profile", &optional(&dataset.profile), limits::DATASET_PROFILE_CHARS),
    ] {
        plain(what, text)?;
        too_long(what, limit, text)?;
    }
    if dataset.name.is_empty() || dataset.digest.is_empty() {
        return Err(invalid("Dataset name and digest cannot be empty"));
    }
    Ok(())
}

/// The size of a batch.
pub(crate) fn batch(metrics: usize, params: usize, tags: usize) -> Result<()> {
    at_most("metrics", metrics, limits::METRICS_PER_BATCH)?;
    at_most("params", params, limits::PARAMS_OR_TAGS_PER_BATCH)?;
    at_most("tags", tags, limits::PARAMS_OR_TAGS_PER_BATCH)?;
    at_most("metrics, params, and tags", metrics + params + tags, limits::ENTITIES_PER_BATCH)
}

/// That no param key comes twice.
pub(crate) fn unique_keys(params: &[(String, String)]) -> Result<()> {
    let mut seen = BTreeSet::new();
    let twice: Vec<String> =
        params.iter().filter(|(key, _)| !seen.insert(key)).map(|(key, _)| format!("'{key}'")).collect();
    if twice.is_empty() {
        return Ok(());
    }
    Err(invalid(format!(
        "Duplicate parameter keys have been submitted: [{}]. Please ensure the request contains only one param value per param key.",
        twice.join(", ")
    )))
}

/// The key of a metric, param or tag.
fn key(name: &str, path: &str) -> Result<()> {
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '/' | '_' | '.' | '-' | ' ' | ':');
    if !name.chars().all(fine) {
        return Err(invalid(format!(
            "Invalid value {} for parameter '{path}' supplied: {BAD_CHARACTERS}",
            quoted(name)
        )));
    }
    let resolved = normal_path(name);
    if resolved != name || resolved == "." || resolved.starts_with("..") || resolved.starts_with('/') {
        return Err(invalid(format!(
            "Invalid value {} for parameter '{path}' supplied: Names may be treated as files in certain cases, and must not resolve to other names when treated as such. This name would resolve to '{resolved}'",
            quoted(name)
        )));
    }
    Ok(())
}

/// The path without `.`, `..` and doubled slashes, as POSIX writes it.
fn normal_path(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match (part, parts.last()) {
            ("..", Some(last)) if *last != ".." => drop(parts.pop()),
            ("..", None) if absolute => {}
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// Databases cannot keep a NUL in text.
fn plain(path: &str, text: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(invalid(format!("Invalid value for parameter '{path}' supplied: it holds a NUL character")));
    }
    Ok(())
}

fn too_long(what: &str, limit: usize, text: &str) -> Result<()> {
    // Bytes are at least as many as characters: the common case needs no counting.
    if text.len() <= limit || text.chars().count() <= limit {
        return Ok(());
    }
    Err(invalid(format!("'{what}' exceeds the maximum length of {limit} characters")))
}

fn at_most(what: &str, count: usize, limit: usize) -> Result<()> {
    if count <= limit {
        return Ok(());
    }
    Err(invalid(format!(
        "A batch logging request can contain at most {limit} {what}. Got {count} {what}. Please split up {what} across multiple requests and try again."
    )))
}

fn join(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_names_that_stay_themselves_as_paths() {
        for good in ["a", "train/loss", "größe", "a b", "a:b", "a..b", "x.", "..."] {
            let verdict = key(good, "key");
            assert_eq!(verdict.is_ok(), good != "...", "{good}");
        }
        for bad in ["", ".", "..", "../a", "/a", "a//b", "a/", "a/../b", "./a", "a$", "a\0"] {
            assert_eq!(key(bad, "key").unwrap_err().code(), "TRACKING_VALUE_INVALID", "{bad:?}");
        }
        assert_eq!(
            key("a//b", "key").unwrap_err().detail(),
            "Invalid value \"a//b\" for parameter 'key' supplied: Names may be treated as files in certain cases, and must not resolve to other names when treated as such. This name would resolve to 'a/b'"
        );
    }

    #[test]
    fn long_tags_are_cut_between_characters() {
        let mut value = "ä".repeat(limits::TAG_VALUE_CHARS + 5);
        run_tag("t", &mut value, "").unwrap();
        assert_eq!(value.chars().count(), limits::TAG_VALUE_CHARS);
    }

    #[test]
    fn params_beyond_the_limit_are_refused() {
        let value = "x".repeat(limits::PARAM_VALUE_CHARS + 1);
        assert_eq!(
            param("p", &value, "params[3]").unwrap_err().detail(),
            "'Param value' exceeds the maximum length of 6000 characters"
        );
    }

    #[test]
    fn duplicates_are_named() {
        let pair = |key: &str| (key.to_owned(), "1".to_owned());
        assert!(unique_keys(&[pair("a"), pair("b")]).is_ok());
        let error = unique_keys(&[pair("a"), pair("b"), pair("a")]).unwrap_err();
        assert!(error.detail().starts_with("Duplicate parameter keys have been submitted: ['a']."));
    }
}
