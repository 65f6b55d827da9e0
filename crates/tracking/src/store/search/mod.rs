//! Searching runs: the filter and the order become one statement whose cost follows what is found, or at worst the experiments searched.
//!
//! There are three ways to the same answer. *Entries*: a comparison that few entries of an index pass gives the runs, which are sorted.
//! *Ranked*: the index of the metric that orders gives the runs in their order, until the page is full. *Runs*: the runs of the experiments are
//! looked at, newest first, which is their index's order too. All ways order alike, so a page may go another way than the one before it.
//! Several experiments are searched one by one and their pages put together.

mod conditions;
mod order;
mod ranked;
mod tried;

use pitcrew_db::{Arg, Dialect, Tx};
use pitcrew_kernel::Result;

use crate::filter::runs::Field;
use crate::filter::{Clause, Expression, Order};
use crate::model::{RunInfo, View};
use crate::store::runs::{COLUMN_COUNT, COLUMNS, info};
use crate::store::sql::{KeyValue, Keyset, Sql};
use conditions::Entries;
use tried::Tried;

/// Comparisons that are joined; SQLite joins 64 tables at most.
const JOINED: usize = 16;
/// Experiments that are searched one by one.
const MERGED: usize = 16;
/// The longest page that is put together from theirs.
const MERGED_LIMIT: usize = 1_001;
/// As many entries are read, looked up and sorted sooner than a page is filled by going through everything in order.
const FEW: usize = 2_000;

/// Where a run stands in an order.
pub(crate) type Place = Vec<KeyValue>;

/// Which runs are meant.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// `None` means all.
    pub(crate) experiments: Option<&'a [i64]>,
    pub(crate) filter: &'a Expression<Clause<Field>>,
    pub(crate) view: View,
}

/// What is searched for.
pub(crate) struct Query<'a> {
    pub(crate) scope: Scope<'a>,
    pub(crate) orders: &'a [Order<Field>],
    pub(crate) after: Option<Place>,
    pub(crate) limit: usize,
}

/// One page of runs, with the place of each.
pub(crate) fn runs(tx: &mut Tx<'_>, query: &Query<'_>) -> Result<Vec<(RunInfo, Place)>> {
    in_written_order(tx)?;
    match query.scope.experiments {
        Some(several @ [_, _, ..]) if several.len() <= MERGED && query.limit <= MERGED_LIMIT => {
            merged(tx, query, several)
        }
        _ => by_best_way(tx, query),
    }
}

/// The pages of several experiments as one. No index has the runs of several in one order.
fn merged(tx: &mut Tx<'_>, query: &Query<'_>, several: &[i64]) -> Result<Vec<(RunInfo, Place)>> {
    let mut found = Vec::new();
    for experiment in several {
        let scope = Scope { experiments: Some(std::slice::from_ref(experiment)), ..query.scope };
        found.extend(by_best_way(tx, &Query { scope, after: query.after.clone(), ..*query })?);
    }
    let ascending = order::directions(tx, query.orders);
    found.sort_by(|(_, one), (_, other)| order::compare(one, other, &ascending));
    found.truncate(query.limit);
    Ok(found)
}

fn by_best_way(tx: &mut Tx<'_>, query: &Query<'_>) -> Result<Vec<(RunInfo, Place)>> {
    let tried = Tried::all(tx, &query.scope)?;
    let driver = tried::fewest(&tried).filter(|fewest| fewest.count <= FEW).map(|fewest| fewest.entries);
    let sets = tried::sets(&tried);
    let one_experiment = query.scope.experiments.is_some_and(|experiments| experiments.len() == 1);
    if driver.is_none()
        && one_experiment
        && let Some(metric) = ranked::metric(query)
    {
        return ranked::runs(tx, query, metric, &sets);
    }
    let mut draft = Draft::new(tx, driver, sets);
    let keys = order::keys(&mut draft.sql, &mut draft.joins, query.orders);
    draft.rows(tx, &query.scope, &Keyset { keys, after: query.after.clone() }, query.limit)
}

/// How many runs there are.
pub(crate) fn count(tx: &mut Tx<'_>, scope: &Scope<'_>) -> Result<i64> {
    let driver = tried::fewest(&Tried::all(tx, scope)?).map(|fewest| fewest.entries);
    let mut draft = Draft::new(tx, driver, Vec::new());
    let from = draft.from(scope);
    tx.one(&format!("SELECT count(*) {from} WHERE {}", draft.conditions.join(" AND ")), &draft.sql.args, |row| {
        row.int(0)
    })
}

