//! The search as SQL, with what must be looked into, and a plain look at every trace must agree.

use pitcrew_filter::syntax::Op;
use pitcrew_filter::{Clause, Test};
use pitcrew_traces::filter::{Field, SpanField, parse};
use pitcrew_traces::{Any, AssessmentKind, Span, SpanStatus, State, Trace, TraceSearch, keys, span_text};
use proptest::prelude::*;

use crate::assessments::of;
use crate::{HOME, OTHER, Place, T0, entries, info, span, text, trace_id};

const TEXTS: [&str; 6] = ["tree", "Tree", "t%e", "a_c", "[x]*?", "yes"];
const KEYS: [&str; 2] = ["a", "b c"];
const TRACES: u8 = 24;

/// Traces that differ in everything, some of them without any of it.
async fn fill(place: &Place) -> Vec<Trace> {
    for number in 1..=TRACES {
        let at = usize::from(number);
        let spans = (1..=number % 4).map(|of| {
            let mix = at * 5 + usize::from(of) * 3;
            let mut one = span(number, of, TEXTS[mix % 6]);
            one.status = [SpanStatus::Ok, SpanStatus::Error, SpanStatus::Unset][mix % 3];
            if mix % 3 != 1 {
                one.attributes.push((keys::SPAN_TYPE.to_owned(), text(TEXTS[mix % 5])));
            }
            if mix % 4 != 2 {
                one.attributes
                    .push((KEYS[mix % 2].to_owned(), if mix % 2 == 0 { text(TEXTS[mix % 6]) } else { Any::Int(5) }));
            }
            one
        });
        let spans: Vec<Span> = spans.collect();
        if !spans.is_empty() {
            place.send(spans).await;
        }
        let mut told = info(number);
        told.experiment_id = if at % 8 == 7 { OTHER } else { HOME };
        told.started_ms = T0 + i64::from(number / 3);
        told.duration_ms = (at % 5 != 0).then_some(i64::from(number % 4));
        told.state = [State::Ok, State::Error, State::InProgress][at % 3];
        told.client_request_id = (at % 3 != 1).then(|| TEXTS[at % 6].to_owned());
        for (of, key) in KEYS.iter().enumerate() {
            if (at + of) % 3 != 0 {
                told.tags.insert((*key).to_owned(), TEXTS[(at + of) % 6].to_owned());
            }
            if (at + of) % 4 != 0 {
                told.metadata.insert((*key).to_owned(), TEXTS[(at * 2 + of) % 6].to_owned());
            }
        }
        if at % 4 != 0 {
            told.tags.insert(keys::NAME.to_owned(), TEXTS[at % 5].to_owned());
        }
        if at % 5 == 1 {
            told.metadata.extend(entries(&[(keys::SOURCE_RUN, TEXTS[at % 3])]));
        }
        if at % 5 == 2 {
            told.metadata.extend(entries(&[(keys::SESSION, TEXTS[at % 2])]));
        }
        if at % 5 == 3 {
            told.metadata.extend(entries(&[(keys::TOKEN_USAGE, r#"{"input_tokens": 1}"#)]));
        }
        place.tell(told).await;
        for (of_kind, json) in ["true", "\"tree\"", "2", "0.5", "\"yes\"", "[1]"].iter().enumerate() {
            if (at + of_kind) % 4 == 0 {
                let mut given = of(number, KEYS[of_kind % 2], json);
                given.kind = [AssessmentKind::Feedback, AssessmentKind::Expectation, AssessmentKind::Issue]
                    [(at + of_kind) / 4 % 3];
                place.traces.assess(&place.world.ctx, given).await.unwrap();
            }
        }
    }
    let mut all = Vec::new();
    for number in 1..=TRACES {
        let id = trace_id(number);
        let info = place.info(&id).await;
        let spans =
            if info.tags.contains_key(keys::SPANS_LOCATION) { place.trace(&id).await.spans } else { Vec::new() };
        all.push(Trace { info, spans });
    }
    all
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(TEXTS.to_vec()).prop_map(str::to_owned),
        1 => "[%_a-tT]{0,4}",
        1 => prop::sample::select(vec!["OK", "ERROR", "true", "%tree%", "%5%"]).prop_map(str::to_owned),
    ]
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn clause() -> impl Strategy<Value = String> {
    let key = || prop::sample::select(KEYS.to_vec());
    let compare = || prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let alike = || {
        let plain = (prop::sample::select(vec!["=", "!=", "LIKE", "ILIKE"]), value());
        let plain = plain.prop_map(|(op, value)| format!("{op} {}", quoted(&value)));
        let expression = prop::sample::select(vec!["^t", "e$", "r|c", "[Tt]re+", "^$"]);
        prop_oneof![4 => plain, 1 => expression.prop_map(|pattern| format!("RLIKE '{pattern}'"))]
    };
    let there = || prop::sample::select(vec!["IS NULL", "IS NOT NULL"]).prop_map(str::to_owned);
    let list = || {
        (prop::sample::select(vec!["IN", "NOT IN"]), prop::collection::vec(value(), 1..3)).prop_map(|(op, values)| {
            format!("{op} ({})", values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", "))
        })
    };
    prop_oneof![
        (prop::sample::select(vec!["tags", "metadata"]), key(), prop_oneof![alike(), there()])
            .prop_map(|(what, key, test)| format!("{what}.`{key}` {test}")),
        (prop::sample::select(vec!["name", "status", "client_request_id"]), prop_oneof![alike(), list()])
            .prop_map(|(what, test)| format!("trace.{what} {test}")),
        prop_oneof![alike(), there()].prop_map(|test| format!("metadata.`mlflow.trace.session` {test}")),
        (alike()).prop_map(|test| format!("metadata.`mlflow.sourceRun` {test}")),
        there().prop_map(|test| format!("metadata.`mlflow.trace.tokenUsage` {test}")),
        Just("metadata.`mlflow.trace.tokenUsage` = '{\"input_tokens\": 1}'".to_owned()),
        (compare(), -1i64..12).prop_map(|(op, at)| format!("timestamp_ms {op} {}", T0 + at)),
        (compare(), -1i64..6).prop_map(|(op, at)| format!("execution_time {op} {at}")),
        (compare(), -1i64..14).prop_map(|(op, at)| format!("end_time_ms {op} {}", T0 + at)),
        (prop::sample::select(vec!["name", "type", "status"]), prop_oneof![alike(), list()])
            .prop_map(|(what, test)| format!("span.{what} {test}")),
        (key(), prop_oneof![alike(), list()]).prop_map(|(key, test)| format!("span.attributes.`{key}` {test}")),
        (prop::sample::select(vec!["LIKE", "ILIKE"]), value())
            .prop_map(|(op, value)| format!("span.content {op} {}", quoted(&format!("%{value}%")))),
        (prop::sample::select(vec!["feedback", "expectation"]), key(), prop_oneof![alike(), there()])
            .prop_map(|(what, key, test)| format!("{what}.`{key}` {test}")),
        (key(), prop::sample::select(vec!["<", "<=", ">", ">="]), prop::sample::select(vec!["0.5", "1", "2"]))
            .prop_map(|(key, op, value)| format!("feedback.`{key}` {op} {value}")),
        prop::sample::select(KEYS.to_vec()).prop_map(|key| format!("issue.id = {}", quoted(key))),
    ]
}

fn like(text: &str, pattern: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('%') => text.char_indices().any(|(at, _)| like(&text[at..], &pattern[1..])) || like("", &pattern[1..]),
        Some(c) => text
            .chars()
            .next()
            .is_some_and(|t| (c == '_' || c == t) && like(&text[t.len_utf8()..], &pattern[c.len_utf8()..])),
    }
}

fn fits(value: Option<&str>, test: &Test) -> bool {
    let Some(value) = value else { return *test == Test::Absent };
    match test {
        Test::Text(Op::Eq, wanted) => value == wanted,
        Test::Text(Op::Ne, wanted) => value != wanted,
        Test::Text(Op::Like, pattern) => like(value, pattern),
        Test::Text(Op::Ilike, pattern) => like(&value.to_lowercase(), &pattern.to_lowercase()),
        Test::Text(_, pattern) => match pattern.as_str() {
            "^t" => value.starts_with('t'),
            "e$" => value.ends_with('e'),
            "r|c" => value.contains(['r', 'c']),
            "[Tt]re+" => value.contains("tre") || value.contains("Tre"),
            _ => value.is_empty(),
        },
        Test::In(list) => list.iter().any(|wanted| wanted == value),
        Test::NotIn(list) => list.iter().all(|wanted| wanted != value),
        Test::Present => true,
        _ => false,
    }
}

fn numbers(value: Option<f64>, test: &Test) -> bool {
    let (Some(value), Test::Number(op, wanted)) = (value, test) else { return false };
    let wanted = wanted.as_f64();
    match op {
        Op::Eq => value == wanted,
        Op::Ne => value != wanted,
        Op::Lt => value < wanted,
        Op::Le => value <= wanted,
        Op::Gt => value > wanted,
        _ => value >= wanted,
    }
}

fn of_span(span: &Span, field: &SpanField, test: &Test) -> bool {
    match field {
        SpanField::Name => fits(Some(&span.name), test),
        SpanField::Type => fits(span.kind(), test),
        SpanField::Status => fits(Some(span.status.as_str()), test),
        SpanField::Content => fits(Some(&span_text(span)), test),
        SpanField::Attribute(key) => match span.attribute(key) {
            Some(Any::Text(text)) => fits(Some(text), test),
            Some(value) => fits(Some(&value.to_json()), test),
            None => false,
        },
    }
}

/// Assessments are compared as JSON; a text also without its quotes, where it is compared as a whole.
fn assessed(trace: &Trace, kind: AssessmentKind, name: &str, test: &Test) -> bool {
    let mut given = trace
        .info
        .assessments
        .iter()
        .filter(|one| one.valid && one.kind == kind && one.name == name)
        .map(|one| &one.value);
    match test {
        Test::Absent => given.next().is_none(),
        Test::Present => given.next().is_some(),
        Test::Number(..) => given.any(|value| numbers(value.as_number(), test)),
        Test::Text(Op::Eq, wanted) => given.any(|value| value.to_json() == *wanted || value.as_text() == Some(wanted)),
        Test::Text(Op::Ne, wanted) => given.any(|value| value.to_json() != *wanted && value.as_text() != Some(wanted)),
        test => given.any(|value| fits(Some(&value.to_json()), test)),
    }
}

fn passes(trace: &Trace, clauses: &[Clause<Field>]) -> bool {
    let info = &trace.info;
    let entry = |map: &pitcrew_traces::Entries, key: &str| map.get(key).cloned();
    let plain = clauses.iter().all(|Clause { field, test }| match field {
        Field::Span(_) => true,
        Field::TraceId => fits(Some(&info.trace_id), test),
        Field::ClientRequestId => fits(info.client_request_id.as_deref(), test),
        Field::State => fits(Some(info.state.as_str()), test),
        Field::Name => fits(entry(&info.tags, keys::NAME).as_deref(), test),
        Field::Tag(key) => fits(entry(&info.tags, key).as_deref(), test),
        Field::Metadata(key) => fits(entry(&info.metadata, key).as_deref(), test),
        Field::Session => fits(entry(&info.metadata, keys::SESSION).as_deref(), test),
        Field::Run => fits(entry(&info.metadata, keys::SOURCE_RUN).as_deref(), test),
        Field::Tokens => fits(entry(&info.metadata, keys::TOKEN_USAGE).as_deref(), test),
        Field::Costs => fits(entry(&info.metadata, keys::COST).as_deref(), test),
        Field::Started => numbers(Some(info.started_ms as f64), test),
        Field::Duration => numbers(info.duration_ms.map(|ms| ms as f64), test),
        Field::Ended => numbers(Some((info.started_ms + info.duration_ms.unwrap_or(0)) as f64), test),
        Field::Assessment(kind, name) => assessed(trace, *kind, name, test),
        Field::Issue => {
            info.assessments.iter().any(|one| one.kind == AssessmentKind::Issue && fits(Some(&one.name), test))
        }
        Field::Prompt | Field::Experiment => false,
    });
    let spans: Vec<_> = clauses
        .iter()
        .filter_map(|clause| match &clause.field {
            Field::Span(field) => Some((field, &clause.test)),
            _ => None,
        })
        .collect();
    let of_one = |span: &Span| spans.iter().all(|(field, test)| of_span(span, field, test));
    plain && (spans.is_empty() || trace.spans.iter().any(of_one))
}

#[test]
fn sql_and_a_plain_look_agree() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let places: Vec<(Place, Vec<Trace>)> = runtime.block_on(async {
        let mut places = Vec::new();
        for place in Place::each().await {
            let all = fill(&place).await;
            places.push((place, all));
        }
        places
    });
    let filters = prop::collection::vec(clause(), 0..4).prop_map(|clauses| clauses.join(" AND "));
    proptest!(ProptestConfig::with_cases(400), |(filter in filters, limit in 1usize..9, up in any::<bool>())| {
        let clauses = parse(&filter).unwrap();
        let mut answers = Vec::new();
        for (place, all) in &places {
            let mut expected: Vec<&Trace> =
                all.iter().filter(|trace| trace.info.experiment_id == HOME && passes(trace, &clauses)).collect();
            expected.sort_by_key(|trace| {
                let started = trace.info.started_ms;
                (if up { started } else { -started }, trace.info.trace_id.clone())
            });
            let mut found = Vec::new();
            let mut page = None;
            loop {
                let search = TraceSearch {
                    experiments: Some(vec![HOME]),
                    filter: filter.clone(),
                    order_by: if up { vec!["timestamp_ms ASC".to_owned()] } else { Vec::new() },
                    limit,
                    page: page.take(),
                };
                let next = runtime.block_on(place.traces.search(&place.world.ctx, search)).unwrap();
                found.extend(next.items.into_iter().map(|info| info.trace_id));
                match next.next {
                    Some(token) => page = Some(token),
                    None => break,
                }
            }
            let expected: Vec<String> = expected.into_iter().map(|trace| trace.info.trace_id.clone()).collect();
            prop_assert_eq!(&found, &expected, "{} on {}", filter, place.db.name);
            answers.push(found);
        }
        prop_assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    });
}
