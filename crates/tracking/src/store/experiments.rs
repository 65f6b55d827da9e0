//! Experiments and their tags.

use pitcrew_db::{Arg, Row, Tx};
use pitcrew_kernel::Result;

use crate::filter::experiments::Field;
use crate::filter::{Clause, Order, Test};
use crate::model::{Entries, Experiment, Lifecycle, View};
use crate::store::sql::{Key, KeyKind, KeyValue, Keyset, Sql};

const COLUMNS: &str = "e.id, e.name, e.artifact_uri, e.lifecycle, e.created_ms, e.updated_ms";

fn experiment(row: &Row<'_>) -> Result<Experiment> {
    Ok(Experiment {
        id: row.int(0)?,
        name: row.text(1)?,
        artifact_uri: row.text(2)?,
        lifecycle: row.parsed(3)?,
        created_ms: row.int(4)?,
        updated_ms: row.int(5)?,
        tags: Entries::new(),
    })
}

pub(crate) fn insert(tx: &mut Tx<'_>, experiment: &Experiment) -> Result<()> {
    tx.exec(
        "INSERT INTO tracking_experiments (id, name, artifact_uri, lifecycle, created_ms, updated_ms) VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            experiment.id.into(),
            (&experiment.name).into(),
            (&experiment.artifact_uri).into(),
            experiment.lifecycle.as_str().into(),
            experiment.created_ms.into(),
            experiment.updated_ms.into(),
        ],
    )?;
    experiment.tags.iter().try_for_each(|(key, value)| set_tag(tx, experiment.id, key, value))
}

pub(crate) fn by_id(tx: &mut Tx<'_>, id: i64) -> Result<Option<Experiment>> {
    let sql = format!("SELECT {COLUMNS} FROM tracking_experiments e WHERE e.id = $1");
    tx.optional(&sql, &[id.into()], experiment)
}

pub(crate) fn by_name(tx: &mut Tx<'_>, name: &str) -> Result<Option<Experiment>> {
    let sql = format!("SELECT {COLUMNS} FROM tracking_experiments e WHERE e.name = $1");
    tx.optional(&sql, &[name.into()], experiment)
}

/// Fills in the tags.
pub(crate) fn with_tags(tx: &mut Tx<'_>, experiments: &mut [Experiment]) -> Result<()> {
    for experiment in experiments {
        experiment.tags = tx
            .all(
                "SELECT key, value FROM tracking_experiment_tags WHERE experiment_id = $1",
                &[experiment.id.into()],
                |row| Ok((row.text(0)?, row.text(1)?)),
            )?
            .into_iter()
            .collect();
    }
    Ok(())
}

pub(crate) fn set_tag(tx: &mut Tx<'_>, id: i64, key: &str, value: &str) -> Result<()> {
    tx.exec(
        "INSERT INTO tracking_experiment_tags (experiment_id, key, value) VALUES ($1, $2, $3) \
         ON CONFLICT (experiment_id, key) DO UPDATE SET value = excluded.value",
        &[id.into(), key.into(), value.into()],
    )
    .map(drop)
}

/// Whether there was such a tag.
pub(crate) fn delete_tag(tx: &mut Tx<'_>, id: i64, key: &str) -> Result<bool> {
    let touched = tx
        .exec("DELETE FROM tracking_experiment_tags WHERE experiment_id = $1 AND key = $2", &[id.into(), key.into()])?;
    Ok(touched > 0)
}

pub(crate) fn rename(tx: &mut Tx<'_>, id: i64, name: &str, now_ms: i64) -> Result<()> {
    tx.exec(
        "UPDATE tracking_experiments SET name = $1, updated_ms = $2 WHERE id = $3",
        &[name.into(), now_ms.into(), id.into()],
    )
    .map(drop)
}

