//! Tags, links and deletion.

use pitcrew_db::Arg;
use pitcrew_traces::{Doomed, keys};

use crate::{HOME, OTHER, Place, T0, info, span, trace_id, with};

#[tokio::test]
async fn tags_change_and_go() {
    for place in Place::each().await {
        place.send(vec![span(1, 1, "root")]).await;
        let (traces, ctx, id) = (&place.traces, &place.world.ctx, trace_id(1));
        traces.set_tag(ctx, &id, "a", "1").await.unwrap();
        traces.set_tag(ctx, &id, "a", "2").await.unwrap();
        traces.set_tag(ctx, &id, keys::NAME, "n").await.unwrap();
        let tags = place.info(&id).await.tags;
        assert_eq!((tags["a"].as_str(), tags[keys::NAME].as_str()), ("2", "n"));
        traces.delete_tag(ctx, &id, "a").await.unwrap();
        traces.delete_tag(ctx, &id, keys::NAME).await.unwrap();
        assert_eq!(traces.delete_tag(ctx, &id, "a").await.unwrap_err().code(), "TAG_NOT_FOUND");
        assert_eq!(traces.delete_tag(ctx, &id, keys::NAME).await.unwrap_err().code(), "TAG_NOT_FOUND");
        assert_eq!(traces.set_tag(ctx, "tr-x", "a", "1").await.unwrap_err().code(), "TRACE_NOT_FOUND");
        assert_eq!(traces.set_tag(ctx, &id, "", "1").await.unwrap_err().code(), "TRACE_VALUE_INVALID");
        let fixed = traces.set_tag(ctx, &id, keys::SPANS_LOCATION, "x").await.unwrap_err();
        assert_eq!(fixed.code(), "TRACE_VALUE_INVALID");
    }
}

#[tokio::test]
async fn deleted_traces_leave_nothing_behind() {
    for place in Place::each().await {
        let (traces, ctx) = (&place.traces, &place.world.ctx);
        for number in 1..=4 {
            place.send(vec![with(span(number, 1, "root"), &[("user.id", "\"u\"")])]).await;
            place.tell(info(number)).await;
            traces.link_prompts(ctx, &trace_id(number), vec!["p/1".to_owned()]).await.unwrap();
            crate::assessments::feedback(&place, number, "f", "1").await;
        }
        let ids = |numbers: &[u8]| Doomed::Ids(numbers.iter().map(|number| trace_id(*number)).collect());
        assert_eq!(traces.delete(ctx, OTHER, ids(&[1])).await.unwrap(), 0);
        assert_eq!(traces.delete(ctx, HOME, ids(&[1, 1, 9])).await.unwrap(), 1);
        // The oldest go first.
        assert_eq!(traces.delete(ctx, HOME, Doomed::Until { ms: T0 + 9, most: 1 }).await.unwrap(), 1);
        assert_eq!(traces.info(ctx, &trace_id(2)).await.unwrap_err().code(), "TRACE_NOT_FOUND");
        assert_eq!(traces.delete(ctx, HOME, Doomed::Until { ms: T0 + 3, most: usize::MAX }).await.unwrap(), 1);
        assert_eq!(traces.delete(ctx, HOME, ids(&[4])).await.unwrap(), 1);
        for table in ["traces", "tags", "metadata", "spans", "payloads", "assessments", "links"] {
            let none: &[Arg<'_>] = &[];
            let sql = format!("SELECT count(*) FROM traces_{table}");
            let left = place.db.db.read(move |tx| tx.one(&sql, none, |row| row.int(0))).await.unwrap();
            assert_eq!(left, 0, "{table} in {}", place.db.name);
        }
    }
}
