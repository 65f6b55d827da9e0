//! What messages say, in MLflow's fields.

use std::collections::BTreeMap;

use pitcrew_kernel::Timestamp;
use serde_json::{Value, json};

use super::model::Topic;

/// The tag that makes a registered model a prompt.
pub(crate) const IS_PROMPT: &str = "mlflow.prompt.is_prompt";
/// The tag that says of what kind a prompt is.
const PROMPT_TYPE: &str = "_mlflow_prompt_type";
/// The tag that holds the text of a prompt's version.
const PROMPT_TEXT: &str = "mlflow.prompt.text";

/// Tags, by key.
pub(crate) type Tags = BTreeMap<String, String>;

/// The whole message.
pub(crate) fn message(topic: Topic, at: Timestamp, data: &Value) -> String {
    // Receivers written in older Pythons read an offset, but no `Z`.
    let at = at.to_string().replace('Z', "+00:00");
    json!({"entity": topic.entity(), "action": topic.action(), "timestamp": at, "data": data}).to_string()
}

/// A model was made.
pub(crate) fn made(name: &str, tags: &Tags, description: &str) -> Value {
    json!({"name": name, "tags": tags, "description": description})
}

/// A prompt was made.
pub(crate) fn prompt_made(name: &str, tags: &Tags, description: &str) -> Value {
    made(name, &own_tags(tags), description)
}

/// A model's version was registered.
pub(crate) fn version_made(
    of: (&str, i64),
    source: &str,
    run_id: Option<&str>,
    tags: &Tags,
    description: &str,
) -> Value {
    json!({
        "name": of.0, "version": of.1.to_string(), "source": source, "run_id": run_id, "tags": tags,
        "description": some(description),
    })
}

/// A prompt's version was registered.
pub(crate) fn prompt_version_made(of: (&str, i64), tags: &Tags, description: &str) -> Value {
    json!({
        "name": of.0, "version": of.1.to_string(), "template": tags.get(PROMPT_TEXT), "tags": own_tags(tags),
        "description": some(description),
    })
}

/// A tag was set, or removed when there is no value; of a version when there is one.
pub(crate) fn tag(name: &str, version: Option<i64>, key: &str, value: Option<&str>) -> Value {
    let mut data = json!({"name": name, "key": key});
    if let Some(version) = version {
        data["version"] = json!(version.to_string());
    }
    if let Some(value) = value {
        data["value"] = json!(value);
    }
    data
}

/// An alias was pointed to a version, or removed.
pub(crate) fn alias(name: &str, alias: &str, version: Option<i64>) -> Value {
    let mut data = json!({"name": name, "alias": alias});
    if let Some(version) = version {
        data["version"] = json!(version.to_string());
    }
    data
}

/// The tags that people set, without those by which clients tell prompts from models.
fn own_tags(tags: &Tags) -> Tags {
    let mut own = tags.clone();
    own.retain(|key, _| ![IS_PROMPT, PROMPT_TYPE, PROMPT_TEXT].contains(&key.as_str()));
    own
}

/// MLflow says `null` where there is no description of a version.
fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// What a message on trial says: the values with which MLflow tries its own.
pub(crate) fn example(topic: Topic) -> Value {
    const MODEL: &str = "example_model";
    const PROMPT: &str = "example_prompt";
    const ALIAS: &str = "example_alias";
    const KEY: &str = "example_key";
    const VALUE: &str = "example_value";
    let tags = Tags::from([(KEY.to_owned(), VALUE.to_owned())]);
    match topic {
        Topic::ModelCreated => made(MODEL, &tags, "An example registered model"),
        Topic::PromptCreated => prompt_made(PROMPT, &tags, "An example prompt"),
        Topic::VersionCreated => {
            let run = Some("abcd1234abcd5678");
            version_made((MODEL, 1), "models:/123", run, &tags, "An example model version")
        }
        Topic::PromptVersionCreated => {
            let mut tags = tags;
            tags.insert(PROMPT_TEXT.to_owned(), "Hello {{name}}!".to_owned());
            prompt_version_made((PROMPT, 1), &tags, "An example prompt version")
        }
        Topic::VersionTagSet => tag(MODEL, Some(1), KEY, Some(VALUE)),
        Topic::VersionTagDeleted => tag(MODEL, Some(1), KEY, None),
        Topic::PromptVersionTagSet => tag(PROMPT, Some(1), KEY, Some(VALUE)),
        Topic::PromptVersionTagDeleted => tag(PROMPT, Some(1), KEY, None),
        Topic::PromptTagSet => tag(PROMPT, None, KEY, Some(VALUE)),
        Topic::PromptTagDeleted => tag(PROMPT, None, KEY, None),
        Topic::VersionAliasCreated => alias(MODEL, ALIAS, Some(1)),
        Topic::VersionAliasDeleted => alias(MODEL, ALIAS, None),
        Topic::PromptAliasCreated => alias(PROMPT, ALIAS, Some(1)),
        Topic::PromptAliasDeleted => alias(PROMPT, ALIAS, None),
        Topic::BudgetExceeded => json!({
            "budget_policy_id": "bp-abc123", "budget_unit": "USD", "budget_amount": 100.0, "current_spend": 105.5,
            "duration_unit": "MONTHS", "duration_value": 1, "target_scope": "ENDPOINT", "workspace": "default",
            "target_value": "ep-abc123", "window_start": 1_704_067_200_000_i64,
        }),
    }
}
