//! What a run logged, copied under another number without passing through this program.

use pitcrew_db::Tx;
use pitcrew_kernel::Result;

use crate::model::Owner;

/// A point's place in a run: the order of its primary key.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    key: String,
    at_ms: i64,
    step: i64,
    value: f64,
    nan: i64,
}

const PLACE: &str = "key, at_ms, step, value, nan";

/// Copies up to `limit` points after a place; answers the place of the last one, `None` at the end.
pub(crate) fn points(
    tx: &mut Tx<'_>,
    from: i64,
    to: i64,
    after: Option<&Place>,
    limit: usize,
) -> Result<Option<Place>> {
    let none = Place { key: String::new(), at_ms: i64::MIN, step: i64::MIN, value: f64::NEG_INFINITY, nan: 0 };
    let start = after.unwrap_or(&none);
    // No key is empty, so the first place is before every point.
    let args = [
        from.into(),
        start.key.as_str().into(),
        start.at_ms.into(),
        start.step.into(),
        start.value.into(),
        start.nan.into(),
        i64::try_from(limit).unwrap_or(i64::MAX).into(),
    ];
    let piece = format!(
        "FROM tracking_points WHERE run_no = $1 AND ({PLACE}) > ($2, $3, $4, $5, $6) ORDER BY {PLACE} LIMIT $7"
    );
    let last = tx.optional(
        &format!(
            "SELECT {PLACE} FROM (SELECT {PLACE} {piece}) AS piece \
             ORDER BY key DESC, at_ms DESC, step DESC, value DESC, nan DESC LIMIT 1"
        ),
        &args,
        |row| {
            Ok(Place {
                key: row.text(0)?,
                at_ms: row.int(1)?,
                step: row.int(2)?,
                value: row.float(3)?,
                nan: row.int(4)?,
            })
        },
    )?;
    let Some(last) = last else { return Ok(None) };
    tx.exec(
        &format!(
            "INSERT INTO tracking_points (run_no, {PLACE}) SELECT CAST($1 AS BIGINT), {PLACE} FROM tracking_points \
             WHERE run_no = $2 AND ({PLACE}) > ($3, $4, $5, $6, $7) AND ({PLACE}) <= ($8, $9, $10, $11, $12) ON CONFLICT DO NOTHING"
        ),
        &[
            to.into(),
            from.into(),
            start.key.as_str().into(),
            start.at_ms.into(),
            start.step.into(),
            start.value.into(),
            start.nan.into(),
            last.key.as_str().into(),
            last.at_ms.into(),
            last.step.into(),
            last.value.into(),
            last.nan.into(),
        ],
    )?;
    Ok(Some(last))
}

/// Copies everything of a run that is small: latest points, params, tags and logged models.
pub(crate) fn the_rest(tx: &mut Tx<'_>, from: i64, to: Owner) -> Result<()> {
    for (table, columns) in [
        ("tracking_latest", "key, step, at_ms, value, nan"),
        ("tracking_params", "key, value"),
        ("tracking_tags", "key, value"),
    ] {
        tx.exec(
            &format!(
                "INSERT INTO {table} (run_no, experiment_id, {columns}) \
                 SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), {columns} FROM {table} WHERE run_no = $3"
            ),
            &[to.run_no.into(), to.experiment_id.into(), from.into()],
        )?;
    }
    tx.exec(
        "INSERT INTO tracking_run_models (run_no, direction, model_id, step) \
         SELECT CAST($1 AS BIGINT), direction, model_id, step FROM tracking_run_models WHERE run_no = $2",
        &[to.run_no.into(), from.into()],
    )
    .map(drop)
}

/// Notes that a run used a data set as another run did.
pub(crate) fn input(tx: &mut Tx<'_>, from: (i64, &str), to: (i64, &str)) -> Result<()> {
    tx.exec(
        "INSERT INTO tracking_inputs (run_no, dataset_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        &[to.0.into(), to.1.into()],
    )?;
    tx.exec(
        "INSERT INTO tracking_input_tags (run_no, dataset_id, key, value) \
         SELECT CAST($1 AS BIGINT), CAST($2 AS TEXT), key, value FROM tracking_input_tags WHERE run_no = $3 AND dataset_id = $4 ON CONFLICT DO NOTHING",
        &[to.0.into(), to.1.into(), from.0.into(), from.1.into()],
    )
    .map(drop)
}

/// Up to `limit` entries of an artifact folder after a name: name and whether it is a folder.
pub(crate) fn entries(tx: &mut Tx<'_>, folder: &str, after: &str, limit: usize) -> Result<Vec<(String, bool)>> {
    tx.all(
        "SELECT name, CAST(CASE WHEN digest IS NULL THEN 1 ELSE 0 END AS BIGINT) FROM tracking_artifacts WHERE parent = $1 AND name > $2 ORDER BY name LIMIT $3",
        &[folder.into(), after.into(), i64::try_from(limit).unwrap_or(i64::MAX).into()],
        |row| Ok((row.text(0)?, row.flag(1)?)),
    )
}

/// Copies the entries of an artifact folder whose names are in a range, the first excluded: names, not bytes.
pub(crate) fn folder(tx: &mut Tx<'_>, from: &str, to: &str, (after, last): (&str, &str), now_ms: i64) -> Result<()> {
    tx.exec(
        "INSERT INTO tracking_artifacts (parent, name, digest, bytes, changed_ms) \
         SELECT CAST($1 AS TEXT), name, digest, bytes, CAST($2 AS BIGINT) FROM tracking_artifacts WHERE parent = $3 AND name > $4 AND name <= $5 ON CONFLICT DO NOTHING",
        &[to.into(), now_ms.into(), from.into(), after.into(), last.into()],
    )
    .map(drop)
}
