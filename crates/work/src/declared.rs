//! What a project declares becomes what is: each slice takes its part, all in one transaction.

use std::collections::BTreeMap;
use std::path::Path;

use pitcrew_contracts::spec::{Change, ChangeAction, Project};
use pitcrew_db::{Outgoing, Tx};
use pitcrew_kernel::{Digest, Error, Result};
use serde::{Deserialize, Serialize};

/// One file of a project's code, stored as an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeFile {
    /// Path relative to the project, with `/`.
    pub path: String,
    /// Its bytes.
    pub digest: Digest,
    /// Whether it is executable.
    pub executable: bool,
}

/// A project's code at one moment. Data files are not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeSnapshot {
    /// Digest of the list of files.
    pub digest: Digest,
    /// The commit, when the folder is a clean Git tree.
    pub git_commit: Option<String>,
    /// The files, by path.
    pub files: Vec<CodeFile>,
}

/// An apply under way.
#[derive(Debug, Clone, Copy)]
pub struct Applying<'a> {
    /// Who applies, and the sources of ids and time.
    pub out: Outgoing<'a>,
    /// What is declared.
    pub project: &'a Project,
    /// The project's folder on the server.
    pub root: &'a Path,
    /// Its code, already stored.
    pub code: &'a CodeSnapshot,
}

/// A slice that takes part in apply. `plan` is the same call, rolled back.
pub trait Declared: Send + Sync {
    /// Makes what is declared so, and says what that changed.
    ///
    /// # Errors
    /// What is declared and cannot be; then nothing is changed.
    fn apply(&self, tx: &mut Tx<'_>, applying: &Applying<'_>) -> Result<Vec<Change>>;
}

/// What [`diff`] found for one object.
#[derive(Debug)]
pub struct Registered<'a, T> {
    /// The object's name.
    pub name: &'a str,
    /// What is declared; `None` when it is declared no more.
    pub spec: Option<&'a T>,
    /// What happens to it.
    pub change: Change,
}

/// Compares the declared objects of one `kind` with what was applied last, remembers the new state, and answers what to do for each.
/// The calling slice then acts on those that are not `Unchanged`.
///
/// # Errors
/// What the database can give.
pub fn diff<'a, T: Serialize>(
    tx: &mut Tx<'_>,
    applying: &Applying<'_>,
    kind: &str,
    declared: &'a BTreeMap<String, T>,
    gone: &'a mut Vec<String>,
) -> Result<Vec<Registered<'a, T>>> {
    let project = applying.project.project.as_str();
    let before: BTreeMap<String, String> = tx
        .all(
            "SELECT name, spec FROM work_declared WHERE project = $1 AND kind = $2 ORDER BY name",
            &[project.into(), kind.into()],
            |row| Ok((row.text(0)?, row.text(1)?)),
        )?
        .into_iter()
        .collect();
    let mut found = Vec::new();
    for (name, spec) in declared {
        let text = serde_json::to_string(spec)
            .map_err(|source| Error::internal("a declaration does not serialise", source))?;
        let action = match before.get(name) {
            None => ChangeAction::Create,
            Some(old) if *old == text => ChangeAction::Unchanged,
            Some(_) => ChangeAction::Update,
        };
        if action != ChangeAction::Unchanged {
            remember(tx, project, kind, name, &text)?;
        }
        found.push(Registered { name, spec: Some(spec), change: change(action, kind, name) });
    }
    gone.extend(before.into_keys().filter(|name| !declared.contains_key(name)));
    for name in gone.iter() {
        tx.exec("DELETE FROM work_declared WHERE kind = $1 AND name = $2", &[kind.into(), name.into()])?;
        found.push(Registered { name, spec: None, change: change(ChangeAction::Delete, kind, name) });
    }
    Ok(found)
}

fn remember(tx: &mut Tx<'_>, project: &str, kind: &str, name: &str, spec: &str) -> Result<()> {
    let owner = tx.optional(
        "SELECT project FROM work_declared WHERE kind = $1 AND name = $2",
        &[kind.into(), name.into()],
        |row| row.text(0),
    )?;
    if let Some(other) = owner.filter(|owner| owner != project) {
        return Err(Error::conflict(
            "DECLARED_ELSEWHERE",
            format!("{kind} `{name}` is already declared by project `{other}`"),
        )
        .hint("choose another name, or remove it from the other project and apply that first"));
    }
    tx.exec(
        "INSERT INTO work_declared (project, kind, name, spec) VALUES ($1, $2, $3, $4) ON CONFLICT (kind, name) DO UPDATE SET spec = excluded.spec",
        &[project.into(), kind.into(), name.into(), spec.into()],
    )?;
    Ok(())
}

fn change(action: ChangeAction, kind: &str, name: &str) -> Change {
    Change { action, kind: kind.to_owned(), name: name.to_owned(), detail: String::new() }
}
