//! MLflow's door: its REST API for tracking, artifacts and the model registry, so that an unmodified client works.
//!
//! Thin on purpose: a handler reads MLflow's fields, calls one method of a slice, and writes MLflow's JSON. The contract is that of MLflow 3.17:
//! its paths (`/api/...`, and `/ajax-api/...` for browsers), its field names and defaults, its error codes, statuses and sentences.
//! Parts of MLflow that are not here answer `NOT_IMPLEMENTED`, addresses that nobody knows `ENDPOINT_NOT_FOUND`.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

mod artifacts;
mod experiments;
mod logged_models;
mod logging;
mod model_versions;
mod multipart;
mod presigned;
mod registered_files;
mod registered_models;
mod registry_search;
mod runs;
mod server;
mod trace_assessments;
mod trace_figures;
mod trace_wire;
mod traces;
mod version_source;
mod webhooks;
mod wire;

use std::sync::Arc;

use pitcrew_kernel::Access;
use pitcrew_registry::{Registry, Webhooks};
use pitcrew_traces::Traces;
use pitcrew_tracking::Tracking;
use pitcrew_web::{Api, ApiBuilder};

/// What the door opens to.
#[derive(Debug, Clone)]
pub struct Door {
    /// Experiments, runs and artifacts.
    pub tracking: Arc<Tracking>,
    /// Registered models and their versions.
    pub registry: Arc<Registry>,
    /// Traces.
    pub traces: Arc<Traces>,
    /// Who is told what happens to models and prompts.
    pub webhooks: Arc<Webhooks>,
}

type Builder = ApiBuilder<Door>;

/// The routes of this door.
pub fn routes(door: Door) -> Api {
    let api = Api::builder::<Door>().errors(wire::mlflow_error).demands(server::one_workspace);
    let api = server_routes(api);
    let api = experiment_routes(api);
    let api = run_routes(api);
    let api = logged_model_routes(api);
    let api = artifact_routes(api);
    let api = registry_routes(api);
    let api = trace_routes(api);
    let api = webhook_routes(api);
    unserved(api).with_state(door)
}

/// One endpoint at both of its addresses.
macro_rules! endpoints {
    ($api:ident, $($verb:ident $path:literal $access:ident $handler:path;)*) => {
        $api$(
            .$verb(concat!("/api/2.0/mlflow", $path), Access::$access, $handler)
            .$verb(concat!("/ajax-api/2.0/mlflow", $path), Access::$access, $handler)
        )*
    };
}

fn server_routes(api: Builder) -> Builder {
    api.get("/health", Access::Public, server::health)
        .get("/version", Access::Public, server::version)
        .get("/api/3.0/mlflow/server-info", Access::Public, server::info)
        .get("/ajax-api/3.0/mlflow/server-info", Access::Public, server::info)
}

fn experiment_routes(api: Builder) -> Builder {
    endpoints! { api,
        post "/experiments/create" Write experiments::create;
        get "/experiments/get" Read experiments::get;
        get "/experiments/get-by-name" Read experiments::get_by_name;
        get "/experiments/search" Read experiments::search;
        post "/experiments/search" Read experiments::search;
        post "/experiments/update" Write experiments::update;
        post "/experiments/delete" Write experiments::delete;
        post "/experiments/restore" Write experiments::restore;
        post "/experiments/set-experiment-tag" Write experiments::set_tag;
        post "/experiments/delete-experiment-tag" Write experiments::delete_tag;
        post "/experiments/search-datasets" Read experiments::search_datasets;
    }
}

