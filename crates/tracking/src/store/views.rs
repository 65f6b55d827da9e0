//! Saved views.

use pitcrew_db::{Row, Tx};
use pitcrew_kernel::{Error, Result};

use crate::model::SavedView;

/// Those of an experiment, by name.
pub(crate) fn all(tx: &mut Tx<'_>, experiment_id: i64) -> Result<Vec<SavedView>> {
    let mut views = tx.all(
        "SELECT name, document, updated_ms FROM tracking_views WHERE experiment_id = $1",
        &[experiment_id.into()],
        view,
    )?;
    views.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(views)
}

fn view(row: &Row<'_>) -> Result<SavedView> {
    let document =
        serde_json::from_str(&row.text(1)?).map_err(|source| Error::internal("a saved view is no JSON", source))?;
    Ok(SavedView { name: row.text(0)?, document, updated_ms: row.int(2)? })
}

/// How many an experiment has beside the one of this name.
pub(crate) fn count_others(tx: &mut Tx<'_>, experiment_id: i64, name: &str) -> Result<i64> {
    tx.one(
        "SELECT count(*) FROM tracking_views WHERE experiment_id = $1 AND name <> $2",
        &[experiment_id.into(), name.into()],
        |row| row.int(0),
    )
}

/// Writes a view, or writes over the one of its name.
pub(crate) fn save(tx: &mut Tx<'_>, experiment_id: i64, view: &SavedView) -> Result<()> {
    tx.exec(
        "INSERT INTO tracking_views (experiment_id, name, document, updated_ms) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (experiment_id, name) DO UPDATE SET document = excluded.document, updated_ms = excluded.updated_ms",
        &[experiment_id.into(), (&view.name).into(), view.document.to_string().into(), view.updated_ms.into()],
    )
    .map(drop)
}

/// Whether there was such a view.
pub(crate) fn remove(tx: &mut Tx<'_>, experiment_id: i64, name: &str) -> Result<bool> {
    let touched = tx.exec(
        "DELETE FROM tracking_views WHERE experiment_id = $1 AND name = $2",
        &[experiment_id.into(), name.into()],
    )?;
    Ok(touched > 0)
}
