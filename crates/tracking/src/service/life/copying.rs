//! Copies of runs. What a copy logs is copied in slices under a number nobody sees; then all copies of a call appear at once.

use std::collections::BTreeMap;

use pitcrew_db::Tx;
use pitcrew_kernel::{Access, Ctx, Result};
use pitcrew_work::enqueue;

use super::jobs::looking_after_drafts;
use super::{each_once, own_address};
use crate::artifact_path::ArtifactPath;
use crate::errors;
use crate::events::RunCopied;
use crate::limits::{COPIES_PER_CALL, ROWS_PER_SLICE};
use crate::model::{COPIED_FROM_TAG, Lifecycle, PARENT_RUN_TAG, RunInfo};
use crate::service::{Saying, Tracking, experiments};
use crate::store::drafts::{self, Draft};
use crate::store::{self, copies, next_number};

/// A run and its copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The run.
    pub from: String,
    /// Its copy.
    pub run_id: String,
}

impl Tracking {
    /// Copies runs with everything they logged to an experiment, under new ids. Artifacts are copied by name: their bytes are the same.
    ///
    /// # Errors
    /// `RUN_NOT_FOUND`, `RUN_DELETED`, `EXPERIMENT_NOT_FOUND`, `EXPERIMENT_DELETED`, `TRACKING_VALUE_INVALID`.
    pub async fn copy_runs(&self, ctx: &Ctx, run_ids: Vec<String>, to: i64) -> Result<Vec<Copied>> {
        ctx.require(Access::Write)?;
        let pairs: Vec<(String, String)> =
            each_once(run_ids, COPIES_PER_CALL)?.into_iter().map(|id| (id, self.hex_id())).collect();
        let (now, saying) = (self.clock.now(), self.outgoing(ctx));
        let begun = self
            .db
            .write(move |tx| {
                enqueue(tx, saying.ids.as_ref(), now, &looking_after_drafts(now))?;
                pairs.into_iter().map(|pair| begin(tx, pair, to, now.millis())).collect::<Result<Vec<_>>>()
            })
            .await?;
        for (source, draft) in &begun {
            self.copy_points(source.run_no, draft.run_no).await?;
            self.copy_artifacts(&source.artifact_uri, draft).await?;
        }
        let saying = self.outgoing(ctx);
        self.db.write(move |tx| reveal_all(tx, &saying, &begun, to)).await
    }

    async fn copy_points(&self, from: i64, to: i64) -> Result<()> {
        let mut after = None;
        loop {
            let now_ms = self.now_ms();
            let last = self.db.write(move |tx| {
                drafts::touch(tx, to, now_ms)?;
                copies::points(tx, from, to, after.as_ref(), ROWS_PER_SLICE)
            });
            match last.await? {
                Some(last) => after = Some(last),
                None => return Ok(()),
            }
        }
    }

    async fn copy_artifacts(&self, from_uri: &str, draft: &Draft) -> Result<()> {
        let (from, to) = (ArtifactPath::of_uri(from_uri)?, ArtifactPath::of_uri(&draft.artifact_uri)?);
        let (Some(from), Some(to)) = (from, to) else { return Ok(()) };
        let mut waiting = vec![(from.to_string(), to.to_string())];
        while let Some((from, to)) = waiting.pop() {
            let mut after = String::new();
            loop {
                let (now_ms, from_folder, to_folder) = (self.now_ms(), from.clone(), to.clone());
                let entries = self.db.write(move |tx| copy_piece(tx, &from_folder, &to_folder, &after, now_ms));
                let entries = entries.await?;
                let Some((last, _)) = entries.last() else { break };
                after = last.clone();
                let folders = entries.iter().filter(|(_, is_folder)| *is_folder);
                waiting.extend(folders.map(|(name, _)| (format!("{from}/{name}"), format!("{to}/{name}"))));
            }
        }
        Ok(())
    }
}

