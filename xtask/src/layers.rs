//! Who may use whom. Arrows point down only; slices never know each other; heavy dependencies stay in one crate.
//!
//! To add a crate, add a row to [`LAYERS`]. To add an arrow, first try an event or a port in `contracts`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::finding::Finding;

const RULE: &str = "layers";

/// A crate's name without `pitcrew-`, and which of ours it may use.
struct Layer {
    name: &'static str,
    may_use: &'static [&'static str],
}

/// The slices: each a domain of its own.
pub(crate) const SLICES: &[&str] = &["tracking", "traces", "registry", "data", "pipelines", "serving", "monitoring"];

/// What every slice may stand on.
const UNDER_SLICES: &[&str] =
    &["kernel", "stats", "contracts", "db", "filter", "blob", "columnar", "outbound", "work", "auth", "web"];

/// The test kit is for tests only: a dev-dependency of anyone above `db`.
const TEST_KIT: &str = "testkit";

/// The layers, lowest first.
const LAYERS: &[Layer] = &[
    Layer { name: "kernel", may_use: &[] },
    Layer { name: "stats", may_use: &[] },
    Layer { name: "ui-assets", may_use: &[] },
    Layer { name: "contracts", may_use: &["kernel"] },
    Layer { name: "db", may_use: &["kernel", "contracts"] },
    Layer { name: "filter", may_use: &["kernel", "db"] },
    Layer { name: "blob", may_use: &["kernel"] },
    Layer { name: "columnar", may_use: &["kernel", "stats"] },
    Layer { name: "outbound", may_use: &["kernel"] },
    Layer { name: "work", may_use: &["kernel", "contracts", "db"] },
    Layer { name: "auth", may_use: &["kernel", "contracts", "db", "work"] },
    Layer { name: "web", may_use: &["kernel", "contracts", "auth"] },
    Layer { name: "project", may_use: &["kernel", "contracts"] },
    Layer { name: "tracking", may_use: UNDER_SLICES },
    Layer { name: "traces", may_use: UNDER_SLICES },
    Layer { name: "registry", may_use: UNDER_SLICES },
    Layer { name: "data", may_use: UNDER_SLICES },
    Layer { name: "pipelines", may_use: UNDER_SLICES },
    Layer { name: "serving", may_use: UNDER_SLICES },
    Layer { name: "monitoring", may_use: UNDER_SLICES },
    Layer { name: "onnxruntime-lib", may_use: &["kernel"] },
    Layer { name: "serving-onnx", may_use: &["kernel", "contracts", "onnxruntime-lib"] },
    Layer {
        name: "compat-mlflow",
        may_use: &["kernel", "contracts", "auth", "web", "blob", "outbound", "tracking", "traces", "registry"],
    },
    Layer { name: "compat-otel", may_use: &["kernel", "contracts", "auth", "web", "traces"] },
    Layer { name: "compat-oip", may_use: &["kernel", "contracts", "auth", "web", "serving"] },
    Layer { name: "client", may_use: &["kernel"] },
    Layer { name: "demo", may_use: &["kernel", "client"] },
    Layer { name: TEST_KIT, may_use: &["kernel", "contracts", "db", "blob", "work", "auth", "web"] },
    Layer { name: "app", may_use: EVERYTHING },
    Layer { name: "xtask", may_use: &[] },
];

/// The app wires; it may use every crate but the test kit.
const EVERYTHING: &[&str] = &[
    "kernel",
    "stats",
    "contracts",
    "db",
    "filter",
    "blob",
    "columnar",
    "outbound",
    "work",
    "auth",
    "web",
    "project",
    "tracking",
    "traces",
    "registry",
    "data",
    "pipelines",
    "serving",
    "onnxruntime-lib",
    "serving-onnx",
    "monitoring",
    "compat-mlflow",
    "compat-otel",
    "compat-oip",
    "ui-assets",
    "client",
    "demo",
];

/// Heavy or foreign crates, and the few of ours that may name them.
const OWNED_DEPENDENCIES: &[(&str, &[&str])] = &[
    ("ort", &["serving-onnx"]),
    ("arrow", &["columnar"]),
    ("parquet", &["columnar"]),
    ("object_store", &["blob"]),
    ("rusqlite", &["db", "app"]),
    ("postgres", &["db", TEST_KIT]),
    ("clap", &["app"]),
    ("uuid", &["kernel"]),
    ("rand", &["kernel", "demo"]),
    ("serde-saphyr", &["project"]),
    (
        "axum",
        &[
            "web",
            "app",
            "demo",
            TEST_KIT,
            "compat-mlflow",
            "compat-otel",
            "compat-oip",
            "tracking",
            "traces",
            "registry",
            "data",
            "pipelines",
            "serving",
            "monitoring",
        ],
    ),
];

