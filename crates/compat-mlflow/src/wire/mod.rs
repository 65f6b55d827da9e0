//! MLflow's wire: requests as fields, answers as it spells them, errors with its codes.

mod error;
mod fields;
mod view;

pub(crate) use error::{endpoint_not_found, mlflow_error, not_implemented};
pub(crate) use fields::{Fields, at, wrong};
pub(crate) use view::*;
