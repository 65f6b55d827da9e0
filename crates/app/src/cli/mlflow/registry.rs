//! Registered models with their versions and aliases, by the calls that MLflow's own client would make. Versions keep their numbers.

use std::collections::BTreeMap;

use pitcrew_client::Client;
use pitcrew_kernel::{Error, Result};
use serde_json::{Value, json};

use super::http;
use super::source::{Entries, Registered, Version};

const API: &str = "/api/2.0/mlflow";
/// Where a version comes from that only uses up a number.
const UNUSED: &str = "s3://nowhere/unused-number";
/// Numbers of one model that are used up for one version: nobody deletes so many in a row, so a larger gap is a slip, or malice.
const UNUSED_MAX: i64 = 10_000;

/// What came in of the registry, and what did not.
#[derive(Debug, Default)]
pub(super) struct Came {
    pub(super) models: u64,
    pub(super) versions: u64,
    pub(super) aliases: u64,
    pub(super) unchanged: u64,
    pub(super) refused: Vec<Value>,
}

/// Brings in these models, or only counts them.
pub(super) async fn bring(client: &Client, models: Vec<Registered>, dry_run: bool) -> Result<Came> {
    let here = http::registered(client).await?;
    let here: BTreeMap<String, Registered> = here.into_iter().map(|model| (model.name.clone(), model)).collect();
    let mut came = Came::default();
    for model in models {
        let there = here.get(&model.name);
        if there.is_none() {
            came.models += 1;
            if !dry_run {
                let body = json!({ "name": model.name, "description": model.description, "tags": pairs(&model.tags) });
                client.post(&format!("{API}/registered-models/create"), &body).await?;
            }
        }
        let there = without_leftovers(client, there.cloned().unwrap_or_default(), dry_run).await?;
        let mut next = there.versions.iter().map(|version| version.version).max().unwrap_or(0) + 1;
        for version in &model.versions {
            self::version(client, &model.name, version, &there, (dry_run, &mut next), &mut came).await?;
        }
        for (alias, number) in &model.aliases {
            self::alias(client, &model.name, (alias, *number), &there, dry_run, &mut came).await?;
        }
    }
    Ok(came)
}

/// Removes versions that only used up a number, where a call that was cut off had no time to. Their numbers stay used.
async fn without_leftovers(client: &Client, mut there: Registered, dry_run: bool) -> Result<Registered> {
    for version in there.versions.iter().filter(|version| version.source == UNUSED && !dry_run) {
        let which = json!({ "name": there.name, "version": version.version.to_string() });
        client.delete_with(&format!("{API}/model-versions/delete"), &which).await?;
    }
    there.versions.retain(|version| version.source != UNUSED);
    Ok(there)
}

/// Whether a version can get its number, when the next one given is `next`.
fn is_near(number: i64, next: i64) -> bool {
    number.saturating_sub(next) <= UNUSED_MAX
}

fn pairs(tags: &Entries) -> Vec<Value> {
    tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}

async fn version(
    client: &Client,
    name: &str,
    version: &Version,
    there: &Registered,
    (dry_run, next): (bool, &mut i64),
    came: &mut Came,
) -> Result<()> {
    let source = source(version);
    let what = format!("{name}/{}", version.version);
    if let Some(has) = there.versions.iter().find(|has| has.version == version.version) {
        if (&has.run_id, &has.source) == (&version.run_id, &source) {
            came.unchanged += 1;
        } else {
            refuse(came, &what, &conflict("a version of this number is there and came from elsewhere"));
        }
        return Ok(());
    }
    if !is_near(version.version, *next) {
        let detail = format!("more than {UNUSED_MAX} numbers before it are not in use");
        refuse(came, &what, &conflict(detail));
        return Ok(());
    }
    if dry_run {
        came.versions += 1;
        *next = version.version.saturating_add(1);
        return Ok(());
    }
    match create(client, name, version, &source, next).await {
        Ok(true) => came.versions += 1,
        Ok(false) => refuse(came, &what, &conflict("its number was given to another version that is deleted")),
        Err(error) if error.code() == "SERVER_REFUSED" => refuse(came, &what, &error),
        Err(error) => return Err(error),
    }
    Ok(())
}

