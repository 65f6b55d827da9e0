//! All rules over the whole repository.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::finding::Finding;
use crate::rust::Source;
use crate::tree::{self, File};
use crate::{Report, errors, layers, migrations, owners, sizes, sql, unused, words};

/// Documents a reader may rely on finding.
const REQUIRED: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "docs/api.md",
    "docs/adr/README.md",
    ".ci/run",
];

/// Runs every rule under `root`.
pub(crate) fn run(root: &Path) -> Result<Report, String> {
    let files = tree::read(root)?;
    let sources: Vec<Source> = files.iter().filter_map(Source::of).collect();
    let metadata = metadata(root)?;
    let mut findings = layers::check(&metadata);
    findings.extend(unused::check(&metadata, &sources));
    for source in &sources {
        findings.extend(owners::check(source));
        findings.extend(sql::check(source));
    }
    findings.extend(migrations::check(&files));
    findings.extend(errors::check(&files, &sources));
    findings.extend(sizes::check(&files, &sources));
    findings.extend(words::check(&files));
    findings.extend(missing_documents(&files));
    findings.sort();
    findings.dedup();
    Ok(report(&findings, files.len()))
}

fn metadata(root: &Path) -> Result<Value, String> {
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("could not run `cargo metadata`: {error}"))?;
    if !output.status.success() {
        return Err(format!("`cargo metadata` failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("`cargo metadata` printed no JSON: {error}"))
}

fn missing_documents(files: &[File]) -> Vec<Finding> {
    let is_there = |path: &str| files.iter().any(|file| file.path == path);
    let missing = REQUIRED.iter().filter(|path| !is_there(path));
    missing.map(|path| Finding::new(path, 1, "documents", "this file must exist")).collect()
}

fn report(findings: &[Finding], files: usize) -> Report {
    let mut text = String::new();
    for finding in findings {
        let _ = writeln!(text, "{finding}");
    }
    let _ = match findings.len() {
        0 => writeln!(text, "tidy: {files} files, nothing to mend"),
        count => writeln!(text, "tidy: {files} files, {count} to mend"),
    };
    Report { text, clean: findings.is_empty() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_like_a_compiler() {
        let said = report(&[Finding::new("a.rs", 0, "size", "split it")], 3);
        assert_eq!(said.text, "a.rs:1: size: split it\ntidy: 3 files, 1 to mend\n");
        assert!(!said.clean);
        assert!(report(&[], 3).clean);
    }

    #[test]
    fn required_documents_are_missed() {
        assert_eq!(missing_documents(&[]).len(), REQUIRED.len());
    }
}
