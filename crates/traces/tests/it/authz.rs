use std::sync::Arc;

use pitcrew_kernel::Access;
use pitcrew_testkit::stranger_is_refused;
use pitcrew_traces::{Doomed, routes};

use crate::{HOME, Place, batch, info, span};

#[tokio::test]
async fn strangers_reach_nothing() {
    let place = Place::one().await;
    stranger_is_refused(&place.world, routes(Arc::clone(&place.traces))).await;
}

#[tokio::test]
async fn readers_change_nothing() {
    let place = Place::one().await;
    place.send(vec![span(1, 1, "root")]).await;
    let (ctx, id) = (place.world.ctx_with(Access::Read), crate::trace_id(1));
    let traces = &place.traces;
    assert_eq!(traces.ingest(&ctx, batch(vec![span(2, 1, "x")])).await.unwrap_err().code(), "FORBIDDEN");
    assert_eq!(traces.start(&ctx, info(2)).await.unwrap_err().code(), "FORBIDDEN");
    assert_eq!(traces.set_tag(&ctx, &id, "a", "b").await.unwrap_err().code(), "FORBIDDEN");
    assert_eq!(traces.delete_tag(&ctx, &id, "a").await.unwrap_err().code(), "FORBIDDEN");
    assert_eq!(traces.link_to_run(&ctx, "r", vec![]).await.unwrap_err().code(), "FORBIDDEN");
    assert_eq!(traces.link_prompts(&ctx, &id, vec![]).await.unwrap_err().code(), "FORBIDDEN");
    assert_eq!(traces.delete(&ctx, HOME, Doomed::Ids(vec![id.clone()])).await.unwrap_err().code(), "FORBIDDEN");
    assert_eq!(traces.unassess(&ctx, &id, "a").await.unwrap_err().code(), "FORBIDDEN");
    assert!(traces.trace(&ctx, &id, true).await.is_ok());
    let public = place.world.ctx_with(Access::Public);
    assert_eq!(traces.trace(&public, &id, true).await.unwrap_err().code(), "FORBIDDEN");
    assert_eq!(traces.info(&public, &id).await.unwrap_err().code(), "FORBIDDEN");
}
