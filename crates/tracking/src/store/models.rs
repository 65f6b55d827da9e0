//! Logged models.

use pitcrew_db::{Arg, Row, Tx};
use pitcrew_kernel::Result;

use crate::filter::models::{Attribute, Field, OnDataset, OrderTerm};
use crate::filter::{Clause, Test};
use crate::model::{Entries, Lifecycle, LoggedModel, Metric, ModelStatus};
use crate::store::metrics::{stored, value_at};
use crate::store::sql::{Key, KeyKind, KeyValue, Keyset, RowInsert, Sql};

const COLUMNS: &str = "l.model_id, l.experiment_id, l.name, l.model_type, l.status, l.source_run_id, l.artifact_uri, l.lifecycle, l.created_ms, l.updated_ms";
const COLUMN_COUNT: usize = 10;

fn model(row: &Row<'_>) -> Result<LoggedModel> {
    Ok(LoggedModel {
        model_id: row.text(0)?,
        experiment_id: row.int(1)?,
        name: row.text(2)?,
        model_type: row.text(3)?,
        status: row.parsed(4)?,
        source_run_id: row.text(5)?,
        artifact_uri: row.text(6)?,
        lifecycle: row.parsed(7)?,
        created_ms: row.int(8)?,
        updated_ms: row.int(9)?,
        params: Entries::new(),
        tags: Entries::new(),
        metrics: Vec::new(),
    })
}

pub(crate) fn insert(tx: &mut Tx<'_>, model: &LoggedModel) -> Result<()> {
    tx.exec(
        "INSERT INTO tracking_models (model_id, experiment_id, name, model_type, status, source_run_id, artifact_uri, lifecycle, created_ms, updated_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &[
            (&model.model_id).into(),
            model.experiment_id.into(),
            (&model.name).into(),
            (&model.model_type).into(),
            model.status.as_str().into(),
            (&model.source_run_id).into(),
            (&model.artifact_uri).into(),
            model.lifecycle.as_str().into(),
            model.created_ms.into(),
            model.updated_ms.into(),
        ],
    )?;
    set_params(tx, &model.model_id, &model.params)?;
    set_tags(tx, &model.model_id, &model.tags)
}

/// The model with its params, tags and metrics; deleted ones too.
pub(crate) fn by_id(tx: &mut Tx<'_>, model_id: &str) -> Result<Option<LoggedModel>> {
    let Some(mut found) = bare(tx, model_id)? else { return Ok(None) };
    with_data(tx, &mut found)?;
    Ok(Some(found))
}

/// The model without its params, tags and metrics; deleted ones too.
pub(crate) fn bare(tx: &mut Tx<'_>, model_id: &str) -> Result<Option<LoggedModel>> {
    let sql = format!("SELECT {COLUMNS} FROM tracking_models l WHERE l.model_id = $1");
    tx.optional(&sql, &[model_id.into()], model)
}

fn with_data(tx: &mut Tx<'_>, model: &mut LoggedModel) -> Result<()> {
    let pair = |row: &Row<'_>| Ok((row.text(0)?, row.text(1)?));
    let id = [Arg::from(model.model_id.clone())];
    let params = tx.all("SELECT key, value FROM tracking_model_params WHERE model_id = $1", &id, pair)?;
    let tags = tx.all("SELECT key, value FROM tracking_model_tags WHERE model_id = $1", &id, pair)?;
    model.params = params.into_iter().collect();
    model.tags = tags.into_iter().collect();
    model.metrics = tx.all(
        "SELECT key, at_ms, step, run_id, value, nan, dataset_name, dataset_digest FROM tracking_model_metrics \
         WHERE model_id = $1 ORDER BY key, at_ms, step, run_id",
        &id,
        |row| {
            Ok(Metric {
                model_id: Some(model.model_id.clone()),
                dataset_name: row.opt_text(6)?,
                dataset_digest: row.opt_text(7)?,
                run_id: Some(row.text(3)?),
                ..Metric::new(row.text(0)?, value_at(row, 4)?, row.int(1)?, row.int(2)?)
            })
        },
    )?;
    Ok(())
}

pub(crate) fn set_status(tx: &mut Tx<'_>, model_id: &str, status: ModelStatus, now_ms: i64) -> Result<()> {
    tx.exec(
        "UPDATE tracking_models SET status = $1, updated_ms = $2 WHERE model_id = $3",
        &[status.as_str().into(), now_ms.into(), model_id.into()],
    )
    .map(drop)
}

pub(crate) fn delete(tx: &mut Tx<'_>, model_id: &str, now_ms: i64) -> Result<()> {
    tx.exec(
        "UPDATE tracking_models SET lifecycle = $1, updated_ms = $2 WHERE model_id = $3",
        &[Lifecycle::Deleted.as_str().into(), now_ms.into(), model_id.into()],
    )
    .map(drop)
}

