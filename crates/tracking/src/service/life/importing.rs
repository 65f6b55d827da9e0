//! Runs that come in from elsewhere, with their ids and times, by parts: what was acknowledged is on disk, and nobody sees the run before it is
//! whole. A run that is there already is compared and completed; nothing is overwritten.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use pitcrew_blob::Upload;
use pitcrew_contracts::tracking::{ARTIFACT_FILES_MAX, ArtifactFile};
use pitcrew_db::Tx;
use pitcrew_kernel::{Access, Ctx, Digest, Error, Result};
use pitcrew_work::enqueue;

use super::head::{ImportedModel, Importing, exported, written};
use super::jobs::{looking_after_drafts, purging};
use super::own_address;
use crate::artifact_path::ArtifactPath;
use crate::errors::{self, invalid};
use crate::events::RunImported;
use crate::limits::{ARTIFACT_BYTES, POINTS_PER_IMPORT};
use crate::model::{DatasetInput, Entries, Lifecycle, Metric, ModelOutput, Owner, Run, RunInfo};
use crate::service::artifacts::{files_below, hang};
use crate::service::{NewExperiment, Saying, Tracking, experiments, runs, writable};
use crate::store::drafts::{self, Draft};
use crate::store::{self, gone, next_number};
use crate::validate;

/// How far an import is: what need not be sent again.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImportState {
    /// Whether the run is there for all to see; false while it comes in.
    pub there: bool,
    /// Points of each metric.
    pub points: BTreeMap<String, u64>,
    /// Its files.
    pub files: Vec<ArtifactFile>,
}

/// Where parts of an import go.
struct Target {
    owner: Owner,
    artifact_uri: String,
    there: bool,
}

impl Tracking {
    /// Begins to bring in a run, or goes on with it; answers what of it is here. The run keeps id and times. With `dry_run` it is only compared.
    ///
    /// # Errors
    /// `RUN_IMPORT_CONFLICT` when it is there and differs, `RUN_DELETED`, `EXPERIMENT_DELETED`, `RUN_BEING_REMOVED`, `TRACKING_VALUE_INVALID`.
    pub async fn begin_import(&self, ctx: &Ctx, head: Importing, dry_run: bool) -> Result<ImportState> {
        ctx.require(Access::Write)?;
        let head = Arc::new(head.checked()?);
        twice_if_there(|| {
            let (head, saying) = (Arc::clone(&head), self.outgoing(ctx));
            self.db.write(move |tx| begin(tx, &saying, &head, dry_run))
        })
        .await?;
        match self.import_state(ctx, &head.run_id).await {
            Err(error) if dry_run && error.code() == "RUN_IMPORT_NOT_FOUND" => Ok(ImportState::default()),
            state => state,
        }
    }

    /// What of a run is here.
    ///
    /// # Errors
    /// `RUN_IMPORT_NOT_FOUND`.
    pub async fn import_state(&self, ctx: &Ctx, run_id: &str) -> Result<ImportState> {
        ctx.require(Access::Read)?;
        let run_id = run_id.to_owned();
        self.db
            .read(move |tx| {
                let target = target(tx, &run_id)?;
                state(tx, &target)
            })
            .await
    }

    /// A run as an import takes it, and what is here of it.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`, `TRACKING_VALUE_INVALID` when it has more files than can be listed.
    pub async fn export(&self, ctx: &Ctx, run_id: &str) -> Result<(Importing, ImportState)> {
        ctx.require(Access::Read)?;
        let run_id = run_id.to_owned();
        self.db
            .read(move |tx| {
                let run = runs::filled(tx, &run_id)?;
                let experiment = experiments::existing(tx, run.info.experiment_id)?.name;
                let target = Target::of(&run.info);
                let state = state(tx, &target)?;
                check_all_listed(tx, &target, &state)?;
                Ok((exported(run, experiment), state))
            })
            .await
    }

