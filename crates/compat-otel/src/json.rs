//! The same request as JSON: names in camel case, ids in hex, large numbers as text.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pitcrew_traces::limits::SPAN_BYTES;
use pitcrew_traces::{Any, Span, SpanEvent, SpanLink, SpanStatus, TRACE_PREFIX};
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::messages::{Request, few, finish, status_of, too_many};
use crate::proto::clean;
use crate::{VALUES_PER_REQUEST, VALUES_PER_SPAN};

/// Bytes of one resource, which tells of a service and a machine.
const RESOURCE_BYTES: usize = 1 << 20;

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Export {
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ResourceSpans {
    /// Read by itself, so that it is weighed before its values are made.
    resource: Option<Box<RawValue>>,
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Resource {
    attributes: Vec<KeyValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ScopeSpans {
    /// Read one by one, so that one that is none spoils no other.
    spans: Vec<Box<RawValue>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawSpan {
    trace_id: String,
    span_id: String,
    parent_span_id: String,
    name: String,
    start_time_unix_nano: Number,
    end_time_unix_nano: Number,
    attributes: Vec<KeyValue>,
    events: Vec<RawEvent>,
    links: Vec<RawLink>,
    status: RawStatus,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawEvent {
    time_unix_nano: Number,
    name: String,
    attributes: Vec<KeyValue>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawLink {
    trace_id: String,
    span_id: String,
    attributes: Vec<KeyValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawStatus {
    message: String,
    code: Code,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct KeyValue {
    key: String,
    value: Value,
}

/// Reads a request.
pub(crate) fn request(bytes: &[u8]) -> Result<Request, String> {
    // A list would read as the fields of a message in their order.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err("the body is no JSON object".to_owned());
    }
    let export: Export = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let mut request = Request { resources: export.resource_spans.len(), ..Request::default() };
    let mut left = VALUES_PER_REQUEST;
    for resource_spans in export.resource_spans {
        let resource = resource(resource_spans.resource.as_deref(), &mut left)?;
        for raw in resource_spans.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            let span = span(&raw).and_then(|span| {
                left = left.checked_sub(values(&span)).ok_or_else(too_many)?;
                Ok(span)
            });
            request.take(span, &resource);
        }
    }
    Ok(request)
}

fn resource(raw: Option<&RawValue>, left: &mut usize) -> Result<Arc<Vec<(String, Any)>>, String> {
    let Some(raw) = raw else { return Ok(Arc::default()) };
    if raw.get().len() > RESOURCE_BYTES {
        return Err(format!("a resource is larger than {RESOURCE_BYTES} bytes"));
    }
    let read: Option<Resource> = serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
    let attributes = attributes(read.unwrap_or_default().attributes);
    *left = left.checked_sub(attributes.iter().map(|(_, value)| count(value)).sum()).ok_or_else(too_many)?;
    Ok(Arc::new(attributes))
}

/// What a span holds: values, events and links.
fn values(span: &Span) -> usize {
    let lists = std::iter::once(&span.attributes)
        .chain(span.events.iter().map(|event| &event.attributes))
        .chain(span.links.iter().map(|link| &link.attributes));
    lists.flatten().map(|(_, value)| count(value)).sum::<usize>() + span.events.len() + span.links.len()
}

fn span(raw: &RawValue) -> Result<Span, String> {
    if raw.get().len() > SPAN_BYTES {
        return Err(format!("a span is larger than {SPAN_BYTES} bytes"));
    }
    let raw: RawSpan = serde_json::from_str(raw.get()).map_err(|error| format!("a span does not read: {error}"))?;
    let span = Span {
        trace_id: String::new(),
        span_id: String::new(),
        parent_id: None,
        name: clean(&raw.name),
        start_ns: 0,
        end_ns: None,
        status: raw.status.code.0,
        message: clean(&raw.status.message),
        attributes: attributes(raw.attributes),
        events: raw.events.into_iter().map(event).collect(),
        links: raw.links.into_iter().map(link).collect(),
    };
    few(&span)?;
    if values(&span) > VALUES_PER_SPAN {
        return Err(format!("a span holds more than {VALUES_PER_SPAN} values"));
    }
    let lower = |id: String| id.to_ascii_lowercase();
    let times = (raw.start_time_unix_nano.0, raw.end_time_unix_nano.0);
    finish(span, lower(raw.trace_id), lower(raw.span_id), lower(raw.parent_span_id), times)
}

fn event(raw: RawEvent) -> SpanEvent {
    SpanEvent {
        name: clean(&raw.name),
        at_ns: i64::try_from(raw.time_unix_nano.0).unwrap_or(i64::MAX),
        attributes: attributes(raw.attributes),
    }
}

fn link(raw: RawLink) -> SpanLink {
    SpanLink {
        trace_id: format!("{TRACE_PREFIX}{}", clean(&raw.trace_id.to_ascii_lowercase())),
        span_id: clean(&raw.span_id.to_ascii_lowercase()),
        attributes: attributes(raw.attributes),
    }
}

fn attributes(raw: Vec<KeyValue>) -> Vec<(String, Any)> {
    raw.into_iter().filter(|pair| !pair.key.is_empty()).map(|pair| (clean(&pair.key), pair.value.0)).collect()
}

fn count(value: &Any) -> usize {
    1 + match value {
        Any::List(items) => items.iter().map(count).sum(),
        Any::Map(entries) => entries.iter().map(|(_, value)| count(value)).sum(),
        _ => 0,
    }
}

/// Bytes as text.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A whole number, as a number or in quotes.
#[derive(Default)]
struct Number(u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Number(number) => number.as_u64(),
            serde_json::Value::String(text) => text.parse().ok(),
            serde_json::Value::Null => Some(0),
            _ => None,
        }
        .map(Self)
        .ok_or_else(|| de::Error::custom("a time must be a whole number"))
    }
}

/// A status, as its number or its name.
struct Code(SpanStatus);

impl Default for Code {
    fn default() -> Self {
        Self(SpanStatus::Unset)
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Number(number) => status_of(number.as_u64().unwrap_or(0)),
            serde_json::Value::String(text) => match text.as_str() {
                "STATUS_CODE_OK" => SpanStatus::Ok,
                "STATUS_CODE_ERROR" => SpanStatus::Error,
                _ => SpanStatus::Unset,
            },
            _ => SpanStatus::Unset,
        }))
    }
}

/// `{"stringValue": "a"}`, `{"intValue": "5"}`, `{"arrayValue": {"values": [...]}}` and so on.
#[derive(Default)]
struct Value(Any);

#[derive(Deserialize, Default)]
#[serde(default)]
struct Values {
    values: Vec<Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Pairs {
    values: Vec<KeyValue>,
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ValueVisitor).map(Self)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Any;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value like {\"stringValue\": \"a\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Any, A::Error> {
        let mut value = Any::Null;
        while let Some(kind) = map.next_key::<String>()? {
            value = match kind.as_str() {
                "stringValue" => Any::Text(clean(&map.next_value::<String>()?)),
                // Both are bytes or text of their own; base64 stays as it is.
                "bytesValue" => Any::Text(clean(&map.next_value::<String>()?)),
                "boolValue" => Any::Bool(map.next_value()?),
                "intValue" => whole(&map.next_value()?).ok_or_else(|| de::Error::custom("no whole number"))?,
                "doubleValue" => double(&map.next_value()?).ok_or_else(|| de::Error::custom("no number"))?,
                "arrayValue" => {
                    Any::List(map.next_value::<Values>()?.values.into_iter().map(|value| value.0).collect())
                }
                "kvlistValue" => Any::Map(attributes(map.next_value::<Pairs>()?.values)),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    value
                }
            };
        }
        Ok(value)
    }
}

