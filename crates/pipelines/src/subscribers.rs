//! What starts pipelines by itself: alerts whose action names one, and events they are declared to follow.

use std::sync::Arc;

use pitcrew_contracts::event::{Envelope, Event as _};
use pitcrew_contracts::monitoring::AlertFired;
use pitcrew_contracts::names::{PipelineName, PipelineRunId};
use pitcrew_db::Tx;
use pitcrew_kernel::{Cause, Ctx, Result};
use pitcrew_work::Subscriber;

use crate::lifecycle::Book;
use crate::service::Pipelines;
use crate::start::OwnWish;
use crate::store::runs::Dedup;
use crate::store::{declared, runs};

/// The subscribers of this crate.
pub fn subscribers(service: &Arc<Pipelines>) -> Vec<Arc<dyn Subscriber>> {
    vec![Arc::new(Alerts(service.book.clone())), Arc::new(Triggers(service.book.clone()))]
}

/// Starts the pipeline that a fired alert names.
struct Alerts(Book);

impl Subscriber for Alerts {
    fn name(&self) -> &'static str {
        "pipelines.alerts"
    }

    fn wants(&self, event: &str) -> bool {
        event == AlertFired::NAME
    }

    fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<()> {
        let Some(fired) = event.open::<AlertFired>()? else { return Ok(()) };
        let Some(pipeline) = fired.run else { return Ok(()) };
        let facts = fired.facts;
        let cause = Cause { kind: "alert".to_owned(), id: facts.alert.to_string(), summary: facts.summary.clone() };
        let wish = OwnWish {
            reason: format!("alert {}: {}", facts.rule, facts.summary),
            ancestry: Vec::new(),
            dedup: Dedup {
                once: Some(format!("event:{}/{pipeline}", event.id)),
                cause_key: Some(format!("alert:{}", facts.alert)),
            },
        };
        self.0.ask_by_itself(tx, &Ctx::system("pipelines").because(cause), &pipeline, wish)
    }
}

/// Starts the pipelines declared with `on: [event: ..]`.
struct Triggers(Book);

impl Subscriber for Triggers {
    fn name(&self) -> &'static str {
        "pipelines.triggers"
    }

    fn wants(&self, _event: &str) -> bool {
        // Which events count is declared, so the table knows.
        true
    }

    fn handle(&self, tx: &mut Tx<'_>, event: &Envelope) -> Result<()> {
        let started = declared::started_by(tx, &event.name)?;
        if started.is_empty() {
            return Ok(());
        }
        let ancestry = ancestry(tx, event)?;
        // An event that a run of the same pipeline led to would start it for ever.
        for pipeline in started.iter().filter(|pipeline| !ancestry.contains(pipeline)) {
            let cause = Cause { kind: "event".to_owned(), id: event.id.to_string(), summary: event.summary.clone() };
            let wish = OwnWish {
                reason: format!("event {}: {}", event.name, event.summary),
                ancestry: ancestry.clone(),
                dedup: Dedup { once: Some(format!("event:{}/{pipeline}", event.id)), cause_key: None },
            };
            self.0.ask_by_itself(tx, &Ctx::system("pipelines").because(cause), pipeline, wish)?;
        }
        Ok(())
    }
}

/// The pipelines whose runs led to this event, directly or through other runs.
fn ancestry(tx: &mut Tx<'_>, event: &Envelope) -> Result<Vec<PipelineName>> {
    let by_cause = event.cause.as_ref().filter(|cause| cause.kind == "pipeline_run").map(|cause| cause.id.as_str());
    let by_subject = (event.subject.kind == "pipeline_run").then_some(event.subject.name.as_str());
    let mut pipelines = Vec::new();
    for id in [by_cause, by_subject].into_iter().flatten() {
        let Ok(id) = id.parse::<PipelineRunId>() else { continue };
        match runs::get(tx, id) {
            Ok(run) => {
                pipelines.extend(run.ancestry);
                pipelines.push(run.pipeline);
            }
            Err(error) if error.code() == "PIPELINE_RUN_NOT_FOUND" => {}
            Err(error) => return Err(error),
        }
    }
    pipelines.sort();
    pipelines.dedup();
    Ok(pipelines)
}
