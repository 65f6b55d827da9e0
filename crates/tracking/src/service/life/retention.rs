//! How long an experiment keeps its runs. A schedule applies the rule once a day; what somebody still needs stays.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use pitcrew_contracts::tracking::RunUses;
use pitcrew_kernel::{Access, Cause, Ctx, Error, Result, Span, Timestamp};
use pitcrew_work::set_schedules;
use serde::{Deserialize, Serialize};

use super::jobs::{RETENTION_JOB, retention_owner};
use super::{purge, set_lifecycle};
use crate::errors::{self, invalid};
use crate::events::RetentionChanged;
use crate::limits::{KEY_CHARS, RETENTION_NAMED, RETENTION_PASSES, RETENTION_RUNS};
use crate::model::{Lifecycle, RunInfo};
use crate::service::{Tracking, experiments};
use crate::store;
use crate::store::retention::{self as rules, Old};

/// Runs that one command deletes or removes.
const RUNS_PER_COMMAND: usize = 500;

/// For how long an experiment's runs are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Runs that ended this long ago are deleted; they can be restored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_after: Option<Span>,
    /// Runs that were deleted this long ago are removed for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge_after: Option<Span>,
    /// Runs with this tag stay, whatever its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_tagged: Option<String>,
}

impl Rule {
    fn check(&self) -> Result<()> {
        if self.delete_after.is_none() && self.purge_after.is_none() {
            return Err(invalid("a rule of retention needs `delete_after`, `purge_after` or both"));
        }
        match &self.keep_tagged {
            Some(key) if key.is_empty() || key.chars().count() > KEY_CHARS => {
                Err(invalid(format!("`keep_tagged` must have between 1 and {KEY_CHARS} characters")))
            }
            _ => Ok(()),
        }
    }

    /// The rule as a sentence for people.
    fn words(&self) -> String {
        let deleted = self.delete_after.map(|span| format!("deleted {span} after their end"));
        let purged = self.purge_after.map(|span| format!("removed for good {span} after they were deleted"));
        let kept = self.keep_tagged.as_ref().map(|key| format!("kept when tagged {key}"));
        [deleted, purged, kept].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// What each part of the rule is about, at a moment.
    fn parts(&self, now: Timestamp) -> impl Iterator<Item = (Lifecycle, i64)> {
        let before = |span: Span| now.minus(span.duration()).millis();
        let deleted = self.delete_after.map(|span| (Lifecycle::Active, before(span)));
        // Deleted for good is what was deleted before, never what the first half of the rule has just deleted.
        let purged = self.purge_after.map(|span| (Lifecycle::Deleted, before(span)));
        [purged, deleted].into_iter().flatten()
    }
}

/// What a rule would do now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Going {
    /// Runs that would be deleted; at most [`RETENTION_NAMED`] of them by name.
    pub delete: Vec<RunInfo>,
    /// How many that would be.
    pub deletes: usize,
    /// Runs that would be removed for good.
    pub purge: Vec<RunInfo>,
    /// How many that would be.
    pub purges: usize,
}

/// Rules of retention over tracking, with who else needs its runs.
pub struct Retention {
    tracking: Arc<Tracking>,
    uses: Arc<dyn RunUses>,
}

impl std::fmt::Debug for Retention {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Retention").field("tracking", &self.tracking).finish_non_exhaustive()
    }
}

impl Retention {
    /// Rules over this tracking.
    pub fn new(tracking: Arc<Tracking>, uses: Arc<dyn RunUses>) -> Self {
        Self { tracking, uses }
    }

    /// What the rules are about.
    pub fn tracking(&self) -> &Arc<Tracking> {
        &self.tracking
    }

    /// An experiment's rule.
    ///
    /// # Errors
    /// `EXPERIMENT_NOT_FOUND`, `RETENTION_NOT_FOUND`.
    pub async fn rule(&self, ctx: &Ctx, id: i64) -> Result<Rule> {
        ctx.require(Access::Read)?;
        let found = self.tracking.db.read(move |tx| {
            store::experiments::by_id(tx, id)?.ok_or_else(|| errors::experiment_not_found(id))?;
            rules::rule(tx, id)?.ok_or_else(|| errors::no_retention(id))
        });
        read(&found.await?)
    }

