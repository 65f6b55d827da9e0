//! Dependencies that no line of the crate names: each costs build time for nothing.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::finding::Finding;
use crate::layers::manifest_path;
use crate::lexer::Kind;
use crate::rust::Source;

const RULE: &str = "unused";

/// Checks the dependencies of every crate against the words of its sources.
pub(crate) fn check(metadata: &Value, sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let manifest = manifest_path(package, metadata);
        let folder = manifest.strip_suffix("Cargo.toml").unwrap_or(&manifest);
        let words = words_under(folder, sources);
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let name = dependency["rename"].as_str().or(dependency["name"].as_str()).unwrap_or_default();
            if !words.contains(name.replace('-', "_").as_str()) {
                findings.push(Finding::new(
                    &manifest,
                    1,
                    RULE,
                    format!("no source names `{name}`: remove the dependency"),
                ));
            }
        }
    }
    findings.dedup();
    findings
}

fn words_under<'a>(folder: &str, sources: &'a [Source]) -> BTreeSet<&'a str> {
    let mut words = BTreeSet::new();
    for source in sources.iter().filter(|source| source.path.starts_with(folder)) {
        for token in &source.tokens {
            if let Kind::Word(word) = &token.kind {
                words.insert(word.as_str());
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tree::File;

    #[test]
    fn a_dependency_is_named_somewhere_in_its_crate() {
        let metadata = json!({"workspace_root": "/r", "packages": [{
            "name": "pitcrew-db", "manifest_path": "/r/crates/db/Cargo.toml",
            "dependencies": [{"name": "serde-json"}, {"name": "insta", "kind": "dev"}, {"name": "left"}, {"name": "rand", "rename": "dice"}],
        }]});
        let files = [
            File::sample("crates/db/src/lib.rs", "use serde_json::Value; use dice::Rng; // left"),
            File::sample("crates/db/tests/it/main.rs", "insta::assert_snapshot!(1);"),
            File::sample("crates/web/src/lib.rs", "use left::right;"),
        ];
        let sources: Vec<Source> = files.iter().filter_map(Source::of).collect();
        let found: Vec<String> = check(&metadata, &sources).iter().map(Finding::to_string).collect();
        assert_eq!(found, ["crates/db/Cargo.toml:1: unused: no source names `left`: remove the dependency"]);
    }
}
