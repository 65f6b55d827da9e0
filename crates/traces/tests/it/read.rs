//! Reading traces by their ids.

use std::time::Duration;

use pitcrew_traces::keys;

use crate::{HOME, OTHER, Place, entries, info, span, trace_id};

#[tokio::test]
async fn batches_hold_what_is_there_in_the_order_asked() {
    for place in Place::each().await {
        place.send(vec![span(1, 1, "a"), span(2, 1, "b")]).await;
        place.tell(info(3)).await;
        let ids = |numbers: &[u8]| numbers.iter().map(|number| trace_id(*number)).collect::<Vec<_>>();
        let (traces, ctx) = (&place.traces, &place.world.ctx);
        let infos = traces.infos(ctx, ids(&[2, 9, 3, 1, 2]), None).await.unwrap();
        assert_eq!(infos.iter().map(|info| info.trace_id.clone()).collect::<Vec<_>>(), ids(&[2, 3, 1]));
        let whole = traces.traces(ctx, ids(&[3, 2, 1]), Some(vec![HOME])).await.unwrap();
        assert_eq!(whole.iter().map(|trace| trace.info.trace_id.clone()).collect::<Vec<_>>(), ids(&[2, 1]));
        assert!(traces.traces(ctx, ids(&[1]), Some(vec![OTHER])).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn it_is_waited_for_spans_that_were_told_of() {
    let place = Place::one().await;
    let mut told = info(1);
    told.metadata = entries(&[(keys::SIZE_STATS, r#"{"num_spans": 2}"#)]);
    place.send(vec![span(1, 1, "a")]).await;
    place.tell(told).await;
    let (traces, ctx, id) = (&place.traces, &place.world.ctx, trace_id(1));
    assert_eq!(traces.trace(ctx, &id, true).await.unwrap().spans.len(), 1);
    assert!(traces.traces(ctx, vec![id.clone()], None).await.unwrap().is_empty());
    // The clock moves whenever the reader sleeps; in the end it gives up.
    let moving = async {
        loop {
            tokio::task::yield_now().await;
            place.world.clock.advance(Duration::from_millis(500));
        }
    };
    let error = tokio::select! {
        read = traces.trace(ctx, &id, false) => read.unwrap_err(),
        () = moving => unreachable!(),
    };
    assert_eq!(error.code(), "TRACE_INCOMPLETE");
    place.send(vec![span(1, 2, "b")]).await;
    assert_eq!(traces.trace(ctx, &id, false).await.unwrap().spans.len(), 2);
}

#[tokio::test]
async fn what_is_not_there_is_told() {
    let place = Place::one().await;
    place.tell(info(1)).await;
    let (traces, ctx) = (&place.traces, &place.world.ctx);
    assert_eq!(traces.info(ctx, "tr-x").await.unwrap_err().code(), "TRACE_NOT_FOUND");
    assert_eq!(traces.trace(ctx, "tr-x", true).await.unwrap_err().code(), "TRACE_NOT_FOUND");
    assert_eq!(traces.trace(ctx, &trace_id(1), true).await.unwrap_err().code(), "TRACE_SPANS_ELSEWHERE");
}
