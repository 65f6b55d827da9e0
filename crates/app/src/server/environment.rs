//! The one place that reads the process's environment.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use pitcrew_pipelines::is_build_variable;
use pitcrew_serving_onnx::{EngineOptions, LibrarySearch, OnnxEngine};
use tracing_subscriber::EnvFilter;

const DEFAULT_LOG: &str = "info,hyper=warn,ort=warn";
const QUIET_LOG: &str = "error";

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Starts writing logs to standard error. `RUST_LOG` chooses what.
pub(crate) fn start_logging(format: &str) {
    log_with(DEFAULT_LOG, format);
}

/// The same for a program that tells people something else: only what is wrong.
pub(crate) fn start_logging_quietly() {
    log_with(QUIET_LOG, "text");
}

fn log_with(default: &str, format: &str) {
    let filter = EnvFilter::try_new(variable("RUST_LOG").as_deref().unwrap_or(default))
        .unwrap_or_else(|_| EnvFilter::new(default));
    let colour = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour);
    // A second start in one process (the demo after a failed try) keeps the first.
    let _first =
        if format == "json" { builder.json().try_init() } else { builder.with_target(false).compact().try_init() };
}

/// Where programs are looked for.
pub(crate) fn search_path() -> Vec<PathBuf> {
    variable("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_else(|| vec!["/usr/bin".into(), "/bin".into()])
}

/// What building Python environments needs of our own environment.
pub(crate) fn build_variables() -> Vec<(String, String)> {
    std::env::vars().filter(|(name, _)| is_build_variable(name)).collect()
}

/// Variables that hold secrets of this program itself.
const OWN_SECRETS: &[&str] = &["PITCREW_TOKEN", "PITCREW_DATABASE_URL"];

/// What `${NAME}` in a declaration may stand for: only names made for projects, so that no secret of the server ends in one.
pub(crate) fn project_variable(name: &str) -> Option<String> {
    (name.starts_with("PITCREW_") && !OWN_SECRETS.contains(&name)).then(|| variable(name)).flatten()
}

/// What the standard variables tell of the object store.
pub(crate) fn aws_variable(name: &str) -> Option<String> {
    name.starts_with("AWS_").then(|| variable(name)).flatten()
}

fn cache_folder() -> Option<PathBuf> {
    let of = |name: &str| variable(name).map(PathBuf::from);
    of("PITCREW_CACHE")
        .or_else(|| of("XDG_CACHE_HOME").map(|cache| cache.join("pitcrew")))
        .or_else(|| of("HOME").map(|home| home.join(".cache/pitcrew")))
}

/// The ONNX engine of a server at `home`.
pub(crate) fn engine(home: &Path) -> OnnxEngine {
    OnnxEngine::new(EngineOptions {
        library: LibrarySearch {
            explicit: variable("PITCREW_ONNXRUNTIME").map(PathBuf::from),
            executable: std::env::current_exe().ok(),
            unpack_into: Some(home.join("cache")),
            caches: cache_folder().into_iter().collect(),
        },
        instances: None,
    })
}
