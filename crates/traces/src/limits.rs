//! How much of everything a caller may send or ask for. Where MLflow 3.17 has a number, it is the same.

use std::time::Duration;

/// Spans in one request.
pub const SPANS_PER_REQUEST: usize = 10_000;
/// Traces that the spans of one request may belong to.
pub const TRACES_PER_REQUEST: usize = 1_000;
/// Bytes of one span as kept, before it is compressed.
pub const SPAN_BYTES: usize = 16 << 20;
/// Bytes of all spans of one trace as kept, before they are compressed.
pub const TRACE_BYTES: usize = 256 << 20;
/// Lists and maps within each other in an attribute.
pub const VALUE_DEPTH: usize = 64;
/// Characters of a span's name.
pub const SPAN_NAME_CHARS: usize = 1_000;
/// Characters of a model's name or provider.
pub const MODEL_CHARS: usize = 500;
/// Characters of a trace's id.
pub const TRACE_ID_CHARS: usize = 250;
/// Characters of a tag's key.
pub const TAG_KEY_CHARS: usize = 250;
/// Characters of a tag's value. Longer ones are cut, as clients expect.
pub const TAG_VALUE_CHARS: usize = 8_000;
/// Tags or metadata of one trace in one request.
pub const ENTRIES_PER_TRACE: usize = 1_000;
/// Characters of a metadata key.
pub const METADATA_KEY_CHARS: usize = 250;
/// Characters of a metadata value. Longer ones are cut.
pub const METADATA_VALUE_CHARS: usize = 8_000;
/// Characters of a trace's name.
pub const TRACE_NAME_CHARS: usize = 4_096;
/// Characters of a session's id.
pub const SESSION_CHARS: usize = 250;
/// Characters of a preview of a request or response.
pub const PREVIEW_CHARS: usize = 1_000;
/// Bytes of an assessment's value, error, rationale or metadata.
pub const ASSESSMENT_BYTES: usize = 1 << 20;
/// Characters of an assessment's name, source or id.
pub const ASSESSMENT_NAME_CHARS: usize = 250;
/// Assessments of one trace in one request.
pub const ASSESSMENTS_PER_REQUEST: usize = 1_000;
/// Traces on one page of a search.
pub const TRACES_PER_PAGE: usize = 500;
/// Experiments one search may name.
pub const EXPERIMENTS_PER_SEARCH: usize = 1_000;
/// Traces in one batch read without spans.
pub const INFOS_PER_READ: usize = 10_000;
/// Traces in one batch read with spans.
pub const TRACES_PER_READ: usize = 1_000;
/// Bytes of spans, not compressed, in one answer.
pub const BYTES_PER_READ: usize = 512 << 20;
/// Traces linked to a run, or prompts to a trace, in one request.
pub const LINKS_PER_REQUEST: usize = 100;
/// Traces that one deletion names.
pub const DELETED_PER_REQUEST: usize = 100_000;
/// Traces that one transaction deletes.
pub const DELETED_PER_STEP: usize = 500;
/// Traces a search looks into, where no index helps, before it answers what it has and a page token.
pub const TRACES_PER_SCAN: usize = 20_000;
/// Bytes of spans, not compressed, a search looks into before it does the same.
pub const BYTES_PER_SCAN: usize = 1 << 30;
/// Traces of such a search in one reading transaction.
pub const TRACES_PER_SCAN_STEP: usize = 200;
/// Bytes of spans, not compressed, of such a search in one reading transaction; one trace may pass it.
pub const BYTES_PER_SCAN_STEP: usize = 64 << 20;
/// How long a search looks into traces before it does the same.
pub const SCAN_PATIENCE: Duration = Duration::from_secs(10);
/// Traces a correlation counts.
pub const TRACES_PER_CORRELATION: usize = 1_000_000;
/// Points in one answer about metrics.
pub const POINTS_PER_ANSWER: usize = 1_000;
/// Values that percentiles of one answer are taken from.
pub const VALUES_PER_PERCENTILE: usize = 1_000_000;
/// Aggregations, dimensions or filters of one question about metrics.
pub const TERMS_PER_QUESTION: usize = 20;
/// Bytes of a regular expression once compiled.
pub const REGEX_BYTES: usize = 256 << 10;
/// Bytes of what a regular expression remembers of the texts it is compared with.
pub const REGEX_MEMORY: usize = 1 << 20;