    /// Adds points of metrics. When this answers they are on disk; one that is there already changes nothing.
    ///
    /// # Errors
    /// `RUN_IMPORT_NOT_FOUND`, `RUN_DELETED`, `TRACKING_VALUE_INVALID`.
    pub async fn import_points(&self, ctx: &Ctx, run_id: &str, points: Vec<Metric>) -> Result<()> {
        ctx.require(Access::Write)?;
        if points.len() > POINTS_PER_IMPORT {
            return Err(invalid(format!("a call may bring at most {POINTS_PER_IMPORT} points")));
        }
        for (at, point) in points.iter().enumerate() {
            validate::metric(point, &format!("points[{at}]"))?;
        }
        let (run_id, now_ms) = (run_id.to_owned(), self.now_ms());
        self.db
            .write(move |tx| {
                let target = target(tx, &run_id)?;
                let owner = if target.there { writable(tx, &run_id)?.owner() } else { target.owner };
                drafts::touch(tx, owner.run_no, now_ms)?;
                store::metrics::log(tx, owner, &points)
            })
            .await
    }

    /// Begins to add a file whose bytes must have this digest.
    ///
    /// # Errors
    /// `RUN_IMPORT_NOT_FOUND`, `RUN_DELETED`, `ARTIFACT_PATH_INVALID`, `DISK_FULL`.
    pub async fn import_file(
        &self,
        ctx: &Ctx,
        run_id: &str,
        path: ArtifactPath,
        digest: Digest,
    ) -> Result<ImportedFile> {
        ctx.require(Access::Write)?;
        if path.is_root() {
            return Err(errors::artifact_path(""));
        }
        let (run_id, now_ms) = (run_id.to_owned(), self.now_ms());
        let below = path.clone();
        let place = self.db.write(move |tx| {
            let target = target(tx, &run_id)?;
            drafts::touch(tx, target.owner.run_no, now_ms)?;
            let root = ArtifactPath::of_uri(&target.artifact_uri)?;
            root.ok_or_else(|| invalid(format!("this server does not keep the artifacts of the run {run_id}")))?
                .join(&below)
        });
        Ok(ImportedFile { place: place.await?, digest, upload: self.blobs.upload().await? })
    }

    /// Ends a file: it is on disk when this answers. The same file there already is fine, another is not.
    ///
    /// # Errors
    /// `RUN_IMPORT_DIGEST`, `RUN_IMPORT_CONFLICT`, `ARTIFACT_IN_THE_WAY`, `DISK_FULL`.
    pub async fn finish_import_file(&self, ctx: &Ctx, run_id: &str, file: ImportedFile) -> Result<()> {
        ctx.require(Access::Write)?;
        let stored = file.upload.finish().await?;
        if stored.digest != file.digest {
            let detail =
                format!("the file at `{}` is not the one announced: its digest is {}", file.place, stored.digest);
            return Err(Error::invalid("RUN_IMPORT_DIGEST", detail).hint("send the file again"));
        }
        let (run_id, now_ms) = (run_id.to_owned(), self.now_ms());
        self.db
            .write(move |tx| {
                // Whoever removed the run meanwhile removed its files too.
                target(tx, &run_id)?;
                let (parent, name) = file.place.split();
                if let Some(store::artifacts::Found::File { digest, .. }) = store::artifacts::at(tx, parent, name)? {
                    if digest == stored.digest {
                        return Ok(());
                    }
                    return Err(errors::import_conflict(&run_id, &[format!("`{}` is another file", file.place)]));
                }
                hang(tx, &file.place, stored.digest, stored.size, now_ms).map(drop)
            })
            .await
    }

