//! How whole spans are kept: one JSON text a line, compressed together.

use std::io::Read as _;

use pitcrew_kernel::{Error, Result};

use crate::limits::BYTES_PER_READ;
use crate::model::{Span, SpanStatus};
use crate::value::{write_list, write_text};

/// Fast, and most of what there is to gain: a span is mostly words that come again.
const ZSTD_LEVEL: i32 = 3;

/// Spans as they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) raw_bytes: usize,
    pub(crate) content: Vec<u8>,
}

/// Packs the spans of one trace.
pub(crate) fn pack(spans: &[Span]) -> Result<Payload> {
    let mut raw = Vec::new();
    for span in spans {
        serde_json::to_writer(&mut raw, span).map_err(|source| Error::internal("a span does not serialise", source))?;
        raw.push(b'\n');
    }
    let content =
        zstd::bulk::compress(&raw, ZSTD_LEVEL).map_err(|source| Error::internal("spans do not compress", source))?;
    Ok(Payload { raw_bytes: raw.len(), content })
}

/// Unpacks them again.
pub(crate) fn unpack(content: &[u8]) -> Result<Vec<Span>> {
    let damaged = |source: std::io::Error| Error::internal("kept spans do not read", source);
    let reader = zstd::stream::Decoder::new(content).map_err(damaged)?;
    let mut raw = Vec::new();
    reader.take(BYTES_PER_READ as u64).read_to_end(&mut raw).map_err(damaged)?;
    raw.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).map_err(|source| Error::internal("a kept span does not read", source)))
        .collect()
}

/// The JSON of a span as MLflow keeps it in files and searches it: attributes are JSON texts of their own.
pub fn span_text(span: &Span) -> String {
    let mut out = String::with_capacity(512);
    let hex = span.trace_id.strip_prefix(crate::TRACE_PREFIX).unwrap_or(&span.trace_id);
    out.push_str("{\"trace_id\": ");
    write_text(&base64_of_hex(hex), &mut out);
    out.push_str(", \"span_id\": ");
    write_text(&base64_of_hex(&span.span_id), &mut out);
    out.push_str(", \"parent_span_id\": ");
    match &span.parent_id {
        Some(parent) => write_text(&base64_of_hex(parent), &mut out),
        None => out.push_str("null"),
    }
    out.push_str(", \"name\": ");
    write_text(&span.name, &mut out);
    out.push_str(&format!(", \"start_time_unix_nano\": {}, \"end_time_unix_nano\": ", span.start_ns));
    match span.end_ns {
        Some(end) => out.push_str(&end.to_string()),
        None => out.push_str("null"),
    }
    out.push_str(", \"events\": ");
    write_list(&span.events, &mut out, |event, out| {
        out.push_str("{\"name\": ");
        write_text(&event.name, out);
        out.push_str(&format!(", \"time_unix_nano\": {}, \"attributes\": ", event.at_ns));
        crate::Any::Map(event.attributes.clone()).write_json(out);
        out.push('}');
    });
    out.push_str(", \"status\": {\"code\": ");
    write_text(status_code(span.status), &mut out);
    out.push_str(", \"message\": ");
    write_text(&span.message, &mut out);
    out.push_str("}, \"attributes\": {");
    for (at, (key, value)) in span.attributes.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        write_text(key, &mut out);
        out.push_str(": ");
        write_text(&value.to_json(), &mut out);
    }
    out.push_str("}, \"links\": ");
    write_list(&span.links, &mut out, |link, out| {
        out.push_str("{\"trace_id\": ");
        write_text(&link.trace_id, out);
        out.push_str(", \"span_id\": ");
        write_text(&link.span_id, out);
        out.push_str(", \"attributes\": ");
        match link.attributes.is_empty() {
            true => out.push_str("null"),
            false => crate::Any::Map(link.attributes.clone()).write_json(out),
        }
        out.push('}');
    });
    out.push('}');
    out
}

/// As OpenTelemetry spells it.
pub(crate) fn status_code(status: SpanStatus) -> &'static str {
    match status {
        SpanStatus::Unset => "STATUS_CODE_UNSET",
        SpanStatus::Ok => "STATUS_CODE_OK",
        SpanStatus::Error => "STATUS_CODE_ERROR",
    }
}

/// Hex digits as base64 of their bytes; what is no hex as it is.
fn base64_of_hex(hex: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let Some(bytes) = bytes_of_hex(hex) else { return hex.to_owned() };
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for piece in bytes.chunks(3) {
        let byte = |at: usize| u32::from(piece.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            if at <= piece.len() {
                out.push(char::from(ALPHABET[(bits >> (18 - 6 * at)) as usize & 63]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

fn bytes_of_hex(hex: &str) -> Option<Vec<u8>> {
    if !hex.len().is_multiple_of(2) || !hex.is_ascii() {
        return None;
    }
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Any;
    use crate::{SpanEvent, SpanLink};

    fn span() -> Span {
        Span {
            trace_id: "tr-01010101010101010101010101010101".to_owned(),
            span_id: "aaaaaaaaaaaaaaaa".to_owned(),
            parent_id: None,
            name: "root".to_owned(),
            start_ns: 1_700_000_000_123_456_789,
            end_ns: Some(1_700_000_001_123_456_789),
            status: SpanStatus::Ok,
            message: String::new(),
            attributes: vec![
                ("mlflow.spanInputs".to_owned(), Any::Map(vec![("q".to_owned(), Any::Text("hé".to_owned()))])),
                ("n".to_owned(), Any::Int(5)),
            ],
            events: vec![SpanEvent {
                name: "ev".to_owned(),
                at_ns: 1_700_000_000_223_456_789,
                attributes: vec![("n".to_owned(), Any::Int(5))],
            }],
            links: vec![SpanLink {
                trace_id: "tr-02020202020202020202020202020202".to_owned(),
                span_id: "0303030303030303".to_owned(),
                attributes: Vec::new(),
            }],
        }
    }

    #[test]
    fn spans_survive_packing() {
        let spans = vec![span(), Span { span_id: "bbbbbbbbbbbbbbbb".to_owned(), ..span() }];
        assert_eq!(unpack(&pack(&spans).unwrap().content).unwrap(), spans);
        assert!(unpack(b"no zstd").is_err());
    }

    /// Compared with what MLflow 3.17.2 keeps of the same span.
    #[test]
    fn the_text_of_a_span_is_that_of_mlflow() {
        assert_eq!(
            span_text(&span()),
            r#"{"trace_id": "AQEBAQEBAQEBAQEBAQEBAQ==", "span_id": "qqqqqqqqqqo=", "parent_span_id": null, "name": "root", "start_time_unix_nano": 1700000000123456789, "end_time_unix_nano": 1700000001123456789, "events": [{"name": "ev", "time_unix_nano": 1700000000223456789, "attributes": {"n": 5}}], "status": {"code": "STATUS_CODE_OK", "message": ""}, "attributes": {"mlflow.spanInputs": "{\"q\": \"hé\"}", "n": "5"}, "links": [{"trace_id": "tr-02020202020202020202020202020202", "span_id": "0303030303030303", "attributes": null}]}"#
        );
    }
}
