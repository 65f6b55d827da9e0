//! The path of a request: a snapshot in memory, a run, an answer. No database, no lock that the control plane takes.

use std::sync::Arc;
use std::time::Duration;

use pitcrew_contracts::release::Role;
use pitcrew_contracts::serving::{ModelSignature, Tensor};
use pitcrew_kernel::{Access, Ctx, Error, Result, Timestamp};

use crate::arm::{Arm, Route, Run, is_callers_fault, predictions};
use crate::log::{Entry, Row, Status};
use crate::model::ArmKind;
use crate::service::Serving;

/// How far ahead of the clock, or of the latest prediction, a request may be dated.
const MAX_AHEAD: Duration = Duration::from_secs(7 * 86_400);
/// The longest request id.
pub const MAX_REQUEST_ID: usize = 256;
/// Unseen runs of slow models under way at once; beyond it they are left out and counted.
pub(crate) const MAX_SHADOWS: usize = 64;

/// A request for predictions.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The deployment.
    pub deployment: &'a str,
    /// A certain version, when the caller insists.
    pub version: Option<i64>,
    /// What labels are joined by; one is made when absent. With several rows, row `i` has the id `<id>-<i>`.
    pub request_id: Option<&'a str>,
    /// The moment predicted for; now when absent.
    pub event_time: Option<Timestamp>,
    /// The inputs by name.
    pub inputs: Vec<(&'a str, Tensor)>,
}

/// What a deployment answered.
#[derive(Debug)]
pub struct Prediction {
    /// The request's id, the caller's or ours.
    pub request_id: String,
    /// Which arm answered.
    pub arm: ArmKind,
    /// Which version of the model.
    pub version: i64,
    /// Its outputs, in the model's order.
    pub outputs: Vec<(String, Tensor)>,
}

/// A deployment as protocols describe it.
#[derive(Debug, Clone)]
pub struct Served {
    /// The deployment.
    pub name: String,
    /// The model.
    pub model: String,
    /// The versions in memory, the champion first; empty while it serves none.
    pub versions: Vec<i64>,
    /// Inputs and outputs of the version asked for, or of the champion.
    pub signature: Option<ModelSignature>,
}

