//! Reading a source again: a new version when it changed and its checks pass.

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use pitcrew_contracts::data::{ChecksFailed, VersionCreated};
use pitcrew_contracts::names::{DatasetName, DatasetRef};
use pitcrew_db::{Outgoing, Tx};
use pitcrew_kernel::{Access, Clock, Ctx, Digest, Error, Ids, Result};

use pitcrew_columnar::Status;

use crate::evaluate::{self, Evaluated, Hashed, Known, Outcome, StatChanges};
use crate::model::{CheckReport, CheckReportId, DatasetVersion, Gate, Refreshed};
use crate::service::{Data, known};
use crate::{source, store};

/// How many files are stored at once.
const FILES_AT_ONCE: usize = 8;
/// How many failed checks the error names; the report has all.
const NAMED_CHECKS: usize = 5;

impl Data {
    /// Reads the source, checks it and keeps a new version if its content is not that of the newest one. With `dry_run` nothing is kept,
    /// neither version nor report.
    ///
    /// # Errors
    /// `FORBIDDEN`, `DATASET_NOT_FOUND`; `DATA_CHECKS_FAILED` (the report is kept); `DATA_SCHEMA_CHANGED`; what the files give
    /// (`DATA_SOURCE_*`, `DATA_FILE_*`); what storing gives (`DISK_FULL`, `BLOB_READ_ONLY`).
    pub async fn refresh(&self, ctx: &Ctx, name: &DatasetName, dry_run: bool) -> Result<Refreshed> {
        ctx.require(Access::Write)?;
        let turn = self.turn(name);
        let _turn = turn.lock().await;
        let known = self.known_source(name).await?;
        let now = self.clock.now();
        let outcome = tokio::task::spawn_blocking(move || evaluate::evaluate(known, now)).await;
        match outcome.map_err(|source| Error::internal("reading a source ended without an answer", source))?? {
            Outcome::Unchanged(stats) => self.unchanged(name, stats, dry_run).await,
            Outcome::Evaluated(evaluated) => {
                let evaluated = *evaluated;
                match (evaluated.gate, dry_run) {
                    (Gate::Failed, true) => Err(checks_failed(name, None, &evaluated)),
                    (Gate::Failed, false) => Err(self.refuse(ctx, name, evaluated).await?),
                    (Gate::Passed, true) => self.foresee(ctx, name, evaluated).await,
                    (Gate::Passed, false) => self.keep(ctx, name, evaluated).await,
                }
            }
        }
    }

    async fn known_source(&self, name: &DatasetName) -> Result<Known> {
        let name = name.clone();
        self.db
            .read(move |tx| {
                let set = known(tx, &name)?;
                if !set.declared {
                    return Err(Error::not_found("DATASET_NOT_FOUND", format!("`{name}` is declared no more"))
                        .hint("its versions can still be read; declare it again to make new ones"));
                }
                Ok(Known { stats: store::file_stats(tx, &name)?, set })
            })
            .await
    }

    /// The files and checks are those of the last passing evaluation.
    async fn unchanged(&self, name: &DatasetName, stats: StatChanges, dry_run: bool) -> Result<Refreshed> {
        if !stats.is_empty() && !dry_run {
            let name = name.clone();
            self.db.write(move |tx| store::set_file_stats(tx, &name, &stats.changed, &stats.gone)).await?;
        }
        let name = name.clone();
        let version = self.db.read(move |tx| {
            store::latest(tx, &name)?
                .ok_or_else(|| Error::internal("an evaluated data set has no version", name.to_string()))
        });
        Ok(Refreshed { created: false, version: version.await? })
    }

    /// Keeps the report of a failed evaluation and says so. Answers the error for the caller.
    async fn refuse(&self, ctx: &Ctx, name: &DatasetName, evaluated: Evaluated) -> Result<Error> {
        let report = self.report(ctx, name, &evaluated);
        let error = checks_failed(name, Some(report.id), &evaluated);
        let event =
            ChecksFailed { dataset: name.clone(), report: report.id.to_string(), failed: failed(&evaluated).collect() };
        let (ctx, clock, ids) = (ctx.clone(), Arc::clone(&self.clock), Arc::clone(&self.ids));
        self.db
            .write(move |tx| {
                store::insert_report(tx, &report)?;
                tx.emit(out(&ctx, &clock, &ids), &event)
            })
            .await?;
        Ok(error)
    }

    /// What a refresh would make, without making it.
    async fn foresee(&self, ctx: &Ctx, name: &DatasetName, evaluated: Evaluated) -> Result<Refreshed> {
        let mut new_bytes = 0;
        for file in &evaluated.sources {
            if !self.blobs.contains(&file.digest).await? {
                new_bytes += file.file.stat.size;
            }
        }
        let draft = self.draft(ctx, name, &evaluated, new_bytes)?;
        let name = name.clone();
        let latest = self.db.read(move |tx| store::latest(tx, &name)).await?;
        Ok(match latest {
            Some(latest) if latest.digest == draft.digest => Refreshed { created: false, version: latest },
            latest => {
                Refreshed { created: true, version: numbered(draft, latest.map_or(1, |latest| latest.version + 1)) }
            }
        })
    }

