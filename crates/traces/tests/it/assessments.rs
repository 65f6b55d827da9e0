//! Assessments.

use pitcrew_traces::{Any, Assessment, AssessmentChange, AssessmentError, AssessmentKind, Entries, limits};

use crate::{Place, entries, span, trace_id};

pub(crate) fn of(number: u8, name: &str, json: &str) -> Assessment {
    Assessment {
        assessment_id: String::new(),
        trace_id: trace_id(number),
        name: name.to_owned(),
        kind: AssessmentKind::Feedback,
        value: Any::of_json(json).unwrap(),
        error: None,
        source_type: "HUMAN".to_owned(),
        source_id: "ana".to_owned(),
        span_id: None,
        rationale: None,
        metadata: Entries::new(),
        overrides: None,
        valid: true,
        created_ms: 5,
        updated_ms: 5,
    }
}

pub(crate) async fn feedback(place: &Place, number: u8, name: &str, json: &str) -> Assessment {
    place.traces.assess(&place.world.ctx, of(number, name, json)).await.unwrap()
}

#[tokio::test]
async fn assessments_come_back_as_given() {
    for place in Place::each().await {
        place.send(vec![span(1, 1, "root")]).await;
        let given = Assessment {
            error: Some(AssessmentError {
                error_code: "E".to_owned(),
                error_message: Some("m".to_owned()),
                stack_trace: None,
            }),
            span_id: Some("01".repeat(8)),
            rationale: Some("why".to_owned()),
            metadata: entries(&[("m", "1")]),
            ..of(1, "q", r#"{"a": [1, 2.5, null, "ä"]}"#)
        };
        let made = place.traces.assess(&place.world.ctx, given.clone()).await.unwrap();
        assert!(made.assessment_id.starts_with("a-") && made.assessment_id.len() == 34);
        assert_eq!(made, Assessment { assessment_id: made.assessment_id.clone(), ..given });
        let found = place.traces.assessment(&place.world.ctx, &trace_id(1), &made.assessment_id).await.unwrap();
        assert_eq!(found, made);
        assert_eq!(place.info(&trace_id(1)).await.assessments, [made]);
    }
}

#[tokio::test]
async fn one_that_overrides_another_takes_its_place_until_it_goes() {
    for place in Place::each().await {
        place.send(vec![span(1, 1, "root"), span(2, 1, "root")]).await;
        let (traces, ctx, id) = (&place.traces, &place.world.ctx, trace_id(1));
        let first = feedback(&place, 1, "q", "1").await.assessment_id;
        let over = Assessment { overrides: Some(first.clone()), ..of(1, "q", "2") };
        let second = traces.assess(ctx, over).await.unwrap().assessment_id;
        assert!(!traces.assessment(ctx, &id, &first).await.unwrap().valid);
        traces.unassess(ctx, &id, &second).await.unwrap();
        traces.unassess(ctx, &id, &second).await.unwrap();
        assert!(traces.assessment(ctx, &id, &first).await.unwrap().valid);
        let missing = Assessment { overrides: Some("a-no".to_owned()), ..of(1, "q", "2") };
        assert_eq!(traces.assess(ctx, missing).await.unwrap_err().code(), "ASSESSMENT_NOT_FOUND");
        let foreign = Assessment { assessment_id: first.clone(), ..of(2, "q", "3") };
        assert_eq!(traces.assess(ctx, foreign).await.unwrap_err().code(), "ASSESSMENT_EXISTS");
    }
}

#[tokio::test]
async fn what_changes_changes_and_the_rest_stays() {
    for place in Place::each().await {
        place.send(vec![span(1, 1, "root")]).await;
        let (traces, ctx, id) = (&place.traces, &place.world.ctx, trace_id(1));
        let made = Assessment { metadata: entries(&[("a", "1"), ("b", "1")]), ..of(1, "q", "1") };
        let made = traces.assess(ctx, made).await.unwrap();
        let change = AssessmentChange {
            feedback: Some((Any::Bool(true), None)),
            metadata: entries(&[("b", "2")]),
            ..AssessmentChange::default()
        };
        let changed = traces.reassess(ctx, &id, &made.assessment_id, change).await.unwrap();
        assert_eq!((changed.value, changed.name.as_str()), (Any::Bool(true), "q"));
        assert_eq!(changed.metadata, entries(&[("a", "1"), ("b", "2")]));
        assert_eq!((changed.created_ms, changed.updated_ms), (5, traces.now_ms()));
        let wrong = AssessmentChange { expectation: Some(Any::Null), ..AssessmentChange::default() };
        let refused = traces.reassess(ctx, &id, &made.assessment_id, wrong).await.unwrap_err();
        assert_eq!(refused.detail(), "Cannot update expectation value on a Feedback assessment.");
    }
}

#[tokio::test]
async fn what_is_not_there_or_too_large_is_refused() {
    let place = Place::one().await;
    place.send(vec![span(1, 1, "root")]).await;
    let (traces, ctx) = (&place.traces, &place.world.ctx);
    assert_eq!(traces.assess(ctx, of(9, "q", "1")).await.unwrap_err().code(), "TRACE_NOT_FOUND");
    assert_eq!(traces.assessment(ctx, "tr-x", "a").await.unwrap_err().code(), "TRACE_NOT_FOUND");
    assert_eq!(traces.assessment(ctx, &trace_id(1), "a").await.unwrap_err().code(), "ASSESSMENT_NOT_FOUND");
    let large = of(1, "q", &format!("\"{}\"", "x".repeat(limits::ASSESSMENT_BYTES)));
    assert_eq!(traces.assess(ctx, large).await.unwrap_err().code(), "TRACE_TOO_LARGE");
}
