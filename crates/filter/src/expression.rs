//! Whole filters: comparisons joined by AND, OR and NOT, with parentheses.
//!
//! A filter is true or false of a thing, never unknown: a comparison with what is absent is false, so NOT of it is true. This is what a
//! reader of `NOT tags.old = 'yes'` expects, and what SQL's third value would quietly break.

use pitcrew_kernel::{Error, Result};

use crate::syntax::{Comparison, Parser, comparisons, tokens_of};
use crate::{errors, limits};

/// How much of the language a caller speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grammar {
    /// Comparisons joined by AND: all that MLflow knows.
    #[default]
    Conjunction,
    /// AND, OR, NOT and parentheses. NOT binds tighter than AND, AND tighter than OR.
    Full,
}

/// A filter over leaves `L`.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression<L> {
    /// True when all of these are; also when there are none.
    All(Vec<Expression<L>>),
    /// True when at least one of these is.
    Any(Vec<Expression<L>>),
    /// True when this is false.
    Not(Box<Expression<L>>),
    /// One comparison.
    Leaf(L),
}

impl<L> Default for Expression<L> {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl<L> Expression<L> {
    /// The same filter over other leaves.
    ///
    /// # Errors
    /// The first that `map` gives.
    pub fn try_map<M>(&self, map: &mut dyn FnMut(&L) -> Result<M>) -> Result<Expression<M>> {
        Ok(match self {
            Self::All(parts) => Expression::All(parts.iter().map(|part| part.try_map(map)).collect::<Result<_>>()?),
            Self::Any(parts) => Expression::Any(parts.iter().map(|part| part.try_map(map)).collect::<Result<_>>()?),
            Self::Not(part) => Expression::Not(Box::new(part.try_map(map)?)),
            Self::Leaf(leaf) => Expression::Leaf(map(leaf)?),
        })
    }

    /// The comparisons that must all be true for the filter to be: those that no OR and no NOT stands above.
    pub fn required(&self) -> Vec<&L> {
        match self {
            Self::All(parts) => parts.iter().flat_map(Self::required).collect(),
            Self::Leaf(leaf) => vec![leaf],
            Self::Any(_) | Self::Not(_) => Vec::new(),
        }
    }

    /// Whether the filter is true where `leaf` says which comparisons are.
    pub fn holds(&self, leaf: &dyn Fn(&L) -> bool) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(leaf)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(leaf)),
            Self::Not(part) => !part.holds(leaf),
            Self::Leaf(one) => leaf(one),
        }
    }

    /// The condition in SQL, where `leaf` gives that of a comparison. No leaf may be NULL.
    pub fn condition(&self, leaf: &mut dyn FnMut(&L) -> String) -> String {
        match self {
            Self::All(parts) if parts.is_empty() => "1 = 1".to_owned(),
            Self::All(parts) => joined(parts, " AND ", leaf),
            Self::Any(parts) => joined(parts, " OR ", leaf),
            Self::Not(part) => format!("NOT ({})", part.condition(leaf)),
            Self::Leaf(one) => leaf(one),
        }
    }
}

fn joined<L>(parts: &[Expression<L>], word: &str, leaf: &mut dyn FnMut(&L) -> String) -> String {
    let parts: Vec<String> = parts.iter().map(|part| part.condition(leaf)).collect();
    format!("({})", parts.join(word))
}

/// Reads a filter. Nothing or blanks: true of everything.
///
/// # Errors
/// `FILTER_INVALID`.
pub fn expression(filter: &str, grammar: Grammar) -> Result<Expression<Comparison>> {
    match grammar {
        Grammar::Conjunction => Ok(Expression::All(comparisons(filter)?.into_iter().map(Expression::Leaf).collect())),
        Grammar::Full => full(filter).map_err(explained),
    }
}

/// Tells of the whole language where a caller may use it.
pub fn explained(error: Error) -> Error {
    error.hint("join comparisons with AND, OR and NOT, like `metrics.mae < 20 AND (params.kind = 'tree' OR NOT tags.old = 'yes')`")
}

fn full(filter: &str) -> Result<Expression<Comparison>> {
    let tokens = tokens_of(filter)?;
    let mut reader = Reader { parser: Parser::new(&tokens), depth: 0, comparisons: 0 };
    if reader.parser.is_done() {
        return Ok(Expression::default());
    }
    let read = reader.any()?;
    if reader.parser.is_done() { Ok(read) } else { Err(reader.parser.invalid_clause()) }
}

/// Reads by descent. Each step down is counted, so that no text can exhaust the stack.
struct Reader<'t> {
    parser: Parser<'t>,
    depth: usize,
    comparisons: usize,
}

