//! `fields=name,metrics.loss,params`: which parts of a run an answer has. What is not asked for is not read.

use std::collections::BTreeSet;

use pitcrew_contracts::tracking::{PIPELINE_RUN_TAG, PIPELINE_STEP_TAG};
use pitcrew_kernel::Error;
use serde_json::Value;

use super::runs::{Item, RunView, wrong};
use crate::limits::FIELDS_PER_SEARCH;
use crate::model::{Keys, PARENT_RUN_TAG, Reads};

/// Every field of a run.
const NAMES: [&str; 15] = [
    "run_id",
    "experiment_id",
    "experiment",
    "name",
    "status",
    "lifecycle",
    "started_at",
    "ended_at",
    "user",
    "artifact_uri",
    "params",
    "metrics",
    "tags",
    "parent_run_id",
    "pipeline_run",
];

/// What was asked for.
#[derive(Debug)]
pub(super) struct Fields {
    /// Names of fields; `None` means all.
    names: Option<BTreeSet<&'static str>>,
    params: Keys,
    metrics: Keys,
    tags: Keys,
}

impl Fields {
    /// Reads a list of fields; an empty one asks for everything. A run's id is always answered.
    pub(super) fn read(list: &[String]) -> Result<Self, Error> {
        if list.len() > FIELDS_PER_SEARCH {
            return Err(wrong(format!("`fields` names more than {FIELDS_PER_SEARCH} fields")));
        }
        if list.is_empty() {
            return Ok(Self { names: None, params: Keys::All, metrics: Keys::All, tags: Keys::All });
        }
        let mut fields = Self {
            names: Some(BTreeSet::from(["run_id"])),
            params: Keys::none(),
            metrics: Keys::none(),
            tags: Keys::none(),
        };
        list.iter().try_for_each(|field| fields.add(field))?;
        Ok(fields)
    }

    fn add(&mut self, field: &str) -> Result<(), Error> {
        let (group, key) = field.split_once('.').map_or((field, None), |(group, key)| (group, Some(key)));
        let name = NAMES.into_iter().find(|name| *name == group);
        let keys = match group {
            "params" => Some(&mut self.params),
            "metrics" => Some(&mut self.metrics),
            "tags" => Some(&mut self.tags),
            _ => None,
        };
        match (name, keys, key) {
            (Some(_), Some(keys), Some(key)) => keys.add(key),
            (Some(_), Some(keys), None) => *keys = Keys::All,
            (Some(_), None, None) => {}
            _ => {
                return Err(wrong(format!(
                    "`fields` names `{field}`; it takes {}, `params.KEY`, `metrics.KEY` and `tags.KEY`",
                    NAMES.join(", ")
                )));
            }
        }
        self.names.get_or_insert_default().extend(name);
        Ok(())
    }

    /// Whether this field is answered.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names.as_ref().is_none_or(|names| names.contains(name))
    }

    /// What must be read for it.
    pub(super) fn reads(&self) -> Reads {
        let mut tags = self.tags.clone();
        let from_tags = [
            ("parent_run_id", PARENT_RUN_TAG),
            ("pipeline_run", PIPELINE_RUN_TAG),
            ("pipeline_run", PIPELINE_STEP_TAG),
        ];
        from_tags.into_iter().filter(|(field, _)| self.has(field)).for_each(|(_, tag)| tags.add(tag));
        Reads { params: self.params.clone(), metrics: self.metrics.clone(), tags, inputs: false }
    }

    /// A run with the fields that were asked for.
    pub(super) fn of(&self, mut run: RunView) -> Result<Item, Error> {
        let Some(names) = &self.names else { return Ok(Item::Whole(Box::new(run))) };
        // Tags that were read for the sake of other fields.
        if let Keys::Only(keys) = &self.tags {
            run.keep_tags(keys);
        }
        let mut value =
            serde_json::to_value(run).map_err(|source| Error::internal("a run does not serialise", source))?;
        if let Value::Object(fields) = &mut value {
            fields.retain(|name, _| names.contains(name.as_str()));
        }
        Ok(Item::Part(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &[&str]) -> Result<Fields, Error> {
        Fields::read(&list.iter().map(|field| (*field).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn only_what_is_asked_is_read() {
        let only = |keys: &[&str]| Keys::Only(keys.iter().map(|key| (*key).to_owned()).collect());
        let reads = |list: &[&str]| read(list).unwrap().reads();
        assert_eq!(reads(&[]), Reads { inputs: false, ..Reads::default() });
        let none = Reads { params: Keys::none(), metrics: Keys::none(), tags: Keys::none(), inputs: false };
        assert_eq!(reads(&["name", "status"]), none);
        assert_eq!(
            reads(&["metrics.a.b", "metrics.c", "params", "params.x"]),
            Reads { metrics: only(&["a.b", "c"]), params: Keys::All, ..none.clone() }
        );
        assert_eq!(reads(&["parent_run_id", "tags.t"]), Reads { tags: only(&[PARENT_RUN_TAG, "t"]), ..none });
        for bad in ["colour", "name.x", "metric.a", "", "."] {
            assert_eq!(read(&[bad]).unwrap_err().code(), "QUERY_INVALID", "{bad}");
        }
    }
}
