//! `ExportTraceServiceRequest` and the messages in it. Numbers of fields are those of opentelemetry-proto 1.

use std::sync::Arc;

use pitcrew_traces::limits::{SPAN_BYTES, SPANS_PER_REQUEST, VALUE_DEPTH};
use pitcrew_traces::{Any, Arrived, Span, SpanEvent, SpanLink, SpanStatus, TRACE_PREFIX};

use crate::proto::{Field, Malformed, Message};
use crate::{EVENTS_PER_SPAN, VALUES_PER_REQUEST, VALUES_PER_SPAN};

/// What a request holds.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) arrived: Vec<Arrived>,
    /// Spans that came after as many as are taken; they are counted only.
    pub(crate) beyond: usize,
    /// Spans that are none, and why the first of them is not.
    pub(crate) rejected: usize,
    pub(crate) reason: Option<String>,
    /// Whether there was anything at all.
    pub(crate) resources: usize,
}

impl Request {
    pub(crate) fn take(&mut self, span: Result<Span, String>, resource: &Arc<Vec<(String, Any)>>) {
        match span {
            Ok(_) if self.arrived.len() >= SPANS_PER_REQUEST => self.beyond += 1,
            Ok(span) => self.arrived.push(Arrived { span, resource: Arc::clone(resource) }),
            Err(reason) => {
                self.rejected += 1;
                self.reason.get_or_insert(reason);
            }
        }
    }
}

/// Reads a request.
pub(crate) fn request(bytes: &[u8]) -> Result<Request, Malformed> {
    let (mut request, mut budget) = (Request::default(), Budget::default());
    let mut message = Message(bytes);
    while let Some((number, field)) = message.next()? {
        if number == 1 {
            resource_spans(field.bytes(), &mut request, &mut budget)?;
        }
    }
    Ok(request)
}

fn resource_spans(bytes: &[u8], request: &mut Request, budget: &mut Budget) -> Result<(), Malformed> {
    request.resources += 1;
    let mut resource = Vec::new();
    let mut scopes = Vec::new();
    let mut message = Message(bytes);
    while let Some((number, field)) = message.next()? {
        match number {
            1 => {
                budget.next();
                let mut inner = Message(field.bytes());
                while let Some((number, field)) = inner.next()? {
                    if number == 1 {
                        resource.extend(key_value(field.bytes(), 0, budget).map_err(|_| Malformed)?);
                    }
                }
            }
            2 => scopes.push(field.bytes()),
            _ => {}
        }
    }
    let resource = Arc::new(resource);
    for scope in scopes {
        let mut message = Message(scope);
        while let Some((number, field)) = message.next()? {
            if number == 2 {
                let before = budget.all;
                budget.next();
                let span = span(field.bytes(), budget);
                // What is rejected is kept nowhere.
                budget.all = if span.is_ok() { budget.all } else { before };
                request.take(span, &resource);
            }
        }
    }
    Ok(())
}

/// How many values the span at hand may still hold, and all spans of the request together.
struct Budget {
    span: usize,
    all: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { span: VALUES_PER_SPAN, all: VALUES_PER_REQUEST }
    }
}

impl Budget {
    /// Begins another span.
    fn next(&mut self) {
        self.span = VALUES_PER_SPAN;
    }

    fn spend(&mut self) -> Result<(), String> {
        self.span =
            self.span.checked_sub(1).ok_or_else(|| format!("a span holds more than {VALUES_PER_SPAN} values"))?;
        self.all = self.all.checked_sub(1).ok_or_else(too_many)?;
        Ok(())
    }
}

pub(crate) fn too_many() -> String {
    format!("the spans of a request hold more than {VALUES_PER_REQUEST} values")
}

impl From<Malformed> for String {
    fn from(_: Malformed) -> Self {
        "a span is no message of its kind".to_owned()
    }
}

fn span(bytes: &[u8], budget: &mut Budget) -> Result<Span, String> {
    if bytes.len() > SPAN_BYTES {
        return Err(format!("a span is larger than {SPAN_BYTES} bytes"));
    }
    let (mut trace_id, mut span_id, mut parent): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
    let (mut start, mut end) = (0, 0);
    let mut span = Span::default();
    let mut message = Message(bytes);
    while let Some((number, field)) = message.next()? {
        match number {
            1 => trace_id = field.bytes(),
            2 => span_id = field.bytes(),
            4 => parent = field.bytes(),
            5 => span.name = field.text(),
            7 => start = field.number(),
            8 => end = field.number(),
            9 => span.attributes.extend(key_value(field.bytes(), 0, budget)?),
            11 => span.events.push(event(field.bytes(), budget)?),
            13 => span.links.push(link(field.bytes(), budget)?),
            15 => status(field, &mut span)?,
            _ => {}
        }
        few(&span)?;
    }
    finish(span, hex(trace_id), hex(span_id), hex(parent), (start, end))
}

