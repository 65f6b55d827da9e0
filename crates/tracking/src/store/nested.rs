//! Runs within runs, and runs that change their experiment.

use pitcrew_db::Tx;
use pitcrew_kernel::Result;

use crate::model::{Lifecycle, RunInfo};
use crate::store::inputs;
use crate::store::runs::{COLUMNS, info};

/// The runs nested in this one, deleted or not.
pub(crate) fn children(tx: &mut Tx<'_>, run_id: &str) -> Result<Vec<RunInfo>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM tracking_tags t JOIN tracking_runs r ON r.run_no = t.run_no \
         WHERE t.key = 'mlflow.parentRunId' AND substr(t.value, 1, 256) = $1 ORDER BY r.run_no"
    );
    tx.all(&sql, &[run_id.into()], info)
}

/// The numbers of the runs nested in this one that are not deleted.
pub(crate) fn active_children(tx: &mut Tx<'_>, run_id: &str) -> Result<Vec<i64>> {
    let sql = "SELECT r.run_no FROM tracking_tags t JOIN tracking_runs r ON r.run_no = t.run_no \
         WHERE t.key = 'mlflow.parentRunId' AND substr(t.value, 1, 256) = $1 AND r.lifecycle = $2";
    tx.all(sql, &[run_id.into(), Lifecycle::Active.as_str().into()], |row| row.int(0))
}

/// Puts a run, its data sets and the logged models it made into another experiment. `fresh_id` makes ids of data sets.
pub(crate) fn rehome(tx: &mut Tx<'_>, run: &RunInfo, to: i64, fresh_id: &mut dyn FnMut() -> String) -> Result<()> {
    // What a run logged knows its experiment too: searches begin there.
    for table in ["tracking_runs", "tracking_latest", "tracking_params", "tracking_tags"] {
        let sql = format!("UPDATE {table} SET experiment_id = $1 WHERE run_no = $2");
        tx.exec(&sql, &[to.into(), run.run_no.into()])?;
    }
    tx.exec(
        "UPDATE tracking_models SET experiment_id = $1 WHERE experiment_id = $2 AND source_run_id = $3",
        &[to.into(), run.experiment_id.into(), (&run.run_id).into()],
    )?;
    for (old, dataset) in inputs::datasets_of(tx, run.run_no)? {
        let new = inputs::dataset_id(tx, to, &dataset, &fresh_id())?;
        for table in ["tracking_inputs", "tracking_input_tags"] {
            tx.exec(
                &format!("UPDATE {table} SET dataset_id = $1 WHERE run_no = $2 AND dataset_id = $3"),
                &[(&new).into(), run.run_no.into(), (&old).into()],
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Metric, RunStatus};
    use crate::store::{metrics, runs};
    use pitcrew_db::{Db, Dialect};
    use pitcrew_testkit::TestDb;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;

    fn run() -> RunInfo {
        RunInfo {
            run_no: 1,
            run_id: "a".to_owned(),
            experiment_id: 1,
            name: "a".to_owned(),
            user_id: String::new(),
            status: RunStatus::Running,
            lifecycle: Lifecycle::Active,
            start_ms: 0,
            end_ms: None,
            artifact_uri: String::new(),
        }
    }

    /// Whether a command waits for another that holds a run. Only PostgreSQL runs two at once.
    async fn somebody_waits(db: &Db) -> bool {
        let waiting = db.read(|tx| {
            let sql =
                "SELECT count(*) FROM pg_locks WHERE locktype = 'tuple' AND relation = to_regclass('tracking_runs')";
            if tx.dialect() == Dialect::Sqlite { Ok(1) } else { tx.one(sql, &[], |row| row.int(0)) }
        });
        waiting.await.unwrap() > 0
    }

    #[tokio::test]
    async fn what_a_run_logs_while_it_moves_moves_too() {
        for db in TestDb::each(&[crate::MIGRATIONS]).await {
            db.db.write(|tx| runs::insert(tx, &run(), None)).await.unwrap();
            let (begun, is_begun) = tokio::sync::oneshot::channel();
            let (go_on, may_go_on) = mpsc::channel::<()>();
            let logging = db.db.write(move |tx| {
                let owner = runs::held(tx, "a")?.unwrap().owner();
                begun.send(()).unwrap();
                if tx.dialect() == Dialect::Postgres {
                    may_go_on.recv().unwrap();
                }
                metrics::log(tx, owner, &[Metric::new("m", 1.0, 1, 1)])
            });
            let moved = AtomicBool::new(false);
            let moving = async {
                is_begun.await.unwrap();
                let moving = db.db.write(|tx| {
                    let run = runs::held_alone(tx, 1)?.unwrap();
                    rehome(tx, &run, 2, &mut String::new)
                });
                moving.await.unwrap();
                moved.store(true, Ordering::Relaxed);
            };
            let watching = async {
                while !moved.load(Ordering::Relaxed) && !somebody_waits(&db.db).await {
                    tokio::task::yield_now().await;
                }
                // On SQLite nobody waits to be told.
                let _nobody_listens = go_on.send(());
            };
            let (logged, (), ()) = tokio::join!(logging, moving, watching);
            logged.unwrap();
            let homes = "SELECT r.experiment_id, m.experiment_id FROM tracking_runs r JOIN tracking_latest m ON m.run_no = r.run_no";
            let found = db.db.read(move |tx| tx.all(homes, &[], |row| Ok((row.int(0)?, row.int(1)?)))).await.unwrap();
            assert_eq!(found, [(2, 2)], "{}", db.name);
        }
    }
}
