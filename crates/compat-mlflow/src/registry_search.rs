//! Searching registered models and versions: MLflow's filters over what the registry lists. There are few of them, so they are filtered here.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pitcrew_kernel::Result;
use pitcrew_tracking::filter::Number;
use pitcrew_tracking::filter::syntax::{Comparison, Identifier, Literal, Op, comparisons, order};

use crate::wire::wrong;

/// The tag by which clients tell prompts from models: absent counts as `false`.
const IS_PROMPT: &str = "mlflow.prompt.is_prompt";

/// A value of something that is searched.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub(crate) enum Field {
    Text(String),
    Number(i64),
}

/// What can be searched: its attributes by MLflow's names, and its tags.
pub(crate) trait Searched {
    /// The attribute of this name; `None` when there is no such attribute, an empty text when it has no value.
    fn attribute(&self, name: &str) -> Option<Field>;
    /// The tags.
    fn tags(&self) -> &BTreeMap<String, String>;
}

/// What of a kind of thing may stand in a filter and in an order.
pub(crate) struct Words {
    pub(crate) filters: &'static [&'static str],
    pub(crate) lists: &'static [&'static str],
    pub(crate) orders: &'static [&'static str],
    /// The order when nothing is said, and after what is said: attribute and whether the smallest comes first.
    pub(crate) ties: &'static [(&'static str, bool)],
}

/// One page of the things that pass `filter`, in the order `order_by`, and the token of the next page.
pub(crate) fn page<T: Searched>(
    items: Vec<T>,
    words: &Words,
    filter: &str,
    order_by: &[String],
    (limit, token): (usize, Option<&str>),
) -> Result<(Vec<T>, Option<String>)> {
    let clauses = comparisons(filter)?;
    clauses.iter().try_for_each(|clause| check(clause, words))?;
    let mut terms = Vec::new();
    for term in order_by {
        let (identifier, ascending) = order(term)?;
        let name = attribute_of(&identifier, words.orders)?.to_owned();
        if terms.iter().any(|(seen, _)| *seen == name) {
            return Err(wrong(format!("`order_by` contains duplicate fields: {order_by:?}")));
        }
        terms.push((name, ascending));
    }
    let ties = words.ties.iter().map(|(name, ascending)| ((*name).to_owned(), *ascending));
    terms.extend(ties.collect::<Vec<_>>());
    let mut found: Vec<T> =
        items.into_iter().filter(|item| clauses.iter().all(|clause| passes(item, clause))).collect();
    found.sort_by(|one, other| compare(one, other, &terms));
    let start = token.map(offset_of).transpose()?.unwrap_or(0);
    let end = start.saturating_add(limit);
    let next = (end < found.len()).then(|| STANDARD.encode(format!("{{\"offset\": {end}}}")));
    Ok((found.into_iter().skip(start).take(limit).collect(), next))
}

fn offset_of(token: &str) -> Result<usize> {
    let bytes = STANDARD.decode(token).ok();
    let json: Option<serde_json::Value> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    json.and_then(|json| json.get("offset")?.as_u64())
        .and_then(|offset| usize::try_from(offset).ok())
        .ok_or_else(|| wrong("Invalid page token, could not base64-decode".to_owned()))
}

fn attribute_of<'i>(identifier: &'i Identifier, known: &[&str]) -> Result<&'i str> {
    match identifier.entity.as_deref() {
        None | Some("attribute") if known.contains(&identifier.key.as_str()) => Ok(&identifier.key),
        None | Some("attribute") => {
            Err(wrong(format!("Invalid attribute key '{}' specified. Valid keys are {known:?}", identifier.key)))
        }
        Some(entity) => {
            Err(wrong(format!("Invalid entity type '{entity}'. Valid entity types are ('attribute', 'tag', 'tags')")))
        }
    }
}

fn is_tag(identifier: &Identifier) -> bool {
    matches!(identifier.entity.as_deref(), Some("tag" | "tags"))
}

