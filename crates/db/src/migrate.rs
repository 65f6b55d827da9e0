//! Forward-only migrations, one numbered series a slice.

use pitcrew_kernel::{Clock, Error, Result};

use crate::Db;
use crate::tx::{Dialect, Tx};

/// One step: portable SQL, several statements separated by `;` at line ends.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// `0001_models`.
    pub name: &'static str,
    /// The statements. `BLOB` becomes `BYTEA` on PostgreSQL; `WITHOUT ROWID` is dropped there.
    pub sql: &'static str,
}

/// The series of one slice.
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    /// The slice.
    pub slice: &'static str,
    /// Its steps, oldest first. Never edited once released, only appended to.
    pub steps: &'static [Migration],
}

const ADVISORY_LOCK: &str = "SELECT pg_advisory_xact_lock(7070707070)";
const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS schema_versions (slice TEXT NOT NULL, version BIGINT NOT NULL, name TEXT NOT NULL, \
     applied_at BIGINT NOT NULL, PRIMARY KEY (slice, version))";

/// Brings the database to this binary's schema, all or nothing.
///
/// # Errors
/// `DB_TOO_NEW` when a newer binary has migrated it already, also when `all` lacks a series that the database has; what the statements can give.
pub async fn migrate(db: &Db, clock: &dyn Clock, all: &[Migrations]) -> Result<()> {
    let now = clock.now();
    let all = all.to_vec();
    db.write(move |tx| {
        if tx.dialect() == Dialect::Postgres {
            tx.for_each(ADVISORY_LOCK, &[], &mut |_| Ok(()))?;
        }
        tx.exec(VERSIONS, &[])?;
        refuse_unknown(tx, &all)?;
        all.iter().try_for_each(|series| apply(tx, series, now))
    })
    .await
}

/// A series that this binary does not know holds tables whose rows it would neither keep in step nor protect.
fn refuse_unknown(tx: &mut Tx<'_>, all: &[Migrations]) -> Result<()> {
    let slices = tx.all("SELECT DISTINCT slice FROM schema_versions ORDER BY slice", &[], |row| row.text(0))?;
    match slices.into_iter().find(|slice| all.iter().all(|series| series.slice != slice)) {
        Some(unknown) => Err(too_new(format!("it has tables of `{unknown}`, which this binary does not know"))),
        None => Ok(()),
    }
}

fn too_new(why: String) -> Error {
    Error::precondition("DB_TOO_NEW", format!("the database is newer than this binary: {why}"))
        .hint("start the newer pitcrew again, or restore a backup made before the upgrade")
}

fn apply(tx: &mut Tx<'_>, series: &Migrations, now: pitcrew_kernel::Timestamp) -> Result<()> {
    let have = tx.one(
        "SELECT coalesce(max(version), 0) FROM schema_versions WHERE slice = $1",
        &[series.slice.into()],
        |row| row.int(0),
    )?;
    let have = usize::try_from(have).unwrap_or(0);
    if have > series.steps.len() {
        let known = series.steps.len();
        return Err(too_new(format!("`{}` is at step {have}, this binary knows {known}", series.slice)));
    }
    for (step, version) in series.steps.iter().zip(1i64..).skip(have) {
        for statement in statements(step.sql, tx.dialect()) {
            tx.exec(&statement, &[])
                .map_err(|error| error.context(format!("migration {}/{}", series.slice, step.name)))?;
        }
        tx.exec(
            "INSERT INTO schema_versions (slice, version, name, applied_at) VALUES ($1, $2, $3, $4)",
            &[series.slice.into(), version.into(), step.name.into(), now.into()],
        )?;
    }
    Ok(())
}

fn statements(sql: &str, dialect: Dialect) -> Vec<String> {
    let plain: Vec<&str> = sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    let text = plain.join("\n");
    let text = match dialect {
        Dialect::Sqlite => text,
        Dialect::Postgres => text.replace(" BLOB", " BYTEA").replace(" WITHOUT ROWID", ""),
    };
    text.split(";\n")
        .map(|statement| statement.trim().trim_end_matches(';').to_owned())
        .filter(|s| !s.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_split_at_line_ends_and_speak_the_dialect() {
        let sql = "-- why\nCREATE TABLE a (x BLOB) WITHOUT ROWID;\nCREATE INDEX b ON a (x);\n";
        assert_eq!(statements(sql, Dialect::Postgres), ["CREATE TABLE a (x BYTEA)", "CREATE INDEX b ON a (x)"]);
        assert_eq!(statements(sql, Dialect::Sqlite)[0], "CREATE TABLE a (x BLOB) WITHOUT ROWID");
    }
}
