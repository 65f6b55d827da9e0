//! Labels: what came true, joined to predictions by request id whenever either arrives.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use pitcrew_contracts::names::DeploymentName;
use pitcrew_contracts::release::LogAdvanced;
use pitcrew_db::{Outgoing, Tx};
use pitcrew_kernel::{Access, Clock, Ctx, Error, Ids, Result, Timestamp};
use pitcrew_work::Tasks;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::predict::checked_id;
use crate::service::Serving;
use crate::store::{self, Label, Written};

/// Labels in one call.
pub const MAX_LABELS: usize = 10_000;
/// Labels of many calls that are written together.
const MAX_BATCH: usize = 4 * MAX_LABELS;
/// Labels that may wait for their write; beyond that a call is turned away at once.
const MAX_WAITING: usize = 16 * MAX_BATCH;
const OVERLOAD_RETRY: Duration = Duration::from_secs(1);

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
    /// The owner of the writes: no caller is, as any of them may go away.
    tasks: OnceLock<Tasks>,
}

#[derive(Debug)]
struct Waiting {
    ctx: Ctx,
    deployment: String,
    labels: Vec<Label>,
    done: oneshot::Sender<Result<LabelCounts>>,
}

impl LabelDesk {
    /// From now on these tasks own the writes, so that a stop waits for them.
    pub(crate) fn owned_by(&self, tasks: &Tasks) {
        let _first = self.tasks.set(tasks.clone());
    }

    fn push(&self, call: Waiting) -> Result<()> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let labels: usize = waiting.iter().map(|call| call.labels.len()).sum();
        if labels + call.labels.len() > MAX_WAITING {
            return Err(Error::unavailable("DB_OVERLOADED", "too many labels wait for the metadata database")
                .retry_after(OVERLOAD_RETRY));
        }
        waiting.push(call);
        Ok(())
    }

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
    /// Takes labels. When this answers, they are on disk; calls that come together are written together. A caller who goes away meanwhile
    /// changes nothing for the others.
    ///
    /// # Errors
    /// `DEPLOYMENT_NOT_FOUND`, `LABEL_LIMIT`, `LABEL_INVALID`, `SERVING_REQUEST_ID_INVALID`, `DB_OVERLOADED`.
    pub async fn add_labels(
        self: &Arc<Self>,
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
        self.labels.push(call)?;
        let serving = Arc::clone(self);
        let tasks = self.labels.tasks.get_or_init(Tasks::new);
        tasks.spawn("labels", async move { serving.write_waiting().await });
        heard.await.unwrap_or_else(|lost| Err(Error::internal("a write of labels did not finish", lost)))
    }

    /// Writes for all who wait. Every call brings one of these, so nobody is left over; many find that another has done it.
    async fn write_waiting(&self) {
        let _turn = self.labels.turn.lock().await;
        let calls = self.labels.take();
        if !calls.is_empty() {
            self.write_calls(calls).await;
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

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::sync::mpsc;
    use std::task::Poll;

    use super::*;
    use crate::model::Deployment;
    use crate::service::Parts;
    use pitcrew_db::Db;
    use pitcrew_testkit::{FakeEngine, FakeModels, TestDb, World};
    use tokio::sync::Notify;

    /// Keeps the database's writer busy until the sender is used or dropped.
    async fn hold(db: &Db) -> mpsc::Sender<()> {
        let (release, released) = mpsc::channel();
        let held = Arc::new(Notify::new());
        let (db, told) = (db.clone(), Arc::clone(&held));
        let write = async move {
            db.write(move |_| {
                told.notify_one();
                let _released = released.recv();
                Ok(())
            })
            .await
        };
        Tasks::new().spawn("hold", async move { write.await.unwrap() });
        held.notified().await;
        release
    }

    /// Drives a future until something is so.
    async fn until(mut future: Pin<&mut impl Future>, so: impl Fn() -> bool) {
        std::future::poll_fn(|cx| {
            assert!(future.as_mut().poll(cx).is_pending(), "it ended before");
            cx.waker().wake_by_ref();
            if so() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    async fn serving(world: &World, db: &Db, folder: &std::path::Path) -> Arc<Serving> {
        let bikes = Deployment {
            name: "bikes".parse().unwrap(),
            model: "bikes".parse().unwrap(),
            alias: "champion".parse().unwrap(),
            policy: None,
            champion: None,
        };
        let now = world.clock.now();
        db.write(move |tx| store::save(tx, &bikes, now)).await.unwrap();
        let parts = Parts {
            db: db.clone(),
            clock: world.clock(),
            ids: Arc::clone(&world.ids),
            engine: Arc::new(FakeEngine::default()),
            models: Arc::new(FakeModels::default()),
            log_folder: folder.to_owned(),
            metrics: prometheus::Registry::new(),
        };
        Arc::new(Serving::new(parts).unwrap())
    }

    #[test]
    fn the_labels_that_may_wait_are_limited() {
        let desk = LabelDesk::default();
        let label = Label { request_id: "a".to_owned(), value: 1.0, event_time: None };
        let push = |count: usize| {
            let labels = vec![label.clone(); count];
            let (ctx, deployment) = (World::new().ctx, "bikes".to_owned());
            desk.push(Waiting { ctx, deployment, labels, done: oneshot::channel().0 })
        };
        (0..16).for_each(|_| push(MAX_BATCH).unwrap());
        assert_eq!(push(1).unwrap_err().code(), "DB_OVERLOADED");
        assert_eq!(desk.take().len(), 1);
        push(MAX_BATCH).unwrap();
    }

    #[tokio::test]
    async fn a_caller_who_goes_away_takes_nobodys_answer_along() {
        let folder = tempfile::tempdir().unwrap();
        let (world, TestDb { db, .. }) = (World::new(), &TestDb::sqlite(&[crate::MIGRATIONS]).await);
        let serving = serving(&world, db, folder.path()).await;
        let name = "bikes".parse().unwrap();
        let call = |id: &str| {
            let label = NewLabel { request_id: id.to_owned(), value: 1.0, event_time: None };
            serving.add_labels(&world.ctx, &name, vec![label])
        };
        let waiting = |count: usize| serving.labels.waiting.lock().unwrap().len() == count;
        // One call is being written while two more come: they are written together next.
        let release = hold(db).await;
        let (mut early, mut leaver, mut stayer) = (pin!(call("a")), Box::pin(call("b")), pin!(call("c")));
        until(early.as_mut(), || serving.labels.turn.try_lock().is_err() && waiting(0)).await;
        until(leaver.as_mut(), || waiting(1)).await;
        until(stayer.as_mut(), || waiting(2)).await;
        drop(release);
        assert_eq!(early.await.unwrap().unknown, 1);
        let release = hold(db).await;
        let _under_way = std::future::poll_fn(|cx| Poll::Ready(leaver.as_mut().poll(cx))).await;
        drop(leaver);
        drop(release);
        assert_eq!(stayer.await.unwrap().unknown, 1);
        assert_eq!(call("b").await.unwrap().duplicate, 1, "the label of the one who left is there too");
    }
}
