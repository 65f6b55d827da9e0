//! What a trace, a span and an assessment are.

use std::collections::BTreeMap;
use std::str::FromStr;

use pitcrew_kernel::Error;
use serde::{Deserialize, Serialize};

use crate::value::Any;

/// What every trace's id begins with; the rest is OpenTelemetry's id in hex.
pub const TRACE_PREFIX: &str = "tr-";

/// Keys of tags, metadata and attributes that mean something here. They are MLflow's.
pub mod keys {
    /// The tag that names a trace.
    pub const NAME: &str = "mlflow.traceName";
    /// The tag that says where the spans are.
    pub const SPANS_LOCATION: &str = "mlflow.trace.spansLocation";
    /// What that tag says when they are here.
    pub const HERE: &str = "TRACKING_STORE";
    /// The tag with the address of the trace's artifacts.
    pub const ARTIFACT_LOCATION: &str = "mlflow.artifactLocation";
    /// The filter's word for linked prompts.
    pub const PROMPTS: &str = "mlflow.linkedPrompts";
    /// Metadata: the run during which the trace was made.
    pub const SOURCE_RUN: &str = "mlflow.sourceRun";
    /// Metadata: the session.
    pub const SESSION: &str = "mlflow.trace.session";
    /// Metadata: the user.
    pub const USER: &str = "mlflow.trace.user";
    /// Metadata: how many tokens.
    pub const TOKEN_USAGE: &str = "mlflow.trace.tokenUsage";
    /// Metadata: what it cost.
    pub const COST: &str = "mlflow.trace.cost";
    /// Metadata: how many spans there are.
    pub const SIZE_STATS: &str = "mlflow.trace.sizeStats";
    /// Metadata: whether the client told of the trace as a whole.
    pub const TOLD: &str = "mlflow.trace.infoFinalized";
    /// Attribute: the trace's id here.
    pub const REQUEST_ID: &str = "mlflow.traceRequestId";
    /// Attribute: what went in.
    pub const INPUTS: &str = "mlflow.spanInputs";
    /// Attribute: what came out.
    pub const OUTPUTS: &str = "mlflow.spanOutputs";
    /// Attribute: what kind of work.
    pub const SPAN_TYPE: &str = "mlflow.spanType";
    /// Attribute: tokens of one call.
    pub const CHAT_USAGE: &str = "mlflow.chat.tokenUsage";
    /// Attribute: cost of one call.
    pub const LLM_COST: &str = "mlflow.llm.cost";
    /// Attribute: the model.
    pub const MODEL: &str = "mlflow.llm.model";
    /// Attribute: who serves the model.
    pub const PROVIDER: &str = "mlflow.llm.provider";
    /// Attributes that become tags of the trace begin so.
    pub const TAG_PREFIX: &str = "mlflow.traceTag.";
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $code:literal { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// As it is stored and spelled.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(Error::invalid($code, format!("`{text}` is none of {}", [$($word),*].join(", ")))),
                }
            }
        }
    };
}

words! {
    /// How far a trace is.
    State, "TRACE_VALUE_INVALID" {
        /// Nobody said.
        Unspecified = "STATE_UNSPECIFIED",
        /// Ended well.
        Ok = "OK",
        /// Ended in an error.
        Error = "ERROR",
        /// Still going on.
        InProgress = "IN_PROGRESS",
    }
}

words! {
    /// How a span ended.
    SpanStatus, "TRACE_VALUE_INVALID" {
        /// Nobody said.
        Unset = "UNSET",
        /// Well.
        Ok = "OK",
        /// In an error.
        Error = "ERROR",
    }
}

words! {
    /// What an assessment is.
    AssessmentKind, "TRACE_VALUE_INVALID" {
        /// An opinion on what came out.
        Feedback = "feedback",
        /// What should have come out.
        Expectation = "expectation",
        /// A known problem it shows.
        Issue = "issue",
    }
}

/// Names and values, each name once.
pub type Entries = BTreeMap<String, String>;

impl Default for SpanStatus {
    /// Nobody said.
    fn default() -> Self {
        Self::Unset
    }
}

/// A piece of work within a trace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// `tr-` and 32 hex digits.
    pub trace_id: String,
    /// 16 hex digits.
    pub span_id: String,
    /// The span it is part of; none for the root.
    pub parent_id: Option<String>,
    /// Its name.
    pub name: String,
    /// When it began, in nanoseconds since the epoch.
    pub start_ns: i64,
    /// When it ended.
    pub end_ns: Option<i64>,
    /// How it ended.
    pub status: SpanStatus,
    /// More words on how it ended.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What is known of it, in the order it came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<(String, Any)>,
    /// What happened during it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<SpanEvent>,
    /// Spans of other traces it has to do with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<SpanLink>,
}

impl Span {
    /// The attribute of this name.
    pub fn attribute(&self, name: &str) -> Option<&Any> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// What kind of work it is.
    pub fn kind(&self) -> Option<&str> {
        self.attribute(keys::SPAN_TYPE).and_then(Any::as_text)
    }
}

/// Something that happened during a span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpanEvent {
    /// Its name.
    pub name: String,
    /// When, in nanoseconds since the epoch.
    pub at_ns: i64,
    /// What is known of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<(String, Any)>,
}

/// A span of another trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpanLink {
    /// `tr-` and 32 hex digits.
    pub trace_id: String,
    /// 16 hex digits.
    pub span_id: String,
    /// What is known of the link.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<(String, Any)>,
}

/// What is known of a trace besides its spans.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceInfo {
    /// Its id.
    pub trace_id: String,
    /// Its experiment.
    pub experiment_id: i64,
    /// When it began, in milliseconds since the epoch.
    pub started_ms: i64,
    /// How long it took; none while it goes on.
    pub duration_ms: Option<i64>,
    /// How far it is.
    pub state: State,
    /// The id the caller of the application knows it by.
    pub client_request_id: Option<String>,
    /// The beginning of what was asked.
    pub request_preview: Option<String>,
    /// The beginning of what was answered.
    pub response_preview: Option<String>,
    /// Facts that do not change.
    pub metadata: Entries,
    /// Facts that may.
    pub tags: Entries,
    /// What people, programs and models think of it, oldest first.
    pub assessments: Vec<Assessment>,
}

/// A trace with its spans: the root first, then by their beginning.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// What is known of it.
    pub info: TraceInfo,
    /// Its spans.
    pub spans: Vec<Span>,
}

/// What somebody thinks of a trace or one of its spans.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    /// Its id; given here when it is empty.
    pub assessment_id: String,
    /// The trace.
    pub trace_id: String,
    /// What is assessed: `correctness`, or the issue's id.
    pub name: String,
    /// What it is.
    pub kind: AssessmentKind,
    /// The opinion, the expectation, or the issue's name.
    pub value: Any,
    /// Why there is no opinion.
    pub error: Option<AssessmentError>,
    /// `HUMAN`, `LLM_JUDGE` or `CODE`.
    pub source_type: String,
    /// Who.
    pub source_id: String,
    /// The span, if it is about one.
    pub span_id: Option<String>,
    /// Why.
    pub rationale: Option<String>,
    /// Further facts.
    pub metadata: Entries,
    /// The assessment it takes the place of.
    pub overrides: Option<String>,
    /// Whether none takes its place.
    pub valid: bool,
    /// When it was made, in milliseconds since the epoch.
    pub created_ms: i64,
    /// When it was last changed.
    pub updated_ms: i64,
}

/// Why an assessment could not be made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AssessmentError {
    /// A short word.
    pub error_code: String,
    /// A sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// Where in the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_trace: Option<String>,
}
