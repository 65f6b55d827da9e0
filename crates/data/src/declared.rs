//! The data sets of `pitcrew.yaml`.

use std::sync::Arc;

use pitcrew_contracts::names::DatasetName;
use pitcrew_contracts::spec::{self, Change, ChangeAction};
use pitcrew_db::Tx;
use pitcrew_kernel::{Error, Result};
use pitcrew_work::{Applying, Declared, diff};

use crate::service::Data;
use crate::{evaluate, store};

const KIND: &str = "dataset";

impl Declared for Data {
    fn apply(&self, tx: &mut Tx<'_>, applying: &Applying<'_>) -> Result<Vec<Change>> {
        let root = applying.root.to_str().filter(|_| applying.root.is_absolute()).ok_or_else(|| {
            Error::invalid("DATA_ROOT_INVALID", "the project folder must be an absolute path of plain text")
                .hint("move the project to a folder whose path is UTF-8")
        })?;
        let now = applying.out.clock.now();
        let mut gone = Vec::new();
        let mut changes = Vec::new();
        for found in diff(tx, applying, KIND, &applying.project.datasets, &mut gone)? {
            let mut change = found.change;
            match found.spec {
                None => store::undeclare(tx, found.name, now)?,
                Some(spec) => {
                    let name: DatasetName = found.name.parse()?;
                    evaluate::check_declaration(spec)
                        .map_err(|error| error.context(format!("datasets.{}", found.name)))?;
                    let before = store::set(tx, &name)?;
                    let moved = before.as_ref().is_some_and(|before| before.root != root || !before.declared);
                    if moved && change.action == ChangeAction::Unchanged {
                        change.action = ChangeAction::Update;
                        "the project folder moved".clone_into(&mut change.detail);
                    } else if let Some(before) = before {
                        change.detail = differences(&before.spec, spec);
                    }
                    if change.action != ChangeAction::Unchanged {
                        store::declare(tx, &applying.project.project, root, &name, spec, now)?;
                    }
                }
            }
            changes.push(change);
        }
        Ok(changes)
    }
}

/// Which parts differ, in a few words.
fn differences(before: &spec::Dataset, now: &spec::Dataset) -> String {
    let parts = [
        ("description", before.description != now.description),
        ("source", before.source != now.source),
        ("time", before.time != now.time),
        ("checks", before.checks != now.checks),
    ];
    let names: Vec<&str> = parts.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect();
    names.join(", ")
}

/// The slice as apply takes it.
impl Data {
    /// This service as a part of apply.
    pub fn declared(self: &Arc<Self>) -> Arc<dyn Declared> {
        Arc::clone(self) as Arc<dyn Declared>
    }
}
