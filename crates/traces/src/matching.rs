//! Looking at a trace itself, for what no index and no SQL can tell: regular expressions, attributes and the text of spans.

use pitcrew_filter::syntax::Op;
use pitcrew_filter::{Clause, Test};
use pitcrew_kernel::Result;
use regex::Regex;

use crate::filter::{Field, SpanField, expression};
use crate::model::{AssessmentKind, Span, TraceInfo, keys};
use crate::payload::span_text;
use crate::value::Any;

/// The clauses that must be looked at.
#[derive(Debug)]
pub(crate) struct Look {
    of_trace: Vec<(Field, Check)>,
    of_span: Vec<(SpanField, Check)>,
}

impl Look {
    /// What is left of a filter for looking at traces; all clauses over spans when one of them is, for all must fit the same span.
    pub(crate) fn new<'a>(clauses: impl IntoIterator<Item = &'a Clause<Field>>) -> Result<Self> {
        let mut look = Self { of_trace: Vec::new(), of_span: Vec::new() };
        for clause in clauses {
            let check = Check::new(&clause.test)?;
            match &clause.field {
                Field::Span(field) => look.of_span.push((field.clone(), check)),
                field => look.of_trace.push((field.clone(), check)),
            }
        }
        Ok(look)
    }

    /// Whether there is anything to look at.
    pub(crate) fn is_needed(&self) -> bool {
        self.needs_spans() || !self.of_trace.is_empty()
    }

    /// Whether the spans themselves must be read.
    pub(crate) fn needs_spans(&self) -> bool {
        !self.of_span.is_empty()
    }

    /// Whether the trace fits, spans aside.
    pub(crate) fn fits_trace(&self, info: &TraceInfo) -> bool {
        self.of_trace.iter().all(|(field, check)| fits(info, field, check))
    }

    /// Whether one of the spans fits.
    pub(crate) fn fits_spans(&self, spans: &[Span]) -> bool {
        !self.needs_spans()
            || spans.iter().any(|span| self.of_span.iter().all(|(field, check)| fits_span(span, field, check)))
    }
}

/// A test made ready.
#[derive(Debug)]
enum Check {
    Like(Vec<char>),
    Ilike(Vec<char>),
    Matches(Box<Regex>),
    Plain(Test),
}

impl Check {
    fn new(test: &Test) -> Result<Self> {
        Ok(match test {
            Test::Text(Op::Like, pattern) => Self::Like(pattern.chars().collect()),
            Test::Text(Op::Ilike, pattern) => Self::Ilike(pattern.to_lowercase().chars().collect()),
            Test::Text(Op::Rlike, pattern) => Self::Matches(Box::new(expression(pattern)?)),
            test => Self::Plain(test.clone()),
        })
    }

    fn fits(&self, text: Option<&str>) -> bool {
        let Some(text) = text else { return matches!(self, Self::Plain(Test::Absent)) };
        match self {
            Self::Like(pattern) => like(text, pattern),
            Self::Ilike(pattern) => like(&text.to_lowercase(), pattern),
            Self::Matches(expression) => expression.is_match(text),
            Self::Plain(Test::Text(Op::Ne, wanted)) => text != wanted,
            Self::Plain(Test::Text(_, wanted)) => text == wanted,
            Self::Plain(Test::In(list)) => list.iter().any(|wanted| wanted == text),
            Self::Plain(Test::NotIn(list)) => list.iter().all(|wanted| wanted != text),
            Self::Plain(Test::Present) => true,
            Self::Plain(Test::Absent | Test::Number(..)) => false,
        }
    }
}

fn fits(info: &TraceInfo, field: &Field, check: &Check) -> bool {
    let metadata = |key: &str| info.metadata.get(key).map(String::as_str);
    match field {
        Field::TraceId => check.fits(Some(&info.trace_id)),
        Field::ClientRequestId => check.fits(info.client_request_id.as_deref()),
        Field::State => check.fits(Some(info.state.as_str())),
        Field::Name => check.fits(info.tags.get(keys::NAME).map(String::as_str)),
        Field::Tag(key) => check.fits(info.tags.get(key).map(String::as_str)),
        Field::Metadata(key) => check.fits(metadata(key)),
        Field::Session => check.fits(metadata(keys::SESSION)),
        Field::Tokens => check.fits(metadata(keys::TOKEN_USAGE)),
        Field::Costs => check.fits(metadata(keys::COST)),
        Field::Run => check.fits(metadata(keys::SOURCE_RUN)),
        Field::Assessment(kind, name) => info
            .assessments
            .iter()
            .filter(|given| given.valid && given.kind == *kind && given.name == *name)
            .any(|given| fits_value(&given.value, check)),
        Field::Issue => info
            .assessments
            .iter()
            .filter(|given| given.kind == AssessmentKind::Issue)
            .any(|given| check.fits(Some(&given.name))),
        // What is left of these SQL tells.
        Field::Started | Field::Duration | Field::Ended | Field::Prompt | Field::Experiment | Field::Span(_) => true,
    }
}

/// An assessment's value is compared as its JSON.
fn fits_value(value: &Any, check: &Check) -> bool {
    check.fits(Some(&value.to_json()))
}

fn fits_span(span: &Span, field: &SpanField, check: &Check) -> bool {
    match field {
        SpanField::Name => check.fits(Some(&span.name)),
        SpanField::Type => check.fits(span.kind()),
        SpanField::Status => check.fits(Some(span.status.as_str())),
        SpanField::Content => check.fits(Some(&span_text(span))),
        SpanField::Attribute(name) => match span.attribute(name) {
            Some(Any::Text(text)) => check.fits(Some(text)),
            Some(value) => check.fits(Some(&value.to_json())),
            None => check.fits(None),
        },
    }
}

/// `%` is any text, `_` any character. Steps back only to the last `%`, so its time grows at most with text times pattern.
pub(crate) fn like(text: &str, pattern: &[char]) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut of) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(of) {
            Some('%') => {
                back = Some((of, at));
                of += 1;
            }
            Some(c) if *c == '_' || *c == text[at] => {
                at += 1;
                of += 1;
            }
            _ => match &mut back {
                Some((star, from)) => {
                    *from += 1;
                    at = *from;
                    of = *star + 1;
                }
                None => return false,
            },
        }
    }
    pattern[of..].iter().all(|c| *c == '%')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(text: &[char], pattern: &[char]) -> bool {
        match pattern.first() {
            None => text.is_empty(),
            Some('%') => (0..=text.len()).any(|at| plain(&text[at..], &pattern[1..])),
            Some(c) => text.first().is_some_and(|t| (*c == '_' || c == t) && plain(&text[1..], &pattern[1..])),
        }
    }

    proptest! {
        #[test]
        fn patterns_fit_as_defined(text in "[abä]{0,8}", pattern in "[abä%_]{0,6}") {
            let pattern: Vec<char> = pattern.chars().collect();
            prop_assert_eq!(like(&text, &pattern), plain(&text.chars().collect::<Vec<_>>(), &pattern));
        }
    }

    #[test]
    fn long_patterns_end() {
        let pattern: Vec<char> = "%a".repeat(200).chars().collect();
        assert!(!like(&"b".repeat(20_000), &pattern));
    }
}