    /// Gives an experiment a rule, or another one. It is applied once a day.
    ///
    /// # Errors
    /// `EXPERIMENT_NOT_FOUND`, `TRACKING_VALUE_INVALID`.
    pub async fn set(&self, ctx: &Ctx, id: i64, rule: Rule) -> Result<Rule> {
        // A rule that removes for good needs what removing for good needs.
        ctx.require(if rule.purge_after.is_some() { Access::Admin } else { Access::Write })?;
        rule.check()?;
        let text =
            serde_json::to_string(&rule).map_err(|source| Error::internal("a rule does not serialise", source))?;
        let (words, saying, now) = (rule.words(), self.tracking.outgoing(ctx), self.tracking.clock.now());
        self.tracking
            .db
            .write(move |tx| {
                let name = experiments::existing(tx, id)?.name;
                if rules::rule(tx, id)?.as_deref() == Some(text.as_str()) {
                    return Ok(());
                }
                rules::set_rule(tx, id, &text)?;
                // Not all experiments in the same minute of the night.
                let daily = format!("{} 3 * * *", id.rem_euclid(60));
                let payload = serde_json::json!({ "experiment_id": id });
                set_schedules(tx, now, &retention_owner(id), RETENTION_JOB, &[daily], &payload)?;
                tx.emit(saying.out(), &RetentionChanged { experiment_id: id, name, rule: Some(words) })
            })
            .await?;
        Ok(rule)
    }

    /// Takes an experiment's rule away: its runs are kept. Nothing happens when it has none.
    ///
    /// # Errors
    /// `EXPERIMENT_NOT_FOUND`.
    pub async fn remove(&self, ctx: &Ctx, id: i64) -> Result<()> {
        ctx.require(Access::Write)?;
        let (saying, now) = (self.tracking.outgoing(ctx), self.tracking.clock.now());
        self.tracking
            .db
            .write(move |tx| {
                let name = experiments::existing(tx, id)?.name;
                if !rules::remove_rule(tx, id)? {
                    return Ok(());
                }
                set_schedules(tx, now, &retention_owner(id), RETENTION_JOB, &[], &serde_json::Value::Null)?;
                tx.emit(saying.out(), &RetentionChanged { experiment_id: id, name, rule: None })
            })
            .await
    }

    /// What a rule would do now to an experiment's runs.
    ///
    /// # Errors
    /// `EXPERIMENT_NOT_FOUND`, `TRACKING_VALUE_INVALID`.
    pub async fn going(&self, ctx: &Ctx, id: i64, rule: &Rule) -> Result<Going> {
        ctx.require(Access::Read)?;
        rule.check()?;
        self.tracking.db.read(move |tx| experiments::existing(tx, id).map(drop)).await?;
        let mut going = Going::default();
        for (stage, before_ms) in rule.parts(self.tracking.clock.now()) {
            let mut round = Round::new(self, ctx, id, rule, stage, before_ms);
            while let Some(runs) = round.next().await? {
                let (named, count) = match stage {
                    Lifecycle::Active => (&mut going.delete, &mut going.deletes),
                    Lifecycle::Deleted => (&mut going.purge, &mut going.purges),
                };
                *count += runs.len();
                named.extend(runs.into_iter().take(RETENTION_NAMED.saturating_sub(named.len())));
            }
        }
        Ok(going)
    }

    /// Applies an experiment's rule, if it has one. What a kill interrupts the next time completes.
    ///
    /// # Errors
    /// What the database can give.
    pub async fn apply(&self, ctx: &Ctx, id: i64) -> Result<()> {
        ctx.require(Access::Admin)?;
        let Some(text) = self.tracking.db.read(move |tx| rules::rule(tx, id)).await? else { return Ok(()) };
        let rule = read(&text)?;
        let cause = Cause { kind: "schedule".to_owned(), id: retention_owner(id), summary: rule.words() };
        let ctx = ctx.clone().because(cause);
        for (stage, before_ms) in rule.parts(self.tracking.clock.now()) {
            let mut round = Round::new(self, &ctx, id, &rule, stage, before_ms);
            while let Some(runs) = round.next().await? {
                for piece in runs.chunks(RUNS_PER_COMMAND) {
                    let numbers = piece.iter().map(|run| run.run_no).collect();
                    self.let_go(&ctx, id, (stage, before_ms), rule.keep_tagged.clone(), numbers).await?;
                }
            }
        }
        Ok(())
    }