static SET_PARAMS: RowInsert = RowInsert::new(
    "INSERT INTO tracking_model_params (model_id, key, value) VALUES",
    1,
    2,
    "ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value",
);
static SET_TAGS: RowInsert = RowInsert::new(
    "INSERT INTO tracking_model_tags (model_id, key, value) VALUES",
    1,
    2,
    "ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value",
);

pub(crate) fn set_params(tx: &mut Tx<'_>, model_id: &str, params: &Entries) -> Result<()> {
    set_entries(tx, &SET_PARAMS, model_id, params)
}

pub(crate) fn set_tags(tx: &mut Tx<'_>, model_id: &str, tags: &Entries) -> Result<()> {
    set_entries(tx, &SET_TAGS, model_id, tags)
}

fn set_entries(tx: &mut Tx<'_>, insert: &RowInsert, model_id: &str, entries: &Entries) -> Result<()> {
    let rows: Vec<(&String, &String)> = entries.iter().collect();
    insert
        .run(tx, &[Arg::from(model_id)], &rows, |(key, value), args| {
            args.extend([key.as_str().into(), value.as_str().into()]);
        })
        .map(drop)
}

/// Whether there was such a tag.
pub(crate) fn delete_tag(tx: &mut Tx<'_>, model_id: &str, key: &str) -> Result<bool> {
    let touched =
        tx.exec("DELETE FROM tracking_model_tags WHERE model_id = $1 AND key = $2", &[model_id.into(), key.into()])?;
    Ok(touched > 0)
}

/// Keeps the points that name a logged model with that model too.
pub(crate) fn log_metrics(tx: &mut Tx<'_>, run_id: &str, points: &[Metric]) -> Result<()> {
    for point in points {
        let Some(model_id) = &point.model_id else { continue };
        let (value, nan) = stored(point.value);
        tx.exec(
            "INSERT INTO tracking_model_metrics (model_id, key, at_ms, step, run_id, value, nan, dataset_name, dataset_digest) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
            &[
                model_id.into(),
                (&point.key).into(),
                point.at_ms.into(),
                point.step.into(),
                run_id.into(),
                value.into(),
                nan.into(),
                point.dataset_name.as_deref().into(),
                point.dataset_digest.as_deref().into(),
            ],
        )?;
    }
    Ok(())
}

/// What is searched for.
pub(crate) struct Query<'a> {
    pub(crate) experiments: &'a [i64],
    pub(crate) clauses: &'a [Clause<Field>],
    pub(crate) datasets: &'a [OnDataset],
    pub(crate) terms: &'a [OrderTerm],
    pub(crate) after: Option<Vec<KeyValue>>,
    pub(crate) limit: usize,
}

/// One page of models in use, with the place of each.
pub(crate) fn search(tx: &mut Tx<'_>, query: Query<'_>) -> Result<Vec<(LoggedModel, Vec<KeyValue>)>> {
    let mut sql = Sql::new(tx);
    let keyset = Keyset { keys: keys(&mut sql, query.terms), after: query.after };
    let ids = sql.bind_all(query.experiments.iter().copied());
    let active = sql.bind(Lifecycle::Active.as_str());
    let mut conditions = vec![format!("l.experiment_id IN ({ids})"), format!("l.lifecycle = {active}")];
    for clause in query.clauses {
        conditions.push(condition(&mut sql, clause, query.datasets));
    }
    let has_metrics = query.clauses.iter().any(|clause| matches!(clause.field, Field::Metric(_)));
    if !has_metrics && !query.datasets.is_empty() {
        let on = on_datasets(&mut sql, query.datasets);
        conditions.push(format!("EXISTS (SELECT 1 FROM tracking_model_metrics m WHERE m.model_id = l.model_id{on})"));
    }
    conditions.extend(keyset.condition(&mut sql)?);
    let most = sql.bind(i64::try_from(query.limit).unwrap_or(i64::MAX));
    sql.push(&format!(
        "SELECT {COLUMNS}, {} FROM tracking_models l WHERE {} ORDER BY {} LIMIT {most}",
        keyset.columns(),
        conditions.join(" AND "),
        keyset.order()
    ));
    let mut found: Vec<(LoggedModel, Vec<KeyValue>)> =
        tx.all(&sql.text, &sql.args, |row| Ok((model(row)?, keyset.place(row, COLUMN_COUNT)?)))?;
    for (model, _) in &mut found {
        with_data(tx, model)?;
    }
    Ok(found)
}