/// The parts of a statement over runs `r`, and over the entries `d` that lead to them if there is a driver.
struct Draft<'a> {
    sql: Sql,
    driver: Option<Entries<'a>>,
    /// Comparisons that are asked of their index as a whole.
    sets: Vec<&'a Clause<Field>>,
    joins: String,
    conditions: Vec<String>,
}

impl<'a> Draft<'a> {
    fn new(tx: &Tx<'_>, driver: Option<Entries<'a>>, sets: Vec<&'a Clause<Field>>) -> Self {
        Self { sql: Sql::new(tx), driver, sets, joins: String::new(), conditions: Vec::new() }
    }

    /// Runs of the scope in the order of the keys.
    fn rows(self, tx: &mut Tx<'_>, scope: &Scope<'_>, keyset: &Keyset, limit: usize) -> Result<Vec<(RunInfo, Place)>> {
        let sql = self.statement(scope, keyset, limit)?;
        tx.all(&sql.text, &sql.args, |row| Ok((info(row)?, keyset.place(row, COLUMN_COUNT)?)))
    }

    fn statement(mut self, scope: &Scope<'_>, keyset: &Keyset, limit: usize) -> Result<Sql> {
        let from = self.from(scope);
        let Self { mut sql, mut conditions, .. } = self;
        conditions.extend(keyset.condition(&mut sql)?);
        let most = sql.bind(i64::try_from(limit).unwrap_or(i64::MAX));
        sql.push(&format!(
            "SELECT {COLUMNS}, {} {from} WHERE {} ORDER BY {} LIMIT {most}",
            keyset.columns(),
            conditions.join(" AND "),
            keyset.order()
        ));
        Ok(sql)
    }

    /// The runs of the scope: the entries that lead to them, what the filter needs of them, the runs themselves, what orders them. `CROSS JOIN`
    /// is a join like others, but SQLite keeps its order, and so does PostgreSQL after [`in_written_order`].
    fn from(&mut self, scope: &Scope<'_>) -> String {
        let (sql, driver) = (&mut self.sql, self.driver);
        let owner = if driver.is_some() { "d" } else { "r" };
        if let Some(experiments) = scope.experiments {
            self.conditions.push(one_of(sql, &format!("{owner}.experiment_id"), experiments.iter().copied()));
        }
        if let Some(driver) = driver {
            self.conditions.push(format!("d.key = {} AND r.run_no = d.run_no", sql.bind(driver.key().to_owned())));
        }
        self.conditions.push(one_of(sql, "r.lifecycle", scope.view.stages().iter().map(|stage| stage.as_str())));
        let mut needed = String::new();
        let mut done: Vec<&Clause<Field>> = Vec::new();
        let own = |clause: &Clause<Field>| driver.is_some_and(|driver| driver.is_of(&clause.field));
        for clause in scope.filter.required().into_iter().filter(|clause| !own(clause)) {
            let Some(entries) = Entries::needed(clause).filter(|_| done.len() < JOINED) else { continue };
            if self.sets.iter().any(|set| std::ptr::eq(*set, clause))
                && let Some(experiments) = scope.experiments
            {
                self.conditions.push(tried::member(sql, owner, experiments, entries, clause));
            } else {
                let alias = format!("c{}", done.len());
                needed.push_str(&format!(" CROSS JOIN {} {alias}", entries.table()));
                let key = sql.bind(entries.key().to_owned());
                let test = conditions::joined(sql, &alias, clause);
                self.conditions.push(format!("{alias}.run_no = {owner}.run_no AND {alias}.key = {key} AND {test}"));
            }
            done.push(clause);
        }
        self.conditions.push(scope.filter.condition(&mut |clause| {
            if done.iter().any(|done| std::ptr::eq(*done, clause)) {
                return "1 = 1".to_owned();
            }
            conditions::condition(sql, clause, driver)
        }));
        let joins = &self.joins;
        match driver {
            Some(driver) => format!("FROM {} d{needed} CROSS JOIN tracking_runs r{joins}", driver.table()),
            None => format!("FROM tracking_runs r{needed}{joins}"),
        }
    }
}

