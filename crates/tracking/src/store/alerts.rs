//! Rules about runs, and the runs that broke them.

use pitcrew_contracts::spec::RunAlert;
use pitcrew_db::{Arg, Row, Tx};
use pitcrew_kernel::{Error, Result, Timestamp};
use serde::Serialize;

use crate::store::next_number;

/// A rule and where it holds.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) experiment: String,
    pub(crate) spec: RunAlert,
}

/// A run that breaks a rule.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) run_no: i64,
    pub(crate) run_id: String,
    pub(crate) name: String,
    /// The metric's value; `None` when it is not a number, or the rule is about none.
    pub(crate) value: Option<f64>,
}

/// A rule that fired for a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fired {
    /// Its number in the order of firing.
    #[serde(skip)]
    pub alert_no: i64,
    /// The rule.
    pub rule: String,
    /// The run's id.
    pub run_id: String,
    /// The run's name.
    pub run: String,
    /// The number of its experiment.
    pub experiment_id: String,
    /// When it fired.
    pub at: Timestamp,
    /// What was wrong.
    pub what: String,
    /// Why somebody could not be told yet, when that is so.
    pub untold: Option<String>,
}

/// Sets a rule. One that changed starts anew: it may fire again for the same run.
pub(crate) fn set_rule(tx: &mut Tx<'_>, name: &str, experiment: &str, spec: &RunAlert) -> Result<()> {
    let spec = serde_json::to_string(spec).map_err(|source| Error::internal("a rule does not serialise", source))?;
    delete_rule(tx, name)?;
    tx.exec(
        "INSERT INTO tracking_alert_rules (name, experiment, spec) VALUES ($1, $2, $3)",
        &[name.into(), experiment.into(), spec.into()],
    )
    .map(drop)
}

/// Removes a rule and what it said.
pub(crate) fn delete_rule(tx: &mut Tx<'_>, name: &str) -> Result<()> {
    tx.exec("DELETE FROM tracking_alerts WHERE rule = $1", &[name.into()])?;
    tx.exec("DELETE FROM tracking_alert_rules WHERE name = $1", &[name.into()]).map(drop)
}

pub(crate) fn rules(tx: &mut Tx<'_>) -> Result<Vec<Rule>> {
    tx.all("SELECT name, experiment, spec FROM tracking_alert_rules ORDER BY name", &[], |row| {
        Ok(Rule { name: row.text(0)?, experiment: row.text(1)?, spec: row.json(2)? })
    })
}

/// Runs whose newest value of the rule's metric is out of bounds or not a number: those under way, or the one that is named.
pub(crate) fn out_of_bounds(tx: &mut Tx<'_>, rule: &Rule, run_id: Option<&str>, limit: usize) -> Result<Vec<Broken>> {
    let which = if run_id.is_some() { "r.run_id = $5" } else { "r.status = 'RUNNING' AND $5 = ''" };
    let sql = format!(
        "SELECT r.run_no, r.run_id, r.name, m.value, m.nan FROM tracking_runs r \
         JOIN tracking_experiments e ON e.id = r.experiment_id \
         JOIN tracking_latest m ON m.run_no = r.run_no AND m.key = $2 \
         WHERE e.name = $1 AND r.lifecycle = 'active' AND {which} AND (m.nan = 1 OR m.value > $3 OR m.value < $4) \
         AND NOT EXISTS (SELECT 1 FROM tracking_alerts a WHERE a.rule = $6 AND a.run_no = r.run_no) ORDER BY r.run_no LIMIT $7"
    );
    let RunAlert { metric, above, below, .. } = &rule.spec;
    let args: [Arg<'_>; 7] = [
        rule.experiment.as_str().into(),
        metric.as_deref().unwrap_or_default().into(),
        above.unwrap_or(f64::INFINITY).into(),
        below.unwrap_or(f64::NEG_INFINITY).into(),
        run_id.unwrap_or_default().into(),
        rule.name.as_str().into(),
        i64::try_from(limit).unwrap_or(i64::MAX).into(),
    ];
    tx.all(&sql, &args, |row| {
        let value = if row.int(4)? == 1 { None } else { Some(row.float(3)?) };
        Ok(Broken { value, ..broken(row)? })
    })
}