fn whole(value: &serde_json::Value) -> Option<Any> {
    match value {
        serde_json::Value::String(text) => text.parse().ok().map(Any::Int),
        value => value.as_i64().map(Any::Int),
    }
}

fn double(value: &serde_json::Value) -> Option<Any> {
    match value {
        serde_json::Value::String(text) => match text.as_str() {
            "NaN" | "Infinity" | "-Infinity" => Some(Any::Text(text.clone())),
            text => text.parse().ok().map(Any::number),
        },
        value => value.as_f64().map(Any::number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification of OTLP, cut.
    const EXAMPLE: &str = r#"{"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]},
        "scopeSpans": [{"scope": {"name": "my.library"}, "spans": [
            {"traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174", "parentSpanId": "EEE19B7EC3C1B173",
             "name": "I'm a server span", "startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": 1544712661000000000,
             "kind": 2, "status": {"code": 2, "message": "m"},
             "attributes": [{"key": "i", "value": {"intValue": "5"}}, {"key": "d", "value": {"doubleValue": "NaN"}},
                {"key": "l", "value": {"arrayValue": {"values": [{"boolValue": true}, {}]}}},
                {"key": "m", "value": {"kvlistValue": {"values": [{"key": "a", "value": {"intValue": 1}}]}}}]},
            {"traceId": "00", "spanId": "EEE19B7EC3C1B174", "name": "no id"},
            {"name": 5}
        ]}]}]}"#;

    #[test]
    fn the_example_of_the_specification_reads() {
        let read = request(EXAMPLE.as_bytes()).unwrap();
        assert_eq!((read.arrived.len(), read.rejected, read.resources), (1, 2, 1));
        let span = &read.arrived[0].span;
        assert_eq!(span.trace_id, "tr-5b8efff798038103d269b633813fc60c");
        assert_eq!(span.parent_id.as_deref(), Some("eee19b7ec3c1b173"));
        assert_eq!((span.start_ns, span.end_ns), (1_544_712_660_000_000_000, Some(1_544_712_661_000_000_000)));
        assert_eq!((span.status, span.message.as_str()), (SpanStatus::Error, "m"));
        let text = Any::Map(span.attributes.clone()).to_json();
        assert_eq!(text, r#"{"i": 5, "d": "NaN", "l": [true, null], "m": {"a": 1}}"#);
        assert_eq!(read.arrived[0].resource[0].0, "service.name");
    }

    #[test]
    fn many_spans_together_hold_no_more_than_a_request_may() {
        let many = vec!["{}"; VALUES_PER_SPAN - 1].join(",");
        let span = format!(
            r#"{{"traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174", "attributes": [{{"key": "k", "value": {{"arrayValue": {{"values": [{many}]}}}}}}]}}"#
        );
        let full = VALUES_PER_REQUEST / VALUES_PER_SPAN;
        let spans = vec![span.as_str(); full + 2].join(",");
        let read = request(format!(r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{spans}]}}]}}]}}"#).as_bytes());
        let read = read.unwrap();
        assert_eq!((read.arrived.len(), read.rejected), (full, 2));
        let resource = format!(
            r#"{{"attributes": [{{"key": "k", "value": {{"stringValue": "{}"}}}}]}}"#,
            "x".repeat(RESOURCE_BYTES)
        );
        let whole = format!(r#"{{"resourceSpans": [{{"resource": {resource}}}]}}"#);
        assert!(request(whole.as_bytes()).unwrap_err().contains("a resource is larger"));
        assert_eq!(request(br#"{"resourceSpans": [{"resource": {}}]}"#).unwrap().resources, 1);
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for bad in ["", "[]", "{\"resourceSpans\": 5}", "{\"resourceSpans\": [{\"scopeSpans\": [{\"spans\": [}]}]}"] {
            assert!(request(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(request(b"{}").unwrap().resources, 0);
    }
}
