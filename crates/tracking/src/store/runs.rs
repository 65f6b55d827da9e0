//! Runs, their params and tags.

use std::collections::HashMap;

use pitcrew_db::{Arg, Dialect, Row, Tx};
use pitcrew_kernel::Result;

use crate::model::{Keys, Lifecycle, Metric, Owner, Reads, Run, RunInfo, RunStatus};
use crate::store::metrics::value_at;
use crate::store::sql::{RowInsert, each_of_with};

pub(crate) const COLUMNS: &str = "r.run_no, r.run_id, r.experiment_id, r.name, r.user_id, r.status, r.lifecycle, r.start_ms, r.end_ms, r.artifact_uri";
/// How many columns that are.
pub(crate) const COLUMN_COUNT: usize = 10;

pub(crate) fn info(row: &Row<'_>) -> Result<RunInfo> {
    Ok(RunInfo {
        run_no: row.int(0)?,
        run_id: row.text(1)?,
        experiment_id: row.int(2)?,
        name: row.text(3)?,
        user_id: row.text(4)?,
        status: row.parsed(5)?,
        lifecycle: row.parsed(6)?,
        start_ms: row.int(7)?,
        end_ms: row.opt_int(8)?,
        artifact_uri: row.text(9)?,
    })
}

pub(crate) fn insert(tx: &mut Tx<'_>, info: &RunInfo, open_key: Option<&str>) -> Result<()> {
    tx.exec(
        "INSERT INTO tracking_runs (run_no, run_id, experiment_id, name, user_id, status, lifecycle, start_ms, end_ms, artifact_uri, open_key) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        &[
            info.run_no.into(),
            (&info.run_id).into(),
            info.experiment_id.into(),
            (&info.name).into(),
            (&info.user_id).into(),
            info.status.as_str().into(),
            info.lifecycle.as_str().into(),
            info.start_ms.into(),
            info.end_ms.into(),
            (&info.artifact_uri).into(),
            open_key.into(),
        ],
    )
    .map(drop)
}

/// What writing to a run needs to know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) run_no: i64,
    pub(crate) experiment_id: i64,
    pub(crate) lifecycle: Lifecycle,
}

impl Target {
    pub(crate) fn owner(self) -> Owner {
        Owner { run_no: self.run_no, experiment_id: self.experiment_id }
    }
}

pub(crate) fn target(tx: &mut Tx<'_>, run_id: &str) -> Result<Option<Target>> {
    target_by(tx, run_id, "")
}

/// The same for a command that writes what belongs to the run: until it is over, the run is neither moved nor removed.
pub(crate) fn held(tx: &mut Tx<'_>, run_id: &str) -> Result<Option<Target>> {
    let locked = lock(tx, " FOR KEY SHARE");
    target_by(tx, run_id, locked)
}

/// The run, once no command writes what belongs to it, and none does until this one is over.
pub(crate) fn held_alone(tx: &mut Tx<'_>, run_no: i64) -> Result<Option<RunInfo>> {
    let locked = lock(tx, " FOR UPDATE");
    let sql = format!("SELECT {COLUMNS} FROM tracking_runs r WHERE r.run_no = $1{locked}");
    tx.optional(&sql, &[run_no.into()], info)
}

/// SQLite runs one command after the other and knows no locks of rows.
fn lock(tx: &Tx<'_>, words: &'static str) -> &'static str {
    match tx.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => words,
    }
}

fn target_by(tx: &mut Tx<'_>, run_id: &str, lock: &str) -> Result<Option<Target>> {
    tx.optional(
        &format!("SELECT run_no, experiment_id, lifecycle FROM tracking_runs WHERE run_id = $1{lock}"),
        &[run_id.into()],
        |row| Ok(Target { run_no: row.int(0)?, experiment_id: row.int(1)?, lifecycle: row.parsed(2)? }),
    )
}

pub(crate) fn by_id(tx: &mut Tx<'_>, run_id: &str) -> Result<Option<RunInfo>> {
    tx.optional(&format!("SELECT {COLUMNS} FROM tracking_runs r WHERE r.run_id = $1"), &[run_id.into()], info)
}

pub(crate) fn by_open_key(tx: &mut Tx<'_>, key: &str) -> Result<Option<RunInfo>> {
    tx.optional(&format!("SELECT {COLUMNS} FROM tracking_runs r WHERE r.open_key = $1"), &[key.into()], info)
}

/// Writes status, end and name.
pub(crate) fn update(tx: &mut Tx<'_>, info: &RunInfo) -> Result<()> {
    tx.exec(
        "UPDATE tracking_runs SET status = $1, end_ms = $2, name = $3 WHERE run_no = $4",
        &[info.status.as_str().into(), info.end_ms.into(), (&info.name).into(), info.run_no.into()],
    )
    .map(drop)
}

pub(crate) fn set_lifecycle(tx: &mut Tx<'_>, run_no: i64, lifecycle: Lifecycle, now_ms: i64) -> Result<()> {
    let deleted_ms = (lifecycle == Lifecycle::Deleted).then_some(now_ms);
    tx.exec(
        "UPDATE tracking_runs SET lifecycle = $1, deleted_ms = $2 WHERE run_no = $3",
        &[lifecycle.as_str().into(), deleted_ms.into(), run_no.into()],
    )
    .map(drop)
}