/// Runs under way that began before `since_ms` and whose points all were measured before it. The point with the greatest step need not be the
/// last that was measured: a run that goes on from a checkpoint repeats steps. The last one is looked up in the order of the key; PostgreSQL
/// would answer an EXISTS by reading all points there are.
pub(crate) fn idle_since(tx: &mut Tx<'_>, rule: &Rule, since_ms: i64, limit: usize) -> Result<Vec<Broken>> {
    tx.all(
        "SELECT r.run_no, r.run_id, r.name FROM tracking_runs r JOIN tracking_experiments e ON e.id = r.experiment_id \
         WHERE e.name = $1 AND r.lifecycle = 'active' AND r.status = 'RUNNING' AND r.start_ms < $2 \
         AND NOT EXISTS (SELECT 1 FROM tracking_latest m WHERE m.run_no = r.run_no AND m.key NOT LIKE 'system/%' AND (m.at_ms >= $2 OR \
             (SELECT p.at_ms FROM tracking_points p WHERE p.run_no = m.run_no AND p.key = m.key ORDER BY p.at_ms DESC LIMIT 1) >= $2)) \
         AND NOT EXISTS (SELECT 1 FROM tracking_alerts a WHERE a.rule = $3 AND a.run_no = r.run_no) ORDER BY r.run_no LIMIT $4",
        &[rule.experiment.as_str().into(), since_ms.into(), rule.name.as_str().into(), i64::try_from(limit).unwrap_or(i64::MAX).into()],
        broken,
    )
}

fn broken(row: &Row<'_>) -> Result<Broken> {
    Ok(Broken { run_no: row.int(0)?, run_id: row.text(1)?, name: row.text(2)?, value: None })
}

/// Remembers that a rule fired; answers its number.
pub(crate) fn put(tx: &mut Tx<'_>, rule: &str, run_no: i64, at: Timestamp, what: &str) -> Result<i64> {
    let alert_no = next_number(tx, "alert")?;
    tx.exec(
        "INSERT INTO tracking_alerts (alert_no, rule, run_no, at, what) VALUES ($1, $2, $3, $4, $5)",
        &[alert_no.into(), rule.into(), run_no.into(), at.into(), what.into()],
    )?;
    Ok(alert_no)
}

pub(crate) fn set_untold(tx: &mut Tx<'_>, alert_no: i64, untold: Option<&str>) -> Result<()> {
    tx.exec("UPDATE tracking_alerts SET untold = $1 WHERE alert_no = $2", &[untold.into(), alert_no.into()]).map(drop)
}

/// What fired before the alert of that number.
pub(crate) fn newest(tx: &mut Tx<'_>, run_id: Option<&str>, before: i64, limit: usize) -> Result<Vec<Fired>> {
    let of_run = if run_id.is_some() { "AND r.run_id = $3" } else { "AND $3 = ''" };
    let sql = format!(
        "SELECT a.alert_no, a.rule, r.run_id, r.name, r.experiment_id, a.at, a.what, a.untold FROM tracking_alerts a \
         JOIN tracking_runs r ON r.run_no = a.run_no WHERE a.alert_no < $1 {of_run} ORDER BY a.alert_no DESC LIMIT $2"
    );
    tx.all(
        &sql,
        &[before.into(), i64::try_from(limit).unwrap_or(i64::MAX).into(), run_id.unwrap_or_default().into()],
        |row| {
            Ok(Fired {
                alert_no: row.int(0)?,
                rule: row.text(1)?,
                run_id: row.text(2)?,
                run: row.text(3)?,
                experiment_id: row.int(4)?.to_string(),
                at: row.time(5)?,
                what: row.text(6)?,
                untold: row.opt_text(7)?,
            })
        },
    )
}
