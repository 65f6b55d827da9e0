//! `metrics.mae < 20 AND tags.team = 'blue'`: from text to comparisons, without knowing what the words mean.

use std::fmt;

use pitcrew_kernel::Result;

use super::Number;
use crate::errors;
use crate::limits;

/// How two things are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `=`.
    Eq,
    /// `!=`.
    Ne,
    /// `<`.
    Lt,
    /// `<=`.
    Le,
    /// `>`.
    Gt,
    /// `>=`.
    Ge,
    /// `LIKE`.
    Like,
    /// `ILIKE`: the same without regard to upper and lower case.
    Ilike,
    /// `RLIKE`: a regular expression found anywhere.
    Rlike,
    /// `IN`.
    In,
    /// `NOT IN`.
    NotIn,
    /// `IS NULL`.
    IsNull,
    /// `IS NOT NULL`.
    IsNotNull,
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Like => "LIKE",
            Self::Ilike => "ILIKE",
            Self::Rlike => "RLIKE",
            Self::In => "IN",
            Self::NotIn => "NOT IN",
            Self::IsNull => "IS NULL",
            Self::IsNotNull => "IS NOT NULL",
        })
    }
}

/// The right side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A number.
    Number(Number),
    /// A text in single or double quotes.
    Text(String),
    /// A word without quotes, which no field accepts.
    Bare(String),
    /// Texts in parentheses.
    List(Vec<String>),
}

/// The left side: `metrics.mae`, `status`, ``tags.`a b` ``.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier {
    /// What stands before the first dot.
    pub entity: Option<String>,
    /// The rest, without its quotes.
    pub key: String,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What is looked at.
    pub subject: Identifier,
    /// How.
    pub op: Op,
    /// With what; `None` for `IS NULL` and `IS NOT NULL`.
    pub value: Option<Literal>,
}

/// The comparisons of a filter. Nothing or blanks: none.
///
/// # Errors
/// `FILTER_INVALID`.
pub fn comparisons(filter: &str) -> Result<Vec<Comparison>> {
    let tokens = tokens_of(filter)?;
    let mut parser = Parser::new(&tokens);
    let mut found = Vec::new();
    while !parser.is_done() {
        if !found.is_empty() && !parser.keyword("AND") {
            return Err(parser.invalid_clause());
        }
        found.push(parser.comparison()?);
        if found.len() > limits::FILTER_CLAUSES {
            return Err(errors::too_many_comparisons());
        }
    }
    Ok(found)
}

/// The tokens of a filter that is not too long.
pub(crate) fn tokens_of(filter: &str) -> Result<Vec<Token>> {
    if filter.len() > limits::FILTER_BYTES {
        return Err(errors::filter(format!("the filter is longer than {} bytes", limits::FILTER_BYTES)));
    }
    tokens(filter)
}

/// One term of an order: an identifier, and `ASC` (also when nothing is said) or `DESC`. True for ascending.
///
/// # Errors
/// `ORDER_BY_INVALID`.
pub fn order(term: &str) -> Result<(Identifier, bool)> {
    let wrong = || errors::order_by(format!("Invalid order_by clause '{term}'. Could not be parsed."));
    let tokens = tokens(term).map_err(|_| wrong())?;
    match tokens.as_slice() {
        [Token::Word(word)] => Ok((identifier(word), true)),
        [Token::Word(word), Token::Word(direction)] if direction.eq_ignore_ascii_case("asc") => {
            Ok((identifier(word), true))
        }
        [Token::Word(word), Token::Word(direction)] if direction.eq_ignore_ascii_case("desc") => {
            Ok((identifier(word), false))
        }
        [Token::Word(_), Token::Word(_)] => {
            Err(errors::order_by(format!("Invalid ordering key in order_by clause '{term}'.")))
        }
        _ => Err(wrong()),
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A word with its quotes, if it has any.
    Word(String),
    /// What stood in single quotes.
    Text(String),
    Number(Number),
    Symbol(String),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(text) | Self::Symbol(text) => f.write_str(text),
            Self::Text(text) => write!(f, "'{text}'"),
            Self::Number(Number::Int(value)) => write!(f, "{value}"),
            Self::Number(Number::Float(value)) => write!(f, "{value}"),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut rest = text;
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return Ok(found) };
        let (token, after) = match first {
            '\'' => quoted(rest)?,
            '(' | ')' | ',' => (Token::Symbol(first.to_string()), &rest[1..]),
            '=' | '<' | '>' | '!' => {
                let end = rest.find(|c| !is_operator(c)).unwrap_or(rest.len());
                (Token::Symbol(rest[..end].to_owned()), &rest[end..])
            }
            _ => word(rest)?,
        };
        found.push(token);
        rest = after;
    }
}

fn is_operator(c: char) -> bool {
    matches!(c, '=' | '<' | '>' | '!')
}

