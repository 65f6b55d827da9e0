//! Words that do not belong in the repository: promises for later, paths of one machine, crates that everyone would edit.

use crate::finding::Finding;
use crate::tree::File;

const RULE: &str = "words";

/// Marks of unfinished work. Split, so that this file does not find itself.
const MARKERS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Top-level folders that only one machine has.
const MACHINE_FOLDERS: &[&str] = &[concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/far", "m/")];

/// File and crate names that gather what has no home.
const HOMELESS: &[&str] = &["common", "utils", "util", "helpers", "misc"];

/// Generated or foreign text, where a word may stand by accident.
const EXEMPT: &[&str] = &["Cargo.lock", "ui/package-lock.json", "LICENSE"];

/// Checks the words and the names of every text file.
pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        if let Some(name) = homeless(&file.path) {
            findings.push(Finding::new(
                &file.path,
                1,
                RULE,
                format!("`{name}` says nothing: put it with its only user, or name it after what it does"),
            ));
        }
        let Some(text) = file.text.as_deref().filter(|_| !EXEMPT.contains(&file.path.as_str())) else { continue };
        for (at, line) in text.lines().enumerate() {
            if let Some(marker) = MARKERS.iter().find(|marker| has_word(line, marker)) {
                findings.push(Finding::new(
                    &file.path,
                    at + 1,
                    RULE,
                    format!("`{marker}`: do it now, or write an issue"),
                ));
            }
            if let Some(folder) = MACHINE_FOLDERS.iter().find(|folder| has_absolute(line, folder)) {
                findings.push(Finding::new(
                    &file.path,
                    at + 1,
                    RULE,
                    format!("`{folder}` is a folder of one machine: use a relative path or a variable"),
                ));
            }
        }
    }
    findings
}

/// The part of a Rust path that is a name for everything.
fn homeless(path: &str) -> Option<&'static str> {
    let in_rust = path.ends_with(".rs") || path.ends_with("Cargo.toml");
    let has_part = |name: &&&str| path.split(['/', '.']).any(|part| part == **name);
    HOMELESS.iter().find(has_part).filter(|_| in_rust).copied()
}

fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(is_part);
        let after = line[at + word.len()..].chars().next().is_some_and(is_part);
        !before && !after
    })
}

/// Whether `line` names the absolute `folder`, not a longer path that ends like it.
fn has_absolute(line: &str, folder: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '}' | '/' | '>' | '*');
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(joins);
        let after =
            line[at + folder.len()..].chars().next().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.');
        !before && after
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&[File::sample(path, text)]).len()
    }

    #[test]
    fn promises_are_found_as_whole_words() {
        assert_eq!(found("a.md", &format!("// {}: later", MARKERS[0])), 1);
        assert_eq!(found("a.md", &format!("mktemp {}XX.{}", MARKERS[2], "rs")), 0);
        assert_eq!(found("a.md", "todo lists are fine"), 0);
    }

    #[test]
    fn machine_paths_are_found() {
        assert_eq!(found("a.sh", &format!("cd {}x", MACHINE_FOLDERS[0])), 1);
        assert_eq!(found("a.sh", &format!("cd $HOME{}x and crates{}src", MACHINE_FOLDERS[0], MACHINE_FOLDERS[1])), 0);
    }

    #[test]
    fn homeless_names_are_found() {
        assert_eq!(found("crates/common/src/lib.rs", ""), 1);
        assert_eq!(found("crates/db/src/utils.rs", ""), 1);
        assert_eq!(found("ui/src/utils.ts", ""), 0);
        assert_eq!(found("crates/db/src/commonly.rs", ""), 0);
    }
}
