//! Foreign doors to serving: the Open Inference Protocol v2 over HTTP, with its binary tensor extension, and MLflow's scoring server.
//!
//! Both are thin: they read a request into tensors, ask [`Serving`] and write what it answers. A model's name here is a deployment's name.
//! Numbers go from the body straight into vectors; answers are written straight into a buffer.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]

mod answer;
mod binary;
mod body;
mod data;
mod frame;
mod infer;
mod invocations;
mod oip;

use std::sync::Arc;

use pitcrew_serving::Serving;
use pitcrew_web::Api;

/// The largest body of a request for predictions.
pub const MAX_INFER_BYTES: usize = 32 << 20;

/// The routes of both doors.
pub fn routes(serving: &Arc<Serving>) -> Api {
    oip::routes(Arc::clone(serving)).merge(invocations::routes(Arc::clone(serving)))
}
