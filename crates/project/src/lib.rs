//! Reads a project: `pitcrew.yaml` and `*.pitcrew.yaml` beside it, checked as a whole, every problem named by file, line and field.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

mod data_globs;
mod graph;
mod load;
mod locate;
mod names;
mod validate;

pub use data_globs::{DataGlobs, data_globs};
pub use load::{MAIN_FILE, load, load_with};

use pitcrew_contracts::spec::Project;

/// Outputs of the built-in steps, by the word after `uses:`.
pub(crate) const BUILT_INS: &[(&str, &[&str])] = &[("evaluate", &["report.json"]), ("register", &["decision.json"])];

/// The JSON Schema (2020-12) of `pitcrew.yaml`, for editors.
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Project).to_value();
    schema["title"] = serde_json::Value::String("pitcrew.yaml".to_owned());
    schema
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_published_schema_is_this_one() {
        let published = include_str!("../../../docs/pitcrew.schema.json");
        let ours = format!("{:#}\n", super::schema());
        assert!(published == ours, "run `cargo run -p pitcrew-project --example schema > docs/pitcrew.schema.json`");
    }
}
