//! Labels: what came true, joined to predictions by request id whenever either arrives.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use pitcrew_contracts::names::DeploymentName;
use pitcrew_contracts::release::LogAdvanced;
use pitcrew_db::{Outgoing, Tx};
use pitcrew_kernel::{Access, Clock, Ctx, Error, Ids, Result, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::predict::checked_id;
use crate::service::Serving;
use crate::store::{self, Label, Written};

/// Labels in one call.
pub const MAX_LABELS: usize = 10_000;
/// Labels of many calls that are written together.
const MAX_BATCH: usize = 4 * MAX_LABELS;

/// One label as it comes in.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewLabel {
    /// The request it belongs to; row `i` of a request with several is `<id>-<i>`.
    pub request_id: String,
    /// What came true.
    pub value: f64,
    /// When the predicted moment was, as a help for requests of long ago.
    #[serde(default)]
    pub event_time: Option<Timestamp>,
}

/// What became of the labels of a call. `accepted` counts first labels of known requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LabelCounts {
    /// First labels of requests that were seen.
    pub accepted: u64,
    /// The same value again.
    pub duplicate: u64,
    /// Another value than before: the last one counts.
    pub corrected: u64,
    /// First labels of requests not seen yet. They are kept and joined when the request turns up.
    pub unknown: u64,
}

/// Labels that wait for their common write.
#[derive(Debug, Default)]
pub(crate) struct LabelDesk {
    waiting: Mutex<Vec<Waiting>>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Waiting {
    ctx: Ctx,
    deployment: String,
    labels: Vec<Label>,
    done: oneshot::Sender<Result<LabelCounts>>,
}

impl LabelDesk {
    fn take(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut labels = 0;
        let count = waiting
            .iter()
            .take_while(|call| {
                labels += call.labels.len();
                labels <= MAX_BATCH
            })
            .count();
        let count = count.max(1).min(waiting.len());
        waiting.drain(..count).collect()
    }
}

impl Serving {
    /// Takes labels. When this answers, they are on disk; calls that come together are written together.
    ///
    /// # Errors
    /// `DEPLOYMENT_NOT_FOUND`, `LABEL_LIMIT`, `LABEL_INVALID`, `SERVING_REQUEST_ID_INVALID`.
    pub async fn add_labels(
        &self,
        ctx: &Ctx,
        deployment: &DeploymentName,
        labels: Vec<NewLabel>,
    ) -> Result<LabelCounts> {
        ctx.require(Access::Write)?;
        check(&labels)?;
        self.get_deployment(ctx, deployment).await?;
        // A prediction answered a moment ago must be known before its label is looked at.
        self.log.announce().await?;
        let requests: Vec<(String, Option<i64>)> =
            labels.iter().map(|label| (label.request_id.clone(), label.event_time.map(Timestamp::micros))).collect();
        let times = self.log.event_times(deployment.as_str(), &requests).await?;
        let labels = labels.into_iter().zip(times).map(|(label, time)| Label {
            request_id: label.request_id,
            value: label.value,
            event_time: time.map(Timestamp::from_micros),
        });
        let (done, heard) = oneshot::channel();
        let call = Waiting { ctx: ctx.clone(), deployment: deployment.to_string(), labels: labels.collect(), done };
        self.labels.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        self.write_waiting(heard).await
    }

    /// Whoever gets the turn writes for all who wait; the others find their answer there.
    async fn write_waiting(&self, mut heard: oneshot::Receiver<Result<LabelCounts>>) -> Result<LabelCounts> {
        let lost = || Error::internal("a write of labels did not finish", "the writer was cancelled");
        loop {
            let turn = tokio::select! {
                biased;
                answer = &mut heard => return answer.unwrap_or_else(|_| Err(lost())),
                turn = self.labels.turn.lock() => turn,
            };
            if let Ok(answer) = heard.try_recv() {
                return answer;
            }
            let calls = self.labels.take();
            if calls.is_empty() {
                return Err(lost());
            }
            self.write_calls(calls).await;
            drop(turn);
        }
    }

