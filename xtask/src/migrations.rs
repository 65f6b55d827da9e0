//! Migrations are numbered without gaps, plainly named, and make only tables of their own crate.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::Finding;
use crate::layers::SLICES;
use crate::sql::{stranger_advice, strangers};
use crate::tree::File;

const RULE: &str = "migrations";

/// Checks every `migrations/` folder.
pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut series: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for file in files {
        let Some((folder, name)) = file.path.split_once("/migrations/") else { continue };
        if file.extension() != "sql" {
            findings.push(Finding::new(&file.path, 1, RULE, "only `.sql` files belong here"));
            continue;
        }
        match number_of(name) {
            Some(number) => {
                series.entry(folder).or_default().insert(number);
            }
            None => findings.push(Finding::new(
                &file.path,
                1,
                RULE,
                "name it `NNNN_name.sql` (or `.sqlite.sql` and `.postgres.sql` where one text cannot serve)",
            )),
        }
        findings.extend(table_names(folder, file));
    }
    for (folder, numbers) in series {
        let expected: BTreeSet<u32> = (1..=u32::try_from(numbers.len()).unwrap_or(u32::MAX)).collect();
        if numbers != expected {
            findings.push(Finding::new(
                &format!("{folder}/migrations"),
                1,
                RULE,
                "number the series from 0001 without gaps; a released number never changes",
            ));
        }
    }
    findings
}

/// The number of `0001_name.sql`, `0001_name.sqlite.sql` or `0001_name.postgres.sql`.
fn number_of(name: &str) -> Option<u32> {
    let stem = name.strip_suffix(".sql")?;
    let stem = stem.strip_suffix(".sqlite").or_else(|| stem.strip_suffix(".postgres")).unwrap_or(stem);
    let (digits, word) = stem.split_once('_')?;
    let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if digits.len() != 4 || !plain {
        return None;
    }
    digits.parse().ok()
}

fn table_names(folder: &str, file: &File) -> Vec<Finding> {
    let owner = folder.rsplit('/').next().unwrap_or_default();
    let mut findings = Vec::new();
    for (at, line) in file.text.as_deref().unwrap_or_default().lines().enumerate() {
        let code = line.split("--").next().unwrap_or_default();
        findings.extend(
            strangers(owner, code).map(|table| Finding::new(&file.path, at + 1, RULE, stranger_advice(&table))),
        );
        let upper = code.trim().to_uppercase();
        if let (true, true, Some(table)) =
            (SLICES.contains(&owner), upper.starts_with("CREATE TABLE"), created_table(code))
            && !table.starts_with(&format!("{owner}_"))
        {
            findings.push(Finding::new(
                &file.path,
                at + 1,
                RULE,
                format!("name the table `{owner}_{table}`: each slice's tables carry its name"),
            ));
        }
    }
    findings
}

fn created_table(line: &str) -> Option<String> {
    let words = line.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).find(|word| !["create", "table", "if", "not", "exists"].contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<File> = files.iter().map(|(path, text)| File::sample(path, text)).collect();
        check(&files).into_iter().map(|finding| finding.to_string()).collect()
    }

    #[test]
    fn a_good_series_passes() {
        let first = ("crates/registry/migrations/0001_models.sql", "CREATE TABLE registry_models (\n  id TEXT\n);");
        let twins = [
            (
                "crates/registry/migrations/0002_search.sqlite.sql",
                "CREATE TABLE IF NOT EXISTS registry_search (id TEXT);",
            ),
            ("crates/registry/migrations/0002_search.postgres.sql", "CREATE TABLE registry_search (id TEXT);"),
        ];
        assert_eq!(found(&[first, twins[0], twins[1]]), [""; 0]);
    }

    #[test]
    fn names_gaps_and_foreign_tables_are_found() {
        assert!(found(&[("crates/db/migrations/1_x.sql", "")])[0].contains("name it"));
        assert!(found(&[("crates/db/migrations/0002_x.sql", "")])[0].contains("without gaps"));
        assert!(
            found(&[("crates/registry/migrations/0001_x.sql", "CREATE TABLE models (id TEXT);")])[0]
                .contains("`registry_models`")
        );
        let foreign = found(&[(
            "crates/registry/migrations/0001_x.sql",
            "CREATE TABLE registry_a (id TEXT);\nDELETE FROM tracking_runs;",
        )]);
        assert!(foreign[0].contains("another slice"));
    }
}