/// Checks the crates that `cargo metadata --no-deps` printed as `metadata`.
pub(crate) fn check(metadata: &Value) -> Vec<Finding> {
    let table: BTreeMap<&str, &Layer> = LAYERS.iter().map(|layer| (layer.name, layer)).collect();
    let mut findings = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = short(package["name"].as_str().unwrap_or_default());
        let manifest = manifest_path(package, metadata);
        let Some(layer) = table.get(name) else {
            findings.push(Finding::new(
                &manifest,
                1,
                RULE,
                format!("crate `{name}` has no row in xtask/src/layers.rs: add one that says what it may use"),
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            findings.extend(judge(layer, dependency).map(|advice| Finding::new(&manifest, 1, RULE, advice)));
        }
    }
    findings
}

/// What is wrong with `dependency` of the crate in `layer`, if anything.
fn judge(layer: &Layer, dependency: &Value) -> Option<String> {
    let full = dependency["name"].as_str().unwrap_or_default();
    let is_dev = dependency["kind"].as_str() == Some("dev");
    let Some(ours) = full.strip_prefix("pitcrew-") else {
        return judge_foreign(layer.name, full, is_dev);
    };
    let allowed = layer.may_use.contains(&ours) || (is_dev && ours == TEST_KIT);
    if allowed {
        return None;
    }
    if SLICES.contains(&layer.name) && SLICES.contains(&ours) {
        return Some(format!(
            "slice `{}` uses slice `{ours}`: meet through an event or a port in `contracts`",
            layer.name
        ));
    }
    if ours == TEST_KIT {
        return Some(format!("`{}` uses the test kit in shipped code: make it a dev-dependency", layer.name));
    }
    Some(format!("`{}` may not use `{ours}`: the arrow points the wrong way (xtask/src/layers.rs)", layer.name))
}

fn judge_foreign(name: &str, dependency: &str, is_dev: bool) -> Option<String> {
    let (_, owners) = OWNED_DEPENDENCIES.iter().find(|(owned, _)| *owned == dependency)?;
    if is_dev || owners.contains(&name) {
        return None;
    }
    Some(format!("`{name}` uses `{dependency}`, which only {} may: use their API instead", owners.join(", ")))
}

fn short(name: &str) -> &str {
    name.strip_prefix("pitcrew-").unwrap_or(name)
}

/// The manifest's path from the root.
pub(crate) fn manifest_path(package: &Value, metadata: &Value) -> String {
    let path = package["manifest_path"].as_str().unwrap_or_default();
    let root = metadata["workspace_root"].as_str().unwrap_or_default();
    path.strip_prefix(root).unwrap_or(path).trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn advice(name: &str, dependencies: &[(&str, Option<&str>)]) -> Vec<String> {
        let dependencies: Vec<Value> =
            dependencies.iter().map(|(name, kind)| json!({"name": name, "kind": kind})).collect();
        let metadata = json!({
            "workspace_root": "/r",
            "packages": [{"name": name, "manifest_path": "/r/crates/x/Cargo.toml", "dependencies": dependencies}],
        });
        check(&metadata).into_iter().map(|finding| finding.to_string()).collect()
    }

    #[test]
    fn a_slice_may_stand_on_the_spine() {
        assert!(
            advice("pitcrew-registry", &[("pitcrew-db", None), ("pitcrew-testkit", Some("dev")), ("serde", None)])
                .is_empty()
        );
    }

    #[test]
    fn a_slice_may_not_know_a_slice_not_even_in_tests() {
        let found = advice("pitcrew-registry", &[("pitcrew-tracking", Some("dev"))]);
        assert_eq!(
            found,
            [
                "crates/x/Cargo.toml:1: layers: slice `registry` uses slice `tracking`: meet through an event or a port in `contracts`"
            ]
        );
    }

    #[test]
    fn arrows_point_down() {
        assert!(advice("pitcrew-db", &[("pitcrew-web", None)])[0].contains("wrong way"));
        assert!(advice("pitcrew-app", &[("pitcrew-testkit", None)])[0].contains("dev-dependency"));
    }

    #[test]
    fn heavy_dependencies_have_owners() {
        assert!(advice("pitcrew-data", &[("parquet", None)])[0].contains("only columnar may"));
        assert!(advice("pitcrew-data", &[("parquet", Some("dev"))]).is_empty());
        assert!(advice("pitcrew-serving-onnx", &[("ort", None)]).is_empty());
    }

    #[test]
    fn a_new_crate_needs_a_row() {
        assert!(advice("pitcrew-mystery", &[])[0].contains("no row"));
    }
}
