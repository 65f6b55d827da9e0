//! Every error code has a page that says what to do, and every page a code. The index is generated.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use crate::Report;
use crate::finding::Finding;
use crate::lexer::Kind;
use crate::rust::Source;
use crate::tree::{self, File};

const RULE: &str = "errors";
const FOLDER: &str = "docs/errors/";
const INDEX: &str = "docs/errors/README.md";
const ADVICE_HEADING: &str = "## What to do";
/// How far a literal may stand from the `let code =` that chooses it.
const CHOICE_TOKENS_MAX: usize = 60;

/// The constructors of `kernel::Error`, its kinds, and the HTTP status of each.
const KINDS: &[(&str, &str, u16)] = &[
    ("invalid", "Invalid", 400),
    ("unauthenticated", "Unauthenticated", 401),
    ("forbidden", "Forbidden", 403),
    ("not_found", "NotFound", 404),
    ("conflict", "Conflict", 409),
    ("precondition", "Precondition", 412),
    ("too_large", "TooLarge", 413),
    ("limited", "Limited", 429),
    ("internal", "Internal", 500),
    ("unavailable", "Unavailable", 503),
    ("timeout", "Timeout", 504),
];

/// A code, where it is made first, and the statuses it is answered with.
#[derive(Debug, PartialEq, Eq)]
struct Code {
    path: String,
    line: usize,
    statuses: BTreeSet<u16>,
}

/// Checks that codes, pages and index agree.
pub(crate) fn check(files: &[File], sources: &[Source]) -> Vec<Finding> {
    let codes = codes_in(sources);
    let pages: BTreeMap<&str, &File> = pages(files).collect();
    let mut findings = Vec::new();
    for (code, made) in &codes {
        if !pages.contains_key(code.as_str()) {
            findings.push(Finding::new(
                &made.path,
                made.line,
                RULE,
                format!("`{code}` has no page: write {FOLDER}{code}.md and run `cargo xtask errors`"),
            ));
        }
    }
    for (code, page) in &pages {
        match codes.get(*code) {
            Some(made) => findings.extend(page_faults(code, made, page)),
            None => findings.push(Finding::new(
                &page.path,
                1,
                RULE,
                format!("no code `{code}` in the sources: remove the page and run `cargo xtask errors`"),
            )),
        }
    }
    let written = files.iter().find(|file| file.path == INDEX).and_then(|file| file.text.as_deref());
    if !pages.is_empty() && written != Some(index(&pages).as_str()) {
        findings.push(Finding::new(INDEX, 1, RULE, "the index is out of date: run `cargo xtask errors`"));
    }
    findings
}

/// Writes the index and names the codes without a page.
pub(crate) fn write_index(root: &Path) -> Result<Report, String> {
    let files = tree::read(root)?;
    let sources: Vec<Source> = files.iter().filter_map(Source::of).collect();
    let pages: BTreeMap<&str, &File> = pages(&files).collect();
    std::fs::write(root.join(INDEX), index(&pages)).map_err(|error| format!("could not write {INDEX}: {error}"))?;
    let mut text = format!("wrote {INDEX}: {} pages\n", pages.len());
    let mut clean = true;
    for (code, made) in codes_in(&sources) {
        if !pages.contains_key(code.as_str()) {
            let statuses: Vec<String> = made.statuses.iter().map(u16::to_string).collect();
            let _ = writeln!(text, "{}:{}: `{code}` ({}) has no page", made.path, made.line, statuses.join(", "));
            clean = false;
        }
    }
    Ok(Report { text, clean })
}

/// The codes that shipped code hands to a constructor of `Error`.
fn codes_in(sources: &[Source]) -> BTreeMap<String, Code> {
    let mut codes = BTreeMap::new();
    for source in sources.iter().filter(|source| source.path.starts_with("crates/")) {
        for (at, token) in source.shipped() {
            let Kind::Text(text) = &token.kind else { continue };
            if !is_code(text) {
                continue;
            }
            if let Some(status) = constructor_before(source, at).or_else(|| chosen_code(source, at)) {
                let fresh = || Code { path: source.path.clone(), line: token.line, statuses: BTreeSet::new() };
                codes.entry(text.clone()).or_insert_with(fresh).statuses.insert(status);
            }
        }
    }
    codes
}

