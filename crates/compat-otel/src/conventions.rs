//! What others call a span's kind, input, output, model and tokens: OpenTelemetry's conventions for generative AI, `OpenInference` and `OpenLLMetry`.
//! A span gets ours besides, unless it has them; what came stays.

use pitcrew_traces::{Any, Span, keys};

/// Where kinds are told, and what they are here.
const KINDS: &[(&str, &[(&str, &str)])] = &[
    (
        "openinference.span.kind",
        &[
            ("TOOL", "TOOL"),
            ("CHAIN", "CHAIN"),
            ("LLM", "LLM"),
            ("RETRIEVER", "RETRIEVER"),
            ("EMBEDDING", "EMBEDDING"),
            ("AGENT", "AGENT"),
            ("RERANKER", "RERANKER"),
            ("GUARDRAIL", "GUARDRAIL"),
            ("EVALUATOR", "EVALUATOR"),
        ],
    ),
    (
        "gen_ai.operation.name",
        &[
            ("chat", "CHAT_MODEL"),
            ("create_agent", "AGENT"),
            ("embeddings", "EMBEDDING"),
            ("execute_tool", "TOOL"),
            ("generate_content", "LLM"),
            ("invoke_agent", "AGENT"),
            ("text_completion", "LLM"),
            ("response", "LLM"),
        ],
    ),
    ("traceloop.span.kind", &[("workflow", "WORKFLOW"), ("task", "TASK"), ("agent", "AGENT"), ("tool", "TOOL")]),
];
const INPUTS: &[&str] =
    &["input.value", "gen_ai.input.messages", "gen_ai.tool.call.arguments", "traceloop.entity.input"];
const OUTPUTS: &[&str] =
    &["output.value", "gen_ai.output.messages", "gen_ai.tool.call.result", "traceloop.entity.output"];
const MODELS: &[&str] = &[
    "llm.response.model_name",
    "llm.model_name",
    "llm.request.model_name",
    "embedding.model_name",
    "gen_ai.response.model",
    "gen_ai.request.model",
];
const PROVIDERS: &[&str] = &["llm.provider", "gen_ai.provider.name", "gen_ai.system"];
const INPUT_TOKENS: &[&str] = &["llm.token_count.prompt", "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"];
const OUTPUT_TOKENS: &[&str] =
    &["llm.token_count.completion", "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"];
const TOTAL_TOKENS: &[&str] = &["llm.token_count.total", "llm.usage.total_tokens"];
const CACHE_READ: &[&str] = &["llm.token_count.prompt_details.cache_read", "gen_ai.usage.cache_read.input_tokens"];
const CACHE_WRITE: &[&str] = &[
    "llm.token_count.prompt_details.cache_write",
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
];

/// Adds our attributes to a span that tells the same in other words.
pub(crate) fn translate(span: &mut Span) {
    if span.kind().is_none_or(|kind| kind == "UNKNOWN")
        && let Some(kind) = kind(span)
    {
        span.attributes.retain(|(key, _)| key != keys::SPAN_TYPE);
        add(span, keys::SPAN_TYPE, Any::Text(kind.to_owned()));
    }
    for (ours, theirs) in [(keys::INPUTS, INPUTS), (keys::OUTPUTS, OUTPUTS)] {
        if span.attribute(ours).is_none()
            && let Some(value) = first(span, theirs).map(unfolded)
        {
            add(span, ours, value);
        }
    }
    for (ours, theirs) in [(keys::MODEL, MODELS), (keys::PROVIDER, PROVIDERS)] {
        if span.attribute(ours).is_none()
            && let Some(name) = first(span, theirs).and_then(Any::as_text).map(str::to_owned)
        {
            add(span, ours, Any::Text(name));
        }
    }
    if span.attribute(keys::CHAT_USAGE).is_none()
        && let Some(usage) = usage(span)
    {
        add(span, keys::CHAT_USAGE, usage);
    }
}

fn add(span: &mut Span, key: &str, value: Any) {
    span.attributes.push((key.to_owned(), value));
}

fn first<'s>(span: &'s Span, names: &[&str]) -> Option<&'s Any> {
    names.iter().find_map(|name| span.attribute(name)).filter(|value| **value != Any::Null)
}

fn kind(span: &Span) -> Option<&'static str> {
    KINDS.iter().find_map(|(name, kinds)| {
        let told = span.attribute(name)?.as_text()?;
        kinds.iter().find(|(theirs, _)| *theirs == told).map(|(_, ours)| *ours)
    })
}

/// Lists and maps often travel as JSON text.
fn unfolded(value: &Any) -> Any {
    let folded = value.as_text().filter(|text| text.starts_with(['{', '[']));
    folded.and_then(Any::of_json).unwrap_or_else(|| value.clone())
}

/// Token counts, when both input and output are told; their sum when no total is.
fn usage(span: &Span) -> Option<Any> {
    let count = |names: &[&str]| first(span, names).and_then(Any::as_number).map(|count| count as i64);
    let (input, output) = (count(INPUT_TOKENS)?, count(OUTPUT_TOKENS)?);
    let total = count(TOTAL_TOKENS).unwrap_or_else(|| input.saturating_add(output));
    let mut usage = vec![("input_tokens", input), ("output_tokens", output), ("total_tokens", total)];
    usage.extend(count(CACHE_READ).map(|count| ("cache_read_input_tokens", count)));
    usage.extend(count(CACHE_WRITE).map(|count| ("cache_creation_input_tokens", count)));
    Some(Any::Map(usage.into_iter().map(|(name, count)| (name.to_owned(), Any::Int(count))).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(attributes: &[(&str, Any)]) -> String {
        let mut span = Span {
            attributes: attributes.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
            ..Span::default()
        };
        translate(&mut span);
        Any::Map(span.attributes.split_off(attributes.len())).to_json()
    }

    #[test]
    fn generative_ai_is_understood() {
        let text = |text: &str| Any::Text(text.to_owned());
        assert_eq!(
            translated(&[
                ("gen_ai.operation.name", text("chat")),
                ("gen_ai.request.model", text("gpt")),
                ("gen_ai.usage.input_tokens", Any::Int(3)),
                ("gen_ai.usage.output_tokens", Any::Int(4)),
                ("gen_ai.input.messages", text("[{\"role\": \"user\"}]")),
            ]),
            r#"{"mlflow.spanType": "CHAT_MODEL", "mlflow.spanInputs": [{"role": "user"}], "mlflow.llm.model": "gpt", "mlflow.chat.tokenUsage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}}"#
        );
        assert_eq!(
            translated(&[
                ("openinference.span.kind", text("LLM")),
                ("input.value", text("hi")),
                ("mlflow.spanInputs", text("own"))
            ]),
            r#"{"mlflow.spanType": "LLM"}"#
        );
        assert_eq!(translated(&[("http.method", text("GET"))]), "{}");
    }
}
