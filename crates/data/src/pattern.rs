//! Source patterns: which files of a project belong to a data set. No pattern can name a file outside of the project folder.

use globset::{GlobBuilder, GlobMatcher};
use pitcrew_kernel::{Error, Result};

/// The longest source pattern.
const MAX_PATTERN_LEN: usize = 1_024;

/// A parsed source pattern, like `data/*.csv`.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    text: String,
    /// The folders before the first one with a wildcard. Files are named relative to it.
    base: Vec<String>,
    /// How many levels below the base a match can lie; `None` with `**`.
    depth: Option<usize>,
    matcher: GlobMatcher,
}

impl Pattern {
    /// Parses a pattern relative to the project folder.
    ///
    /// # Errors
    /// `DATA_SOURCE_INVALID` when it is empty, absolute, steps out of the folder or is not a glob.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        if text.is_empty() || text.len() > MAX_PATTERN_LEN {
            return Err(invalid(text, format!("it must have 1 to {MAX_PATTERN_LEN} characters")));
        }
        let windows_root = text.as_bytes().get(1) == Some(&b':');
        if text.starts_with('/') || windows_root || text.contains(['\\', '\0']) || text.contains("://") {
            return Err(invalid(text, "it must be relative to the project folder"));
        }
        let parts: Vec<&str> = text.split('/').collect();
        if parts.iter().any(|part| matches!(*part, "" | "." | "..")) || text.contains("..") {
            return Err(invalid(text, "it may not leave the project folder or hold empty steps"));
        }
        let glob = GlobBuilder::new(text).literal_separator(true).build();
        let glob = glob.map_err(|source| invalid(text, source.kind().to_string()).with_source(source))?;
        let wild = |part: &&str| part.contains(['*', '?', '[', '{']);
        let literal = parts.iter().position(wild).unwrap_or(parts.len()).min(parts.len() - 1);
        // Braces may hold slashes, so their depth is not the number of steps.
        let unbounded = text.contains("**") || text.contains('{');
        Ok(Self {
            text: text.to_owned(),
            base: parts[..literal].iter().map(|&part| part.to_owned()).collect(),
            depth: (!unbounded).then_some(parts.len() - literal),
            matcher: glob.compile_matcher(),
        })
    }

    /// As written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The folder all matches lie in, as steps from the project folder.
    pub(crate) fn base(&self) -> &[String] {
        &self.base
    }

    /// Whether files or folders may lie so many levels below the base (1: directly in it).
    pub(crate) fn reaches(&self, level: usize) -> bool {
        self.depth.is_none_or(|depth| level <= depth)
    }

    /// Whether the file at `path`, relative to the base and with `/`, matches.
    pub(crate) fn matches(&self, path: &str) -> bool {
        if self.base.is_empty() {
            return self.matcher.is_match(path);
        }
        self.matcher.is_match(format!("{}/{path}", self.base.join("/")))
    }
}

fn invalid(text: &str, why: impl std::fmt::Display) -> Error {
    let shown: String = text.chars().take(120).collect();
    Error::invalid("DATA_SOURCE_INVALID", format!("`{}` is not a source pattern: {why}", shown.escape_debug()))
        .hint("write a path below the project folder with `*`, `?` or `**`, like `data/*.csv`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_match_below_their_base() {
        let flat = Pattern::parse("data/*.csv").unwrap();
        assert_eq!(flat.base(), ["data"]);
        assert!(flat.matches("2011.csv") && !flat.matches("a/2011.csv") && !flat.matches("2011.txt"));
        assert!(flat.reaches(1) && !flat.reaches(2));
        let deep = Pattern::parse("data/**/*.csv").unwrap();
        assert!(deep.matches("2011.csv") && deep.matches("a/b/2011.csv") && deep.reaches(9));
        let single = Pattern::parse("hour.csv").unwrap();
        assert!(single.base().is_empty() && single.matches("hour.csv") && !single.matches("day.csv"));
        let years = Pattern::parse("raw/20*/q?.csv").unwrap();
        assert!(years.matches("2011/q1.csv") && years.reaches(2) && !years.reaches(3));
        let either = Pattern::parse("raw/{a,b/c}/x.csv").unwrap();
        assert!(either.matches("b/c/x.csv") && either.reaches(3));
    }

    #[test]
    fn patterns_cannot_leave_the_folder() {
        for bad in [
            "",
            "/etc/*.csv",
            "../x.csv",
            "data/../../x.csv",
            "data/./x.csv",
            "a//b.csv",
            "data/",
            "C:/x.csv",
            "a\\b.csv",
            "{..,data}/*.csv",
            "file:///x.csv",
            "data/[.csv",
            "a\0.csv",
        ] {
            assert_eq!(Pattern::parse(bad).unwrap_err().code(), "DATA_SOURCE_INVALID", "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_pattern_inside_or_an_error(text in "[a-z.*?\\[\\]{},/\\\\]{0,30}") {
            if let Ok(pattern) = Pattern::parse(&text) {
                prop_assert!(pattern.base().iter().all(|step| step != ".." && !step.is_empty()));
            }
        }
    }
}