/// A text in single quotes; two of them inside stand for one.
fn quoted(rest: &str) -> Result<(Token, &str)> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match (c, chars.peek()) {
            ('\'', Some((_, '\''))) => {
                text.push('\'');
                chars.next();
            }
            ('\'', _) => return Ok((Token::Text(text), &rest[at + 1..])),
            (c, _) => text.push(c),
        }
    }
    Err(errors::filter(format!("Invalid clause(s) in filter string: a quote is not closed in \"{rest}\"")))
}

/// A word: up to a blank, a parenthesis, a comma or an operator; anything at all inside backticks or double quotes.
fn word(rest: &str) -> Result<(Token, &str)> {
    let mut open: Option<char> = None;
    let mut end = rest.len();
    for (at, c) in rest.char_indices() {
        match open {
            Some(quote) if c == quote => open = None,
            Some(_) => {}
            None if matches!(c, '`' | '"') => open = Some(c),
            None if c.is_whitespace() || is_operator(c) || matches!(c, '(' | ')' | ',' | '\'') => {
                end = at;
                break;
            }
            None => {}
        }
    }
    if open.is_some() {
        return Err(errors::filter(format!("Invalid clause(s) in filter string: a quote is not closed in \"{rest}\"")));
    }
    let text = &rest[..end];
    let token = number(text).map_or_else(|| Token::Word(text.to_owned()), Token::Number);
    Ok((token, &rest[end..]))
}

fn number(text: &str) -> Option<Number> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return None;
    }
    if let Ok(value) = text.parse() {
        return Some(Number::Int(value));
    }
    text.parse().ok().filter(|value: &f64| !value.is_nan()).map(Number::Float)
}

fn identifier(word: &str) -> Identifier {
    let mut open: Option<char> = None;
    let dot = word.char_indices().find(|(_, c)| {
        match open {
            Some(quote) if *c == quote => open = None,
            Some(_) => {}
            None if matches!(c, '`' | '"') => open = Some(*c),
            None => return *c == '.',
        }
        false
    });
    match dot {
        Some((at, _)) => Identifier { entity: Some(bare(&word[..at])), key: bare(&word[at + 1..]) },
        None => Identifier { entity: None, key: bare(word) },
    }
}

/// The word without the quotes around it.
fn bare(word: &str) -> String {
    let inside = |quote: char| word.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inside('`').or_else(|| inside('"')).unwrap_or(word).to_owned()
}

/// Takes tokens one after the other.
pub(crate) struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
}

impl<'t> Parser<'t> {
    pub(crate) fn new(tokens: &'t [Token]) -> Self {
        Self { tokens, at: 0 }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.at >= self.tokens.len()
    }

    fn next(&mut self) -> Option<&Token> {
        let token = self.tokens.get(self.at);
        self.at += 1;
        token
    }

    /// Whether the next word is `wanted`; takes it then.
    pub(crate) fn keyword(&mut self, wanted: &str) -> bool {
        let here = matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        self.at += usize::from(here);
        here
    }

    pub(crate) fn symbol(&mut self, wanted: &str) -> bool {
        let here = matches!(self.tokens.get(self.at), Some(Token::Symbol(symbol)) if symbol == wanted);
        self.at += usize::from(here);
        here
    }

    pub(crate) fn invalid_clause(&self) -> pitcrew_kernel::Error {
        let rest: Vec<String> = self.tokens.iter().skip(self.at).map(ToString::to_string).collect();
        errors::filter(format!("Invalid clause(s) in filter string: '{}'", rest.join(" ")))
    }

    pub(crate) fn comparison(&mut self) -> Result<Comparison> {
        let start = self.at;
        let subject = match self.next() {
            Some(Token::Word(word)) => identifier(word),
            Some(other) => {
                return Err(errors::filter(format!(
                    "Invalid comparison clause. Expected 'Identifier' found '{other}'"
                )));
            }
            None => return Err(errors::filter("Invalid comparison clause. Expected 3 tokens found 0".to_owned())),
        };
        let Some(op) = self.op()? else {
            self.at = start;
            return Err(self.invalid_clause());
        };
        let value = match op {
            Op::IsNull | Op::IsNotNull => None,
            Op::In | Op::NotIn => Some(Literal::List(self.list()?)),
            _ => Some(self.value()?),
        };
        Ok(Comparison { subject, op, value })
    }