fn run_routes(api: Builder) -> Builder {
    // For browsers alone, as MLflow serves it.
    let api = api.get("/ajax-api/2.0/mlflow/metrics/get-history-bulk", Access::Read, logging::histories);
    endpoints! { api,
        post "/runs/create" Write runs::create;
        get "/runs/get" Read runs::get;
        post "/runs/update" Write runs::update;
        post "/runs/delete" Write runs::delete;
        post "/runs/restore" Write runs::restore;
        post "/runs/search" Read runs::search;
        post "/runs/log-metric" Write logging::log_metric;
        post "/runs/log-batch" Write logging::log_batch;
        post "/runs/log-parameter" Write logging::log_param;
        post "/runs/set-tag" Write logging::set_tag;
        post "/runs/delete-tag" Write logging::delete_tag;
        post "/runs/log-inputs" Write logging::log_inputs;
        post "/runs/outputs" Write logging::log_outputs;
        post "/runs/log-model" Write logging::log_model;
        get "/metrics/get-history" Read logging::history;
        get "/metrics/get-history-bulk-interval" Read logging::sampled;
    }
}

fn logged_model_routes(api: Builder) -> Builder {
    endpoints! { api,
        post "/logged-models" Write logged_models::create;
        post "/logged-models/search" Read logged_models::search;
        get "/logged-models/{model_id}" Read logged_models::get;
        patch "/logged-models/{model_id}" Write logged_models::finalize;
        delete "/logged-models/{model_id}" Write logged_models::delete;
        patch "/logged-models/{model_id}/tags" Write logged_models::set_tags;
        delete "/logged-models/{model_id}/tags/{tag_key}" Write logged_models::delete_tag;
        post "/logged-models/{model_id}/params" Write logged_models::log_params;
        get "/logged-models/{model_id}/artifacts/directories" Read logged_models::list_artifacts;
    }
}

/// One endpoint of the proxy at both of its addresses.
macro_rules! proxied {
    ($api:ident, $($verb:ident $path:literal $access:ident $handler:path;)*) => {
        $api$(
            .$verb(concat!("/api/2.0/mlflow-artifacts", $path), Access::$access, $handler)
            .$verb(concat!("/ajax-api/2.0/mlflow-artifacts", $path), Access::$access, $handler)
        )*
    };
}

fn artifact_routes(api: Builder) -> Builder {
    // For browsers alone, at the addresses that MLflow's pages ask.
    let api = api
        .get("/get-artifact", Access::Read, artifacts::of_run)
        .get("/model-versions/get-artifact", Access::Read, artifacts::of_version)
        .get("/ajax-api/2.0/mlflow/logged-models/{model_id}/artifacts/files", Access::Read, artifacts::of_logged_model);
    let api = endpoints! { api,
        get "/artifacts/list" Read artifacts::list;
        post "/artifacts/presigned-upload-url" Write presigned::no_upload;
        post "/artifacts/presigned-download-url" Read presigned::download_of_run;
    };
    proxied! { api,
        get "/artifacts" Read artifacts::proxy_list;
        get "/artifacts/{*path}" Read artifacts::proxy_download;
        put "/artifacts/{*path}" Write artifacts::upload;
        delete "/artifacts/{*path}" Write artifacts::delete;
        post "/mpu/create/{*path}" Write multipart::create;
        put "/mpu/part/{*path}" Write multipart::put_part;
        get "/mpu/part/{*path}" Read multipart::list_parts;
        post "/mpu/complete/{*path}" Write multipart::complete;
        post "/mpu/abort/{*path}" Write multipart::abort;
        get "/presigned/{*path}" Read presigned::download;
    }
}

fn registry_routes(api: Builder) -> Builder {
    endpoints! { api,
        post "/registered-models/create" Write registered_models::create;
        get "/registered-models/get" Read registered_models::get;
        get "/registered-models/search" Read registered_models::search;
        patch "/registered-models/update" Write registered_models::update;
        post "/registered-models/rename" Write registered_models::rename;
        delete "/registered-models/delete" Write registered_models::delete;
        post "/registered-models/set-tag" Write registered_models::set_tag;
        delete "/registered-models/delete-tag" Write registered_models::delete_tag;
        get "/registered-models/get-latest-versions" Read registered_models::latest_versions;
        post "/registered-models/get-latest-versions" Read registered_models::latest_versions;
        get "/registered-models/alias" Read registered_models::version_by_alias;
        post "/registered-models/alias" Write registered_models::set_alias;
        delete "/registered-models/alias" Write registered_models::delete_alias;
        post "/model-versions/create" Write model_versions::create;
        get "/model-versions/get" Read model_versions::get;
        get "/model-versions/search" Read model_versions::search;
        patch "/model-versions/update" Write model_versions::update;
        delete "/model-versions/delete" Write model_versions::delete;
        post "/model-versions/transition-stage" Write model_versions::transition_stage;
        post "/model-versions/set-tag" Write model_versions::set_tag;
        delete "/model-versions/delete-tag" Write model_versions::delete_tag;
        get "/model-versions/get-download-uri" Read model_versions::download_uri;
    }
}

