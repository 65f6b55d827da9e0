//! The content key of a step: one digest over everything that decides its result, and which part of it changed.

use std::collections::BTreeMap;

use pitcrew_contracts::spec;
use pitcrew_kernel::{Digest, Error, Result};
use pitcrew_work::CodeFile;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Counts up when the meaning of a part changes, so that results of an older binary are not taken for equal.
const FORMAT: &str = "pitcrew step 1";
const COMMAND: &str = "command";
const CODE: &str = "code";
const ENVIRONMENT: &str = "environment";
const OUTPUTS: &str = "declared outputs";
const SALT: &str = "what the built-in step compares with";
/// Changed files named in a sentence.
const FILES_NAMED: usize = 3;

/// The labelled parts of a key. The labels are words for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct KeyParts(BTreeMap<String, String>);

/// What decides the result of a step.
#[derive(Debug)]
pub(crate) struct Ingredients<'a> {
    pub(crate) step: &'a spec::Step,
    pub(crate) outputs: &'a [String],
    pub(crate) params: &'a BTreeMap<String, Value>,
    pub(crate) inputs: &'a BTreeMap<String, Digest>,
    /// For commands.
    pub(crate) code: Option<Digest>,
    /// For commands in an environment.
    pub(crate) environment: Option<Digest>,
    /// For built-in acts.
    pub(crate) salt: Option<String>,
}

impl KeyParts {
    /// The parts of a step's key.
    pub(crate) fn of(from: &Ingredients<'_>) -> Result<Self> {
        let mut parts = BTreeMap::new();
        let command = match &from.step.run {
            Some(command) => command.clone(),
            None => format!("uses {} {}", from.step.uses.as_deref().unwrap_or_default(), json(&from.step.with)?),
        };
        parts.insert(COMMAND.to_owned(), command);
        parts.insert(OUTPUTS.to_owned(), json(&from.outputs)?);
        for (name, value) in from.params {
            parts.insert(format!("parameter `{name}`"), json(value)?);
        }
        for (name, digest) in from.inputs {
            parts.insert(format!("input `{name}`"), digest.to_string());
        }
        let optional = [
            (CODE, from.code.map(|digest| digest.to_string())),
            (ENVIRONMENT, from.environment.map(|digest| digest.to_string())),
            (SALT, from.salt.clone()),
        ];
        parts.extend(optional.into_iter().filter_map(|(label, part)| Some((label.to_owned(), part?))));
        Ok(Self(parts))
    }

    /// The key.
    pub(crate) fn key(&self) -> Digest {
        let mut hasher = blake3::Hasher::new();
        feed(&mut hasher, FORMAT);
        for (label, part) in &self.0 {
            feed(&mut hasher, label);
            feed(&mut hasher, part);
        }
        Digest::from_bytes(*hasher.finalize().as_bytes())
    }

    /// The digest of the code, if code decides the result.
    pub(crate) fn code(&self) -> Option<Digest> {
        self.0.get(CODE)?.parse().ok()
    }

    /// What changed since `before`, in words; `None` when nothing did. `files` names the changed files when the code did.
    pub(crate) fn changed_since(&self, before: &Self, files: &[String]) -> Option<String> {
        let labels = self.0.keys().chain(before.0.keys().filter(|label| !self.0.contains_key(*label)));
        let said: Vec<String> = labels
            .filter_map(|label| match (before.0.get(label), self.0.get(label)) {
                (Some(old), Some(new)) if old == new => None,
                (Some(_), Some(_)) if label == CODE => Some(code_changed(files)),
                (Some(_), Some(_)) => Some(format!("{label} changed")),
                (None, _) => Some(format!("{label} is new")),
                (_, None) => Some(format!("{label} is gone")),
            })
            .collect();
        (!said.is_empty()).then(|| said.join("; "))
    }
}

fn code_changed(files: &[String]) -> String {
    let named = files.iter().take(FILES_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match files.len() {
        0 => "code changed".to_owned(),
        count if count <= FILES_NAMED => format!("code changed: {named}"),
        count => format!("code changed: {named} and {} more", count - FILES_NAMED),
    }
}

/// Length and bytes, so that no two lists of parts read the same.
fn feed(hasher: &mut blake3::Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|source| Error::internal("a part of a key does not serialise", source))
}