/// Copies some entries of one folder; answers which.
fn copy_piece(tx: &mut Tx<'_>, from: &str, to: &str, after: &str, now_ms: i64) -> Result<Vec<(String, bool)>> {
    let entries = copies::entries(tx, from, after, ROWS_PER_SLICE)?;
    if let Some((last, _)) = entries.last() {
        let to: ArtifactPath = to.parse()?;
        crate::service::artifacts::make_folders(tx, &to, now_ms)?;
        copies::folder(tx, from, to.as_str(), (after, last), now_ms)?;
    }
    Ok(entries)
}

fn begin(tx: &mut Tx<'_>, (from, run_id): (String, String), to: i64, now_ms: i64) -> Result<(RunInfo, Draft)> {
    let experiment = experiments::active(tx, to)?;
    let source = store::runs::by_id(tx, &from)?.ok_or_else(|| errors::run_not_found(&from))?;
    if source.lifecycle == Lifecycle::Deleted {
        return Err(errors::run_not_active(&from));
    }
    // What another store keeps stays there: then the copy has the address of the run.
    let is_ours = ArtifactPath::of_uri(&source.artifact_uri)?.is_some();
    let draft = Draft {
        run_no: next_number(tx, "run")?,
        experiment_id: to,
        artifact_uri: if is_ours { own_address(&experiment, &run_id)? } else { source.artifact_uri.clone() },
        head: String::new(),
        run_id,
    };
    drafts::insert(tx, &draft, now_ms)?;
    Ok((source, draft))
}

fn reveal_all(tx: &mut Tx<'_>, saying: &Saying, begun: &[(RunInfo, Draft)], to: i64) -> Result<Vec<Copied>> {
    let experiment = experiments::active(tx, to)?.name;
    let ids: BTreeMap<&str, &str> =
        begun.iter().map(|(source, draft)| (source.run_id.as_str(), draft.run_id.as_str())).collect();
    let mut copied = Vec::new();
    for (source, draft) in begun {
        let from = &source.run_id;
        let source = store::runs::by_id(tx, from)?.ok_or_else(|| errors::run_not_found(from))?;
        reveal(tx, saying, &source, draft, &ids)?;
        let (run_id, name) = (draft.run_id.clone(), source.name);
        copied.push(Copied { from: from.clone(), run_id: run_id.clone() });
        tx.emit(saying.out(), &RunCopied { run_id, name, from: from.clone(), experiment: experiment.clone() })?;
    }
    Ok(copied)
}

fn reveal(tx: &mut Tx<'_>, saying: &Saying, source: &RunInfo, draft: &Draft, ids: &BTreeMap<&str, &str>) -> Result<()> {
    if !drafts::remove(tx, draft.run_no)? {
        return Err(errors::no_import(&draft.run_id));
    }
    copies::the_rest(tx, source.run_no, draft.owner())?;
    for (old, dataset) in store::inputs::datasets_of(tx, source.run_no)? {
        let fresh = saying.ids.next().simple().to_string();
        let new = store::inputs::dataset_id(tx, draft.experiment_id, &dataset, &fresh)?;
        copies::input(tx, (source.run_no, &old), (draft.run_no, &new))?;
    }
    let mut tags = vec![(COPIED_FROM_TAG.to_owned(), source.run_id.clone())];
    // Nested runs that were copied together are nested in the copy.
    let parent = store::runs::tag(tx, source.run_no, PARENT_RUN_TAG)?;
    if let Some(parent) = parent.as_deref().and_then(|parent| ids.get(parent)) {
        tags.push((PARENT_RUN_TAG.to_owned(), (*parent).to_owned()));
    }
    store::runs::set_tags(tx, draft.owner(), &tags)?;
    let info = RunInfo {
        run_no: draft.run_no,
        run_id: draft.run_id.clone(),
        experiment_id: draft.experiment_id,
        artifact_uri: draft.artifact_uri.clone(),
        lifecycle: Lifecycle::Active,
        ..source.clone()
    };
    store::runs::insert(tx, &info, None)
}