    fn op(&mut self) -> Result<Option<Op>> {
        if self.keyword("IS") {
            let not = self.keyword("NOT");
            return Ok(self.keyword("NULL").then_some(if not { Op::IsNotNull } else { Op::IsNull }));
        }
        if self.keyword("NOT") {
            return Ok(self.keyword("IN").then_some(Op::NotIn));
        }
        let op = match self.next() {
            Some(Token::Symbol(symbol)) => match symbol.as_str() {
                "=" => Op::Eq,
                "!=" => Op::Ne,
                "<" => Op::Lt,
                "<=" => Op::Le,
                ">" => Op::Gt,
                ">=" => Op::Ge,
                other => return Err(errors::filter(format!("Invalid comparator '{other}'"))),
            },
            Some(Token::Word(word)) => match word.to_ascii_uppercase().as_str() {
                "LIKE" => Op::Like,
                "ILIKE" => Op::Ilike,
                "RLIKE" => Op::Rlike,
                "IN" => Op::In,
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        Ok(Some(op))
    }

    fn value(&mut self) -> Result<Literal> {
        match self.next() {
            Some(Token::Number(number)) => Ok(Literal::Number(*number)),
            Some(Token::Text(text)) => Ok(Literal::Text(text.clone())),
            Some(Token::Word(word)) if word.starts_with('"') => Ok(Literal::Text(bare(word))),
            Some(Token::Word(word)) => Ok(Literal::Bare(word.clone())),
            Some(Token::Symbol(symbol)) if symbol == "(" => {
                self.at -= 1;
                Ok(Literal::List(self.list()?))
            }
            _ => Err(errors::filter("Invalid comparison clause. Expected 3 tokens found 2".to_owned())),
        }
    }

    fn list(&mut self) -> Result<Vec<String>> {
        let wrong = || {
            errors::filter(
                "While parsing a list in the query, expected a non-empty list of string values, but got ill-formed list.".to_owned(),
            )
        };
        if !self.symbol("(") {
            return Err(wrong());
        }
        let mut values = Vec::new();
        while !self.symbol(")") {
            if !values.is_empty() && !self.symbol(",") {
                return Err(wrong());
            }
            // A comma after the last value is fine.
            if !values.is_empty() && self.symbol(")") {
                break;
            }
            match self.value()? {
                Literal::Text(text) => values.push(text),
                _ => return Err(wrong()),
            }
        }
        if values.is_empty() || values.len() > limits::FILTER_LIST_VALUES {
            return Err(wrong());
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(entity: &str, key: &str) -> Identifier {
        Identifier { entity: (!entity.is_empty()).then(|| entity.to_owned()), key: key.to_owned() }
    }

    #[test]
    fn comparisons_are_read() {
        let read = comparisons(
            "metrics.`train loss` >= -1.5e3 AND \"tags\".\"a.b\" = 'it''s' and run_id NOT IN ('x', \"y\",) AND params.p IS NOT NULL",
        )
        .unwrap();
        assert_eq!(
            read,
            [
                Comparison {
                    subject: id("metrics", "train loss"),
                    op: Op::Ge,
                    value: Some(Literal::Number(Number::Float(-1500.0)))
                },
                Comparison { subject: id("tags", "a.b"), op: Op::Eq, value: Some(Literal::Text("it's".to_owned())) },
                Comparison {
                    subject: id("", "run_id"),
                    op: Op::NotIn,
                    value: Some(Literal::List(vec!["x".to_owned(), "y".to_owned()]))
                },
                Comparison { subject: id("params", "p"), op: Op::IsNotNull, value: None },
            ]
        );
        assert!(comparisons("  ").unwrap().is_empty());
    }

    #[test]
    fn keys_may_hold_dots() {
        assert_eq!(comparisons("tags.mlflow.parentRunId='a'").unwrap()[0].subject, id("tags", "mlflow.parentRunId"));
    }

    #[test]
    fn what_is_no_list_of_comparisons_is_refused() {
        for bad in [
            "metrics.a",
            "metrics.a >",
            "metrics.a = 1 OR metrics.b = 2",
            "(metrics.a = 1)",
            "'x' = params.a",
            "params.a = 'x",
            "metrics.a == 1",
            "metrics.a <> 1",
            "run_id IN ()",
            "run_id IN ('a' 'b')",
            "run_id IN 'a'",
            "params.a IS 'x'",
            "tags.`a = 'x'",
            "metrics.a = 1 metrics.b = 2",
            "metrics.a = 1 AND",
        ] {
            assert_eq!(comparisons(bad).unwrap_err().code(), "FILTER_INVALID", "{bad}");
        }
    }

    #[test]
    fn orders_are_read() {
        assert_eq!(order("metrics.`a b` DESC").unwrap(), (id("metrics", "a b"), false));
        assert_eq!(order("start_time").unwrap(), (id("", "start_time"), true));
        for bad in ["", "a b", "a ASC DESC", "'a'", "5", "a = 1"] {
            assert_eq!(order(bad).unwrap_err().code(), "ORDER_BY_INVALID", "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z.'\"`()=<>!, 0-9NOTINLIKE-]{0,60}|\\PC{0,40}") {
            let _ = comparisons(&text);
            let _ = order(&text);
        }

        #[test]
        fn any_text_survives_quoting(value in "\\PC{0,40}") {
            let filter = format!("params.a = '{}'", value.replace('\'', "''"));
            prop_assert_eq!(&comparisons(&filter).unwrap()[0].value, &Some(Literal::Text(value)));
        }
    }
}
