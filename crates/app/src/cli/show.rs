//! How things look as text.

mod model;

use serde_json::Value;

use super::out::{field, items, table};

pub(crate) use model::{
    alias_history, deployment, deployments, gates, model_version, model_versions, models, release, releases,
};

/// The time of day and date without the microseconds.
fn time(value: &Value, pointer: &str) -> String {
    let text = field(value, pointer);
    text.get(..19).map_or(text.clone(), |short| short.replace('T', " "))
}

fn rows(value: &Value, fields: &[&str]) -> Vec<Vec<String>> {
    let cell = |item: &Value, pointer: &str| {
        if pointer.ends_with("_at") || pointer.ends_with("/at") { time(item, pointer) } else { field(item, pointer) }
    };
    items(value).iter().map(|item| fields.iter().map(|pointer| cell(item, pointer)).collect()).collect()
}

fn list(value: &Value, empty: &str, head: &[&str], fields: &[&str]) -> String {
    if items(value).is_empty() { empty.to_owned() } else { table(head, &rows(value, fields)) }
}

pub(crate) fn changes(value: &Value) -> String {
    let list = value.get("changes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut lines: Vec<String> = list
        .iter()
        .filter(|change| field(change, "/action") != "unchanged")
        .map(|change| {
            let sign = match field(change, "/action").as_str() {
                "create" => "+",
                "delete" => "-",
                _ => "~",
            };
            format!("{sign} {} {}  {}", field(change, "/kind"), field(change, "/name"), field(change, "/detail"))
                .trim_end()
                .to_owned()
        })
        .collect();
    let applied = value.get("applied") == Some(&Value::Bool(true));
    let unchanged = list.len() - lines.len();
    lines.push(match (lines.is_empty(), applied) {
        (true, _) => format!("nothing to change; {unchanged} objects are as declared"),
        (false, true) => format!("{}: {} changed, {unchanged} unchanged", field(value, "/project"), lines.len()),
        (false, false) => format!(
            "{}: {} would change, {unchanged} unchanged; `pitcrew apply` makes it so",
            field(value, "/project"),
            lines.len()
        ),
    });
    lines.join("\n")
}

pub(crate) fn pipeline_runs(value: &Value) -> String {
    list(
        value,
        "no pipeline run yet; `pitcrew run PIPELINE` starts one",
        &["RUN", "PIPELINE", "#", "STATE", "DATA", "CREATED", "REASON"],
        &["/id", "/pipeline", "/number", "/state", "/dataset_version", "/created_at", "/reason"],
    )
}

pub(crate) fn pipeline_run(value: &Value) -> String {
    let steps = value.get("steps").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let rows: Vec<Vec<String>> = steps
        .iter()
        .map(|step| {
            let memory = step
                .pointer("/peak_memory_bytes")
                .and_then(Value::as_f64)
                .map_or("-".to_owned(), |bytes| format!("{:.0} MB", bytes / 1e6));
            let cpu = step
                .pointer("/cpu_seconds")
                .and_then(Value::as_f64)
                .map_or("-".to_owned(), |seconds| format!("{seconds:.1} s"));
            vec![
                field(step, "/name"),
                field(step, "/state"),
                field(step, "/attempt"),
                cpu,
                memory,
                field(step, "/cache/why"),
            ]
        })
        .collect();
    let mut text = format!(
        "{} {} #{} {}",
        field(value, "/id"),
        field(value, "/pipeline"),
        field(value, "/number"),
        field(value, "/state")
    );
    for (name, pointer) in
        [("data", "/dataset_version"), ("reason", "/reason"), ("cause", "/cause/summary"), ("error", "/error/detail")]
    {
        if field(value, pointer) != "-" {
            text.push_str(&format!("\n  {name}: {}", field(value, pointer)));
        }
    }
    format!("{text}\n\n{}", table(&["STEP", "STATE", "TRY", "CPU", "MEMORY", "WHY"], &rows))
}

pub(crate) fn datasets(value: &Value) -> String {
    list(
        value,
        "no data set yet; declare one in pitcrew.yaml and `pitcrew apply`",
        &["DATA SET", "VERSIONS", "LATEST", "ROWS", "SOURCE"],
        &["/name", "/versions", "/latest/ref", "/latest/rows", "/source"],
    )
}

pub(crate) fn dataset_versions(value: &Value) -> String {
    list(
        value,
        "no version yet; `pitcrew data add` makes one",
        &["VERSION", "ROWS", "BYTES", "NEW BYTES", "CHECKS", "CREATED"],
        &["/ref", "/rows", "/bytes", "/new_bytes", "/gate", "/created_at"],
    )
}

pub(crate) fn dataset_version(value: &Value) -> String {
    let array = |pointer: &str| value.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let columns: Vec<Vec<String>> = array("/profile/columns")
        .iter()
        .map(|c| {
            ["/name", "/type", "/nulls", "/distinct", "/min", "/mean", "/max"].iter().map(|p| field(c, p)).collect()
        })
        .collect();
    let checks: Vec<Vec<String>> = array("/checks")
        .iter()
        .map(|c| ["/status", "/name", "/observed", "/expected"].iter().map(|p| field(c, p)).collect())
        .collect();
    format!(
        "{} {} rows, {} bytes, checks {}\n\n{}\n\n{}",
        field(value, "/ref"),
        field(value, "/rows"),
        field(value, "/bytes"),
        field(value, "/gate"),
        table(&["COLUMN", "TYPE", "NULLS", "DISTINCT", "MIN", "MEAN", "MAX"], &columns),
        table(&["STATUS", "CHECK", "OBSERVED", "EXPECTED"], &checks)
    )
}

pub(crate) fn alerts(value: &Value) -> String {
    list(
        value,
        "no alert, nothing to worry about",
        &["ALERT", "RULE", "STATE", "SUMMARY", "FIRED", "RESOLVED"],
        &["/id", "/rule", "/state", "/summary", "/fired_at", "/resolved_at"],
    )
}

pub(crate) fn run_alerts(value: &Value) -> String {
    list(
        value,
        "no rule about runs has fired; `run_alerts` in pitcrew.yaml declares them",
        &["AT", "RULE", "RUN", "NAME", "WHAT", "UNTOLD"],
        &["/at", "/rule", "/run_id", "/run", "/what", "/untold"],
    )
}

pub(crate) fn event(value: &Value) -> String {
    format!("{}  {:32} {}", time(value, "/at"), field(value, "/name"), field(value, "/summary"))
}

pub(crate) fn audit(value: &Value) -> String {
    list(
        value,
        "nothing was changed yet",
        &["#", "AT", "WHO", "DID", "TO", "DETAIL"],
        &["/seq", "/at", "/actor", "/action", "/subject", "/detail"],
    )
}

/// What a check of the audit log's chain came to, with what to keep of it.
pub(crate) fn chain(value: &Value) -> String {
    let (entries, seq, hash) = (field(value, "/entries"), field(value, "/seq"), field(value, "/hash"));
    match value.get("broken_at").filter(|at| !at.is_null()) {
        None if seq == "0" => "whole: nothing was changed yet".to_owned(),
        None => format!("whole: {entries} entries, the last is {seq} with the digest {hash}"),
        Some(at) => {
            format!("broken at {at}: that entry is missing, or it or the one before it was changed or taken out")
        }
    }
}

pub(crate) fn tokens(value: &Value) -> String {
    list(
        value,
        "no token yet",
        &["ID", "NAME", "ACCESS", "EXPIRES", "REVOKED"],
        &["/id", "/name", "/access", "/expires_at", "/revoked_at"],
    )
}