impl Reader<'_> {
    fn any(&mut self) -> Result<Expression<Comparison>> {
        let mut parts = vec![self.all()?];
        while self.parser.keyword("OR") {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Expression::Any))
    }

    fn all(&mut self) -> Result<Expression<Comparison>> {
        let mut parts = vec![self.part()?];
        while self.parser.keyword("AND") {
            parts.push(self.part()?);
        }
        Ok(one_or(parts, Expression::All))
    }

    fn part(&mut self) -> Result<Expression<Comparison>> {
        if self.parser.keyword("NOT") {
            let inner = self.deeper(Self::part)?;
            return Ok(Expression::Not(Box::new(inner)));
        }
        if self.parser.symbol("(") {
            let inner = self.deeper(Self::any)?;
            if !self.parser.symbol(")") {
                return Err(errors::filter(
                    "Invalid clause(s) in filter string: a parenthesis is not closed".to_owned(),
                ));
            }
            return Ok(inner);
        }
        self.comparisons += 1;
        if self.comparisons > limits::FILTER_CLAUSES {
            return Err(errors::too_many_comparisons());
        }
        Ok(Expression::Leaf(self.parser.comparison()?))
    }

    fn deeper(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Expression<Comparison>>,
    ) -> Result<Expression<Comparison>> {
        self.depth += 1;
        if self.depth > limits::FILTER_DEPTH {
            return Err(errors::filter(format!(
                "the filter nests NOT and parentheses more than {} deep",
                limits::FILTER_DEPTH
            )));
        }
        let inner = read(self);
        self.depth -= 1;
        inner
    }
}

fn one_or<L>(mut parts: Vec<Expression<L>>, join: impl FnOnce(Vec<Expression<L>>) -> Expression<L>) -> Expression<L> {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            join(parts)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The filter with its keys for comparisons, as a reader would put the parentheses.
    fn shape(filter: &str) -> String {
        let read = expression(filter, Grammar::Full).unwrap();
        let keys = read.try_map(&mut |comparison: &Comparison| Ok(comparison.subject.key.clone())).unwrap();
        keys.condition(&mut Clone::clone)
    }

    #[test]
    fn not_binds_tighter_than_and_and_tighter_than_or() {
        for (filter, expected) in [
            ("", "1 = 1"),
            ("a = 1", "a"),
            ("a = 1 or b = 2 AND c = 3", "(a OR (b AND c))"),
            ("(a = 1 OR b = 2) and c = 3", "((a OR b) AND c)"),
            ("not a = 1 AND b = 2", "(NOT (a) AND b)"),
            ("NOT (a = 1 AND b = 2)", "NOT ((a AND b))"),
            ("NOT NOT a = 1", "NOT (NOT (a))"),
            ("a NOT IN ('x') OR NOT b IN ('y')", "(a OR NOT (b))"),
            ("((a = 1))", "a"),
        ] {
            assert_eq!(shape(filter), expected, "{filter}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for bad in [
            "(",
            ")",
            "()",
            "a = 1 OR",
            "OR a = 1",
            "NOT",
            "(a = 1",
            "a = 1)",
            "a = 1 b = 2",
            "NOT = 1",
            "a = 1 AND OR b = 2",
        ] {
            assert_eq!(expression(bad, Grammar::Full).unwrap_err().code(), "FILTER_INVALID", "{bad}");
        }
        let narrow = expression("a = 1 OR b = 2", Grammar::Conjunction).unwrap_err();
        assert!(narrow.detail().starts_with("Invalid clause(s) in filter string"), "{narrow}");
    }

    #[test]
    fn only_what_no_or_and_no_not_covers_is_required() {
        let read = expression("a = 1 AND (b = 2 AND c = 3) AND (d = 4 OR e = 5) AND NOT f = 6", Grammar::Full).unwrap();
        let keys: Vec<&str> = read.required().into_iter().map(|one| one.subject.key.as_str()).collect();
        assert_eq!(keys, ["a", "b", "c"]);
    }

    #[test]
    fn hostile_depth_and_length_are_refused_and_do_not_exhaust_the_stack() {
        let deep = limits::FILTER_DEPTH;
        let nested = |levels: usize| format!("{}a = 1{}", "(".repeat(levels), ")".repeat(levels));
        assert!(expression(&nested(deep), Grammar::Full).is_ok());
        for bad in [
            nested(deep + 1),
            nested(20_000),
            "(".repeat(limits::FILTER_BYTES),
            format!("{}a = 1", "NOT ".repeat(10_000)),
            format!("{}a = 1", "NOT(".repeat(10_000)),
            vec!["a = 1"; limits::FILTER_CLAUSES + 1].join(" OR "),
            "a = 1 OR ".repeat(limits::FILTER_BYTES),
        ] {
            assert_eq!(expression(&bad, Grammar::Full).unwrap_err().code(), "FILTER_INVALID");
        }
        assert!(expression(&vec!["a = 1"; limits::FILTER_CLAUSES].join(" OR "), Grammar::Full).is_ok());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[ab.'\"`()=<>!, 0-9]{0,30}|(NOT |\\(|\\)|a=1|OR | AND ){0,30}") {
            let _ = expression(&text, Grammar::Full);
        }

        #[test]
        fn comparisons_joined_by_and_mean_the_same_in_both(keys in prop::collection::vec("[a-m]{1,5}", 1..6)) {
            let filter = keys.iter().map(|key| format!("params.{key} = 'x'")).collect::<Vec<_>>().join(" AND ");
            let narrow = expression(&filter, Grammar::Conjunction).unwrap();
            let full = expression(&filter, Grammar::Full).unwrap();
            prop_assert_eq!(narrow.required(), full.required());
            prop_assert_eq!(narrow.required().len(), keys.len());
        }
    }
}
