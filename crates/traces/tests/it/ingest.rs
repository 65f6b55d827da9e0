//! Spans and traces come in any order, together or apart, once or twice.

use pitcrew_traces::{Batch, SpanStatus, State, keys, limits};

use crate::{HOME, OTHER, Place, T0, batch, entries, info, span, text, trace_id, with};

const USAGE: &str = r#"{"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}"#;

#[tokio::test]
async fn a_trace_is_made_of_its_spans() {
    for place in Place::each().await {
        let root = with(
            span(1, 1, "root"),
            &[
                ("mlflow.spanInputs", r#"{"q": "why?"}"#),
                ("mlflow.spanOutputs", "\"so\""),
                ("mlflow.traceTag.team", "\"blue\""),
                ("user.id", "\"u\""),
            ],
        );
        let child = with(span(1, 2, "llm"), &[("mlflow.chat.tokenUsage", USAGE), ("session.id", "\"s\"")]);
        place.send(vec![child.clone(), root.clone()]).await;
        let trace = place.trace(&trace_id(1)).await;
        assert_eq!(trace.spans, [root, child]);
        let info = trace.info;
        assert_eq!((info.started_ms, info.duration_ms, info.state), (T0 + 1, Some(11), State::Ok));
        assert_eq!(info.request_preview.as_deref(), Some(r#"{"q": "why?"}"#));
        assert_eq!(info.response_preview.as_deref(), Some("\"so\""));
        let artifacts = format!("mlflow-artifacts:/1/traces/{}/artifacts", trace_id(1));
        let tags = entries(&[
            ("service.name", "shop"),
            ("team", "blue"),
            (keys::SPANS_LOCATION, keys::HERE),
            (keys::ARTIFACT_LOCATION, &artifacts),
            // Nobody named it.
            (keys::NAME, "root"),
        ]);
        assert_eq!(info.tags, tags);
        assert_eq!(info.metadata, entries(&[(keys::TOKEN_USAGE, USAGE), (keys::SESSION, "s"), (keys::USER, "u")]));
    }
}

#[tokio::test]
async fn what_the_client_tells_stands_whichever_came_first() {
    for place in Place::each().await {
        let told = || {
            let mut told = info(1);
            told.tags = entries(&[(keys::NAME, "n"), ("t", "1"), (keys::SPANS_LOCATION, "elsewhere")]);
            told.metadata = entries(&[("a", "b"), (keys::TOKEN_USAGE, r#"{"input_tokens": 9}"#)]);
            told.request_preview = Some("q".to_owned());
            told
        };
        let root = || with(span(1, 1, "root"), &[("mlflow.chat.tokenUsage", USAGE), ("mlflow.spanInputs", "1")]);
        place.send(vec![root()]).await;
        place.tell(told()).await;
        let spans_first = place.info(&trace_id(1)).await;
        place.traces.delete(&place.world.ctx, HOME, pitcrew_traces::Doomed::Ids(vec![trace_id(1)])).await.unwrap();
        let alone = place.tell(told()).await;
        assert!(!alone.tags.contains_key(keys::SPANS_LOCATION), "no span is here yet");
        place.send(vec![root()]).await;
        let told_first = place.info(&trace_id(1)).await;
        assert_eq!(told_first.metadata[keys::TOKEN_USAGE], r#"{"input_tokens": 9}"#);
        assert_eq!(told_first.started_ms, T0 + 1);
        assert_eq!(told_first.duration_ms, Some(5));
        assert_eq!(told_first.metadata[keys::TOLD], "true");
        assert_eq!(told_first.tags[keys::SPANS_LOCATION], keys::HERE);
        assert_eq!(told_first.request_preview.as_deref(), Some("q"));
        // Had the spans told of tokens first, what they told stays where the client told nothing.
        assert_eq!(
            spans_first.metadata[keys::TOKEN_USAGE],
            r#"{"input_tokens": 9, "output_tokens": 2, "total_tokens": 3}"#
        );
        assert_eq!((spans_first.tags, spans_first.started_ms), (told_first.tags, told_first.started_ms));
    }
}

#[tokio::test]
async fn tokens_are_summed_over_requests_and_spans_sent_again_count_once() {
    for place in Place::each().await {
        let leaf = |number| {
            with(
                span(1, number, "llm"),
                &[("mlflow.chat.tokenUsage", USAGE), ("mlflow.llm.cost", r#"{"total_cost": 0.5}"#)],
            )
        };
        place.send(vec![leaf(2)]).await;
        assert_eq!(place.info(&trace_id(1)).await.state, State::InProgress);
        place.send(vec![leaf(3)]).await;
        place.send(vec![leaf(3), leaf(3)]).await;
        let sum = place.info(&trace_id(1)).await.metadata;
        assert_eq!(sum[keys::TOKEN_USAGE], r#"{"input_tokens": 2, "output_tokens": 4, "total_tokens": 6}"#);
        assert_eq!(sum[keys::COST], r#"{"input_cost": 0.0, "output_cost": 0.0, "total_cost": 1.0}"#);
        // The root sums up its children: it counts instead of them.
        let root = with(span(1, 1, "root"), &[("mlflow.chat.tokenUsage", r#"{"input_tokens": 5, "total_tokens": 5}"#)]);
        place.send(vec![root]).await;
        let sum = place.info(&trace_id(1)).await.metadata;
        assert_eq!(sum[keys::TOKEN_USAGE], r#"{"input_tokens": 5, "output_tokens": 0, "total_tokens": 5}"#);
        assert_eq!(place.trace(&trace_id(1)).await.spans.len(), 3);
    }
}

#[tokio::test]
async fn a_span_sent_again_takes_the_place_of_the_first() {
    for place in Place::each().await {
        let open = pitcrew_traces::Span { end_ns: None, ..span(1, 1, "draft") };
        place.send(vec![open]).await;
        assert_eq!(place.info(&trace_id(1)).await.duration_ms, None);
        place.send(vec![pitcrew_traces::Span { status: SpanStatus::Error, ..span(1, 1, "final") }]).await;
        let trace = place.trace(&trace_id(1)).await;
        assert_eq!(trace.spans.len(), 1);
        assert_eq!((trace.spans[0].name.as_str(), trace.info.duration_ms), ("final", Some(10)));
    }
}

#[tokio::test]
async fn runs_are_linked_by_the_root() {
    for place in Place::each().await {
        let send = |spans| Batch { run_id: Some("r1".to_owned()), ..batch(spans) };
        place.traces.ingest(&place.world.ctx, send(vec![span(1, 1, "root"), span(2, 2, "child")])).await.unwrap();
        let search = pitcrew_traces::TraceSearch {
            experiments: Some(vec![HOME]),
            filter: "run_id = 'r1'".to_owned(),
            limit: 10,
            ..Default::default()
        };
        let found = place.traces.search(&place.world.ctx, search).await.unwrap().items;
        assert_eq!(found.iter().map(|info| info.trace_id.as_str()).collect::<Vec<_>>(), [trace_id(1)]);
    }
}

#[tokio::test]
async fn many_senders_at_once_lose_nothing() {
    for place in Place::each().await {
        let sends = (1..=20u8).map(|number| {
            let (traces, ctx) = (place.traces.clone(), place.world.ctx.clone());
            async move {
                let usage =
                    [("mlflow.chat.tokenUsage", r#"{"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}"#)];
                let spans = vec![with(span(1, number + 1, "a"), &usage), with(span(2, number + 1, "b"), &usage)];
                traces.ingest(&ctx, batch(spans)).await
            }
        });
        for sent in futures_join(sends).await {
            sent.unwrap();
        }
        for number in [1, 2] {
            let trace = place.trace(&trace_id(number)).await;
            assert_eq!(trace.spans.len(), 20, "{}", place.db.name);
            assert!(trace.info.metadata[keys::TOKEN_USAGE].contains("\"total_tokens\": 40"), "{}", place.db.name);
        }
    }
}

/// Runs them all at once.
async fn futures_join<F: Future + Send + 'static>(all: impl Iterator<Item = F>) -> Vec<F::Output>
where
    F::Output: Send + 'static,
{
    let mut set = tokio::task::JoinSet::new();
    all.for_each(|one| drop(set.spawn(one)));
    set.join_all().await
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let place = Place::one().await;
    let (traces, ctx) = (&place.traces, &place.world.ctx);
    let to = |experiment_id| Batch { experiment_id, ..batch(vec![span(1, 1, "x")]) };
    assert_eq!(traces.ingest(ctx, to(9)).await.unwrap_err().code(), "EXPERIMENT_NOT_FOUND");
    assert_eq!(traces.ingest(ctx, to(3)).await.unwrap_err().code(), "EXPERIMENT_DELETED");
    assert!(traces.ingest(ctx, to(OTHER)).await.is_ok());
    let many = vec![span(1, 1, "x"); limits::SPANS_PER_REQUEST + 1];
    assert_eq!(traces.ingest(ctx, batch(many)).await.unwrap_err().code(), "TRACE_VALUE_INVALID");
    let mut bad = info(1);
    bad.trace_id = "a/b".to_owned();
    assert_eq!(traces.start(ctx, bad).await.unwrap_err().code(), "TRACE_VALUE_INVALID");
    let mut bad = info(1);
    bad.duration_ms = Some(-1);
    assert_eq!(traces.start(ctx, bad).await.unwrap_err().code(), "TRACE_VALUE_INVALID");
    let mut bad = info(1);
    bad.metadata = entries(&[(keys::SESSION, &"s".repeat(251))]);
    assert_eq!(traces.start(ctx, bad).await.unwrap_err().code(), "TRACE_VALUE_INVALID");
    let mut long = info(5);
    long.tags = entries(&[("t", &"ä".repeat(9_000))]);
    assert_eq!(place.tell(long).await.tags["t"].chars().count(), limits::TAG_VALUE_CHARS);
    assert_eq!(text("x").as_text(), Some("x"));
}
