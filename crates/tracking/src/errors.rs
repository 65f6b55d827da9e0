//! The errors of this slice. Where clients match on the words, the words are MLflow's.

use std::fmt::Display;

pub(crate) use pitcrew_filter::errors::{filter, order_by};
use pitcrew_kernel::{Error, Kind};

pub(crate) fn run_not_found(run_id: &str) -> Error {
    Error::not_found("RUN_NOT_FOUND", format!("Run with id={run_id} not found"))
}

pub(crate) fn run_not_active(run_id: &str) -> Error {
    Error::new(
        Kind::Invalid,
        "RUN_DELETED",
        format!("The run {run_id} must be in the 'active' state. Current state is deleted."),
    )
    .hint("restore the run first, or start a new one")
}

pub(crate) fn experiment_not_found(id: impl Display) -> Error {
    Error::not_found("EXPERIMENT_NOT_FOUND", format!("No Experiment with id={id} exists"))
}

pub(crate) fn no_experiment_called(name: &str) -> Error {
    Error::not_found("EXPERIMENT_NOT_FOUND", format!("Could not find experiment with name '{name}'"))
}

pub(crate) fn experiment_not_active(id: i64) -> Error {
    Error::new(
        Kind::Invalid,
        "EXPERIMENT_DELETED",
        format!("The experiment {id} must be in the 'active' state. Current state is deleted."),
    )
    .hint("restore the experiment first, or use another one")
}

pub(crate) fn experiment_exists(name: &str) -> Error {
    Error::conflict("EXPERIMENT_EXISTS", format!("Experiment(name={name}) already exists."))
        .hint("a deleted experiment keeps its name: restore it, or choose another name")
}

pub(crate) fn model_not_found(model_id: &str) -> Error {
    Error::not_found("LOGGED_MODEL_NOT_FOUND", format!("Logged model with ID '{model_id}' not found."))
}

pub(crate) fn tag_not_found(detail: String) -> Error {
    Error::not_found("TAG_NOT_FOUND", detail)
}

pub(crate) fn view_not_found(name: &str) -> Error {
    Error::not_found("VIEW_NOT_FOUND", format!("no view is saved under the name '{name}'"))
}

pub(crate) fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::invalid("TRACKING_VALUE_INVALID", detail)
}

pub(crate) fn artifact_path(path: &str) -> Error {
    Error::invalid("ARTIFACT_PATH_INVALID", format!("Invalid path: {}", path.escape_debug()))
        .hint("use a relative path with `/` between names, without `.`, `..`, empty or overlong names")
}

pub(crate) fn artifact_not_found(path: &str) -> Error {
    Error::not_found("ARTIFACT_NOT_FOUND", format!("No such artifact: '{path}'"))
}

pub(crate) fn run_not_deleted(run_id: &str) -> Error {
    Error::precondition("RUN_NOT_DELETED", format!("the run {run_id} is not deleted, so it is not removed for good"))
        .hint("delete it first; a deleted run can be restored, one that is removed for good cannot")
}

pub(crate) fn experiment_not_deleted(id: i64, why: &str) -> Error {
    let detail = format!("the experiment {id} is not removed for good: {why}");
    Error::precondition("EXPERIMENT_NOT_DELETED", detail)
        .hint("delete it first; a deleted experiment can be restored, one that is removed for good cannot")
}

pub(crate) fn default_experiment() -> Error {
    Error::precondition("EXPERIMENT_NOT_DELETED", "the experiment 0 is always there and cannot be removed for good")
        .hint("delete and remove its runs instead")
}

pub(crate) fn run_going(run_id: &str) -> Error {
    Error::conflict("RUN_BEING_REMOVED", format!("what is left of the run {run_id} is still being removed"))
        .hint("try again in a moment")
}

pub(crate) fn no_retention(id: i64) -> Error {
    Error::not_found("RETENTION_NOT_FOUND", format!("the experiment {id} has no rule of retention"))
        .hint("its runs are kept until somebody deletes them")
}

pub(crate) fn import_conflict(run_id: &str, what: &[String]) -> Error {
    let detail = format!("the run {run_id} is there already and differs: {}", what.join("; "));
    Error::conflict("RUN_IMPORT_CONFLICT", detail)
        .hint("nothing was overwritten: keep one of the two, under another id")
}

pub(crate) fn no_import(run_id: &str) -> Error {
    Error::not_found("RUN_IMPORT_NOT_FOUND", format!("no import of the run {run_id} is under way"))
        .hint("begin it with `POST /api/v1/runs/import`; one that nobody goes on with for a day is removed")
}

pub(crate) fn import_incomplete(run_id: &str, what: &str) -> Error {
    Error::precondition("RUN_IMPORT_INCOMPLETE", format!("the import of the run {run_id} lacks {what}"))
        .hint("send what is missing, then finish again")
}

pub(crate) fn upload_not_found(upload_id: &str) -> Error {
    Error::not_found("ARTIFACT_UPLOAD_NOT_FOUND", format!("no upload '{upload_id}' to this path is open"))
        .hint("begin another one")
}

pub(crate) fn upload_invalid(detail: String) -> Error {
    Error::invalid("ARTIFACT_UPLOAD_INVALID", detail)
}

pub(crate) fn uploads_limit() -> Error {
    Error::new(Kind::Limited, "ARTIFACT_UPLOADS_LIMIT", "too many uploads in parts are open")
        .hint("complete or abort some; abandoned ones are forgotten after a day")
}
