//! What clients ask of the server itself.

use axum::extract::OriginalUri;
use axum::http::HeaderMap;
use pitcrew_kernel::Error;
use pitcrew_web::{Answer, Json};
use serde_json::{Value, json};

use crate::wire::{Nothing, endpoint_not_found, not_implemented};

/// The MLflow whose contract this door speaks.
pub(crate) const VERSION: &str = "3.17.2";

/// The header in which clients name the workspace they work in.
const WORKSPACE: &str = "x-mlflow-workspace";
/// The workspace that is meant when none is named.
const DEFAULT_WORKSPACE: &str = "default";

/// Parts of MLflow that this server does not have: what clients know, but is not here, as opposed to addresses that nobody knows.
const ABSENT: &[&str] = &[
    "assistant",
    "datasets",
    "gateway",
    "gateway-proxy",
    "issues",
    "label-schemas",
    "mcp-servers",
    "prompt-optimization",
    "review-queues",
    "roles",
    "runs/create-promptlab-run",
    "scorers",
    "ui-telemetry",
    "upload-artifact",
    "users",
    "workspaces",
];

pub(crate) async fn health() -> &'static str {
    "OK"
}

pub(crate) async fn version() -> &'static str {
    VERSION
}

/// Answered without a login: nothing secret may stand here.
pub(crate) async fn info() -> Json<Value> {
    Json(json!({
        "store_type": "SqlStore",
        "workspaces_enabled": false,
        "trace_archival_enabled": false,
        "multipart_uploads_enabled": true,
        "multipart_downloads_enabled": false,
        "presigned_upload_run_id_supported": false,
        "presigned_upload_model_id_supported": false,
        "features_enabled": {"gateway": false},
    }))
}

/// Everything of MLflow's API that is not served.
pub(crate) async fn not_served(OriginalUri(uri): OriginalUri) -> Answer<Json<Nothing>> {
    let path = uri.path();
    let below = path.split_once("/mlflow/").map_or("", |(_, below)| below);
    let absent =
        ABSENT.iter().any(|part| below.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    Err(if absent {
        not_implemented("This server does not have this part of MLflow.")
    } else {
        endpoint_not_found(path)
    }
    .into())
}

/// Refuses to work in a workspace that this server has not: everything lies in the one there is.
///
/// # Errors
/// `MLFLOW_FEATURE_DISABLED`.
pub(crate) fn one_workspace(headers: &HeaderMap) -> Result<(), Error> {
    let Some(asked) = headers.get(WORKSPACE) else { return Ok(()) };
    match asked.to_str().map(str::trim) {
        Ok("" | DEFAULT_WORKSPACE) => Ok(()),
        _ => Err(Error::precondition(
            "MLFLOW_FEATURE_DISABLED",
            "Workspace APIs are not available: workspaces are not enabled on this server",
        )),
    }
}