    async fn write_calls(&self, calls: Vec<Waiting>) {
        let (parts, answers): (Vec<Call>, Vec<_>) =
            calls.into_iter().map(|call| ((call.ctx, call.deployment, call.labels), call.done)).unzip();
        let (ids, clock) = (Arc::clone(&self.parts.ids), Arc::clone(&self.parts.clock));
        let watermarks: BTreeMap<String, Timestamp> = parts
            .iter()
            .filter_map(|(_, deployment, _)| Some((deployment.clone(), self.log.watermark(deployment)?)))
            .collect();
        let written =
            self.parts.db.write(move |tx| write_all(tx, ids.as_ref(), clock.as_ref(), parts, &watermarks)).await;
        match written {
            Ok(counts) => {
                for (done, (deployment, counts)) in answers.into_iter().zip(counts) {
                    self.count_labels(&deployment, counts);
                    // Whoever asked may have gone; the labels stay.
                    let _gone = done.send(Ok(counts));
                }
            }
            Err(error) => {
                for done in answers {
                    let _gone = done.send(Err(error.for_another()));
                }
            }
        }
    }

    fn count_labels(&self, deployment: &str, counts: LabelCounts) {
        for (result, count) in [
            ("accepted", counts.accepted),
            ("duplicate", counts.duplicate),
            ("corrected", counts.corrected),
            ("unknown", counts.unknown),
        ] {
            if count > 0 {
                self.metrics.labels(deployment, result, count);
            }
        }
    }
}

fn check(labels: &[NewLabel]) -> Result<()> {
    if labels.len() > MAX_LABELS {
        return Err(Error::too_large(
            "LABEL_LIMIT",
            format!("{} labels in one call; at most {MAX_LABELS}", labels.len()),
        )
        .hint("send them in several calls"));
    }
    for (at, label) in labels.iter().enumerate() {
        checked_id(&label.request_id).map_err(|error| error.context(format!("label {at}")))?;
        if !label.value.is_finite() {
            return Err(Error::invalid("LABEL_INVALID", format!("label {at}: the value is not a finite number")));
        }
    }
    Ok(())
}

type Call = (Ctx, String, Vec<Label>);

/// Writes the labels of several calls and states one event for each deployment that they changed something of.
fn write_all(
    tx: &mut Tx<'_>,
    ids: &dyn Ids,
    clock: &dyn Clock,
    calls: Vec<Call>,
    watermarks: &BTreeMap<String, Timestamp>,
) -> Result<Vec<(String, LabelCounts)>> {
    let mut touched: BTreeMap<String, (Timestamp, Timestamp, i64, Ctx)> = BTreeMap::new();
    let mut all = Vec::with_capacity(calls.len());
    for (ctx, deployment, labels) in calls {
        let outcomes = store::write_labels(tx, &deployment, &labels, clock.now())?;
        let mut counts = LabelCounts::default();
        for (label, outcome) in labels.iter().zip(outcomes) {
            match (outcome, label.event_time) {
                (Written::New, Some(_)) => counts.accepted += 1,
                (Written::New, None) => counts.unknown += 1,
                (Written::Corrected, _) => counts.corrected += 1,
                (Written::Duplicate, _) => counts.duplicate += 1,
            }
            if let (Written::New | Written::Corrected, Some(time)) = (outcome, label.event_time) {
                let entry = touched.entry(deployment.clone()).or_insert((time, time, 0, ctx.clone()));
                entry.0 = entry.0.min(time);
                entry.1 = entry.1.max(time);
                entry.2 += 1;
            }
        }
        all.push((deployment, counts));
    }
    for (deployment, (from, to, labels, ctx)) in touched {
        let watermark = watermarks.get(&deployment).copied().unwrap_or(to);
        let event = LogAdvanced { deployment: deployment.parse()?, from, to, watermark, predictions: 0, labels };
        tx.emit(Outgoing { ctx: &ctx, ids, clock }, &event)?;
    }
    Ok(all)
}