/// How many runs are under way.
pub(crate) fn count_running(tx: &mut Tx<'_>) -> Result<i64> {
    tx.one(
        "SELECT count(*) FROM tracking_runs WHERE status = $1 AND lifecycle = $2",
        &[RunStatus::Running.as_str().into(), Lifecycle::Active.as_str().into()],
        |row| row.int(0),
    )
}

static ADD_PARAMS: RowInsert = RowInsert::new(
    "INSERT INTO tracking_params (run_no, experiment_id, key, value) VALUES",
    2,
    2,
    "ON CONFLICT (run_no, key) DO NOTHING",
);
static SET_TAGS: RowInsert = RowInsert::new(
    "INSERT INTO tracking_tags (run_no, experiment_id, key, value) VALUES",
    2,
    2,
    "ON CONFLICT (run_no, key) DO UPDATE SET value = excluded.value",
);

/// Params that were there with another value: key, old value, new value.
pub(crate) type Changed = Vec<(String, String, String)>;

/// Adds params; those that are there already must have the same value.
pub(crate) fn add_params(tx: &mut Tx<'_>, owner: Owner, params: &[(String, String)]) -> Result<Changed> {
    let added = ADD_PARAMS.run(tx, &owned_by(owner), params, bind)?;
    let mut changed = Changed::new();
    if usize::try_from(added).is_ok_and(|added| added == params.len()) {
        return Ok(changed);
    }
    for (key, value) in params {
        let kept = tx.optional(
            "SELECT value FROM tracking_params WHERE run_no = $1 AND key = $2",
            &[owner.run_no.into(), key.into()],
            |row| row.text(0),
        )?;
        if let Some(kept) = kept.filter(|kept| kept != value) {
            changed.push((key.clone(), kept, value.clone()));
        }
    }
    Ok(changed)
}

/// Sets tags. No key may come twice.
pub(crate) fn set_tags(tx: &mut Tx<'_>, owner: Owner, tags: &[(String, String)]) -> Result<()> {
    SET_TAGS.run(tx, &owned_by(owner), tags, bind).map(drop)
}

/// What all rows of a run begin with: its number and its experiment's.
pub(crate) fn owned_by(owner: Owner) -> [Arg<'static>; 2] {
    [owner.run_no.into(), owner.experiment_id.into()]
}

fn bind<'a>((key, value): &'a (String, String), args: &mut Vec<Arg<'a>>) {
    args.extend([key.as_str().into(), value.as_str().into()]);
}

pub(crate) fn tag(tx: &mut Tx<'_>, run_no: i64, key: &str) -> Result<Option<String>> {
    tx.optional("SELECT value FROM tracking_tags WHERE run_no = $1 AND key = $2", &[run_no.into(), key.into()], |row| {
        row.text(0)
    })
}

/// Whether there was such a tag.
pub(crate) fn delete_tag(tx: &mut Tx<'_>, run_no: i64, key: &str) -> Result<bool> {
    let touched = tx.exec("DELETE FROM tracking_tags WHERE run_no = $1 AND key = $2", &[run_no.into(), key.into()])?;
    Ok(touched > 0)
}

/// Fills in what is to be read of params, tags and latest metrics of many runs with few statements.
pub(crate) fn with_data(tx: &mut Tx<'_>, runs: &mut [Run], reads: &Reads) -> Result<()> {
    let places: HashMap<i64, usize> = runs.iter().enumerate().map(|(at, run)| (run.info.run_no, at)).collect();
    let numbers: Vec<i64> = runs.iter().map(|run| run.info.run_no).collect();
    let params = "SELECT run_no, key, value FROM tracking_params";
    each_entry(tx, &numbers, &reads.params, params, &mut |row| {
        if let Some(run) = places.get(&row.int(0)?).and_then(|at| runs.get_mut(*at)) {
            run.params.insert(row.text(1)?, row.text(2)?);
        }
        Ok(())
    })?;
    let tags = "SELECT run_no, key, value FROM tracking_tags";
    each_entry(tx, &numbers, &reads.tags, tags, &mut |row| {
        if let Some(run) = places.get(&row.int(0)?).and_then(|at| runs.get_mut(*at)) {
            run.tags.insert(row.text(1)?, row.text(2)?);
        }
        Ok(())
    })?;
    let latest = "SELECT run_no, key, at_ms, step, value, nan FROM tracking_latest";
    each_entry(tx, &numbers, &reads.metrics, latest, &mut |row| {
        if let Some(run) = places.get(&row.int(0)?).and_then(|at| runs.get_mut(*at)) {
            run.metrics.push(Metric::new(row.text(1)?, value_at(row, 4)?, row.int(2)?, row.int(3)?));
        }
        Ok(())
    })?;
    runs.iter_mut().for_each(|run| run.metrics.sort_by(|one, other| one.key.cmp(&other.key)));
    Ok(())
}

/// The entries of these runs that have one of the keys.
fn each_entry(
    tx: &mut Tx<'_>,
    numbers: &[i64],
    keys: &Keys,
    select: &str,
    each: &mut dyn FnMut(&Row<'_>) -> Result<()>,
) -> Result<()> {
    match keys {
        Keys::All => each_of_with(tx, &[], numbers, &format!("{select} WHERE run_no IN"), "", each),
        Keys::Only(keys) if keys.is_empty() => Ok(()),
        Keys::Only(keys) => {
            let bound: Vec<Arg<'_>> = keys.iter().map(Arg::from).collect();
            let head = format!("{select} WHERE key IN ({}) AND run_no IN", Tx::placeholders(1, bound.len()));
            each_of_with(tx, &bound, numbers, &head, "", each)
        }
    }
}
