//! The graph of a declared pipeline: validated, in an order in which every step comes after what it needs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};
use std::time::Duration;

use pitcrew_contracts::names::{DatasetName, StepName};
use pitcrew_contracts::spec::{self, MAX_RETRIES};
use pitcrew_kernel::{Error, Result};

use crate::words;

/// The most steps of a pipeline.
pub(crate) const MAX_STEPS: usize = 500;
/// The most files of one step.
const MAX_OUTPUTS: usize = 1_000;
/// The longest time-out of a step.
const MAX_TIMEOUT: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Where an input comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The run's data-set version.
    Dataset,
    /// A file another step made.
    Output { step: StepName, output: String },
}

impl Source {
    /// Reads `dataset` or `STEP/OUTPUT`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        if text == "dataset" {
            return Ok(Self::Dataset);
        }
        match text.split_once('/') {
            Some((step, output)) if !output.is_empty() => {
                Ok(Self::Output { step: step.parse()?, output: output.to_owned() })
            }
            _ => Err(invalid(format!("`{text}` is not an input")).hint("write `dataset` or `step/file`")),
        }
    }
}

/// A valid graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Graph {
    /// Every step after all it needs; by name where the needs leave it open.
    pub(crate) order: Vec<StepName>,
    /// What each step needs, by `needs` and by inputs.
    pub(crate) needs: BTreeMap<StepName, Vec<StepName>>,
}

