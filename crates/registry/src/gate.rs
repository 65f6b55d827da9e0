//! The gate: pure rules over measured figures.

use std::collections::BTreeMap;

use pitcrew_contracts::spec::{Gate, MetricBound};
use serde::{Deserialize, Serialize};

/// What a rule or the whole gate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Let in.
    Passed,
    /// Kept out.
    Refused,
}

impl Verdict {
    /// As stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Refused => "refused",
        }
    }
}

/// One rule, what it saw and what it said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleResult {
    /// The rule in words.
    pub name: String,
    /// `floor`, `champion` or `requirement`.
    pub kind: String,
    /// The metric; empty for a requirement.
    pub metric: String,
    /// The candidate's value; absent when it was not measured.
    pub observed: Option<f64>,
    /// The value it had to keep.
    pub bound: Option<f64>,
    /// What it said.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub detail: String,
}

/// Applies every rule. A metric that was not measured, or is not finite, refuses: an unknown is no pass.
pub fn decide(
    gate: &Gate,
    candidate: &BTreeMap<String, f64>,
    champion: Option<&BTreeMap<String, f64>>,
) -> (Verdict, Vec<RuleResult>) {
    let mut rules: Vec<RuleResult> = gate.floors.iter().flat_map(|bound| floor(bound, candidate)).collect();
    if let (Some(rule), Some(champion)) = (&gate.champion, champion) {
        rules.push(against_champion(&rule.metric, rule.tolerance, candidate, champion));
    }
    (verdict(&rules), rules)
}

/// All rules must hold.
pub(crate) fn verdict(rules: &[RuleResult]) -> Verdict {
    if rules.iter().all(|rule| rule.verdict == Verdict::Passed) { Verdict::Passed } else { Verdict::Refused }
}

/// The sentence for people: what passed, or the first reason against.
pub(crate) fn reason(verdict: Verdict, rules: &[RuleResult]) -> String {
    match (verdict, rules.iter().find(|rule| rule.verdict == Verdict::Refused)) {
        (Verdict::Refused, Some(rule)) => rule.detail.clone(),
        _ if rules.is_empty() => "no rules are declared".to_owned(),
        _ => format!("all {} rules hold", rules.len()),
    }
}

fn floor(bound: &MetricBound, candidate: &BTreeMap<String, f64>) -> Vec<RuleResult> {
    let observed = measured(candidate, &bound.metric);
    let mut results = Vec::new();
    if let Some(max) = bound.max {
        results.push(result(
            "floor",
            &bound.metric,
            observed,
            max,
            "at most",
            observed.is_some_and(|value| value <= max),
        ));
    }
    if let Some(min) = bound.min {
        results.push(result(
            "floor",
            &bound.metric,
            observed,
            min,
            "at least",
            observed.is_some_and(|value| value >= min),
        ));
    }
    results
}

fn against_champion(
    metric: &str,
    tolerance: f64,
    candidate: &BTreeMap<String, f64>,
    champion: &BTreeMap<String, f64>,
) -> RuleResult {
    let observed = measured(candidate, metric);
    let Some(theirs) = measured(champion, metric) else {
        // A champion that cannot be measured on these rows cannot hold its place against one that can.
        let mut rule = result("champion", metric, observed, f64::INFINITY, "at most", observed.is_some());
        rule.bound = None;
        rule.detail = format!("the champion's {metric} could not be measured on these rows");
        return rule;
    };
    let higher_is_better = metric == "r2";
    let bound = if higher_is_better { theirs - tolerance * theirs.abs() } else { theirs + tolerance * theirs.abs() };
    let holds = observed.is_some_and(|value| if higher_is_better { value >= bound } else { value <= bound });
    let words = if higher_is_better { "at least" } else { "at most" };
    let mut rule = result("champion", metric, observed, bound, words, holds);
    rule.name = format!("{metric} no worse than the champion's");
    rule.detail = format!("{}; the champion has {} on the same rows", rule.detail, figure(theirs));
    rule
}

fn result(kind: &str, metric: &str, observed: Option<f64>, bound: f64, words: &str, holds: bool) -> RuleResult {
    let (verdict, is) = if holds { (Verdict::Passed, "is") } else { (Verdict::Refused, "is not") };
    let detail = match observed {
        Some(value) => format!("{metric} {} {is} {words} {}", figure(value), figure(bound)),
        None => format!("{metric} was not measured"),
    };
    RuleResult {
        name: format!("{metric} {words} {}", figure(bound)),
        kind: kind.to_owned(),
        metric: metric.to_owned(),
        observed,
        bound: Some(bound),
        verdict,
        detail,
    }
}

fn measured(metrics: &BTreeMap<String, f64>, name: &str) -> Option<f64> {
    metrics.get(name).copied().filter(|value| value.is_finite())
}

/// Four significant figures, as people read them.
fn figure(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = (3.0 - value.abs().log10().floor()).clamp(0.0, 6.0) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitcrew_contracts::spec::BeatChampion;
    use proptest::prelude::*;

    fn gate() -> Gate {
        Gate {
            floors: vec![MetricBound { metric: "wape".into(), max: Some(0.3), min: None }],
            champion: Some(BeatChampion { metric: "mae".into(), tolerance: 0.02 }),
            ..Gate::default()
        }
    }

    fn metrics(wape: f64, mae: f64) -> BTreeMap<String, f64> {
        BTreeMap::from([("wape".to_owned(), wape), ("mae".to_owned(), mae)])
    }

    #[test]
    fn a_good_candidate_passes_and_each_rule_says_why() {
        let (verdict, rules) = decide(&gate(), &metrics(0.21, 20.0), Some(&metrics(0.4, 80.0)));
        assert_eq!(verdict, Verdict::Passed);
        assert_eq!(rules[0].detail, "wape 0.21 is at most 0.3");
        assert_eq!(rules[1].detail, "mae 20 is at most 81.6; the champion has 80 on the same rows");
    }

    #[test]
    fn the_first_refusal_is_the_reason() {
        let (verdict, rules) = decide(&gate(), &metrics(0.91, 200.0), Some(&metrics(0.2, 80.0)));
        assert_eq!((verdict, reason(verdict, &rules).as_str()), (Verdict::Refused, "wape 0.91 is not at most 0.3"));
    }

    #[test]
    fn what_is_not_measured_or_not_finite_refuses() {
        for bad in [BTreeMap::new(), metrics(f64::NAN, 1.0), metrics(f64::INFINITY, 1.0)] {
            assert_eq!(decide(&gate(), &bad, None).0, Verdict::Refused);
        }
    }

    proptest! {
        #[test]
        fn a_better_candidate_never_loses_what_a_worse_one_passed(wape in 0.0f64..1.0, mae in 0.0f64..200.0, champion in 0.0f64..200.0, gain in 0.0f64..1.0) {
            let theirs = metrics(0.2, champion);
            let (worse, _) = decide(&gate(), &metrics(wape, mae), Some(&theirs));
            let (better, _) = decide(&gate(), &metrics(wape * gain, mae * gain), Some(&theirs));
            prop_assert!(worse == Verdict::Refused || better == Verdict::Passed);
        }
    }
}
