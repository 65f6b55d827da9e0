//! ONNX models through ONNX Runtime: the engine behind the port `pitcrew_contracts::serving::ModelEngine`.
//!
//! The one crate that knows `ort`. A model's bytes are first read by our own walker ([`inspect`]), which refuses what a server must not
//! load (references to files, types we do not serve), then handed to ONNX Runtime, then run once on zeros. Each model holds a few
//! single-threaded sessions; a request takes one, computes on its own thread and gives it back. Parallelism comes from requests, not from
//! threads inside a model, which on a busy machine only wait for each other.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

mod engine;
mod failure;
pub mod inspect;
mod instance;
mod library;
mod model;
mod pool;
mod signature;
mod value;

pub use engine::{EngineOptions, MAX_INSTANCES, OnnxEngine};
pub use library::LibrarySearch;
pub use pool::CHECKOUT_WAIT;