    /// Ends an import whose parts are all here: the run can be seen. Of a run that was there, what it lacked is added. Answers whether that
    /// changed anything.
    ///
    /// # Errors
    /// `RUN_IMPORT_NOT_FOUND`, `RUN_IMPORT_INCOMPLETE`, `RUN_IMPORT_CONFLICT`, `EXPERIMENT_DELETED`.
    pub async fn finish_import(
        &self,
        ctx: &Ctx,
        head: Importing,
        points: BTreeMap<String, u64>,
        files: u64,
    ) -> Result<bool> {
        ctx.require(Access::Write)?;
        let whole = Arc::new((head.checked()?, points, files));
        twice_if_there(|| {
            let (whole, saying) = (Arc::clone(&whole), self.outgoing(ctx));
            self.db.write(move |tx| {
                let (head, points, files) = whole.as_ref();
                finish(tx, &saying, head, points, *files)
            })
        })
        .await
    }
}

/// A file of an import on its way in. Dropping it leaves nothing behind.
#[derive(Debug)]
pub struct ImportedFile {
    place: ArtifactPath,
    digest: Digest,
    upload: Upload,
}

impl ImportedFile {
    /// Appends a piece.
    ///
    /// # Errors
    /// `ARTIFACT_TOO_LARGE`, `DISK_FULL`.
    pub async fn write(&mut self, piece: Bytes) -> Result<()> {
        if self.upload.received() + piece.len() as u64 > ARTIFACT_BYTES {
            let detail = format!("an artifact may have at most {ARTIFACT_BYTES} bytes");
            return Err(Error::too_large("ARTIFACT_TOO_LARGE", detail));
        }
        self.upload.write(piece).await
    }
}

impl Target {
    fn of(run: &RunInfo) -> Self {
        Self { owner: run.owner(), artifact_uri: run.artifact_uri.clone(), there: true }
    }
}

/// Two who bring in the same run at once may both find that something is not there and both write it, on PostgreSQL: the second, who is told
/// that it exists, looks again.
async fn twice_if_there<T, F: Future<Output = Result<T>>>(command: impl Fn() -> F) -> Result<T> {
    match command().await {
        Err(error) if error.code() == "ALREADY_EXISTS" => command().await,
        done => done,
    }
}

fn begin(tx: &mut Tx<'_>, saying: &Saying, head: &Importing, dry_run: bool) -> Result<()> {
    if store::runs::by_id(tx, &head.run_id)?.is_some() {
        let run = runs::filled(tx, &head.run_id)?;
        return compare(tx, head, &run);
    }
    if dry_run {
        return Ok(());
    }
    let (now, text) = (saying.clock.now(), written(head)?);
    if let Some(draft) = drafts::by_id(tx, &head.run_id)? {
        let home = store::experiments::by_name(tx, &head.experiment)?;
        if home.is_some_and(|home| home.id == draft.experiment_id) {
            drafts::touch(tx, draft.run_no, now.millis())?;
            return drafts::set_head(tx, draft.run_no, &text);
        }
        // It is to come in elsewhere now, or its experiment was removed for good: what came so far stands in the wrong place.
        gone::bury(tx, draft.run_no, &draft.artifact_uri)?;
        drafts::remove(tx, draft.run_no)?;
        enqueue(tx, saying.ids.as_ref(), now, &purging(now))?;
    }
    enqueue(tx, saying.ids.as_ref(), now, &looking_after_drafts(now))?;
    draft(tx, saying, head, text, now.millis())
}

fn finish(
    tx: &mut Tx<'_>,
    saying: &Saying,
    head: &Importing,
    points: &BTreeMap<String, u64>,
    files: u64,
) -> Result<bool> {
    let target = target(tx, &head.run_id)?;
    check_whole(tx, &head.run_id, &target, points, files)?;
    // Somebody else may have ended it this very moment.
    let changed = if !target.there && reveal(tx, saying, head)? { true } else { complete(tx, saying, head)? };
    if changed {
        let Importing { run_id, name, experiment, .. } = head.clone();
        tx.emit(saying.out(), &RunImported { run_id, name, experiment })?;
    }
    Ok(changed)
}

