//! Searching traces: pages, sessions, and filters that must be looked into.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pitcrew_kernel::{Clock, Sleep, Timestamp};
use pitcrew_traces::{TraceSearch, Traces, keys, limits};

use crate::assessments::of;
use crate::{HOME, OTHER, Place, Two, entries, info, span, trace_id, with};

fn search(filter: &str) -> TraceSearch {
    TraceSearch { experiments: Some(vec![HOME]), filter: filter.to_owned(), limit: 100, ..TraceSearch::default() }
}

async fn found(place: &Place, search: TraceSearch) -> Vec<String> {
    let page = place.traces.search(&place.world.ctx, search).await.unwrap();
    page.items.into_iter().map(|info| info.trace_id).collect()
}

#[tokio::test]
async fn facts_of_spans_must_be_true_of_the_same_span() {
    for place in Place::each().await {
        place
            .send(vec![
                with(span(1, 1, "root"), &[("mlflow.spanType", "\"CHAIN\""), ("k", "\"on root\"")]),
                with(span(1, 2, "call"), &[("mlflow.spanType", "\"LLM\""), ("k", "\"on call\"")]),
            ])
            .await;
        let all = vec![trace_id(1)];
        for (filter, expected) in [
            ("span.name = 'root' AND span.type = 'CHAIN'", true),
            ("span.name = 'root' AND span.type = 'LLM'", false),
            ("span.name = 'call' AND span.attributes.k = 'on call'", true),
            ("span.name = 'root' AND span.attributes.k = 'on call'", false),
            ("span.name RLIKE '^c' AND span.type = 'LLM'", true),
            ("span.name RLIKE '^c' AND span.type = 'CHAIN'", false),
            ("span.content LIKE '%on call%' AND span.status = 'OK'", true),
            ("text ILIKE '%ON ROOT%'", true),
            ("span.type NOT IN ('LLM')", true),
        ] {
            assert_eq!(found(&place, search(filter)).await == all, expected, "{filter} on {}", place.db.name);
        }
    }
}

#[tokio::test]
async fn an_assessment_of_a_session_is_one_of_each_of_its_traces() {
    for place in Place::each().await {
        for number in 1..=3 {
            let mut told = info(number);
            told.metadata = entries(&[(keys::SESSION, if number < 3 { "s" } else { "other" })]);
            place.tell(told).await;
        }
        let mut whole = of(1, "polite", "\"yes\"");
        whole.metadata = entries(&[(keys::SESSION, "s")]);
        place.traces.assess(&place.world.ctx, whole).await.unwrap();
        assert_eq!(found(&place, search("feedback.polite = 'yes'")).await, [trace_id(2), trace_id(1)]);
        assert_eq!(found(&place, search("feedback.polite IS NULL")).await, [trace_id(3)]);
    }
}

#[tokio::test]
async fn pages_go_on_where_they_ended() {
    for place in Place::each().await {
        for number in 1..=7u8 {
            place.send(vec![span(number, 1, if number % 2 == 0 { "even" } else { "odd" })]).await;
        }
        let elsewhere = pitcrew_traces::TraceInfo { experiment_id: OTHER, ..info(9) };
        place.tell(elsewhere).await;
        for filter in ["", "span.content LIKE '%odd%'"] {
            let (mut all, mut page, mut pages) = (Vec::new(), None, 0);
            loop {
                let next = place
                    .traces
                    .search(&place.world.ctx, TraceSearch { limit: 3, page, ..search(filter) })
                    .await
                    .unwrap();
                all.extend(next.items.into_iter().map(|info| info.trace_id));
                pages += 1;
                page = next.next;
                if page.is_none() {
                    break;
                }
            }
            assert_eq!(all, found(&place, search(filter)).await, "{filter}");
            assert!(pages >= 2);
        }
        assert_eq!(found(&place, TraceSearch { experiments: None, ..search("") }).await.len(), 8);
        assert!(found(&place, TraceSearch { experiments: Some(Vec::new()), ..search("") }).await.is_empty());
    }
}

/// A clock by which every look takes a second.
#[derive(Debug)]
struct Hurried(AtomicU64);

impl Clock for Hurried {
    fn now(&self) -> Timestamp {
        let seconds = self.0.fetch_add(1, Ordering::Relaxed);
        "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap().plus(Duration::from_secs(seconds))
    }

    fn sleep(&self, _: Duration) -> Sleep<'_> {
        Box::pin(std::future::ready(()))
    }
}

#[tokio::test]
async fn a_search_that_takes_too_long_ends_its_page_and_goes_on_with_the_next() {
    let place = Place::one().await;
    for number in 1..=40u8 {
        place.send(vec![span(number, 1, if number % 20 == 0 { "rare" } else { "usual" })]).await;
    }
    let ids = Arc::clone(&place.world.ids);
    let hurried = Traces::new(place.db.db.clone(), Arc::new(Hurried(AtomicU64::new(0))), ids, Arc::new(Two));
    let (mut all, mut page, mut pages) = (Vec::new(), None, 0);
    loop {
        let wanted = TraceSearch { page, ..search("span.name RLIKE 'ra.e'") };
        let next = hurried.search(&place.world.ctx, wanted).await.unwrap();
        all.extend(next.items.into_iter().map(|info| info.trace_id));
        pages += 1;
        page = next.next;
        if page.is_none() {
            break;
        }
    }
    assert_eq!(all, [trace_id(20), trace_id(40)]);
    assert_eq!(pages, 4, "ten looks a page");
}

#[tokio::test]
async fn wrong_searches_are_refused() {
    let place = Place::one().await;
    for (bad, code) in [
        (TraceSearch { limit: 0, ..search("") }, "TRACE_VALUE_INVALID"),
        (TraceSearch { limit: limits::TRACES_PER_PAGE + 1, ..search("") }, "TRACE_VALUE_INVALID"),
        (search("colour = 'x'"), "FILTER_INVALID"),
        (TraceSearch { order_by: vec!["span.name".to_owned()], ..search("") }, "ORDER_BY_INVALID"),
        (TraceSearch { page: Some("x".to_owned()), ..search("") }, "PAGE_INVALID"),
    ] {
        assert_eq!(place.traces.search(&place.world.ctx, bad.clone()).await.unwrap_err().code(), code, "{bad:?}");
    }
}
