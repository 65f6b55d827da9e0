//! Tags, links and deletion.

use pitcrew_contracts::traces::TracesDeleted;
use pitcrew_db::Tx;
use pitcrew_kernel::{Access, Ctx, Result};

use super::start::checked_tag;
use super::{Saying, Traces, checked_count, number_of};
use crate::errors;
use crate::limits::{DELETED_PER_REQUEST, DELETED_PER_STEP, LINKS_PER_REQUEST, TAG_VALUE_CHARS};
use crate::model::keys;
use crate::store::{links, traces as store};

/// Which traces of an experiment are deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doomed {
    /// These.
    Ids(Vec<String>),
    /// The oldest of those that began at this millisecond or before.
    Until {
        /// The millisecond.
        ms: i64,
        /// How many at most.
        most: usize,
    },
}

impl Traces {
    /// Sets a tag; the name of the trace is one.
    ///
    /// # Errors
    /// `TRACE_NOT_FOUND`, `TRACE_VALUE_INVALID`.
    pub async fn set_tag(&self, ctx: &Ctx, trace_id: &str, key: &str, value: &str) -> Result<()> {
        ctx.require(Access::Write)?;
        let (key, value) = checked_tag(key, value.to_owned())?;
        if key == keys::SPANS_LOCATION {
            return Err(immutable(&key, "set"));
        }
        let trace_id = trace_id.to_owned();
        self.db
            .write(move |tx| {
                let no = number_of(tx, &trace_id)?;
                match key.as_str() {
                    keys::NAME => store::set_name(tx, no, Some(&value)),
                    _ => store::set_tags(tx, no, &[(key, value)].into()),
                }
            })
            .await
    }

    /// Deletes a tag.
    ///
    /// # Errors
    /// `TRACE_NOT_FOUND`, `TAG_NOT_FOUND`, `TRACE_VALUE_INVALID`.
    pub async fn delete_tag(&self, ctx: &Ctx, trace_id: &str, key: &str) -> Result<()> {
        ctx.require(Access::Write)?;
        if key == keys::SPANS_LOCATION {
            return Err(immutable(key, "deleted"));
        }
        let (trace_id, key) = (trace_id.to_owned(), key.to_owned());
        self.db
            .write(move |tx| {
                let trace = store::held(tx, &trace_id)?.ok_or_else(|| errors::trace_not_found(&trace_id))?;
                let there = match key.as_str() {
                    keys::NAME => {
                        store::set_name(tx, trace.no, None)?;
                        trace.name.is_some()
                    }
                    key => store::delete_tag(tx, trace.no, key)?,
                };
                if there { Ok(()) } else { Err(errors::tag_not_found(&key, &trace_id)) }
            })
            .await
    }

    /// Links traces to a run; those that are not there are passed over.
    ///
    /// # Errors
    /// `TRACE_VALUE_INVALID`.
    pub async fn link_to_run(&self, ctx: &Ctx, run_id: &str, trace_ids: Vec<String>) -> Result<()> {
        ctx.require(Access::Write)?;
        if trace_ids.len() > LINKS_PER_REQUEST {
            return Err(errors::invalid(format!(
                "Cannot link more than {LINKS_PER_REQUEST} traces to a run in a single request. Provided {} traces.",
                trace_ids.len()
            )));
        }
        let run_id = run_id.to_owned();
        self.db
            .write(move |tx| {
                let mut rows = Vec::new();
                for trace_id in trace_ids {
                    rows.extend(store::number(tx, &trace_id)?.map(|no| (run_id.clone(), no)));
                }
                links::add(tx, links::RUN, &rows)
            })
            .await
    }

    /// Links prompts, each `name/version`, to a trace.
    ///
    /// # Errors
    /// `TRACE_NOT_FOUND`, `TRACE_VALUE_INVALID`.
    pub async fn link_prompts(&self, ctx: &Ctx, trace_id: &str, prompts: Vec<String>) -> Result<()> {
        ctx.require(Access::Write)?;
        checked_count("prompts", prompts.len(), LINKS_PER_REQUEST)?;
        if let Some(long) = prompts.iter().find(|prompt| prompt.chars().nth(TAG_VALUE_CHARS).is_some()) {
            return Err(errors::invalid(format!(
                "the prompt `{}...` is too long",
                long.chars().take(40).collect::<String>()
            )));
        }
        let trace_id = trace_id.to_owned();
        self.db
            .write(move |tx| {
                let no = number_of(tx, &trace_id)?;
                let rows: Vec<(String, i64)> = prompts.into_iter().map(|prompt| (prompt, no)).collect();
                links::add(tx, links::PROMPT, &rows)
            })
            .await
    }

    /// Deletes traces of an experiment with all they have; answers how many there were. They do not come back.
    ///
    /// # Errors
    /// `TRACE_VALUE_INVALID`.
    pub async fn delete(&self, ctx: &Ctx, experiment_id: i64, doomed: Doomed) -> Result<usize> {
        ctx.require(Access::Write)?;
        let mut deleted = 0;
        match doomed {
            Doomed::Ids(ids) => {
                checked_count("trace ids", ids.len(), DELETED_PER_REQUEST)?;
                for piece in ids.chunks(DELETED_PER_STEP) {
                    deleted += self.delete_ids(ctx, experiment_id, piece.to_vec()).await?;
                }
            }
            Doomed::Until { ms, most } => {
                let most = most.min(DELETED_PER_REQUEST);
                while deleted < most {
                    let step = DELETED_PER_STEP.min(most - deleted);
                    let gone = self.delete_oldest(ctx, experiment_id, ms, step).await?;
                    deleted += gone;
                    if gone < step {
                        break;
                    }
                }
            }
        }
        Ok(deleted)
    }

    async fn delete_ids(&self, ctx: &Ctx, experiment_id: i64, ids: Vec<String>) -> Result<usize> {
        let saying = self.saying(ctx);
        self.db.write(move |tx| delete(tx, &saying, experiment_id, ids)).await
    }

    async fn delete_oldest(&self, ctx: &Ctx, experiment_id: i64, ms: i64, most: usize) -> Result<usize> {
        let saying = self.saying(ctx);
        self.db
            .write(move |tx| {
                let ids = store::oldest(tx, experiment_id, ms, most)?;
                delete(tx, &saying, experiment_id, ids)
            })
            .await
    }
}

/// Deletes traces in the order of their ids, in which spans are written, too: so the two never wait for each other.
fn delete(tx: &mut Tx<'_>, saying: &Saying, experiment_id: i64, mut ids: Vec<String>) -> Result<usize> {
    ids.sort_unstable();
    let mut gone = 0;
    for trace_id in &ids {
        let kept = store::by_id(tx, trace_id)?.filter(|kept| kept.experiment_id == experiment_id);
        if let Some(kept) = kept {
            gone += usize::from(store::delete(tx, kept.no)?);
        }
    }
    if gone > 0 {
        let event = TracesDeleted { experiment_id: experiment_id.to_string(), traces: gone as u64 };
        tx.emit(saying.out(), &event)?;
    }
    Ok(gone)
}

fn immutable(key: &str, how: &str) -> pitcrew_kernel::Error {
    errors::invalid(format!("Tag '{key}' is immutable and cannot be {how} on a trace."))
}
