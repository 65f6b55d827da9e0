//! The engine: opens the library when first needed and builds models.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::available_parallelism;

use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use pitcrew_contracts::serving::{EngineInfo, LoadedModel, MAX_MODEL_BYTES, ModelEngine};
use pitcrew_kernel::{Error, Result};

use crate::failure;
use crate::inspect::{Inspection, inspect, invalid};
use crate::library::{LibrarySearch, Runtime};
use crate::model::OnnxModel;
use crate::signature::signature_of;

/// The most instances of one model.
pub const MAX_INSTANCES: usize = 64;

/// Instances of a model by default, unless the machine has fewer processors.
const DEFAULT_INSTANCES: usize = 4;

/// How the engine works.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// Where the library is.
    pub library: LibrarySearch,
    /// How many requests one model may compute at once; each instance holds its own copy of the weights. By default one a processor, at most 4;
    /// at most [`MAX_INSTANCES`].
    pub instances: Option<usize>,
}

/// Loads ONNX models. Making one costs nothing; the library is found and loaded with the first model, or by [`OnnxEngine::open`].
#[derive(Debug)]
pub struct OnnxEngine {
    options: EngineOptions,
}

impl OnnxEngine {
    /// An engine that opens its library when first needed.
    pub const fn new(options: EngineOptions) -> Self {
        Self { options }
    }

    /// Finds and loads the library now (30 to 150 ms once a process) and says what it is.
    ///
    /// # Errors
    /// `SERVING_ENGINE_MISSING`; a later call looks again, so a library put in place meanwhile is found.
    pub fn open(&self) -> Result<EngineInfo> {
        Ok(info(self.options.library.runtime()?.version))
    }

    fn instances(&self) -> usize {
        let processors = available_parallelism().map_or(1, std::num::NonZero::get);
        self.options.instances.unwrap_or_else(|| processors.min(DEFAULT_INSTANCES)).clamp(1, MAX_INSTANCES)
    }

    fn build(&self, bytes: &[u8], inspection: &Inspection) -> Result<Arc<dyn LoadedModel>> {
        let runtime = self.options.library.runtime()?;
        let open = || session(&runtime, bytes, inspection);
        let sessions = (0..self.instances()).map(|_| open()).collect::<Result<Vec<_>>>()?;
        let first = sessions.first().ok_or_else(|| invalid("a model needs an instance"))?;
        let signature = signature_of(first, inspection)?;
        Ok(Arc::new(OnnxModel::new(signature, sessions, bytes.len())?))
    }
}

impl ModelEngine for OnnxEngine {
    fn load(&self, bytes: &[u8]) -> Result<Arc<dyn LoadedModel>> {
        if bytes.len() > MAX_MODEL_BYTES {
            let sentence = format!("the model has {} bytes; at most {MAX_MODEL_BYTES}", bytes.len());
            return Err(Error::too_large("SERVING_MODEL_TOO_LARGE", sentence));
        }
        let inspection = inspect(bytes)?;
        // The binding panics on a few type declarations that it does not expect; a stranger's file must not end the thread.
        let built = catch_unwind(AssertUnwindSafe(|| self.build(bytes, &inspection)));
        built.unwrap_or_else(|_| Err(invalid("the model declares something ONNX Runtime's binding cannot read")))
    }

    fn describe(&self) -> EngineInfo {
        self.open().unwrap_or_else(|_| info("missing".to_owned()))
    }
}

fn info(version: String) -> EngineInfo {
    EngineInfo { name: "onnxruntime".to_owned(), version, providers: vec!["CPU".to_owned()] }
}

/// One session: one thread, no spinning (a spinning thread takes the processor from the next request).
fn session(runtime: &Runtime, bytes: &[u8], inspection: &Inspection) -> Result<Session> {
    let mut builder = configure(runtime).map_err(|error| failure::engine_failed(&error))?;
    builder.commit_from_memory(bytes).map_err(|error| failure::load_failed(&error, inspection))
}

fn configure(runtime: &Runtime) -> ort::Result<SessionBuilder> {
    Ok(Session::builder(&runtime.environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?)
}