/// One endpoint of the third version of the API at both of its addresses.
macro_rules! endpoints_v3 {
    ($api:ident, $($verb:ident $path:literal $access:ident $handler:path;)*) => {
        $api$(
            .$verb(concat!("/api/3.0/mlflow", $path), Access::$access, $handler)
            .$verb(concat!("/ajax-api/3.0/mlflow", $path), Access::$access, $handler)
        )*
    };
}

fn trace_routes(api: Builder) -> Builder {
    let api = endpoints_v3! { api,
        post "/traces" Write traces::start;
        post "/traces/search" Read traces::search;
        get "/traces/get" Read traces::get;
        get "/traces/batchGet" Read traces::batch;
        post "/traces/batchGetInfos" Read traces::batch_infos;
        post "/traces/delete-traces" Write traces::delete;
        post "/traces/link-to-run" Write traces::link_to_run;
        post "/traces/link-prompts" Write traces::link_prompts;
        post "/traces/metrics" Read trace_figures::metrics;
        post "/traces/calculate-filter-correlation" Read trace_figures::correlation;
        get "/traces/{trace_id}" Read traces::info;
        patch "/traces/{trace_id}/tags" Write traces::set_tag;
        delete "/traces/{trace_id}/tags" Write traces::delete_tag;
        post "/traces/{trace_id}/assessments" Write trace_assessments::create;
        get "/traces/{trace_id}/assessments/{assessment_id}" Read trace_assessments::get;
        patch "/traces/{trace_id}/assessments/{assessment_id}" Write trace_assessments::update;
        delete "/traces/{trace_id}/assessments/{assessment_id}" Write trace_assessments::delete;
        get "/get-trace-artifact" Read traces::artifact;
    };
    // What clients still ask of the second version.
    endpoints! { api,
        post "/traces/delete-traces" Write traces::delete;
        post "/traces/link-to-run" Write traces::link_to_run;
        post "/traces/link-prompts" Write traces::link_prompts;
        patch "/traces/{trace_id}/tags" Write traces::set_tag;
        delete "/traces/{trace_id}/tags" Write traces::delete_tag;
        get "/get-trace-artifact" Read traces::artifact;
    }
}

/// A webhook sends data out: nobody but an administrator sees or makes one.
fn webhook_routes(api: Builder) -> Builder {
    endpoints! { api,
        get "/webhooks" Admin webhooks::list;
        post "/webhooks" Admin webhooks::create;
        get "/webhooks/{webhook_id}" Admin webhooks::get;
        patch "/webhooks/{webhook_id}" Admin webhooks::update;
        delete "/webhooks/{webhook_id}" Admin webhooks::delete;
        post "/webhooks/{webhook_id}/test" Admin webhooks::test;
    }
}

/// Every other address under MLflow's prefixes says so in MLflow's words.
fn unserved(mut api: Builder) -> Builder {
    for prefix in ["/api/2.0/mlflow", "/api/3.0/mlflow", "/ajax-api/2.0/mlflow", "/ajax-api/3.0/mlflow"] {
        let path = format!("{prefix}/{{*rest}}");
        api = api
            .get(&path, Access::Read, server::not_served)
            .post(&path, Access::Read, server::not_served)
            .put(&path, Access::Read, server::not_served)
            .patch(&path, Access::Read, server::not_served)
            .delete(&path, Access::Read, server::not_served);
    }
    api
}