/// That no file of the run is missing from a list that has room for so many only.
fn check_all_listed(tx: &mut Tx<'_>, target: &Target, state: &ImportState) -> Result<()> {
    let Some(root) = ArtifactPath::of_uri(&target.artifact_uri)? else { return Ok(()) };
    if state.files.len() < ARTIFACT_FILES_MAX
        || files_below(tx, &root, ARTIFACT_FILES_MAX + 1)?.len() == state.files.len()
    {
        return Ok(());
    }
    Err(invalid(format!("the run has more than {ARTIFACT_FILES_MAX} files, so it cannot be exported whole")))
}

fn state(tx: &mut Tx<'_>, target: &Target) -> Result<ImportState> {
    let files = match ArtifactPath::of_uri(&target.artifact_uri)? {
        Some(root) => files_below(tx, &root, ARTIFACT_FILES_MAX)?,
        None => Vec::new(),
    };
    Ok(ImportState { there: target.there, points: store::metrics::counts(tx, target.owner.run_no)?, files })
}

fn compare(tx: &mut Tx<'_>, head: &Importing, run: &Run) -> Result<()> {
    if run.info.lifecycle == Lifecycle::Deleted {
        return Err(errors::run_not_active(&head.run_id));
    }
    let experiment = experiments::existing(tx, run.info.experiment_id)?.name;
    let conflicts = head.conflicts(run, &experiment)?;
    if conflicts.is_empty() { Ok(()) } else { Err(errors::import_conflict(&head.run_id, &conflicts)) }
}

fn draft(tx: &mut Tx<'_>, saying: &Saying, head: &Importing, text: String, now_ms: i64) -> Result<()> {
    let experiment = match store::experiments::by_name(tx, &head.experiment)? {
        Some(found) => experiments::active(tx, found.id)?,
        None => {
            let new = NewExperiment { name: head.experiment.clone(), ..NewExperiment::default() };
            experiments::create(tx, saying, new, now_ms)?
        }
    };
    let draft = Draft {
        run_id: head.run_id.clone(),
        run_no: next_number(tx, "run")?,
        experiment_id: experiment.id,
        artifact_uri: own_address(&experiment, &head.run_id)?,
        head: text,
    };
    if gone::is_going(tx, &draft.artifact_uri)? {
        return Err(errors::run_going(&head.run_id));
    }
    drafts::insert(tx, &draft, now_ms)
}

/// Where parts of this run go: to its draft, or to the run that is there.
fn target(tx: &mut Tx<'_>, run_id: &str) -> Result<Target> {
    if let Some(draft) = drafts::by_id(tx, run_id)? {
        return Ok(Target { owner: draft.owner(), artifact_uri: draft.artifact_uri, there: false });
    }
    match store::runs::by_id(tx, run_id)? {
        Some(run) if run.lifecycle == Lifecycle::Deleted => Err(errors::run_not_active(run_id)),
        Some(run) => Ok(Target::of(&run)),
        None => Err(errors::no_import(run_id)),
    }
}

fn check_whole(
    tx: &mut Tx<'_>,
    run_id: &str,
    target: &Target,
    points: &BTreeMap<String, u64>,
    files: u64,
) -> Result<()> {
    let have = store::metrics::counts(tx, target.owner.run_no)?;
    for (key, wanted) in points {
        let have = have.get(key).copied().unwrap_or_default();
        if have < *wanted {
            return Err(errors::import_incomplete(run_id, &format!("{} of {wanted} points of `{key}`", wanted - have)));
        }
    }
    let have = match ArtifactPath::of_uri(&target.artifact_uri)? {
        Some(root) if files > 0 => files_below(tx, &root, ARTIFACT_FILES_MAX)?.len() as u64,
        _ => 0,
    };
    if have < files.min(ARTIFACT_FILES_MAX as u64) {
        return Err(errors::import_incomplete(run_id, &format!("{} of {files} files", files - have)));
    }
    Ok(())
}

