//! A model for unit tests: `y = factor * x` for each row.

use pitcrew_contracts::serving::{Datatype, LoadedModel, ModelSignature, Tensor, TensorData, TensorSpec};
use pitcrew_kernel::{Error, Result};

#[derive(Debug)]
pub(crate) struct Linear {
    factor: f32,
    signature: ModelSignature,
}

impl Linear {
    pub(crate) fn new(factor: f32) -> Self {
        let spec = |name: &str| TensorSpec { name: name.into(), datatype: Datatype::F32, shape: vec![-1, 1] };
        let signature = ModelSignature { inputs: vec![spec("x")], outputs: vec![spec("y")], features: vec![] };
        Self { factor, signature }
    }
}

impl LoadedModel for Linear {
    fn signature(&self) -> &ModelSignature {
        &self.signature
    }

    fn run(&self, inputs: &[(&str, Tensor)]) -> Result<Vec<(String, Tensor)>> {
        let [("x", tensor)] = inputs else { return Err(Error::invalid("SERVING_INPUT_INVALID", "the inputs are x")) };
        self.signature.inputs[0].check(tensor)?;
        let TensorData::F32(values) = &tensor.data else { return Err(Error::invalid("SERVING_INPUT_INVALID", "FP32")) };
        let data = values.iter().map(|value| value * self.factor).collect();
        Ok(vec![("y".into(), Tensor::new(tensor.shape.clone(), TensorData::F32(data))?)])
    }

    fn memory_bytes(&self) -> u64 {
        64
    }
}