    /// Stores the files and the manifest, then the version, its report and its event in one transaction.
    async fn keep(&self, ctx: &Ctx, name: &DatasetName, evaluated: Evaluated) -> Result<Refreshed> {
        let new_bytes = self.store_files(&evaluated.sources).await?;
        self.blobs.put(evaluated.manifest.text()?).await?;
        let draft = self.draft(ctx, name, &evaluated, new_bytes)?;
        let mut report = self.report(ctx, name, &evaluated);
        let (ctx, clock, ids) = (ctx.clone(), Arc::clone(&self.clock), Arc::clone(&self.ids));
        self.db
            .write(move |tx| {
                let name = &draft.dataset.clone();
                let refreshed = match store::latest(tx, name)? {
                    Some(latest) if latest.digest == draft.digest => Refreshed { created: false, version: latest },
                    latest => {
                        let version = numbered(draft, latest.map_or(1, |latest| latest.version + 1));
                        insert(tx, &version, &evaluated, out(&ctx, &clock, &ids))?;
                        Refreshed { created: true, version }
                    }
                };
                report.version = Some(refreshed.version.version);
                store::insert_report(tx, &report)?;
                store::remember(tx, name, evaluated.key, &evaluated.pinned)?;
                store::set_file_stats(tx, name, &evaluated.stats.changed, &evaluated.stats.gone)?;
                Ok(refreshed)
            })
            .await
    }

    /// Stores the files that are not stored yet; answers their bytes.
    async fn store_files(&self, files: &[Hashed]) -> Result<i64> {
        let stored: Vec<_> = files.iter().map(|file| self.store_file(file)).collect();
        let stored = stream::iter(stored).buffered(FILES_AT_ONCE);
        stored.try_fold(0, |sum, bytes| async move { Ok(sum + bytes) }).await
    }

    async fn store_file(&self, hashed: &Hashed) -> Result<i64> {
        if self.blobs.renew(&hashed.digest).await? {
            return Ok(0);
        }
        let stored = self.blobs.put_file(&hashed.file.place).await?;
        if stored.digest != hashed.digest {
            return Err(source::changed(&hashed.file.path));
        }
        Ok(if stored.new { hashed.file.stat.size } else { 0 })
    }

    fn draft(&self, ctx: &Ctx, name: &DatasetName, evaluated: &Evaluated, new_bytes: i64) -> Result<DatasetVersion> {
        let text = evaluated.manifest.text()?;
        Ok(DatasetVersion {
            dataset: name.clone(),
            version: 0,
            reference: DatasetRef { dataset: name.clone(), version: 0 },
            digest: Digest::from_bytes(*blake3::hash(text.as_bytes()).as_bytes()),
            rows: evaluated.manifest.rows(),
            bytes: evaluated.manifest.bytes(),
            new_bytes,
            files: evaluated.manifest.files.clone(),
            schema: evaluated.manifest.schema.clone(),
            profile: evaluated.profile.clone(),
            checks: evaluated.checks.clone(),
            gate: Gate::Passed,
            created_at: self.clock.now(),
            created_by: ctx.actor.clone(),
            cause: ctx.cause.clone(),
        })
    }

    fn report(&self, ctx: &Ctx, name: &DatasetName, evaluated: &Evaluated) -> CheckReport {
        CheckReport {
            id: CheckReportId::new(self.ids.as_ref()),
            dataset: name.clone(),
            at: self.clock.now(),
            actor: ctx.actor.clone(),
            cause: ctx.cause.clone(),
            gate: evaluated.gate,
            rows: evaluated.manifest.rows(),
            version: None,
            checks: evaluated.checks.clone(),
        }
    }
}

fn insert(tx: &mut Tx<'_>, version: &DatasetVersion, evaluated: &Evaluated, out: Outgoing<'_>) -> Result<()> {
    store::insert_version(tx, version, &evaluated.manifest)?;
    let event = VersionCreated {
        version: version.reference.clone(),
        digest: version.digest,
        rows: version.rows,
        new_bytes: version.new_bytes,
    };
    tx.emit(out, &event)
}

fn numbered(mut draft: DatasetVersion, number: i64) -> DatasetVersion {
    draft.version = number;
    draft.reference.version = number;
    draft
}

fn out<'a>(ctx: &'a Ctx, clock: &'a Arc<dyn Clock>, ids: &'a Arc<dyn Ids>) -> Outgoing<'a> {
    Outgoing { ctx, ids: ids.as_ref(), clock: clock.as_ref() }
}

fn failed(evaluated: &Evaluated) -> impl Iterator<Item = String> + '_ {
    evaluated.checks.iter().filter(|check| check.status == Status::Fail).map(|check| check.name.clone())
}

fn checks_failed(name: &DatasetName, report: Option<CheckReportId>, evaluated: &Evaluated) -> Error {
    let failing: Vec<_> = evaluated.checks.iter().filter(|check| check.status == Status::Fail).collect();
    let mut words: Vec<String> =
        failing.iter().take(NAMED_CHECKS).map(|check| format!("{} ({})", check.name, check.observed)).collect();
    if failing.len() > NAMED_CHECKS {
        words.push(format!("{} more", failing.len() - NAMED_CHECKS));
    }
    let detail = format!(
        "{} of {} checks of `{name}` failed: {}; no version was made",
        failing.len(),
        evaluated.checks.len(),
        words.join(", ")
    );
    let error = Error::precondition("DATA_CHECKS_FAILED", detail);
    match report {
        Some(id) => error.hint(format!(
            "report `{id}` has sample rows: see `/api/v1/datasets/{name}/check-reports`; correct the data or the checks and refresh again"
        )),
        None => error.hint("correct the data or the checks; nothing was kept, since this was a dry run"),
    }
}
