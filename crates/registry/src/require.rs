//! What a version must have before an alias may point to it.

use std::collections::BTreeMap;

use pitcrew_contracts::names::AliasName;
use pitcrew_contracts::spec::Require;
use pitcrew_kernel::{Error, Result};

use crate::gate::{RuleResult, Verdict};
use crate::model::Version;

/// What is known of a version, or of one that is about to be.
pub(crate) struct Facts<'a> {
    pub(crate) description: &'a str,
    pub(crate) tags: &'a BTreeMap<String, String>,
    /// Whether a gate let it in.
    pub(crate) gated: bool,
}

/// Each requirement for this alias, and whether the facts meet it.
pub(crate) fn requirements(require: &Require, alias: &AliasName, facts: &Facts<'_>) -> Vec<RuleResult> {
    if !require.aliases.is_empty() && !require.aliases.iter().any(|name| name == alias.as_str()) {
        return Vec::new();
    }
    let mut rules = Vec::new();
    if require.gate {
        rules.push(rule("was let in by the gate".to_owned(), facts.gated, "it was not let in by the gate".to_owned()));
    }
    if require.description {
        let has = !facts.description.trim().is_empty();
        rules.push(rule("has a description".to_owned(), has, "it has no description".to_owned()));
    }
    for tag in &require.tags {
        let has = facts.tags.get(tag).is_some_and(|value| !value.trim().is_empty());
        rules.push(rule(format!("has the tag {tag}"), has, format!("it has no tag `{tag}`")));
    }
    rules
}

fn rule(name: String, holds: bool, lacks: String) -> RuleResult {
    let verdict = if holds { Verdict::Passed } else { Verdict::Refused };
    let detail = if holds { format!("it {name}") } else { lacks };
    RuleResult {
        name,
        kind: "requirement".to_owned(),
        metric: String::new(),
        observed: None,
        bound: None,
        verdict,
        detail,
    }
}

/// Whether an alias may point to this version.
///
/// # Errors
/// `VERSION_INCOMPLETE`, with all that is missing.
pub(crate) fn check(require: &Require, alias: &AliasName, version: &Version) -> Result<()> {
    let facts =
        Facts { description: &version.description, tags: &version.tags, gated: version.gate_decision.is_some() };
    let rules = requirements(require, alias, &facts);
    let missing: Vec<String> =
        rules.into_iter().filter(|rule| rule.verdict == Verdict::Refused).map(|rule| rule.detail).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::precondition(
        "VERSION_INCOMPLETE",
        format!("`{}` cannot be `{alias}`: {}", version.version, missing.join(", ")),
    )
    .hint("give the version what is missing; what its model requires stands under `gate.require` in the project"))
}
