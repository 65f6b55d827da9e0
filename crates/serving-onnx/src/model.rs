//! One loaded model: its signature and a few sessions of it.

use std::time::Duration;

use ort::session::Session;
use pitcrew_contracts::serving::{LoadedModel, ModelSignature, Tensor, TensorData, TensorSpec};
use pitcrew_kernel::{Error, Result};

use crate::failure;
use crate::instance::Instance;
use crate::pool::{CHECKOUT_WAIT, Pool};
use crate::signature::smallest_shape;

/// When a caller told to come back may do so.
const BUSY_RETRY_AFTER: Duration = Duration::from_secs(1);

/// A model in memory.
#[derive(Debug)]
pub(crate) struct OnnxModel {
    signature: ModelSignature,
    instances: Pool<Instance>,
    file_bytes: usize,
}

impl OnnxModel {
    /// A model over sessions of the same file. Runs each once on zeros: a model that cannot run is refused here, and the first request
    /// pays for no first-time work.
    ///
    /// # Errors
    /// `SERVING_MODEL_INVALID` when it does not run.
    pub(crate) fn new(mut signature: ModelSignature, sessions: Vec<Session>, file_bytes: usize) -> Result<Self> {
        let zeros = signature.inputs.iter().map(zeros).collect::<Result<Vec<_>>>()?;
        let zeros: Vec<_> = zeros.iter().collect();
        let mut instances = Vec::with_capacity(sessions.len());
        for session in sessions {
            let mut instance = Instance::new(session, &signature)?;
            let outputs = instance.compute(&signature, &zeros).map_err(|error| failure::warm_up_failed(&error))?;
            complete(&mut signature, &outputs);
            instances.push(instance);
        }
        Ok(Self { signature, instances: Pool::new(instances), file_bytes })
    }
}

impl LoadedModel for OnnxModel {
    fn signature(&self) -> &ModelSignature {
        &self.signature
    }

    fn run(&self, inputs: &[(&str, Tensor)]) -> Result<Vec<(String, Tensor)>> {
        let tensors = arrange(&self.signature, inputs)?;
        let computed = self.instances.with(CHECKOUT_WAIT, |instance| instance.compute(&self.signature, &tensors));
        computed.unwrap_or_else(|| {
            let busy =
                format!("all {} instances of the model have been busy for {CHECKOUT_WAIT:?}", self.instances.size());
            Err(Error::unavailable("SERVING_BUSY", busy).retry_after(BUSY_RETRY_AFTER))
        })
    }

    /// The file's size for each instance, each of which holds its own copy of the weights.
    fn memory_bytes(&self) -> u64 {
        self.file_bytes as u64 * self.instances.size() as u64
    }
}

/// The tensors in the model's order, each checked. Requests usually come in that order already.
fn arrange<'a>(signature: &ModelSignature, inputs: &'a [(&str, Tensor)]) -> Result<Vec<&'a Tensor>> {
    let names = || signature.inputs.iter().map(|spec| spec.name.as_str()).collect::<Vec<_>>().join(", ");
    let wrong =
        |detail: String| Error::invalid("SERVING_INPUT_INVALID", detail).hint(format!("the inputs are {}", names()));
    if let Some((name, _)) = inputs.iter().find(|(name, _)| signature.input(name).is_none()) {
        return Err(wrong(format!("the model has no input `{name}`")));
    }
    let find = |(at, spec): (usize, &TensorSpec)| {
        let expected = inputs.get(at).filter(|(name, _)| *name == spec.name);
        let found = expected.or_else(|| inputs.iter().find(|(name, _)| *name == spec.name));
        let (_, tensor) = found.ok_or_else(|| wrong(format!("input `{}` is missing", spec.name)))?;
        spec.check(tensor)?;
        Ok(tensor)
    };
    let tensors = signature.inputs.iter().enumerate().map(find).collect::<Result<Vec<_>>>()?;
    if inputs.len() > tensors.len() {
        return Err(wrong(format!("{} inputs for a model of {}: one is given twice", inputs.len(), tensors.len())));
    }
    Ok(tensors)
}

fn zeros(spec: &TensorSpec) -> Result<Tensor> {
    let (shape, count) = smallest_shape(spec)?;
    Ok(Tensor { datatype: spec.datatype, shape, data: TensorData::zeros(spec.datatype, count) })
}

/// Some exporters declare no shape for an output; the first run shows at least how many dimensions it has.
fn complete(signature: &mut ModelSignature, outputs: &[(String, Tensor)]) {
    for (spec, (_, output)) in signature.outputs.iter_mut().zip(outputs) {
        if spec.shape.is_empty() {
            spec.shape = vec![-1; output.shape.len()];
        }
    }
}