/// `UPPER_SNAKE_CASE`, two letters at least.
fn is_code(text: &str) -> bool {
    let good = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    text.len() > 1 && text.starts_with(|c: char| c.is_ascii_uppercase()) && text.chars().all(good)
}

/// The status when the text at `at` is the code in `Error::not_found("CODE"`, `Error::new(Kind::NotFound, "CODE"` or a slice's own
/// `fail(Kind::NotFound, "CODE"`.
fn constructor_before(source: &Source, at: usize) -> Option<u16> {
    let word = |back: usize| match &source.tokens.get(at.checked_sub(back)?)?.kind {
        Kind::Word(word) => Some(word.as_str()),
        Kind::Text(_) | Kind::Mark(_) => None,
    };
    let mark = |back: usize, wanted: char| at.checked_sub(back).is_some_and(|here| source.mark_at(here, wanted));
    if mark(1, '(') && mark(3, ':') && mark(4, ':') && matches!(word(5), Some("Error" | "Self")) {
        let name = word(2)?;
        return KINDS.iter().find(|(constructor, _, _)| *constructor == name).map(|(_, _, status)| *status);
    }
    if mark(1, ',') && mark(3, ':') && mark(4, ':') && word(5) == Some("Kind") {
        let name = word(2)?;
        return KINDS.iter().find(|(_, kind, _)| *kind == name).map(|(_, _, status)| *status);
    }
    None
}

/// The status when the text at `at` stands in `let code = ...;`: that of the constructor which is handed `code` next.
fn chosen_code(source: &Source, at: usize) -> Option<u16> {
    let tokens = &source.tokens;
    let begins = |here: &usize| {
        tokens[*here].is_word("let") && tokens[here + 1].is_word("code") && source.mark_at(here + 2, '=')
    };
    let start = (at.saturating_sub(CHOICE_TOKENS_MAX)..at.saturating_sub(2)).rev().find(begins)?;
    if (start..at).any(|here| source.mark_at(here, ';')) {
        return None;
    }
    let used = (at + 1..tokens.len()).find(|here| tokens[*here].is_word("code"))?;
    constructor_before(source, used)
}

/// The pages, by code.
fn pages(files: &[File]) -> impl Iterator<Item = (&str, &File)> {
    files.iter().filter_map(|file| {
        let name = file.path.strip_prefix(FOLDER)?.strip_suffix(".md")?;
        (file.path != INDEX).then_some((name, file))
    })
}

fn page_faults(code: &str, made: &Code, page: &File) -> Vec<Finding> {
    let text = page.text.as_deref().unwrap_or_default();
    let mut findings = Vec::new();
    if text.lines().next() != Some(&format!("# {code}")) {
        findings.push(Finding::new(&page.path, 1, RULE, format!("begin with `# {code}`")));
    }
    let wanted: Vec<String> = made.statuses.iter().map(u16::to_string).collect();
    let wanted = format!("Status: {}", wanted.join(", "));
    if !text.lines().any(|line| line == wanted) {
        findings.push(Finding::new(
            &page.path,
            3,
            RULE,
            format!("say `{wanted}` on a line of its own: that is what the sources answer"),
        ));
    }
    if !text.lines().any(|line| line == ADVICE_HEADING) {
        findings.push(Finding::new(
            &page.path,
            1,
            RULE,
            format!("say what the reader can do under `{ADVICE_HEADING}`"),
        ));
    }
    if meaning(text).is_empty() {
        findings.push(Finding::new(&page.path, 5, RULE, "say what it means in the first paragraph"));
    }
    findings
}

/// The first paragraph that is neither a heading nor the status.
fn meaning(text: &str) -> String {
    let is_prose = |line: &&str| !line.is_empty() && !line.starts_with('#') && !line.starts_with("Status: ");
    let mut lines = text.lines().skip_while(|line| !is_prose(line));
    let paragraph: Vec<&str> = lines.by_ref().take_while(is_prose).collect();
    paragraph.join(" ")
}