/// Makes PostgreSQL join in the order that is written, row by row, for the rest of the transaction. It would rather read and sort everything:
/// what it believes of keys and values in all experiments together is far from what is true in one.
fn in_written_order(tx: &mut Tx<'_>) -> Result<()> {
    if tx.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    let set = |(name, value)| format!("set_config('{name}', '{value}', true)");
    let settings = [
        ("join_collapse_limit", "1"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
        ("enable_memoize", "off"),
        ("enable_seqscan", "off"),
        ("jit", "off"),
        ("max_parallel_workers_per_gather", "0"),
    ];
    tx.for_each(&format!("SELECT {}", settings.map(set).join(", ")), &[], &mut |_| Ok(()))
}

/// `= $1` for one value, so that an index keeps its order; `IN` for more.
fn one_of<T: Into<Arg<'static>>>(sql: &mut Sql, column: &str, values: impl ExactSizeIterator<Item = T>) -> String {
    match values.len() {
        1 => format!("{column} = {}", sql.bind_all(values)),
        _ => format!("{column} IN ({})", sql.bind_all(values)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Grammar;
    use crate::filter::runs::parse;
    use crate::store::sql::{Key, KeyKind};
    use pitcrew_testkit::TestDb;

    /// The plan of a page over these entries, as the database tells it.
    fn plan(tx: &mut Tx<'_>, driver: Option<Entries<'_>>, key: &str, filter: &str) -> Result<String> {
        in_written_order(tx)?;
        let filter = parse(filter, Grammar::Full)?;
        let scope = Scope { experiments: Some(&[1]), filter: &filter, view: View::Active };
        let keys = vec![Key::new(key, KeyKind::Float, false), Key::new("r.start_ms", KeyKind::Int, false)];
        let mut draft = Draft::new(tx, driver, Vec::new());
        if driver == Some(Entries::Metric("auc")) {
            draft.conditions.push("d.nan = 0".to_owned());
        }
        let sql = draft.statement(&scope, &Keyset { keys, after: None }, 101)?;
        let (explain, column) = match tx.dialect() {
            Dialect::Sqlite => ("EXPLAIN QUERY PLAN", 3),
            Dialect::Postgres => ("EXPLAIN", 0),
        };
        let lines = tx.all(&format!("{explain} {}", sql.text), &sql.args, |row| row.text(column))?;
        Ok(lines.join("\n"))
    }

    #[tokio::test]
    async fn pages_are_read_through_indexes_in_their_order() {
        for db in TestDb::each(&[crate::MIGRATIONS]).await {
            db.db
                .read(move |tx| {
                    let filter = "metrics.auc > 0.9 AND params.model = 'xgb'";
                    let (sqlite, postgres) = ("<expr>=?", "substr(value");
                    for (driver, key, filter, index, bounds) in [
                        (
                            Some(Entries::Metric("auc")),
                            "d.value",
                            filter,
                            "tracking_latest_ranked",
                            ["value>?", "value >"],
                        ),
                        (
                            Some(Entries::Param("model")),
                            "r.start_ms",
                            filter,
                            "tracking_params_by_value",
                            [sqlite, postgres],
                        ),
                        (
                            Some(Entries::Tag("t")),
                            "r.start_ms",
                            "tags.t = 'x'",
                            "tracking_tags_by_value",
                            [sqlite, postgres],
                        ),
                        (None, "r.start_ms", "", "tracking_runs_newest", ["lifecycle=?", "lifecycle ="]),
                    ] {
                        let plan = plan(tx, driver, key, filter)?;
                        assert!(plan.contains(index), "{driver:?} on {}:\n{plan}", db.name);
                        let bounded = |line: &str| {
                            (line.contains(index) || line.contains("Index Cond"))
                                && bounds.iter().any(|bound| line.contains(bound))
                        };
                        assert!(plan.lines().any(bounded), "{driver:?} on {}:\n{plan}", db.name);
                        let reads_all = ["SCAN r", "SCAN d", "Seq Scan", "Hash Join", "Merge Join"];
                        assert!(!reads_all.iter().any(|bad| plan.contains(bad)), "{driver:?} on {}:\n{plan}", db.name);
                    }
                    Ok(())
                })
                .await
                .unwrap();
        }
    }
}