fn refuse(came: &mut Came, what: &str, why: &Error) {
    came.refused.push(json!({ "version": what, "code": why.code(), "detail": why.detail() }));
}

/// What is here says otherwise, and is not overwritten.
fn conflict(detail: impl Into<String>) -> Error {
    Error::conflict("IMPORT_CONFLICT", detail.into())
}

/// Makes a version of this number. Numbers before it, which the other registry does not have any more, are used up by versions that go at
/// once. False when the number is gone.
async fn create(client: &Client, name: &str, version: &Version, source: &str, next: &mut i64) -> Result<bool> {
    let mut wanted = json!({
        "name": name, "source": source, "run_id": version.run_id, "description": version.description, "tags": pairs(&version.tags),
    });
    if let Some(id) = source.strip_prefix("models:/").filter(|id| id.starts_with("m-")) {
        wanted["model_id"] = json!(id);
    }
    let unused = json!({ "name": name, "source": UNUSED });
    loop {
        let is_it = *next >= version.version;
        let body = if is_it { &wanted } else { &unused };
        let made = client.post(&format!("{API}/model-versions/create"), body).await?;
        let number = made.pointer("/model_version/version").and_then(|number| match number {
            Value::String(text) => text.parse::<i64>().ok(),
            other => other.as_i64(),
        });
        let number = number.ok_or_else(|| Error::internal("the answer names no version", made.to_string()))?;
        *next = number.saturating_add(1);
        if is_it && number == version.version {
            return Ok(true);
        }
        let which = json!({ "name": name, "version": number.to_string() });
        client.delete_with(&format!("{API}/model-versions/delete"), &which).await?;
        if number >= version.version {
            return Ok(false);
        }
    }
}

/// Where a version's files are, as this server says it: files of a run or of a logged model that came in keep their ids, not their folders.
fn source(version: &Version) -> String {
    let given = &version.source;
    if given.starts_with("runs:") || given.starts_with("models:") {
        return given.clone();
    }
    let parts: Vec<&str> = given.split('/').collect();
    for (at, pair) in parts.windows(2).enumerate() {
        let rest = || parts.get(at + 2..).unwrap_or_default().join("/");
        match pair {
            [id, "artifacts"] if *id == version.run_id && !id.is_empty() => return format!("runs:/{id}/{}", rest()),
            [id, "artifacts"] if id.starts_with("m-") => return format!("models:/{id}"),
            _ => {}
        }
    }
    given.clone()
}

async fn alias(
    client: &Client,
    name: &str,
    (alias, number): (&str, i64),
    there: &Registered,
    dry_run: bool,
    came: &mut Came,
) -> Result<()> {
    let what = format!("{name}@{alias}");
    match there.aliases.get(alias) {
        Some(has) if *has == number => came.unchanged += 1,
        Some(has) => refuse(came, &what, &conflict(format!("the alias points to version {has} here"))),
        None if dry_run => came.aliases += 1,
        None => {
            let body = json!({ "name": name, "alias": alias, "version": number.to_string() });
            match client.post(&format!("{API}/registered-models/alias"), &body).await {
                Ok(_) => came.aliases += 1,
                Err(error) if error.code() == "SERVER_REFUSED" => refuse(came, &what, &error),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_far_away_is_not_counted_up_to() {
        assert!(is_near(1, 1) && is_near(1, 5) && is_near(10_001, 1) && is_near(i64::MIN, i64::MAX));
        assert!(!is_near(10_002, 1) && !is_near(i64::MAX, 1));
    }

    #[test]
    fn files_are_found_by_ids() {
        let at =
            |given: &str| source(&Version { source: given.to_owned(), run_id: "abc".to_owned(), ..Version::default() });
        assert_eq!(at("/data/mlruns/1/abc/artifacts/model"), "runs:/abc/model");
        assert_eq!(at("mlflow-artifacts:/1/abc/artifacts/a/b"), "runs:/abc/a/b");
        assert_eq!(at("/data/mlruns/1/models/m-1/artifacts"), "models:/m-1");
        assert_eq!(at("s3://bucket/1/models/m-1/artifacts/x"), "models:/m-1");
        for same in ["runs:/abc/model", "models:/m-1", "s3://bucket/model", "/data/other/artifacts/x"] {
            assert_eq!(at(same), same);
        }
    }
}