impl Serving {
    /// Predicts. The other arm of a paired release computes too: a quick one before the answer leaves, which so comes later by that arm's
    /// time, a slow one on a thread of its own. What it makes of the request never reaches the caller.
    ///
    /// # Errors
    /// `DEPLOYMENT_NOT_FOUND`, `SERVING_NOT_READY`, `SERVING_VERSION_NOT_LOADED`, `SERVING_REQUEST_ID_INVALID`, and what
    /// [`pitcrew_contracts::serving::LoadedModel::run`] gives; `EVENT_TIME_AHEAD`.
    pub async fn predict(self: &Arc<Self>, ctx: &Ctx, ask: Ask<'_>) -> Result<Prediction> {
        ctx.require(Access::Read)?;
        let route = self.route(ask.deployment)?;
        let request_id = match ask.request_id {
            Some(id) => checked_id(id)?.to_owned(),
            None => self.parts.ids.next().simple().to_string(),
        };
        let event_time = self.event_time(ask.deployment, ask.event_time)?;
        let version = ask.version;
        if !route.arms().any(|arm| arm.is_slow()) {
            return self.answer(&route, &request_id, event_time, version, &ask.inputs);
        }
        let (names, tensors): (Vec<String>, Vec<Tensor>) =
            ask.inputs.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).unzip();
        let serving = Arc::clone(self);
        tokio::task::spawn_blocking(move || {
            let inputs: Vec<(&str, Tensor)> = names.iter().map(String::as_str).zip(tensors).collect();
            serving.answer(&route, &request_id, event_time, version, &inputs)
        })
        .await
        .map_err(|source| Error::internal("a prediction did not finish", source))?
    }

    /// The moment a request is about. The watermark never goes back, so one date from another century would end every window there is.
    fn event_time(&self, deployment: &str, asked: Option<Timestamp>) -> Result<Timestamp> {
        let now = self.parts.clock.now();
        let Some(time) = asked else { return Ok(now) };
        let near = |moment: Timestamp| time <= moment.plus(MAX_AHEAD);
        // The log is asked only when the clock says no: a replay of a future has come there by and by.
        if near(now) || self.log.watermark(deployment).is_some_and(near) {
            return Ok(time);
        }
        let days = MAX_AHEAD.as_secs() / 86_400;
        Err(Error::invalid(
            "EVENT_TIME_AHEAD",
            format!("the event time {time} is more than {days} days ahead of the clock and of the latest prediction"),
        )
        .hint("the event time is the moment the prediction is about; leave it out for now"))
    }

    /// What a deployment serves now.
    ///
    /// # Errors
    /// `DEPLOYMENT_NOT_FOUND`, `SERVING_VERSION_NOT_LOADED`.
    pub fn served(&self, ctx: &Ctx, deployment: &str, version: Option<i64>) -> Result<Served> {
        ctx.require(Access::Read)?;
        let route = self.route(deployment)?;
        let arm = match version {
            Some(_) => Some(route.plan("", version)?.first),
            None => route.champion.as_ref(),
        };
        Ok(Served {
            name: route.name.to_string(),
            model: route.model.to_string(),
            versions: route.arms().map(|arm| arm.version).collect(),
            signature: arm.map(|arm| arm.model.signature().clone()),
        })
    }

    /// The names of all deployments, in order.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub fn names(&self, ctx: &Ctx) -> Result<Vec<String>> {
        ctx.require(Access::Read)?;
        let mut names: Vec<String> = self.routes.load().keys().cloned().collect();
        names.sort();
        Ok(names)
    }

    pub(crate) fn route(&self, deployment: &str) -> Result<Arc<Route>> {
        self.routes.load().get(deployment).cloned().ok_or_else(|| not_found(deployment))
    }

    fn answer(
        self: &Arc<Self>,
        route: &Arc<Route>,
        request_id: &str,
        event_time: Timestamp,
        version: Option<i64>,
        inputs: &[(&str, Tensor)],
    ) -> Result<Prediction> {
        let clock = self.parts.clock.as_ref();
        let plan = route.plan(request_id, version)?;
        let moment = Moment { request_id, event_time, at: clock.now() };
        let mut rows = Vec::new();
        let first = plan.first.run(clock, inputs);
        let fell_back = plan.fallback.filter(|_| first.status.failed());
        let (arm, run) = match fell_back {
            Some(champion) => {
                let second = champion.run(clock, inputs);
                if matches!(&second.result, Err(error) if is_callers_fault(error)) {
                    return self.refuse(route, second);
                }
                moment.note(plan.first, Role::Shadow, &first, inputs, &mut rows);
                (champion, second)
            }
            None if matches!(&first.result, Err(error) if is_callers_fault(error)) => {
                return self.refuse(route, first);
            }
            None => (plan.first, first),
        };
        moment.note(arm, Role::Served, &run, inputs, &mut rows);
        if let Some(shadow) = plan.shadow.filter(|_| fell_back.is_none()) {
            self.shadow(route, shadow, &moment, inputs, &mut rows);
        }
        self.log.append(Entry { deployment: Arc::clone(&route.log_name), rows });
        let outputs = run.result?;
        Ok(Prediction { request_id: request_id.to_owned(), arm: arm.kind, version: arm.version, outputs })
    }

    fn refuse(&self, route: &Route, run: Run) -> Result<Prediction> {
        self.metrics.refused(route.name.as_str());
        match run.result {
            Err(error) => Err(error),
            Ok(_) => Err(Error::internal("an answer was taken for a refusal", "predict")),
        }
    }

    /// Runs the other arm for the comparison: at once when it is quick, else on its own time.
    fn shadow(
        self: &Arc<Self>,
        route: &Arc<Route>,
        arm: &Arc<Arm>,
        moment: &Moment<'_>,
        inputs: &[(&str, Tensor)],
        rows: &mut Vec<Row>,
    ) {
        if !arm.is_slow() {
            let run = arm.run(self.parts.clock.as_ref(), inputs);
            moment.note(arm, Role::Shadow, &run, inputs, rows);
            return;
        }
        let Ok(permit) = Arc::clone(&self.shadows).try_acquire_owned() else {
            self.metrics.shadow_skipped();
            return;
        };
        let (serving, route, arm) = (Arc::clone(self), Arc::clone(route), Arc::clone(arm));
        let (request_id, event_time, at) = (moment.request_id.to_owned(), moment.event_time, moment.at);
        let (names, tensors): (Vec<String>, Vec<Tensor>) =
            inputs.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone())).unzip();
        tokio::task::spawn_blocking(move || {
            let inputs: Vec<(&str, Tensor)> = names.iter().map(String::as_str).zip(tensors).collect();
            let run = arm.run(serving.parts.clock.as_ref(), &inputs);
            let mut rows = Vec::new();
            let moment = Moment { request_id: &request_id, event_time, at };
            moment.note(&arm, Role::Shadow, &run, &inputs, &mut rows);
            serving.log.append(Entry { deployment: Arc::clone(&route.log_name), rows });
            drop(permit);
        });
    }
}