/// Deletes or restores an experiment and all of its runs.
pub(crate) fn set_lifecycle(tx: &mut Tx<'_>, id: i64, lifecycle: Lifecycle, now_ms: i64) -> Result<()> {
    tx.exec(
        "UPDATE tracking_experiments SET lifecycle = $1, updated_ms = $2 WHERE id = $3",
        &[lifecycle.as_str().into(), now_ms.into(), id.into()],
    )?;
    let deleted_ms = (lifecycle == Lifecycle::Deleted).then_some(now_ms);
    tx.exec(
        "UPDATE tracking_runs SET lifecycle = $1, deleted_ms = $2 WHERE experiment_id = $3",
        &[lifecycle.as_str().into(), deleted_ms.into(), id.into()],
    )
    .map(drop)
}

/// One page of a search, with the place of each experiment.
pub(crate) fn search(
    tx: &mut Tx<'_>,
    clauses: &[Clause<Field>],
    orders: &[Order<Field>],
    view: View,
    after: Option<Vec<KeyValue>>,
    limit: usize,
) -> Result<Vec<(Experiment, Vec<KeyValue>)>> {
    let mut sql = Sql::new(tx);
    let keyset = Keyset { keys: keys(&sql, orders), after };
    let stages = sql.bind_all(view.stages().iter().map(|stage| stage.as_str()));
    let mut conditions = vec![format!("e.lifecycle IN ({stages})")];
    conditions.extend(clauses.iter().map(|clause| condition(&mut sql, clause)));
    conditions.extend(keyset.condition(&mut sql)?);
    let most = sql.bind(i64::try_from(limit).unwrap_or(i64::MAX));
    sql.push(&format!(
        "SELECT {COLUMNS}, {} FROM tracking_experiments e WHERE {} ORDER BY {} LIMIT {most}",
        keyset.columns(),
        conditions.join(" AND "),
        keyset.order()
    ));
    let mut found = tx.all(&sql.text, &sql.args, |row| Ok((experiment(row)?, keyset.place(row, 6)?)))?;
    let mut experiments: Vec<Experiment> = found.iter().map(|(experiment, _)| experiment.clone()).collect();
    with_tags(tx, &mut experiments)?;
    for ((experiment, _), filled) in found.iter_mut().zip(experiments) {
        *experiment = filled;
    }
    Ok(found)
}

/// The newest first unless said otherwise; the number decides between equals.
fn keys(sql: &Sql, orders: &[Order<Field>]) -> Vec<Key> {
    let mut keys: Vec<Key> = orders
        .iter()
        .map(|order| match order.field {
            Field::Name => Key::new(sql.ordered_text("e.name"), KeyKind::Text, order.ascending),
            Field::Created => Key::new("e.created_ms", KeyKind::Int, order.ascending),
            Field::Updated => Key::new("e.updated_ms", KeyKind::Int, order.ascending),
            Field::Id | Field::Tag(_) => Key::new("e.id", KeyKind::Int, order.ascending),
        })
        .collect();
    if orders.is_empty() {
        keys.push(Key::new("e.created_ms", KeyKind::Int, false));
        keys.push(Key::new("e.id", KeyKind::Int, true));
    } else if !orders.iter().any(|order| order.field == Field::Id) {
        keys.push(Key::new("e.id", KeyKind::Int, false));
    }
    keys
}

fn condition(sql: &mut Sql, clause: &Clause<Field>) -> String {
    match &clause.field {
        Field::Name => sql.text_test("e.name", &clause.test),
        Field::Id => sql.text_test("CAST(e.id AS TEXT)", &clause.test),
        Field::Created => sql.integer_test("e.created_ms", &clause.test),
        Field::Updated => sql.integer_test("e.updated_ms", &clause.test),
        Field::Tag(key) => {
            let name = sql.bind(Arg::from(key.clone()));
            let tag = format!("FROM tracking_experiment_tags t WHERE t.experiment_id = e.id AND t.key = {name}");
            match &clause.test {
                Test::Absent => format!("NOT EXISTS (SELECT 1 {tag})"),
                Test::Present => format!("EXISTS (SELECT 1 {tag})"),
                test => format!("EXISTS (SELECT 1 {tag} AND {})", sql.text_test("t.value", test)),
            }
        }
    }
}
