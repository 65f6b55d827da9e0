//! Saved views of the table of an experiment's runs. What is in the document is the user interface's business.

use pitcrew_contracts::tracking::{ViewRemoved, ViewSaved};
use pitcrew_kernel::{Access, Ctx, Result};
use serde_json::Value;

use super::Tracking;
use crate::errors;
use crate::limits::{VIEW_NAME_CHARS, VIEWS_PER_EXPERIMENT};
use crate::model::SavedView;
use crate::store;

impl Tracking {
    /// The saved views of an experiment, by name.
    ///
    /// # Errors
    /// `EXPERIMENT_NOT_FOUND`.
    pub async fn views(&self, ctx: &Ctx, experiment_id: i64) -> Result<Vec<SavedView>> {
        ctx.require(Access::Read)?;
        self.db
            .read(move |tx| {
                store::experiments::by_id(tx, experiment_id)?
                    .ok_or_else(|| errors::experiment_not_found(experiment_id))?;
                store::views::all(tx, experiment_id)
            })
            .await
    }

    /// Saves a view, in place of the one of its name.
    ///
    /// # Errors
    /// `EXPERIMENT_NOT_FOUND`, `EXPERIMENT_DELETED`, `TRACKING_VALUE_INVALID`.
    pub async fn save_view(&self, ctx: &Ctx, experiment_id: i64, name: &str, document: Value) -> Result<SavedView> {
        ctx.require(Access::Write)?;
        check_name(name)?;
        let view = SavedView { name: name.to_owned(), document, updated_ms: self.now_ms() };
        let saying = self.outgoing(ctx);
        self.db
            .write(move |tx| {
                let experiment = super::experiments::active(tx, experiment_id)?.name;
                let others = store::views::count_others(tx, experiment_id, &view.name)?;
                if usize::try_from(others).is_ok_and(|others| others >= VIEWS_PER_EXPERIMENT) {
                    return Err(errors::invalid(format!(
                        "an experiment has at most {VIEWS_PER_EXPERIMENT} saved views"
                    )));
                }
                store::views::save(tx, experiment_id, &view)?;
                tx.emit(saying.out(), &ViewSaved { experiment_id, experiment, view: view.name.clone() })?;
                Ok(view)
            })
            .await
    }

    /// Removes a saved view.
    ///
    /// # Errors
    /// `EXPERIMENT_NOT_FOUND`, `EXPERIMENT_DELETED`, `VIEW_NOT_FOUND`.
    pub async fn remove_view(&self, ctx: &Ctx, experiment_id: i64, name: &str) -> Result<()> {
        ctx.require(Access::Write)?;
        let view = name.to_owned();
        let saying = self.outgoing(ctx);
        self.db
            .write(move |tx| {
                let experiment = super::experiments::active(tx, experiment_id)?.name;
                if !store::views::remove(tx, experiment_id, &view)? {
                    return Err(errors::view_not_found(&view));
                }
                tx.emit(saying.out(), &ViewRemoved { experiment_id, experiment, view })
            })
            .await
    }
}

fn check_name(name: &str) -> Result<()> {
    if (1..=VIEW_NAME_CHARS).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(errors::invalid(format!(
        "a view's name has 1 to {VIEW_NAME_CHARS} characters, none of them a control character"
    )))
}