fn column(attribute: Attribute) -> &'static str {
    match attribute {
        Attribute::ModelId => "l.model_id",
        Attribute::Name => "l.name",
        Attribute::ModelType => "l.model_type",
        Attribute::Status => "l.status",
        Attribute::SourceRunId => "l.source_run_id",
        Attribute::Created => "l.created_ms",
        Attribute::Updated => "l.updated_ms",
    }
}

/// The keys of an order: absent metrics last, then the newest first, then the id.
fn keys(sql: &mut Sql, terms: &[OrderTerm]) -> Vec<Key> {
    let mut keys = Vec::new();
    for term in terms {
        let ascending = term.order.ascending;
        match &term.order.field {
            Field::Attribute(attribute) if attribute.is_time() => {
                keys.push(Key::new(column(*attribute), KeyKind::Int, ascending));
            }
            Field::Attribute(attribute) => {
                keys.push(Key::new(sql.ordered_text(column(*attribute)), KeyKind::Text, ascending));
            }
            Field::Metric(name) => {
                let latest = latest(sql, name, term.dataset.as_ref());
                let absent = format!("CAST(CASE WHEN {latest} IS NULL THEN 1 ELSE 0 END AS BIGINT)");
                keys.push(Key::new(absent, KeyKind::Int, true));
                keys.push(Key::new(format!("coalesce({latest}, 0.0)"), KeyKind::Float, ascending));
            }
            // The parser refuses to order by these.
            Field::Param(_) | Field::Tag(_) => {}
        }
    }
    let has = |attribute: Attribute| terms.iter().any(|term| term.order.field == Field::Attribute(attribute));
    if !has(Attribute::Created) {
        keys.push(Key::new("l.created_ms", KeyKind::Int, false));
    }
    if !has(Attribute::ModelId) {
        keys.push(Key::new(sql.ordered_text("l.model_id"), KeyKind::Text, true));
    }
    keys
}

/// The model's newest value of a metric, as an expression; NULL when there is none or it is not a number.
fn latest(sql: &mut Sql, name: &str, dataset: Option<&OnDataset>) -> String {
    let name = sql.bind(name.to_owned());
    let on = dataset.map(|dataset| on_datasets(sql, std::slice::from_ref(dataset))).unwrap_or_default();
    format!(
        "(SELECT CASE WHEN m.nan = 1 THEN NULL ELSE m.value END FROM tracking_model_metrics m \
          WHERE m.model_id = l.model_id AND m.key = {name}{on} ORDER BY m.at_ms DESC, m.step DESC, m.run_id LIMIT 1)"
    )
}

/// ` AND (...)`: the metric `m` was measured on one of these data sets. Nothing when any will do.
fn on_datasets(sql: &mut Sql, datasets: &[OnDataset]) -> String {
    let each: Vec<String> = datasets
        .iter()
        .map(|dataset| {
            let name = sql.bind(dataset.name.clone());
            match &dataset.digest {
                Some(digest) => {
                    format!("(m.dataset_name = {name} AND m.dataset_digest = {})", sql.bind(digest.clone()))
                }
                None => format!("m.dataset_name = {name}"),
            }
        })
        .collect();
    if each.is_empty() { String::new() } else { format!(" AND ({})", each.join(" OR ")) }
}

fn condition(sql: &mut Sql, clause: &Clause<Field>, datasets: &[OnDataset]) -> String {
    match &clause.field {
        Field::Attribute(attribute) if attribute.is_time() => sql.integer_test(column(*attribute), &clause.test),
        Field::Attribute(attribute) => sql.text_test(column(*attribute), &clause.test),
        Field::Metric(name) => {
            let name = sql.bind(name.clone());
            let test = sql.metric_test("m.value", "m.nan", &clause.test);
            let on = on_datasets(sql, datasets);
            format!(
                "EXISTS (SELECT 1 FROM tracking_model_metrics m WHERE m.model_id = l.model_id AND m.key = {name} AND {test}{on})"
            )
        }
        Field::Param(name) => entry(sql, "tracking_model_params", name, &clause.test),
        Field::Tag(name) => entry(sql, "tracking_model_tags", name, &clause.test),
    }
}

fn entry(sql: &mut Sql, table: &str, name: &str, test: &Test) -> String {
    let name = sql.bind(name.to_owned());
    let found = format!("FROM {table} p WHERE p.model_id = l.model_id AND p.key = {name}");
    match test {
        Test::Absent => format!("NOT EXISTS (SELECT 1 {found})"),
        Test::Present => format!("EXISTS (SELECT 1 {found})"),
        test => format!("EXISTS (SELECT 1 {found} AND {})", sql.text_test("p.value", test)),
    }
}