/// The draft becomes a run; false when somebody else made it one meanwhile.
fn reveal(tx: &mut Tx<'_>, saying: &Saying, head: &Importing) -> Result<bool> {
    let draft = drafts::by_id(tx, &head.run_id)?.ok_or_else(|| errors::no_import(&head.run_id))?;
    if draft.head != written(head)? {
        let what = ["what it says of itself changed while it came in".to_owned()];
        return Err(errors::import_conflict(&head.run_id, &what));
    }
    experiments::active(tx, draft.experiment_id)?;
    if !drafts::remove(tx, draft.run_no)? {
        return Ok(false);
    }
    let info = RunInfo {
        run_no: draft.run_no,
        run_id: draft.run_id,
        experiment_id: draft.experiment_id,
        name: head.name.clone(),
        user_id: head.user.clone(),
        status: head.status()?,
        lifecycle: Lifecycle::Active,
        start_ms: head.started_ms,
        end_ms: head.ended_ms,
        artifact_uri: draft.artifact_uri,
    };
    store::runs::insert(tx, &info, None)?;
    add(tx, saying, &info, head, &Run::bare(info.clone())).map(|_| true)
}

/// A run that is there gets what it lacks.
fn complete(tx: &mut Tx<'_>, saying: &Saying, head: &Importing) -> Result<bool> {
    writable(tx, &head.run_id)?;
    let run = runs::filled(tx, &head.run_id)?;
    compare(tx, head, &run)?;
    let mut info = run.info.clone();
    if !info.status.is_final() {
        info.status = head.status()?;
    }
    info.end_ms = info.end_ms.or(head.ended_ms);
    let moved_on = info != run.info;
    if moved_on {
        store::runs::update(tx, &info)?;
        runs::state_change(tx, saying, &run.info, &info)?;
    }
    Ok(add(tx, saying, &info, head, &run)? || moved_on)
}

/// Adds what of the head is not there yet; answers whether that was anything.
fn add(tx: &mut Tx<'_>, saying: &Saying, info: &RunInfo, head: &Importing, there: &Run) -> Result<bool> {
    let missing = |all: &Entries, have: &Entries| -> Vec<(String, String)> {
        all.iter()
            .filter(|(key, _)| !have.contains_key(*key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    let (params, tags) = (missing(&head.params, &there.params), missing(&head.tags, &there.tags));
    store::runs::add_params(tx, info.owner(), &params)?;
    store::runs::set_tags(tx, info.owner(), &tags)?;
    let is_there = |input: &DatasetInput| {
        there
            .inputs
            .iter()
            .any(|have| (&have.dataset.name, &have.dataset.digest) == (&input.dataset.name, &input.dataset.digest))
    };
    let datasets: Vec<DatasetInput> = head.datasets().into_iter().filter(|input| !is_there(input)).collect();
    for input in &datasets {
        let fresh = saying.ids.next().simple().to_string();
        let id = store::inputs::dataset_id(tx, info.experiment_id, &input.dataset, &fresh)?;
        store::inputs::add_dataset(tx, info.run_no, &id, &input.tags)?;
    }
    let inputs: Vec<&String> = head.model_inputs.iter().filter(|id| !there.model_inputs.contains(*id)).collect();
    inputs.iter().try_for_each(|id| store::inputs::add_model_input(tx, info.run_no, id))?;
    let made = |model: &&ImportedModel| !there.model_outputs.iter().any(|have| have.model_id == model.model_id);
    let outputs: Vec<&ImportedModel> = head.model_outputs.iter().filter(made).collect();
    for model in &outputs {
        let output = ModelOutput { model_id: model.model_id.clone(), step: model.step };
        store::inputs::add_model_output(tx, info.run_no, &output)?;
    }
    Ok(!(params.is_empty() && tags.is_empty() && datasets.is_empty() && inputs.is_empty() && outputs.is_empty()))
}
