//! What handlers take in: the caller, JSON, queries. Each with an error that says what is wrong.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use pitcrew_kernel::{Ctx, Error};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// Who calls.
#[derive(Debug, Clone)]
pub struct Caller(pub Ctx);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        match parts.extensions.get::<Result<Ctx, std::sync::Arc<Error>>>() {
            Some(Ok(ctx)) => Ok(Self(ctx.clone())),
            _ => Err(Problem(Error::unauthenticated("TOKEN_REQUIRED", "nobody is known to be calling"))),
        }
    }
}

/// JSON in and out.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
                Problem(Error::too_large("BODY_TOO_LARGE", "the body is larger than this route takes"))
            } else {
                Problem(Error::invalid("BODY_INCOMPLETE", "the body did not arrive whole").with_source(rejection))
            }
        })?;
        // An empty body is an empty object: `POST .../abort` needs none.
        let text: &[u8] = if body.is_empty() { b"{}" } else { &body };
        serde_json::from_slice(text).map(Self).map_err(|error| Problem(json_error(&error)))
    }
}

fn json_error(error: &serde_json::Error) -> Error {
    let code = if error.is_data() { "JSON_UNEXPECTED" } else { "JSON_INVALID" };
    Error::invalid(code, format!("the body is not the JSON this route takes: {error}"))
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(source) => Problem(Error::internal("an answer does not serialise", source)).into_response(),
        }
    }
}

/// The parameters in the path, for those that are more than text: a version, a number.
#[derive(Debug, Clone)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(Problem(path_error(&rejection))),
        }
    }
}

fn path_error(rejection: &PathRejection) -> Error {
    Error::invalid("PATH_INVALID", format!("the path is not what this route takes: {}", rejection.body_text()))
}

/// The query string.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(Problem(query_error(&rejection))),
        }
    }
}

fn query_error(rejection: &QueryRejection) -> Error {
    Error::invalid("QUERY_INVALID", format!("the query string is not what this route takes: {}", rejection.body_text()))
}