fn check(clause: &Comparison, words: &Words) -> Result<()> {
    let key = if is_tag(&clause.subject) { "" } else { attribute_of(&clause.subject, words.filters)? };
    let numeric = key == "version_number";
    let listed = words.lists.contains(&key);
    let fits = match (clause.op, &clause.value) {
        (Op::Eq | Op::Ne | Op::Lt | Op::Le | Op::Gt | Op::Ge, Some(Literal::Number(_))) => numeric,
        (Op::Eq | Op::Ne | Op::Like | Op::Ilike, Some(Literal::Text(_))) => !numeric,
        (Op::In | Op::NotIn, Some(Literal::List(_))) => listed,
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let name = if key.is_empty() { "tag" } else { key };
    Err(wrong(format!(
        "Invalid comparator for attribute {name}: {}. Expected a quoted string value for attributes and tags, a number for `version_number`, and lists only for {:?}",
        clause.op, words.lists
    )))
}

fn passes<T: Searched>(item: &T, clause: &Comparison) -> bool {
    let value = if is_tag(&clause.subject) {
        let own = item.tags().get(&clause.subject.key).cloned();
        own.or_else(|| (clause.subject.key == IS_PROMPT).then(|| "false".to_owned())).map(Field::Text)
    } else {
        item.attribute(&clause.subject.key).filter(|value| *value != Field::Text(String::new()))
    };
    match (value, &clause.value) {
        (Some(Field::Text(text)), Some(Literal::Text(wanted))) => match clause.op {
            Op::Eq => text == *wanted,
            Op::Ne => text != *wanted,
            Op::Like => like(&text, wanted),
            Op::Ilike => like(&text.to_lowercase(), &wanted.to_lowercase()),
            _ => false,
        },
        (Some(Field::Text(text)), Some(Literal::List(list))) => list.contains(&text) == (clause.op == Op::In),
        (Some(Field::Number(number)), Some(Literal::Number(wanted))) => {
            let order = match wanted {
                Number::Int(wanted) => Some(number.cmp(wanted)),
                Number::Float(wanted) => (number as f64).partial_cmp(wanted),
            };
            match clause.op {
                Op::Eq => order == Some(Ordering::Equal),
                Op::Ne => order != Some(Ordering::Equal),
                Op::Lt => order == Some(Ordering::Less),
                Op::Le => matches!(order, Some(Ordering::Less | Ordering::Equal)),
                Op::Gt => order == Some(Ordering::Greater),
                Op::Ge => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
                _ => false,
            }
        }
        _ => false,
    }
}

/// Whether `text` is like `pattern`, in which `%` is any text and `_` any character.
fn like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let pattern: Vec<char> = pattern.chars().collect();
    let (mut t, mut p) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&'%') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p).is_some_and(|c| *c == '_' || *c == text[t]) {
            t += 1;
            p += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            t = from + 1;
            p = at + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '%')
}

fn compare<T: Searched>(one: &T, other: &T, terms: &[(String, bool)]) -> Ordering {
    terms
        .iter()
        .map(|(name, ascending)| {
            let order = one.attribute(name).partial_cmp(&other.attribute(name)).unwrap_or(Ordering::Equal);
            if *ascending { order } else { order.reverse() }
        })
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Thing(&'static str, i64, BTreeMap<String, String>);

    impl Searched for Thing {
        fn attribute(&self, name: &str) -> Option<Field> {
            match name {
                "name" => Some(Field::Text(self.0.to_owned())),
                "version_number" => Some(Field::Number(self.1)),
                _ => None,
            }
        }

        fn tags(&self) -> &BTreeMap<String, String> {
            &self.2
        }
    }

    const WORDS: Words = Words {
        filters: &["name", "version_number"],
        lists: &["name"],
        orders: &["name", "version_number"],
        ties: &[("name", true), ("version_number", false)],
    };

    fn things() -> Vec<Thing> {
        let tags = |value: &str| BTreeMap::from([("a".to_owned(), value.to_owned())]);
        vec![Thing("b", 1, tags("1")), Thing("a", 1, tags("2")), Thing("a", 2, BTreeMap::new())]
    }

    fn names(filter: &str, order: &[&str]) -> Vec<(&'static str, i64)> {
        let order: Vec<String> = order.iter().map(|term| (*term).to_owned()).collect();
        let (found, _) = page(things(), &WORDS, filter, &order, (10, None)).unwrap();
        found.into_iter().map(|thing| (thing.0, thing.1)).collect()
    }

    #[test]
    fn filters_and_orders() {
        assert_eq!(names("", &[]), [("a", 2), ("a", 1), ("b", 1)]);
        assert_eq!(names("name = 'a'", &["version_number ASC"]), [("a", 1), ("a", 2)]);
        assert_eq!(names("name IN ('b') AND tags.a = '1'", &[]), [("b", 1)]);
        assert_eq!(names("version_number > 1", &[]), [("a", 2)]);
        assert_eq!(names("tags.a != '1'", &[]), [("a", 1)]);
        assert_eq!(names("tag.`mlflow.prompt.is_prompt` = 'false'", &[]).len(), 3);
        assert_eq!(names("tags.`mlflow.prompt.is_prompt` = 'true'", &[]).len(), 0);
        for bad in [
            "name > 'a'",
            "version_number = 'x'",
            "version_number IN ('1')",
            "colour = 'x'",
            "metrics.a > 1",
            "name = 5",
        ] {
            assert!(page(things(), &WORDS, bad, &[], (10, None)).is_err(), "{bad}");
        }
    }

    #[test]
    fn pages_follow_each_other() {
        let (first, token) = page(things(), &WORDS, "", &[], (2, None)).unwrap();
        let (second, end) = page(things(), &WORDS, "", &[], (2, token.as_deref())).unwrap();
        assert_eq!((first.len(), second.len(), end), (2, 1, None));
        assert!(page(things(), &WORDS, "", &[], (2, Some("zzz"))).is_err());
    }

    #[test]
    fn patterns() {
        for (text, pattern, fits) in [
            ("bikes", "b%", true),
            ("bikes", "%es", true),
            ("bikes", "b_k%s", true),
            ("bikes", "B%", false),
            ("", "%", true),
            ("a", "", false),
            ("aXbXc", "a%b%c", true),
            ("ab", "a_b", false),
        ] {
            assert_eq!(like(text, pattern), fits, "{text} like {pattern}");
        }
    }
}