/// Events and links are counted as they come.
pub(crate) fn few(span: &Span) -> Result<(), String> {
    if span.events.len().max(span.links.len()) > EVENTS_PER_SPAN {
        return Err(format!("a span holds more than {EVENTS_PER_SPAN} events or links"));
    }
    Ok(())
}

/// Sets what must be right: ids and times.
pub(crate) fn finish(
    mut span: Span,
    trace_id: String,
    span_id: String,
    parent: String,
    (start, end): (u64, u64),
) -> Result<Span, String> {
    if !is_id(&trace_id, 32) {
        return Err("a span's trace_id must be 16 bytes, not all of them zero".to_owned());
    }
    if !is_id(&span_id, 16) {
        return Err("a span's span_id must be 8 bytes, not all of them zero".to_owned());
    }
    if !parent.is_empty() && parent.bytes().any(|digit| digit != b'0') {
        if !is_id(&parent, 16) {
            return Err("a span's parent_span_id must be 8 bytes".to_owned());
        }
        span.parent_id = Some(parent);
    }
    let time = |ns: u64| i64::try_from(ns).map_err(|_| "a span's time is after the year 2262".to_owned());
    span.start_ns = time(start)?;
    span.end_ns = if end == 0 { None } else { Some(time(end)?) };
    span.trace_id = format!("{TRACE_PREFIX}{trace_id}");
    span.span_id = span_id;
    Ok(span)
}

