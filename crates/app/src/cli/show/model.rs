//! How models, deployments and releases look as text.

use serde_json::Value;

use super::{list, time};
use crate::cli::out::{field, items, table};

pub(crate) fn models(value: &Value) -> String {
    if items(value).is_empty() {
        return "no model yet; a pipeline's `register` step or the MLflow client makes one".to_owned();
    }
    let row = |model: &Value| {
        vec![field(model, "/name"), field(model, "/versions"), inline(model, "/aliases"), time(model, "/updated_at")]
    };
    table(&["MODEL", "VERSIONS", "ALIASES", "UPDATED"], &items(value).iter().map(row).collect::<Vec<_>>())
}

pub(crate) fn model_versions(value: &Value) -> String {
    list(
        value,
        "no version yet",
        &["VERSION", "ALIASES", "DATA", "MAE", "WAPE", "CREATED"],
        &["/ref", "/aliases", "/lineage/dataset", "/metrics/mae", "/metrics/wape", "/created_at"],
    )
}

pub(crate) fn alias_history(value: &Value) -> String {
    list(
        value,
        "no alias has moved yet",
        &["AT", "ALIAS", "FROM", "TO", "BY", "WHY"],
        &["/at", "/alias", "/from", "/to", "/actor", "/reason"],
    )
}

pub(crate) fn gates(value: &Value) -> String {
    list(
        value,
        "no gate has decided yet",
        &["AT", "MODEL", "VERDICT", "VERSION", "WHY"],
        &["/at", "/model", "/verdict", "/version", "/reason"],
    )
}

pub(crate) fn deployments(value: &Value) -> String {
    list(
        value,
        "no deployment yet; declare one in pitcrew.yaml and `pitcrew apply`",
        &["DEPLOYMENT", "STATE", "MODEL", "ALIAS", "VERSION", "REQUESTS", "P99 US", "RELEASE"],
        &[
            "/name",
            "/state",
            "/model",
            "/alias",
            "/arms/0/version",
            "/arms/0/requests",
            "/arms/0/latency/p99_us",
            "/release",
        ],
    )
}

pub(crate) fn releases(value: &Value) -> String {
    list(
        value,
        "no release yet",
        &["RELEASE", "DEPLOYMENT", "CHAMPION", "CANDIDATE", "STATE", "STARTED", "WHY"],
        &["/id", "/deployment", "/champion", "/candidate", "/state", "/started_at", "/reason"],
    )
}

pub(crate) fn release(value: &Value) -> String {
    let evidence: Vec<Vec<String>> = value
        .get("evidence")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice)
        .iter()
        .map(|e| {
            ["/event_time", "/step", "/pairs", "/mean_difference", "/lower", "/upper", "/verdict"]
                .iter()
                .map(|p| field(e, p))
                .collect()
        })
        .collect();
    format!(
        "{} {}: {}/{} against {}: {}\n  {}\n\n{}",
        field(value, "/id"),
        field(value, "/deployment"),
        field(value, "/model"),
        field(value, "/candidate"),
        field(value, "/champion"),
        field(value, "/state"),
        field(value, "/reason"),
        table(&["EVENT TIME", "STEP", "PAIRS", "DIFFERENCE", "LOWER", "UPPER", "VERDICT"], &evidence)
    )
}

/// `name: value` lines of the fields that are there.
fn facts(value: &Value, pairs: &[(&str, &str)]) -> String {
    let there = pairs.iter().filter(|(_, pointer)| field(value, pointer) != "-");
    there.map(|(name, pointer)| format!("  {name}: {}\n", field(value, pointer))).collect()
}

/// `a 1.5, b 2` of an object's fields.
fn inline(value: &Value, pointer: &str) -> String {
    let object = value.pointer(pointer).and_then(Value::as_object);
    let words = object.into_iter().flatten().map(|(name, each)| format!("{name} {}", field(each, "")));
    words.collect::<Vec<_>>().join(", ")
}

fn words(value: &Value, pointer: &str) -> String {
    let all = value.pointer(pointer).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    all.iter().map(|each| field(each, "")).collect::<Vec<_>>().join(", ")
}

pub(crate) fn model_version(value: &Value) -> String {
    let mut text =
        format!("{} {} bytes of {}\n", field(value, "/ref"), field(value, "/bytes"), field(value, "/format"));
    for (name, what) in [
        ("aliases", words(value, "/aliases")),
        ("metrics", inline(value, "/metrics")),
        ("params", inline(value, "/lineage/params")),
    ] {
        if !what.is_empty() {
            text.push_str(&format!("  {name}: {what}\n"));
        }
    }
    text.push_str(&facts(
        value,
        &[
            ("data", "/lineage/dataset"),
            ("code", "/lineage/code_digest"),
            ("commit", "/lineage/git_commit"),
            ("environment", "/lineage/environment_digest"),
            ("pipeline run", "/lineage/pipeline_run"),
            ("tracking run", "/tracking_run_id"),
            ("gate decision", "/gate_decision"),
            ("digest", "/digest"),
            ("signed by key", "/signature/key_id"),
            ("created by", "/created_by"),
        ],
    ));
    text.push_str(&format!("  created at: {}\n", time(value, "/created_at")));
    let specs = |pointer: &str, direction: &str| {
        let all = value.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
        let row = |spec: &Value| {
            vec![direction.to_owned(), field(spec, "/name"), field(spec, "/datatype"), field(spec, "/shape")]
        };
        all.iter().map(row).collect::<Vec<_>>()
    };
    let tensors = [specs("/inputs", "input"), specs("/outputs", "output")].concat();
    format!("{text}\n{}", table(&["", "TENSOR", "TYPE", "SHAPE"], &tensors))
}

pub(crate) fn deployment(value: &Value) -> String {
    let mut text = format!(
        "{} {}: follows {}@{}\n",
        field(value, "/name"),
        field(value, "/state"),
        field(value, "/model"),
        field(value, "/alias")
    );
    text.push_str(&facts(
        value,
        &[
            ("release", "/release"),
            ("watermark", "/watermark"),
            ("inference protocol", "/endpoints/oip"),
            ("MLflow scoring", "/endpoints/mlflow"),
        ],
    ));
    let arms = value.get("arms").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let cells = [
        "/arm",
        "/version",
        "/share",
        "/requests",
        "/failures",
        "/latency/p50_us",
        "/latency/p95_us",
        "/latency/p99_us",
    ];
    let rows: Vec<Vec<String>> =
        arms.iter().map(|arm| cells.iter().map(|pointer| field(arm, pointer)).collect()).collect();
    format!(
        "{text}\n{}",
        table(&["ARM", "VERSION", "SHARE", "REQUESTS", "FAILURES", "P50 US", "P95 US", "P99 US"], &rows)
    )
}