/// The files each built-in act writes, by its name.
pub(crate) type BuiltIns = BTreeMap<&'static str, &'static [&'static str]>;

impl Graph {
    /// The graph of `pipeline`.
    ///
    /// # Errors
    /// `PIPELINE_INVALID`, `PIPELINE_CYCLE`, `COMMAND_INVALID`, `NAME_INVALID`, each naming the step.
    pub(crate) fn of(pipeline: &spec::Pipeline, built_ins: &BuiltIns) -> Result<Self> {
        if pipeline.steps.is_empty() || pipeline.steps.len() > MAX_STEPS {
            return Err(invalid(format!("it has {} steps; 1 to {MAX_STEPS} are possible", pipeline.steps.len())));
        }
        if let Some(dataset) = &pipeline.dataset {
            dataset.parse::<DatasetName>()?;
        } else if pipeline.refresh {
            return Err(invalid("`refresh` needs a `dataset`".to_owned()));
        }
        let mut needs = BTreeMap::new();
        for (name, step) in &pipeline.steps {
            let checked = name.parse::<StepName>().and_then(|name| {
                check_step(step, built_ins)?;
                Ok((name, needs_of(pipeline, step, built_ins)?))
            });
            let (name, found) = checked.map_err(|error| error.context(format!("step `{name}`")))?;
            needs.insert(name, found.into_iter().collect());
        }
        Ok(Self { order: sort(&needs)?, needs })
    }
}

fn check_step(step: &spec::Step, built_ins: &BuiltIns) -> Result<()> {
    match (&step.run, &step.uses) {
        (Some(command), None) => {
            words::split(command)?;
            if !step.with.is_empty() {
                return Err(invalid("`with` is for built-in steps".to_owned())
                    .hint("give a command its values as `params` of the pipeline"));
            }
        }
        (None, Some(uses)) => {
            if !built_ins.contains_key(uses.as_str()) {
                let known: Vec<&str> = built_ins.keys().copied().collect();
                return Err(invalid(format!("there is no built-in step `{uses}`"))
                    .hint(format!("built-in steps are {}", known.join(", "))));
            }
            if !step.outputs.is_empty() {
                return Err(invalid(format!("`outputs` of the built-in step `{uses}` are fixed")));
            }
        }
        _ => return Err(invalid("it needs either `run` or `uses`".to_owned())),
    }
    if step.retries > MAX_RETRIES {
        return Err(invalid(format!("`retries` is over {MAX_RETRIES}")));
    }
    if step.timeout.is_some_and(|timeout| timeout.duration() > MAX_TIMEOUT || timeout.duration().is_zero()) {
        return Err(invalid(format!(
            "`timeout` must be above zero and at most {} days",
            MAX_TIMEOUT.as_secs() / 86_400
        )));
    }
    check_outputs(&step.outputs)?;
    check_input_names(step)
}

fn check_outputs(outputs: &[String]) -> Result<()> {
    if outputs.len() > MAX_OUTPUTS {
        return Err(invalid(format!("it has more than {MAX_OUTPUTS} outputs")));
    }
    let mut seen = BTreeSet::new();
    for output in outputs {
        if !is_inside(output) {
            return Err(invalid(format!(
                "the output `{}` is not a path inside the output folder",
                output.escape_debug()
            )));
        }
        if !seen.insert(output) {
            return Err(invalid(format!("the output `{output}` is declared twice")));
        }
    }
    Ok(())
}

fn check_input_names(step: &spec::Step) -> Result<()> {
    let mut variables = BTreeMap::new();
    for name in step.inputs.keys() {
        name.parse::<StepName>().map_err(|error| error.context("an input"))?;
        if let Some(other) = variables.insert(input_variable(name), name) {
            return Err(invalid(format!(
                "the inputs `{other}` and `{name}` have the same variable, {}",
                input_variable(name)
            )));
        }
    }
    Ok(())
}

/// A relative path of plain parts.
pub(crate) fn is_inside(path: &str) -> bool {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    !path.is_empty() && !path.contains(['\\', '\0']) && !path.ends_with('/') && Path::new(path).components().all(plain)
}

/// `PITCREW_INPUT_TRAIN` for `train`.
pub(crate) fn input_variable(name: &str) -> String {
    let word: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    format!("PITCREW_INPUT_{word}")
}

fn needs_of(pipeline: &spec::Pipeline, step: &spec::Step, built_ins: &BuiltIns) -> Result<BTreeSet<StepName>> {
    let mut needs = BTreeSet::new();
    for need in &step.needs {
        if !pipeline.steps.contains_key(need) {
            return Err(invalid(format!("it needs the step `{need}`, which does not exist"))
                .hint(format!("steps are {}", names(&pipeline.steps))));
        }
        needs.insert(need.parse()?);
    }
    for (name, source) in &step.inputs {
        let at = |error: Error| error.context(format!("input `{name}`"));
        match Source::parse(source).map_err(at)? {
            Source::Dataset if pipeline.dataset.is_none() => {
                return Err(at(invalid("the pipeline has no `dataset`".to_owned())));
            }
            Source::Dataset => {}
            Source::Output { step: maker, output } => {
                let Some(declared) = pipeline.steps.get(maker.as_str()) else {
                    return Err(at(invalid(format!("there is no step `{maker}`"))
                        .hint(format!("steps are {}", names(&pipeline.steps)))));
                };
                let outputs = outputs_of(declared, built_ins);
                if !outputs.contains(&output) {
                    return Err(at(invalid(format!("the step `{maker}` has no output `{output}`"))
                        .hint(format!("add it to `outputs` of `{maker}`; it has {}", some(&outputs)))));
                }
                needs.insert(maker);
            }
        }
    }
    Ok(needs)
}

/// The files a step must write.
pub(crate) fn outputs_of(step: &spec::Step, built_ins: &BuiltIns) -> Vec<String> {
    match step.uses.as_deref().and_then(|uses| built_ins.get(uses)) {
        Some(outputs) => outputs.iter().map(|&output| output.to_owned()).collect(),
        None => step.outputs.clone(),
    }
}

fn some(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn names(steps: &BTreeMap<String, spec::Step>) -> String {
    steps.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Kahn's algorithm, taking the first step by name each time.
fn sort(needs: &BTreeMap<StepName, Vec<StepName>>) -> Result<Vec<StepName>> {
    let mut order: Vec<StepName> = Vec::new();
    let mut placed = BTreeSet::new();
    while order.len() < needs.len() {
        let next = needs
            .iter()
            .find(|(name, needed)| !placed.contains(*name) && needed.iter().all(|need| placed.contains(need)));
        let Some((name, _)) = next else { return Err(cycle(needs, &placed)) };
        placed.insert(name.clone());
        order.push(name.clone());
    }
    Ok(order)
}

/// Walks from step to needed step until one comes twice.
fn cycle(needs: &BTreeMap<StepName, Vec<StepName>>, placed: &BTreeSet<StepName>) -> Error {
    let mut path: Vec<&StepName> = Vec::new();
    let mut at = needs.keys().find(|name| !placed.contains(*name));
    while let Some(name) = at {
        if let Some(start) = path.iter().position(|seen| *seen == name) {
            let mut round: Vec<&str> = path[start..].iter().rev().map(|name| name.as_str()).collect();
            round.extend(round.first().copied());
            return Error::invalid(
                "PIPELINE_CYCLE",
                format!("its steps need each other in a circle: {}", round.join(" -> ")),
            )
            .hint("remove one `needs` or input of these steps");
        }
        path.push(name);
        at = needs.get(name).and_then(|needed| needed.iter().find(|need| !placed.contains(*need)));
    }
    Error::invalid("PIPELINE_CYCLE", "its steps need each other in a circle")
}

pub(crate) fn invalid(what: String) -> Error {
    Error::invalid("PIPELINE_INVALID", what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn graph(json: serde_json::Value) -> Result<Graph> {
        let built_ins = BuiltIns::from([("evaluate", &["report.json"] as &[_])]);
        Graph::of(&serde_json::from_value(json).unwrap(), &built_ins)
    }

    #[test]
    fn the_order_follows_needs_and_inputs() {
        let graph = graph(json!({"dataset": "bikes", "steps": {
            "train": {"run": "t", "inputs": {"train": "prepare/a.parquet"}, "outputs": ["model.onnx"]},
            "prepare": {"run": "p", "inputs": {"data": "dataset"}, "outputs": ["a.parquet"]},
            "evaluate": {"uses": "evaluate", "inputs": {"model": "train/model.onnx"}},
            "after": {"run": "a", "needs": ["prepare"], "inputs": {"report": "evaluate/report.json"}},
        }}))
        .unwrap();
        let order: Vec<&str> = graph.order.iter().map(StepName::as_str).collect();
        assert_eq!(order, ["prepare", "train", "evaluate", "after"]);
        assert_eq!(graph.needs["after"].len(), 2);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            json!({"steps": {}}),
            json!({"steps": {"a": {"run": "x", "needs": ["b"]}}}),
            json!({"steps": {"a": {"run": "x", "inputs": {"i": "b/x"}}}}),
            json!({"steps": {"b": {"run": "x"}, "a": {"run": "x", "inputs": {"i": "b/x"}}}}),
            json!({"steps": {"a": {"run": "x", "inputs": {"i": "dataset"}}}}),
            json!({"steps": {"a": {"run": "x", "inputs": {"i": "nonsense"}}}}),
            json!({"steps": {"a": {"uses": "magic"}}}),
            json!({"steps": {"a": {}}}),
            json!({"steps": {"a": {"run": "x", "uses": "evaluate"}}}),
            json!({"steps": {"a": {"run": "x | y"}}}),
            json!({"steps": {"a": {"run": "x", "with": {"b": 1}}}}),
            json!({"steps": {"a": {"run": "x", "outputs": ["../up"]}}}),
            json!({"steps": {"a": {"run": "x", "outputs": ["o", "o"]}}}),
            json!({"steps": {"a": {"run": "x", "timeout": "0s"}}}),
            json!({"steps": {"a/b": {"run": "x"}}}),
            json!({"refresh": true, "steps": {"a": {"run": "x"}}}),
            json!({"dataset": "d", "steps": {"a": {"run": "x", "inputs": {"x.y": "dataset", "x_y": "dataset"}}}}),
            json!({"steps": {"a": {"run": "x", "needs": ["b"]}, "b": {"run": "x", "needs": ["c"]}, "c": {"run": "x", "needs": ["b"]}}}),
        ];
        let told: Vec<String> = cases
            .into_iter()
            .map(|case| {
                let error = graph(case).unwrap_err();
                format!(
                    "{}: {}{}",
                    error.code(),
                    error.detail(),
                    error.hint_text().map(|hint| format!(" ({hint})")).unwrap_or_default()
                )
            })
            .collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    proptest! {
        #[test]
        fn every_graph_without_a_circle_is_ordered(edges in prop::collection::vec((0usize..12, 0usize..12), 0..40)) {
            let mut steps = serde_json::Map::new();
            for step in 0..12 {
                let needs: Vec<String> = edges.iter().filter(|(from, to)| *from.max(to) == step && from != to).map(|(from, to)| format!("s{:02}", from.min(to))).collect();
                steps.insert(format!("s{step:02}"), json!({"run": "x", "needs": needs}));
            }
            let graph = graph(json!({"steps": steps})).unwrap();
            for (at, step) in graph.order.iter().enumerate() {
                prop_assert!(graph.needs[step].iter().all(|need| graph.order[..at].contains(need)));
            }
            prop_assert_eq!(graph.order.len(), 12);
        }
    }
}
