//! Tokens and money of a trace: the sum over its spans, in which a span that sums up its children counts instead of them.

use std::collections::{HashMap, HashSet};

use crate::value::Any;

/// Names and columns of token counts.
pub(crate) const TOKENS: [&str; 6] = [
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation_input_tokens_above_1hr",
];
/// Names and columns of costs.
pub(crate) const COSTS: [&str; 3] = ["input_cost", "output_cost", "total_cost"];
/// Of [`TOKENS`], the first that are zero rather than absent when some other is there; the last is told by no sum.
const ALWAYS: usize = 3;
const SUMMED: usize = 5;

/// Token counts, each of [`TOKENS`].
pub(crate) type Tokens = [Option<i64>; TOKENS.len()];
/// Costs in US dollars, each of [`COSTS`].
pub(crate) type Costs = [Option<f64>; COSTS.len()];

/// A span in the tree.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node<T> {
    pub(crate) span_id: String,
    pub(crate) parent_id: Option<String>,
    /// What it tells, if it tells anything.
    pub(crate) told: Option<T>,
}

/// Token counts in a map of attributes or metadata; `None` when it is no map.
pub(crate) fn tokens_of(value: &Any) -> Option<Tokens> {
    let Any::Map(_) = value else { return None };
    Some(TOKENS.map(|name| value.entry(name).and_then(count)))
}

/// Costs in a map of attributes or metadata.
pub(crate) fn costs_of(value: &Any) -> Option<Costs> {
    let Any::Map(_) = value else { return None };
    Some(COSTS.map(|name| value.entry(name).and_then(amount)))
}

fn count(value: &Any) -> Option<i64> {
    match value {
        Any::Int(count) => Some(*count),
        Any::Double(count) if count.fract() == 0.0 && count.abs() < 9.0e18 => Some(*count as i64),
        Any::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn amount(value: &Any) -> Option<f64> {
    let amount = match value {
        Any::Text(text) => text.trim().parse().ok()?,
        value => value.as_number()?,
    };
    amount.is_finite().then_some(amount)
}

/// The tokens of a whole trace.
pub(crate) fn sum_tokens(nodes: &[Node<Tokens>]) -> Option<Tokens> {
    let mut sum: Tokens = [None; TOKENS.len()];
    let mut some = false;
    for told in topmost(nodes) {
        some = true;
        for at in 0..SUMMED {
            if let Some(count) = told[at] {
                sum[at] = Some(sum[at].unwrap_or(0).saturating_add(count));
            }
        }
    }
    some.then(|| {
        sum[..ALWAYS].iter_mut().for_each(|count| *count = Some(count.unwrap_or(0)));
        sum
    })
}

/// The costs of a whole trace.
pub(crate) fn sum_costs(nodes: &[Node<Costs>]) -> Option<Costs> {
    let mut sum = [0.0; COSTS.len()];
    let mut some = false;
    for told in topmost(nodes) {
        some = true;
        for (total, cost) in sum.iter_mut().zip(told) {
            *total += cost.unwrap_or(0.0);
        }
    }
    some.then(|| sum.map(|cost| cost.is_finite().then_some(cost)))
}

/// What is told by spans above which no span tells anything.
fn topmost<T>(nodes: &[Node<T>]) -> impl Iterator<Item = &T> {
    let known: HashSet<&str> = nodes.iter().map(|node| node.span_id.as_str()).collect();
    let mut children: HashMap<&str, Vec<&Node<T>>> = HashMap::new();
    let mut waiting = Vec::new();
    for node in nodes {
        match node.parent_id.as_deref().filter(|parent| known.contains(parent)) {
            Some(parent) => children.entry(parent).or_default().push(node),
            None => waiting.push(node),
        }
    }
    let mut found = Vec::new();
    // Each span is some other's child at most once, so this ends; spans that are each other's parents are never reached.
    while let Some(node) = waiting.pop() {
        match &node.told {
            Some(told) => found.push(told),
            None => waiting.extend(children.remove(node.span_id.as_str()).unwrap_or_default()),
        }
    }
    found.into_iter()
}

/// Token counts as the JSON that clients read in the metadata; `None` when there are none.
pub(crate) fn tokens_text(tokens: &Tokens) -> Option<String> {
    let entries: Vec<_> =
        TOKENS.iter().zip(tokens).filter_map(|(name, count)| Some(((*name).to_owned(), Any::Int((*count)?)))).collect();
    (!entries.is_empty()).then(|| Any::Map(entries).to_json())
}

/// Costs as the JSON that clients read in the metadata; `None` when there are none.
pub(crate) fn costs_text(costs: &Costs) -> Option<String> {
    let entries: Vec<_> =
        COSTS.iter().zip(costs).filter_map(|(name, cost)| Some(((*name).to_owned(), Any::Double((*cost)?)))).collect();
    (!entries.is_empty()).then(|| Any::Map(entries).to_json())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(span_id: &str, parent: &str, told: Option<&str>) -> Node<Tokens> {
        Node {
            span_id: span_id.to_owned(),
            parent_id: (!parent.is_empty()).then(|| parent.to_owned()),
            told: told.and_then(|json| tokens_of(&Any::of_json(json).unwrap())),
        }
    }

    #[test]
    fn a_span_that_sums_up_its_children_counts_instead_of_them() {
        let leaf = r#"{"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}"#;
        let nodes = [
            node("root", "", None),
            node("agent", "root", Some(r#"{"input_tokens": 10, "total_tokens": 10}"#)),
            node("a", "agent", Some(leaf)),
            node("b", "root", Some(leaf)),
            node("c", "b", Some(leaf)),
            node("stray", "unknown", Some(r#"{"cache_read_input_tokens": 7}"#)),
        ];
        let sum = sum_tokens(&nodes).unwrap();
        assert_eq!(
            tokens_text(&sum).unwrap(),
            r#"{"input_tokens": 11, "output_tokens": 2, "total_tokens": 13, "cache_read_input_tokens": 7}"#
        );
        assert_eq!(sum_tokens(&nodes[..1]), None);
    }

    #[test]
    fn a_ring_of_spans_ends() {
        let told = Some(r#"{"input_tokens": 1}"#);
        assert_eq!(sum_tokens(&[node("a", "b", told), node("b", "a", told)]), None);
        assert_eq!(sum_tokens(&[node("a", "a", told)]), None);
    }

    #[test]
    fn costs_are_sums() {
        let cost = |id: &str, json: &str| Node {
            span_id: id.to_owned(),
            parent_id: None,
            told: costs_of(&Any::of_json(json).unwrap()),
        };
        let sum =
            sum_costs(&[cost("a", r#"{"input_cost": 0.1, "total_cost": 0.25}"#), cost("b", r#"{"total_cost": 1}"#)]);
        assert_eq!(
            costs_text(&sum.unwrap()).unwrap(),
            r#"{"input_cost": 0.1, "output_cost": 0.0, "total_cost": 1.25}"#
        );
    }
}
