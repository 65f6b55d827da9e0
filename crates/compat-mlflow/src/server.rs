//! What clients ask of the server itself.

use axum::extract::OriginalUri;
use pitcrew_web::{Answer, Json};
use serde_json::{Value, json};

use crate::wire::{Nothing, endpoint_not_found};

/// The MLflow whose contract this door speaks.
pub(crate) const VERSION: &str = "3.17.2";

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
        "multipart_uploads_enabled": false,
        "multipart_downloads_enabled": false,
        "presigned_upload_run_id_supported": false,
        "presigned_upload_model_id_supported": false,
        "features_enabled": {"gateway": false},
    }))
}

/// Everything of MLflow's API that is not served (yet).
pub(crate) async fn not_served(OriginalUri(uri): OriginalUri) -> Answer<Json<Nothing>> {
    Err(endpoint_not_found(uri.path()).into())
}
