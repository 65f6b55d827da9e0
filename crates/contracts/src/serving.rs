//! Serving: the ports of an inference engine, the tensors they speak, and scoring of whole columns.

mod score;
mod tensor;

use std::fmt;
use std::sync::Arc;

use pitcrew_kernel::Result;
use serde::{Deserialize, Serialize};

pub use score::{SCORE_CHUNK_ROWS, score_columns};
pub use tensor::{Datatype, MAX_TENSOR_ELEMENTS, MAX_TENSOR_RANK, Tensor, TensorData, TensorSpec, element_count};

/// The most bytes a model file may have (1 GiB). Larger models need external data, which we refuse.
pub const MAX_MODEL_BYTES: usize = 1 << 30;

/// The most inputs, and the most outputs, a model may have.
pub const MAX_MODEL_TENSORS: usize = 1024;

/// Key of the model's metadata that names the columns of one wide `[-1, k]` input: a JSON list of strings, or names with commas between.
pub const FEATURE_NAMES_KEY: &str = "feature_names";

/// What a model takes and gives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSignature {
    /// The inputs, in the model's order.
    pub inputs: Vec<TensorSpec>,
    /// The outputs, in the model's order.
    pub outputs: Vec<TensorSpec>,
    /// Names of the columns of a single wide input, from the model's metadata ([`FEATURE_NAMES_KEY`]); empty when it does not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
}

impl ModelSignature {
    /// The input called `name`.
    pub fn input(&self, name: &str) -> Option<&TensorSpec> {
        self.inputs.iter().find(|spec| spec.name == name)
    }

    /// The output called `name`.
    pub fn output(&self, name: &str) -> Option<&TensorSpec> {
        self.outputs.iter().find(|spec| spec.name == name)
    }
}

/// The engine behind the models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineInfo {
    /// Its name, such as `onnxruntime`.
    pub name: String,
    /// Its version, such as `1.32.0`.
    pub version: String,
    /// Where it computes, such as `CPU`.
    pub providers: Vec<String>,
}

/// One loaded model, shared by all request threads.
pub trait LoadedModel: Send + Sync + fmt::Debug {
    /// Its inputs and outputs.
    fn signature(&self) -> &ModelSignature;

    /// Computes every output, in the signature's order. The inputs may come in any order, each once.
    ///
    /// It computes on the calling thread and may wait a moment for a free instance; a small model takes 10 to 20 microseconds. An async
    /// caller may call it inline for such models and uses a blocking thread for large ones.
    ///
    /// # Errors
    /// `SERVING_INPUT_INVALID` for a wrong name, datatype, shape or count; `SERVING_BUSY` when no instance became free in time;
    /// `SERVING_RUN_FAILED` when the model gave up on these values.
    fn run(&self, inputs: &[(&str, Tensor)]) -> Result<Vec<(String, Tensor)>>;

    /// About how much memory it holds: an estimate from the file and the number of instances, for budgets and displays.
    fn memory_bytes(&self) -> u64;
}

/// Loads models.
pub trait ModelEngine: Send + Sync {
    /// Reads a model, checks it, and runs it once on zeros, so that a model which cannot run is refused here.
    /// It computes and allocates: call it from a blocking thread.
    ///
    /// # Errors
    /// `SERVING_MODEL_INVALID` for bytes that are no usable model; `SERVING_MODEL_TOO_LARGE`; `SERVING_ENGINE_MISSING`.
    fn load(&self, bytes: &[u8]) -> Result<Arc<dyn LoadedModel>>;

    /// Which engine this is.
    fn describe(&self) -> EngineInfo;
}