/// Whether a file is a declaration. What it declares is in the key by itself, so the file is neither part of the key nor of the work folder.
fn is_declaration(path: &str) -> bool {
    path == "pitcrew.yaml" || path.ends_with(".pitcrew.yaml") && !path.contains('/')
}

/// The files that steps see.
pub(crate) fn step_files(files: &[CodeFile]) -> impl Iterator<Item = &CodeFile> {
    files.iter().filter(|file| !is_declaration(&file.path))
}

/// The digest of the files that steps see.
pub(crate) fn code_digest(files: &[CodeFile]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    for file in step_files(files) {
        feed(&mut hasher, &file.path);
        hasher.update(file.digest.as_bytes());
        hasher.update(&[u8::from(file.executable)]);
    }
    Digest::from_bytes(*hasher.finalize().as_bytes())
}

/// The paths that differ between two states of the code.
pub(crate) fn changed_files(before: &[CodeFile], after: &[CodeFile]) -> Vec<String> {
    let map = |files: &[CodeFile]| -> BTreeMap<String, (Digest, bool)> {
        step_files(files).map(|file| (file.path.clone(), (file.digest, file.executable))).collect()
    };
    let (before, after) = (map(before), map(after));
    let mut changed: Vec<String> =
        after.iter().filter(|(path, facts)| before.get(*path) != Some(facts)).map(|(path, _)| path.clone()).collect();
    changed.extend(before.into_keys().filter(|path| !after.contains_key(path)));
    changed.sort();
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn digest(text: &str) -> Digest {
        Digest::from_bytes(*blake3::hash(text.as_bytes()).as_bytes())
    }

    fn parts(seed: i64, input: &str, code: &str) -> KeyParts {
        let step: spec::Step = serde_json::from_value(json!({"run": "python train.py"})).unwrap();
        KeyParts::of(&Ingredients {
            step: &step,
            outputs: &["model.onnx".to_owned()],
            params: &BTreeMap::from([("seed".to_owned(), json!(seed))]),
            inputs: &BTreeMap::from([("train".to_owned(), digest(input))]),
            code: Some(digest(code)),
            environment: None,
            salt: None,
        })
        .unwrap()
    }

    #[test]
    fn the_part_that_changed_is_named() {
        let before = parts(7, "a", "x");
        assert_eq!(parts(7, "a", "x").changed_since(&before, &[]), None);
        assert_eq!(parts(8, "a", "x").changed_since(&before, &[]).unwrap(), "parameter `seed` changed");
        assert_eq!(parts(7, "b", "x").changed_since(&before, &[]).unwrap(), "input `train` changed");
        assert_eq!(
            parts(7, "a", "y").changed_since(&before, &["steps/train.py".to_owned()]).unwrap(),
            "code changed: steps/train.py"
        );
        let many: Vec<String> = (0..5).map(|n| format!("{n}.py")).collect();
        assert_eq!(
            parts(7, "a", "y").changed_since(&before, &many).unwrap(),
            "code changed: 0.py, 1.py, 2.py and 2 more"
        );
    }

    #[test]
    fn every_part_is_in_the_key() {
        let keys =
            [parts(7, "a", "x"), parts(8, "a", "x"), parts(7, "b", "x"), parts(7, "a", "y")].map(|parts| parts.key());
        assert_eq!(keys.iter().collect::<std::collections::BTreeSet<_>>().len(), keys.len());
        assert_eq!(parts(7, "a", "x").key(), keys[0]);
    }

    #[test]
    fn declarations_are_not_code() {
        let file = |path: &str, text: &str| CodeFile { path: path.to_owned(), digest: digest(text), executable: false };
        let before =
            [file("pitcrew.yaml", "1"), file("more.pitcrew.yaml", "1"), file("a.py", "1"), file("gone.py", "1")];
        let after = [file("pitcrew.yaml", "2"), file("more.pitcrew.yaml", "2"), file("a.py", "2"), file("new.py", "1")];
        assert_eq!(changed_files(&before, &after), ["a.py", "gone.py", "new.py"]);
        assert_eq!(code_digest(&before[..3]), code_digest(&[after[0].clone(), before[2].clone()]));
    }
}
