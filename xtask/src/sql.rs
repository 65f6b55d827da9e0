//! SQL stands in stores, and a slice's SQL names only the tables of that slice.

use crate::finding::Finding;
use crate::layers::SLICES;
use crate::lexer::Kind;
use crate::rust::Source;

const PLACE: &str = "sql-place";
const TABLE: &str = "sql-table";

/// Spine crates whose business is the database itself.
const DATABASE_CRATES: &[&str] = &["db", "work", "auth", "testkit", "xtask"];

/// Words after which a table's name stands.
const BEFORE_TABLE: &[&str] = &["from", "join", "into", "update", "table"];

/// Checks where the SQL of one file stands and which tables it names.
pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let may_hold_sql = is_store(&source.path) || DATABASE_CRATES.contains(&source.crate_name());
    let mut findings = Vec::new();
    for (_, token) in source.shipped() {
        let Kind::Text(text) = &token.kind else { continue };
        if !is_statement(text) {
            continue;
        }
        if !may_hold_sql {
            findings.push(Finding::new(
                &source.path,
                token.line,
                PLACE,
                "SQL outside a store: move the statement to `store.rs`",
            ));
        }
        findings.extend(
            strangers(source.crate_name(), text)
                .map(|table| Finding::new(&source.path, token.line, TABLE, stranger_advice(&table))),
        );
    }
    findings
}

/// What to do about a table of another slice.
pub(crate) fn stranger_advice(table: &str) -> String {
    format!("`{table}` belongs to another slice: ask it through a port, or keep a read model fed by its events")
}

fn is_store(path: &str) -> bool {
    path.ends_with("/store.rs")
        || path.contains("/store/")
        || path.ends_with("/migrations.rs")
        || path.contains("/migrations/")
}

/// Whether a text literal is an SQL statement (not a sentence that begins with one of the words).
pub(crate) fn is_statement(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().take(3).collect();
    let second = words.get(1).copied().unwrap_or_default();
    let has_word = |wanted: &str| text.split_whitespace().any(|word| word == wanted);
    match words.first().copied().unwrap_or_default() {
        // `SELECT 1` asks whether the database is there, and knows no table.
        "SELECT" => has_word("FROM"),
        "WITH" => has_word("AS") || has_word("SELECT"),
        "INSERT" => second == "INTO" || second == "OR",
        "UPDATE" => has_word("SET"),
        "DELETE" => second == "FROM",
        "CREATE" => second == "TABLE" || second == "INDEX" || second == "UNIQUE",
        _ => false,
    }
}

/// Tables in `text` whose prefix is another slice than `owner`.
pub(crate) fn strangers<'a>(owner: &'a str, text: &'a str) -> impl Iterator<Item = String> + 'a {
    let words: Vec<String> = text
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let mut found = Vec::new();
    for pair in words.windows(2) {
        let [before, name] = pair else { continue };
        let prefix = name.split('_').next().unwrap_or_default();
        let foreign = SLICES.contains(&prefix) && prefix != owner && name.len() > prefix.len();
        if foreign && BEFORE_TABLE.contains(&before.as_str()) {
            found.push(name.clone());
        }
    }
    found.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::File;

    fn found(path: &str, text: &str) -> Vec<String> {
        let source = Source::of(&File::sample(path, text)).expect("a Rust file");
        check(&source).into_iter().map(|finding| finding.rule.to_owned()).collect()
    }

    #[test]
    fn statements_are_told_from_sentences() {
        for statement in [
            "SELECT a FROM b",
            "INSERT INTO a VALUES ($1)",
            "UPDATE a SET b = $1",
            "DELETE FROM a",
            "WITH x AS (SELECT 1) SELECT 1 FROM x",
        ] {
            assert!(is_statement(statement), "{statement}");
        }
        for sentence in ["SELECT 1", "SELECT one of these", "UPDATE the file", "select", "", "DELETE it", "With care"] {
            assert!(!is_statement(sentence), "{sentence}");
        }
    }

    #[test]
    fn sql_stands_in_stores() {
        let text = "const Q: &str = \"SELECT id FROM registry_models\";";
        assert_eq!(found("crates/registry/src/service.rs", text), [PLACE]);
        assert!(found("crates/registry/src/store.rs", text).is_empty());
        assert!(found("crates/registry/src/store/models.rs", text).is_empty());
        assert!(found("crates/registry/tests/it/store.rs", text).is_empty());
    }

    #[test]
    fn a_slice_reads_its_own_tables() {
        let text = "const Q: &str = \"SELECT m.id FROM registry_models m JOIN tracking_runs r ON r.id = m.run\";";
        assert_eq!(found("crates/registry/src/store.rs", text), [TABLE]);
        assert_eq!(
            found("crates/tracking/src/store.rs", "const Q: &str = \"UPDATE tracking_runs SET data_id = $1\";"),
            [""; 0]
        );
    }
}
