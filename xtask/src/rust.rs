//! A Rust file with the knowledge which of its tokens are only compiled for tests.

use crate::lexer::{Kind, Token, tokens};
use crate::tree::File;

/// A Rust source file, lexed once for all rules.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) lines: usize,
    /// All tokens, test code included.
    pub(crate) tokens: Vec<Token>,
    /// Beside each token: is it under `#[cfg(test)]` or `#[test]`, or is the whole file a test?
    in_test: Vec<bool>,
}

impl Source {
    /// Lexes `file`, or gives `None` when it is not Rust.
    pub(crate) fn of(file: &File) -> Option<Self> {
        if file.extension() != "rs" {
            return None;
        }
        let text = file.text.as_deref()?;
        let tokens = tokens(text);
        let in_test = if is_test_path(&file.path) { vec![true; tokens.len()] } else { test_marks(&tokens) };
        Some(Self { path: file.path.clone(), lines: text.lines().count(), tokens, in_test })
    }

    /// Whether the whole file is test code.
    pub(crate) fn is_test_file(&self) -> bool {
        is_test_path(&self.path)
    }

    /// The crate's folder name (`registry` for `crates/registry/src/model.rs`); `xtask` for this crate.
    pub(crate) fn crate_name(&self) -> &str {
        let path = self.path.strip_prefix("crates/").unwrap_or(&self.path);
        path.split('/').next().unwrap_or_default()
    }

    /// Positions and tokens that ship, in order.
    pub(crate) fn shipped(&self) -> impl Iterator<Item = (usize, &Token)> {
        self.tokens.iter().enumerate().filter(|(at, _)| !self.in_test.get(*at).copied().unwrap_or(false))
    }

    /// How many lines are not under `#[cfg(test)]` or `#[test]`.
    pub(crate) fn shipped_lines(&self) -> usize {
        if self.is_test_file() {
            return 0;
        }
        let mut tested = 0;
        let mut region: Option<usize> = None;
        for (token, in_test) in self.tokens.iter().zip(&self.in_test) {
            match (region, in_test) {
                (None, true) => region = Some(token.line),
                (Some(first), false) => {
                    tested += token.line - first;
                    region = None;
                }
                _ => {}
            }
        }
        let open = region.map_or(0, |first| (self.lines + 1).saturating_sub(first));
        self.lines.saturating_sub(tested + open)
    }

    /// The lines on which shipped code says `path` (`["SystemTime", "now"]` is `SystemTime::now`). An ending `_` matches a beginning.
    pub(crate) fn lines_with_path(&self, path: &[&str]) -> Vec<usize> {
        self.shipped().filter(|(at, _)| self.has_path(*at, path)).map(|(_, token)| token.line).collect()
    }

    fn has_path(&self, at: usize, path: &[&str]) -> bool {
        path.iter().enumerate().all(|(part, wanted)| {
            let here = at + part * 3;
            let joined = part == 0 || (self.mark_at(here - 1, ':') && self.mark_at(here - 2, ':'));
            joined && self.tokens.get(here).is_some_and(|token| matches(token, wanted))
        })
    }

    /// Whether the token at `at` is the punctuation `mark`.
    pub(crate) fn mark_at(&self, at: usize, mark: char) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_mark(mark))
    }
}

fn matches(token: &Token, wanted: &str) -> bool {
    match &token.kind {
        Kind::Word(word) if wanted.ends_with('_') => word.starts_with(wanted),
        Kind::Word(word) => word == wanted,
        Kind::Text(_) | Kind::Mark(_) => false,
    }
}

/// Tests, benches, the test kit and files of out-of-line `mod tests;`.
fn is_test_path(path: &str) -> bool {
    let folders = ["/tests/", "/benches/", "crates/testkit/", "fuzz/"];
    folders.iter().any(|folder| path.contains(folder)) || path.ends_with("/tests.rs") || path.ends_with("_tests.rs")
}

