//! The engine against the real ONNX Runtime library.
//!
//! Without the library every test here passes at once and says that it did nothing, unless `PITCREW_REQUIRE_ONNXRUNTIME` is set, as it is
//! where the whole product is tested. `scripts/onnxruntime.sh` provides the library.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests may stop at the first surprise"
)]

mod concurrency;
mod load;
mod memory;
mod run;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pitcrew_contracts::serving::{LoadedModel, ModelEngine, Tensor, TensorData};
use pitcrew_serving_onnx::{EngineOptions, LibrarySearch, OnnxEngine};

/// The engine, or `None` where the library is absent and not required.
fn engine() -> Option<OnnxEngine> {
    let library = LibrarySearch {
        explicit: env("PITCREW_ONNXRUNTIME_LIB"),
        caches: env("PITCREW_CACHE")
            .or_else(|| {
                env("XDG_CACHE_HOME").or_else(|| Some(env("HOME")?.join(".cache"))).map(|cache| cache.join("pitcrew"))
            })
            .into_iter()
            .collect(),
        ..LibrarySearch::default()
    };
    let engine = OnnxEngine::new(EngineOptions { library, instances: Some(2) });
    match engine.open() {
        Ok(_) => Some(engine),
        Err(error) => {
            assert!(env("PITCREW_REQUIRE_ONNXRUNTIME").is_none(), "{error}");
            eprintln!("skipped: {error}");
            None
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test is configured by the environment it runs in")]
fn env(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

fn load(engine: &OnnxEngine, name: &str) -> Arc<dyn LoadedModel> {
    engine.load(&fixture(name)).unwrap()
}

/// A column of numbers, `[n, 1]`.
fn column(values: &[f32]) -> Tensor {
    Tensor::new(vec![values.len() as i64, 1], TensorData::F32(values.to_vec())).unwrap()
}

/// The first output of the model `linear` for these columns.
fn linear(model: &dyn LoadedModel, temp: &[f32], hum: &[f32], wind: &[f32]) -> Tensor {
    let inputs = [("temp", column(temp)), ("hum", column(hum)), ("windspeed", column(wind))];
    model.run(&inputs).unwrap().remove(0).1
}