fn is_id(hex: &str, digits: usize) -> bool {
    hex.len() == digits
        && hex.bytes().all(|digit| digit.is_ascii_digit() || matches!(digit, b'a'..=b'f'))
        && hex.bytes().any(|digit| digit != b'0')
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn status(field: Field<'_>, span: &mut Span) -> Result<(), Malformed> {
    let mut message = Message(field.bytes());
    while let Some((number, field)) = message.next()? {
        match number {
            2 => span.message = field.text(),
            3 => span.status = status_of(field.number()),
            _ => {}
        }
    }
    Ok(())
}

pub(crate) fn status_of(code: u64) -> SpanStatus {
    match code {
        1 => SpanStatus::Ok,
        2 => SpanStatus::Error,
        _ => SpanStatus::Unset,
    }
}

fn event(bytes: &[u8], budget: &mut Budget) -> Result<SpanEvent, String> {
    budget.spend()?;
    let mut event = SpanEvent { name: String::new(), at_ns: 0, attributes: Vec::new() };
    let mut message = Message(bytes);
    while let Some((number, field)) = message.next()? {
        match number {
            1 => event.at_ns = i64::try_from(field.number()).unwrap_or(i64::MAX),
            2 => event.name = field.text(),
            3 => event.attributes.extend(key_value(field.bytes(), 0, budget)?),
            _ => {}
        }
    }
    Ok(event)
}

fn link(bytes: &[u8], budget: &mut Budget) -> Result<SpanLink, String> {
    budget.spend()?;
    let mut link = SpanLink { trace_id: String::new(), span_id: String::new(), attributes: Vec::new() };
    let mut message = Message(bytes);
    while let Some((number, field)) = message.next()? {
        match number {
            1 => link.trace_id = format!("{TRACE_PREFIX}{}", hex(field.bytes())),
            2 => link.span_id = hex(field.bytes()),
            4 => link.attributes.extend(key_value(field.bytes(), 0, budget)?),
            _ => {}
        }
    }
    Ok(link)
}

/// A named value. One without a name is passed over.
fn key_value(bytes: &[u8], depth: usize, budget: &mut Budget) -> Result<Option<(String, Any)>, String> {
    budget.spend()?;
    let (mut key, mut value) = (String::new(), Any::Null);
    let mut message = Message(bytes);
    while let Some((number, field)) = message.next()? {
        match number {
            1 => key = field.text(),
            2 => value = any(field.bytes(), depth, budget)?,
            _ => {}
        }
    }
    Ok((!key.is_empty()).then_some((key, value)))
}

fn any(bytes: &[u8], depth: usize, budget: &mut Budget) -> Result<Any, String> {
    if depth > VALUE_DEPTH {
        return Err(format!("a value holds lists or maps {VALUE_DEPTH} deep"));
    }
    budget.spend()?;
    let mut value = Any::Null;
    let mut message = Message(bytes);
    while let Some((number, field)) = message.next()? {
        value = match number {
            1 => Any::Text(field.text()),
            2 => Any::Bool(field.number() != 0),
            3 => Any::Int(field.number().cast_signed()),
            4 => Any::number(f64::from_bits(field.number())),
            5 => {
                let mut items = Vec::new();
                let mut list = Message(field.bytes());
                while let Some((number, field)) = list.next()? {
                    if number == 1 {
                        items.push(any(field.bytes(), depth + 1, budget)?);
                    }
                }
                Any::List(items)
            }
            6 => {
                let mut entries = Vec::new();
                let mut map = Message(field.bytes());
                while let Some((number, field)) = map.next()? {
                    if number == 1 {
                        entries.extend(key_value(field.bytes(), depth + 1, budget)?);
                    }
                }
                Any::Map(entries)
            }
            7 => Any::Text(crate::json::base64(field.bytes())),
            _ => value,
        };
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Writer;
    use proptest::prelude::*;

    fn message(fields: &[(u64, &[u8])]) -> Vec<u8> {
        let mut writer = Writer::default();
        fields.iter().for_each(|(number, bytes)| writer.bytes_field(*number, bytes));
        writer.0
    }

    fn request_of(span: &[u8]) -> Vec<u8> {
        message(&[(1, &message(&[(2, &message(&[(2, span)]))]))])
    }

    #[test]
    fn deep_and_broad_values_are_rejected_span_by_span() {
        let mut deep = message(&[(1, b"x")]);
        for _ in 0..VALUE_DEPTH + 2 {
            deep = message(&[(5, &message(&[(1, &deep)]))]);
        }
        let attribute = message(&[(1, b"k"), (2, &deep)]);
        let bad = message(&[(1, &[1; 16]), (2, &[1; 8]), (5, b"deep"), (9, &attribute)]);
        let read = request(&request_of(&bad)).unwrap();
        assert_eq!((read.arrived.len(), read.rejected), (0, 1));
        assert!(read.reason.unwrap().contains("deep"));
        let broad = message(&[(1, b"k"), (2, &message(&[(5, &[0x0a, 0].repeat(VALUES_PER_SPAN))]))]);
        let bad = message(&[(1, &[1; 16]), (2, &[1; 8]), (9, &broad)]);
        assert!(request(&request_of(&bad)).unwrap().reason.unwrap().contains("values"));
    }

    #[test]
    fn many_spans_together_hold_no_more_than_a_request_may() {
        let many = message(&[(1, b"k"), (2, &message(&[(5, &[0x0a, 0].repeat(VALUES_PER_SPAN - 3))]))]);
        let span = |number: u8, field: u64, bytes: &[u8]| {
            message(&[(2, &message(&[(1, &[number + 1; 16]), (2, &[1; 8]), (field, bytes)]))])
        };
        let full = VALUES_PER_REQUEST / VALUES_PER_SPAN;
        let spans: Vec<u8> = (0..full + 3).flat_map(|number| span(number as u8, 9, &many)).collect();
        let last = span(99, 5, b"small");
        let read = request(&message(&[(1, &message(&[(2, &[spans, last].concat())]))])).unwrap();
        assert_eq!((read.arrived.len(), read.rejected), (full + 1, 3), "what is small still fits");
        assert!(read.reason.unwrap().starts_with("the spans of a request hold more than"));
    }

    #[test]
    fn spans_beyond_what_is_taken_are_counted_only() {
        let one = message(&[(2, &message(&[(1, &[1; 16]), (2, &[1; 8])]))]);
        let bytes = message(&[(1, &message(&[(2, &one.repeat(SPANS_PER_REQUEST + 5))]))]);
        let read = request(&bytes).unwrap();
        assert_eq!((read.arrived.len(), read.beyond, read.rejected), (SPANS_PER_REQUEST, 5, 0));
    }

    #[test]
    fn ids_must_be_ids() {
        let read = |trace: &[u8], span: &[u8], parent: &[u8]| {
            let bytes = message(&[(1, trace), (2, span), (4, parent), (5, b"n\0m")]);
            request(&request_of(&bytes)).unwrap()
        };
        let good = read(&[1; 16], &[2; 8], &[0; 8]);
        assert_eq!(good.arrived[0].span.trace_id, format!("tr-{}", "01".repeat(16)));
        assert_eq!(good.arrived[0].span.parent_id, None);
        assert_eq!(good.arrived[0].span.name, "n\u{fffd}m");
        for (trace, span, parent) in [
            (&[0; 16][..], &[2; 8][..], &[][..]),
            (&[1; 15], &[2; 8], &[]),
            (&[1; 16], &[0; 8], &[]),
            (&[1; 16], &[2; 8], &[3; 4]),
        ] {
            assert_eq!(read(trace, span, parent).rejected, 1);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = request(&bytes);
            let _ = request(&request_of(&bytes));
            let attribute = message(&[(1, b"k"), (2, &bytes)]);
            let _ = request(&request_of(&message(&[(1, &[1; 16]), (2, &[1; 8]), (9, &attribute)])));
        }
    }
}
