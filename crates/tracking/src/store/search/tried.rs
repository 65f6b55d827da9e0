//! Comparisons that are tried out against their index before a way is chosen: how many entries pass them, as far as that matters.

use pitcrew_db::{Dialect, Tx};
use pitcrew_kernel::Result;

use super::conditions::Entries;
use super::{FEW, Scope, one_of};
use crate::filter::Clause;
use crate::filter::runs::Field;
use crate::store::sql::Sql;

/// Comparisons of one search that are tried.
const TRIED: usize = 8;
/// PostgreSQL reads so many entries of a metric's index into a set sooner than it looks up one after the other. SQLite looks up faster than it
/// makes a set.
const SET: usize = 10_000;

/// A comparison that must be true and has an index.
pub(super) struct Tried<'a> {
    pub(super) entries: Entries<'a>,
    clause: &'a Clause<Field>,
    /// How many entries pass it, counted a little further than it matters.
    pub(super) count: usize,
    as_set: bool,
}

impl<'a> Tried<'a> {
    /// Those of a search. Without named experiments no index is of use.
    pub(super) fn all(tx: &mut Tx<'_>, scope: &Scope<'a>) -> Result<Vec<Self>> {
        let Some(experiments) = scope.experiments else { return Ok(Vec::new()) };
        let indexed = scope.filter.required().into_iter().filter_map(|clause| Some((Entries::of(clause)?, clause)));
        let mut tried: Vec<Self> = Vec::new();
        for (entries, clause) in indexed.take(TRIED) {
            let sets = tx.dialect() == Dialect::Postgres && matches!(entries, Entries::Metric(_));
            let most = if sets { SET + 1 } else { FEW + 1 };
            let count = passing(tx, experiments, entries, clause, most)?;
            tried.push(Self { entries, clause, count, as_set: sets && count <= SET });
        }
        Ok(tried)
    }
}

/// The one that fewest entries pass, the first of several.
pub(super) fn fewest<'t, 'a>(tried: &'t [Tried<'a>]) -> Option<&'t Tried<'a>> {
    tried.iter().min_by_key(|one| one.count)
}

/// Those that are better asked of their index as a whole than run by run.
pub(super) fn sets<'a>(tried: &[Tried<'a>]) -> Vec<&'a Clause<Field>> {
    tried.iter().filter(|one| one.as_set).map(|one| one.clause).collect()
}

/// The condition that a run is in the set of those that pass a comparison.
///
/// `IS TRUE` keeps PostgreSQL from turning it into a join, and the limit, which is never reached, tells it that the set fits its memory.
pub(super) fn member(
    sql: &mut Sql,
    owner: &str,
    experiments: &[i64],
    entries: Entries<'_>,
    clause: &Clause<Field>,
) -> String {
    let passing = entries_passing(sql, experiments, entries, clause);
    format!("({owner}.run_no IN (SELECT d.run_no {passing} LIMIT {})) IS TRUE", SET + 1)
}

/// How many entries pass their comparison; at most `most` are counted.
fn passing(
    tx: &mut Tx<'_>,
    experiments: &[i64],
    entries: Entries<'_>,
    clause: &Clause<Field>,
    most: usize,
) -> Result<usize> {
    let mut sql = Sql::new(tx);
    let passing = entries_passing(&mut sql, experiments, entries, clause);
    let text = format!("SELECT count(*) FROM (SELECT 1 {passing} LIMIT {most}) AS few");
    let count = tx.one(&text, &sql.args, |row| row.int(0))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

fn entries_passing(sql: &mut Sql, experiments: &[i64], entries: Entries<'_>, clause: &Clause<Field>) -> String {
    let conditions = [
        one_of(sql, "d.experiment_id", experiments.iter().copied()),
        format!("d.key = {}", sql.bind(entries.key().to_owned())),
        entries.own_test(sql, &clause.test),
    ];
    format!("FROM {} d WHERE {}", entries.table(), conditions.join(" AND "))
}