fn status_of(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or_default()
}

fn index(pages: &BTreeMap<&str, &File>) -> String {
    let mut out = String::from(
        "# Error codes\n\nEvery error Pitcrew answers with carries one of these codes, a sentence and, where there is one, a hint for the next step.\n\
         This list is written by `cargo xtask errors` from the pages beside it.\n\n| code | status | meaning |\n|---|---|---|\n",
    );
    for (code, page) in pages {
        let text = page.text.as_deref().unwrap_or_default();
        let _ = writeln!(out, "| [`{code}`]({code}.md) | {} | {} |", status_of(text), meaning(text));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# RUN_NOT_FOUND\n\nStatus: 404\n\nNo run has this id.\n\n## What to do\n\nList the runs.\n";
    const SOURCE: &str = "fn a() { Error::not_found(\"RUN_NOT_FOUND\", \"no run\"); x(\"NOT_A_CODE\"); }";

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<File> = files.iter().map(|(path, text)| File::sample(path, text)).collect();
        let sources: Vec<Source> = files.iter().filter_map(Source::of).collect();
        check(&files, &sources).into_iter().map(|finding| finding.to_string()).collect()
    }

    fn good_index() -> String {
        let file = File::sample("docs/errors/RUN_NOT_FOUND.md", PAGE);
        index(&BTreeMap::from([("RUN_NOT_FOUND", &file)]))
    }

    #[test]
    fn code_page_and_index_agree() {
        let index = good_index();
        assert!(index.contains("| [`RUN_NOT_FOUND`](RUN_NOT_FOUND.md) | 404 | No run has this id. |"));
        let files =
            [("crates/tracking/src/a.rs", SOURCE), ("docs/errors/RUN_NOT_FOUND.md", PAGE), (INDEX, index.as_str())];
        assert_eq!(found(&files), [""; 0]);
    }

    #[test]
    fn a_code_without_a_page_and_a_page_without_a_code() {
        let missing = found(&[("crates/tracking/src/a.rs", SOURCE)]);
        assert_eq!(missing.len(), 1);
        assert!(missing[0].starts_with("crates/tracking/src/a.rs:1: errors: `RUN_NOT_FOUND` has no page"));
        let index = good_index();
        let orphan = found(&[("docs/errors/RUN_NOT_FOUND.md", PAGE), (INDEX, index.as_str())]);
        assert!(orphan[0].contains("no code `RUN_NOT_FOUND`"));
    }

    #[test]
    fn the_page_says_the_status_the_source_answers() {
        let source = "fn a() { Error::new(Kind::Conflict, \"RUN_NOT_FOUND\", \"no\"); }";
        let index = good_index();
        let faults = found(&[
            ("crates/tracking/src/a.rs", source),
            ("docs/errors/RUN_NOT_FOUND.md", PAGE),
            (INDEX, index.as_str()),
        ]);
        assert_eq!(faults.len(), 1);
        assert!(faults[0].contains("Status: 409"));
    }

    #[test]
    fn a_code_chosen_before_it_is_used_counts() {
        let source =
            "fn a() { let code = if x { \"JSON_BAD\" } else { \"JSON_ODD\" }; Error::too_large(code, \"no\") }";
        let file = File::sample("crates/web/src/a.rs", source);
        let codes = codes_in(&[Source::of(&file).expect("a Rust file")]);
        let found: Vec<(&str, Vec<u16>)> =
            codes.iter().map(|(code, made)| (code.as_str(), made.statuses.iter().copied().collect())).collect();
        assert_eq!(found, [("JSON_BAD", vec![413]), ("JSON_ODD", vec![413])]);
    }

    #[test]
    fn a_stale_index_is_found() {
        let faults = found(&[
            ("crates/tracking/src/a.rs", SOURCE),
            ("docs/errors/RUN_NOT_FOUND.md", PAGE),
            (INDEX, "# Error codes\n"),
        ]);
        assert_eq!(faults, ["docs/errors/README.md:1: errors: the index is out of date: run `cargo xtask errors`"]);
    }
}