/// For each token: does it stand under `#[cfg(test)]` or `#[test]`?
fn test_marks(tokens: &[Token]) -> Vec<bool> {
    let mut marks = vec![false; tokens.len()];
    let mut at = 0;
    while at < tokens.len() {
        match attribute_end(tokens, at) {
            Some(end) if names_test(&tokens[at..end]) => {
                let stop = item_end(tokens, end);
                marks[at..stop].fill(true);
                at = stop;
            }
            Some(end) => at = end,
            None => at += 1,
        }
    }
    marks
}

/// The position after an outer attribute `#[...]` that starts at `at`.
fn attribute_end(tokens: &[Token], at: usize) -> Option<usize> {
    if !tokens.get(at)?.is_mark('#') || !tokens.get(at + 1)?.is_mark('[') {
        return None;
    }
    Some(closing(tokens, at + 1, '[', ']'))
}

fn names_test(attribute: &[Token]) -> bool {
    let first = attribute.get(2);
    let is_cfg = first.is_some_and(|token| token.is_word("cfg"));
    let negated = attribute.iter().any(|token| token.is_word("not"));
    let bare = first.is_some_and(|token| token.is_word("test") || token.is_word("tokio"));
    let says_test = attribute.iter().any(|token| token.is_word("test"));
    says_test && !negated && (is_cfg || bare)
}

/// The position after the item that starts at `at`: its `;` or its closing brace.
fn item_end(tokens: &[Token], at: usize) -> usize {
    let mut here = at;
    while here < tokens.len() {
        if let Some(end) = attribute_end(tokens, here) {
            here = end;
        } else if tokens[here].is_mark('{') {
            return closing(tokens, here, '{', '}');
        } else if tokens[here].is_mark('(') {
            here = closing(tokens, here, '(', ')');
        } else if tokens[here].is_mark(';') {
            return here + 1;
        } else {
            here += 1;
        }
    }
    tokens.len()
}

/// The position after the bracket that closes the one at `at`.
pub(crate) fn closing(tokens: &[Token], at: usize, open: char, close: char) -> usize {
    let mut depth = 0_usize;
    for (here, token) in tokens.iter().enumerate().skip(at) {
        if token.is_mark(open) {
            depth += 1;
        } else if token.is_mark(close) {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return here + 1;
            }
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source::of(&File::sample(path, text)).expect("a Rust file")
    }

    #[test]
    fn paths_are_found_outside_tests_only() {
        let text = "fn a() { SystemTime::now(); }\n#[cfg(test)]\nmod tests { fn b() { SystemTime::now(); } }\nfn c() { std::time::SystemTime::now() }";
        assert_eq!(source("crates/x/src/a.rs", text).lines_with_path(&["SystemTime", "now"]), [1, 4]);
        assert!(source("crates/x/tests/it/a.rs", text).lines_with_path(&["SystemTime", "now"]).is_empty());
    }

    #[test]
    fn a_test_function_ends_at_its_brace() {
        let text = "#[test]\n#[ignore = \"{\"]\nfn t() { if x { now::go() } }\nfn real() { now::go() }\n#[cfg(not(test))] fn other() { now::go() }";
        assert_eq!(source("crates/x/src/a.rs", text).lines_with_path(&["now", "go"]), [4, 5]);
    }

    #[test]
    fn tests_do_not_count_as_shipped() {
        let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
        assert_eq!(source("crates/x/src/a.rs", text).shipped_lines(), 2);
        let text = "#[test]\nfn t() {\n}\nfn a() {}\nfn b() {}\n";
        assert_eq!(source("crates/x/src/a.rs", text).shipped_lines(), 2);
        assert_eq!(source("crates/x/tests/it/a.rs", text).shipped_lines(), 0);
    }

    #[test]
    fn a_beginning_matches() {
        let text = "fn a() { Uuid::new_v7(); Uuid::nil(); }";
        assert_eq!(source("crates/x/src/a.rs", text).lines_with_path(&["Uuid", "new_"]), [1]);
    }

    #[test]
    fn the_crate_is_the_folder() {
        assert_eq!(source("crates/compat-mlflow/src/a.rs", "").crate_name(), "compat-mlflow");
        assert_eq!(source("xtask/src/a.rs", "").crate_name(), "xtask");
    }
}
