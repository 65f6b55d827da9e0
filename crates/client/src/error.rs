//! From answers and failures on the way to errors a person can act on.

use pitcrew_kernel::{Error, Kind};
use reqwest::{Response, StatusCode};
use serde::Deserialize;

#[derive(Deserialize, Default)]
#[serde(default)]
struct ProblemJson {
    code: String,
    detail: String,
    hint: Option<String>,
    /// The Open Inference Protocol writes only this.
    error: Option<String>,
    /// MLflow's door writes this.
    message: Option<String>,
}

/// The code of the server travels in the sentence's context; codes are static, and a newer server may know more of them than we do.
const REMOTE: &str = "SERVER_REFUSED";

pub(crate) async fn from_response(response: Response) -> Error {
    let status = response.status();
    let body = response.bytes().await.unwrap_or_default();
    let problem: ProblemJson = serde_json::from_slice(&body).unwrap_or_default();
    let detail = match (problem.detail, problem.error.or(problem.message)) {
        (detail, _) if !detail.is_empty() => detail,
        (_, Some(error)) => error,
        _ => format!("the server answered {status}"),
    };
    let detail = if problem.code.is_empty() { detail } else { format!("{detail} [{}]", problem.code) };
    let error = Error::new(kind(status), REMOTE, detail);
    match problem.hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn kind(status: StatusCode) -> Kind {
    match status.as_u16() {
        401 => Kind::Unauthenticated,
        403 => Kind::Forbidden,
        404 => Kind::NotFound,
        409 => Kind::Conflict,
        412 => Kind::Precondition,
        413 => Kind::TooLarge,
        429 => Kind::Limited,
        503 => Kind::Unavailable,
        504 => Kind::Timeout,
        400..=499 => Kind::Invalid,
        _ => Kind::Internal,
    }
}

pub(crate) fn from_reqwest(url: &str, error: reqwest::Error) -> Error {
    if error.is_timeout() {
        return Error::timeout("SERVER_TIMEOUT", format!("the server at {url} did not answer in time"))
            .with_source(error);
    }
    Error::unavailable("SERVER_UNREACHABLE", format!("no server answers at {url}"))
        .hint("start one with `pitcrew up`, or name its address with `--url` or PITCREW_URL")
        .with_source(error)
}