struct Moment<'a> {
    request_id: &'a str,
    event_time: Timestamp,
    at: Timestamp,
}

impl Moment<'_> {
    /// Counts one run and makes its log rows. A request that no arm could take is the caller's fault and never comes here; one that fits
    /// the arm that answered and not the other is that one's failure.
    fn note(&self, arm: &Arm, role: Role, run: &Run, inputs: &[(&str, Tensor)], out: &mut Vec<Row>) {
        arm.count(role, run);
        let count = arm.rows_of(inputs);
        let values = run.result.as_ref().map_or_else(|_| vec![f64::NAN; count], |outputs| predictions(outputs, count));
        // The other arm's rows of this request have the same ids, and mostly the same features.
        let ids: Vec<Arc<str>> = match out.get(..count).filter(|rows| !rows.is_empty()) {
            Some(rows) => rows.iter().map(|row| Arc::clone(&row.request_id)).collect(),
            None if count == 1 => vec![self.request_id.into()],
            None => (0..count).map(|at| format!("{}-{at}", self.request_id).into()).collect(),
        };
        let same = |rows: &&[Row]| rows.first().is_some_and(|row| row.columns == arm.columns);
        let features: Vec<Arc<[f64]>> = match out.get(..count).filter(same) {
            Some(rows) => rows.iter().map(|row| Arc::clone(&row.features)).collect(),
            None => arm.features_of(inputs, count),
        };
        for ((prediction, features), request_id) in values.into_iter().zip(features).zip(ids) {
            let status = match run.status {
                // Only the rows that are no numbers have failed.
                Status::NotANumber if prediction.is_finite() => Status::Ok,
                status => status,
            };
            out.push(Row {
                request_id,
                event_time: self.event_time.micros(),
                at: self.at.micros(),
                version: arm.version,
                arm: arm.kind,
                role,
                status,
                latency_us: run.latency_us,
                prediction,
                features,
                columns: Arc::clone(&arm.columns),
            });
        }
    }
}

/// A request id that can be logged and joined by.
///
/// # Errors
/// `SERVING_REQUEST_ID_INVALID` when it is empty or longer than [`MAX_REQUEST_ID`] bytes.
pub(crate) fn checked_id(id: &str) -> Result<&str> {
    if id.is_empty() || id.len() > MAX_REQUEST_ID || id.contains('\0') {
        return Err(Error::invalid(
            "SERVING_REQUEST_ID_INVALID",
            format!("a request id has 1 to {MAX_REQUEST_ID} bytes, none of them zero"),
        )
        .hint("leave the id away and one is made and answered"));
    }
    Ok(id)
}

pub(crate) fn not_found(deployment: &str) -> Error {
    Error::not_found("DEPLOYMENT_NOT_FOUND", format!("there is no deployment `{}`", deployment.escape_debug()))
        .hint("list them with `pitcrew deployments`; declare one under `deployments:` in `pitcrew.yaml` and apply it")
}