    async fn let_go(
        &self,
        ctx: &Ctx,
        experiment_id: i64,
        (stage, before_ms): (Lifecycle, i64),
        keep_tagged: Option<String>,
        numbers: Vec<i64>,
    ) -> Result<()> {
        let (saying, now_ms) = (self.tracking.outgoing(ctx), self.tracking.now_ms());
        self.tracking
            .db
            .write(move |tx| {
                let old = Old { experiment_id, stage, before_ms, keep_tagged: keep_tagged.as_deref() };
                for run_no in numbers {
                    let Some(run) = rules::still_old(tx, &old, run_no)? else { continue };
                    match stage {
                        Lifecycle::Active => {
                            set_lifecycle(tx, &saying, &run.run_id, Lifecycle::Deleted, now_ms)?;
                        }
                        Lifecycle::Deleted => purge::purge(tx, &saying, run)?,
                    }
                }
                Ok(())
            })
            .await
    }
}

fn read(text: &str) -> Result<Rule> {
    serde_json::from_str(text).map_err(|source| Error::internal("a stored rule of retention does not read", source))
}

/// One part of a rule going through the runs of its experiment, some at a time. A run goes only when all that are nested in it go too, so
/// it is looked at again as long as that lets more of them go.
struct Round<'a> {
    retention: &'a Retention,
    ctx: &'a Ctx,
    experiment_id: i64,
    stage: Lifecycle,
    before_ms: i64,
    keep_tagged: Option<String>,
    below: i64,
    going: HashSet<i64>,
    passes: usize,
    found_some: bool,
}

impl<'a> Round<'a> {
    fn new(
        retention: &'a Retention,
        ctx: &'a Ctx,
        experiment_id: i64,
        rule: &Rule,
        stage: Lifecycle,
        before_ms: i64,
    ) -> Self {
        let keep_tagged = rule.keep_tagged.clone();
        let (below, passes) = (i64::MAX, 0);
        let going = HashSet::new();
        Self { retention, ctx, experiment_id, stage, before_ms, keep_tagged, below, going, passes, found_some: false }
    }

    /// More runs that go; `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<RunInfo>>> {
        while self.passes < RETENTION_PASSES {
            let (page, nested) = self.page().await?;
            match page.last() {
                Some(last) => self.below = last.run_no,
                None if self.found_some => {
                    (self.below, self.found_some) = (i64::MAX, false);
                    self.passes += 1;
                    continue;
                }
                None => return Ok(None),
            }
            let page: Vec<RunInfo> = page.into_iter().filter(|run| !self.going.contains(&run.run_no)).collect();
            let asked = page.iter().map(|run| run.run_id.clone()).collect();
            let used = self.retention.uses.used(self.ctx, asked).await?;
            let mut goes: Vec<RunInfo> = Vec::new();
            for run in page {
                let held = |nested: &Vec<i64>| nested.iter().any(|number| !self.going.contains(number));
                if !used.contains(&run.run_id) && !nested.get(&run.run_no).is_some_and(held) {
                    self.going.insert(run.run_no);
                    goes.push(run);
                }
            }
            if !goes.is_empty() {
                self.found_some = true;
                return Ok(Some(goes));
            }
        }
        Ok(None)
    }

    async fn page(&self) -> Result<(Vec<RunInfo>, HashMap<i64, Vec<i64>>)> {
        let (experiment_id, stage, before_ms, below) = (self.experiment_id, self.stage, self.before_ms, self.below);
        let keep_tagged = self.keep_tagged.clone();
        self.retention
            .tracking
            .db
            .read(move |tx| {
                let old = Old { experiment_id, stage, before_ms, keep_tagged: keep_tagged.as_deref() };
                let page = rules::old_runs(tx, &old, below, RETENTION_RUNS)?;
                let mut nested = HashMap::new();
                for run in &page {
                    let within = rules::nested_in(tx, &run.run_id, stage)?;
                    if !within.is_empty() {
                        nested.insert(run.run_no, within);
                    }
                }
                Ok((page, nested))
            })
            .await
    }
}
