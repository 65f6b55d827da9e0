//! The steps of a pipeline as a graph.

use std::collections::{BTreeMap, BTreeSet};

use pitcrew_contracts::spec::{Pipeline, Step};

/// The steps a step waits for: those it names in `needs` and those whose outputs it takes.
pub(crate) fn needs(step: &Step) -> BTreeSet<&str> {
    let from_inputs = step.inputs.values().filter_map(|input| input.split_once('/').map(|(step, _)| step));
    step.needs.iter().map(String::as_str).chain(from_inputs).collect()
}

/// A cycle, in order, if there is one: `["a", "b", "a"]`.
pub(crate) fn cycle(pipeline: &Pipeline) -> Option<Vec<&str>> {
    let graph: BTreeMap<&str, BTreeSet<&str>> =
        pipeline.steps.iter().map(|(name, step)| (name.as_str(), needs(step))).collect();
    let mut done = BTreeSet::new();
    graph.keys().find_map(|start| walk(start, &graph, &mut Vec::new(), &mut done))
}

fn walk<'a>(
    at: &'a str,
    graph: &BTreeMap<&'a str, BTreeSet<&'a str>>,
    path: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<Vec<&'a str>> {
    if let Some(start) = path.iter().position(|step| *step == at) {
        let mut cycle = path[start..].to_vec();
        cycle.push(at);
        return Some(cycle);
    }
    if done.contains(at) {
        return None;
    }
    path.push(at);
    let found = graph.get(at).and_then(|needs| needs.iter().find_map(|next| walk(next, graph, path, done)));
    path.pop();
    done.insert(at);
    found
}
