//! From answers and failures on the way to errors a person can act on.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

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

const MAX_CODE: usize = 64;
const MAX_CODES: usize = 1_000;

pub(crate) async fn from_response(response: Response) -> Error {
    let status = response.status();
    let body = response.bytes().await.unwrap_or_default();
    let problem: ProblemJson = serde_json::from_slice(&body).unwrap_or_default();
    let detail = match (problem.detail, problem.error.or(problem.message)) {
        (detail, _) if !detail.is_empty() => detail,
        (_, Some(error)) => error,
        _ => format!("the server answered {status}"),
    };
    let error = match kept(&problem.code) {
        Some(code) => Error::new(kind(status), code, detail),
        // Not from a server of ours, whatever the status says.
        None => Error::unavailable("SERVER_REFUSED", detail),
    };
    match problem.hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// A server's code for the life of this program: codes are static, and a newer server may know more of them than we do. They are few; what
/// comes after the limit is no server of ours.
fn kept(code: &str) -> Option<&'static str> {
    static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let plain = code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    if code.is_empty() || code.len() > MAX_CODE || !plain {
        return None;
    }
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = kept.get(code) {
        return Some(known);
    }
    if kept.len() >= MAX_CODES {
        return None;
    }
    let code: &'static str = Box::leak(code.to_owned().into_boxed_str());
    kept.insert(code);
    Some(code)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_a_newer_server_are_kept_and_nonsense_is_not() {
        assert_eq!(kept("A_CODE_OF_2030"), Some("A_CODE_OF_2030"));
        assert_eq!(kept("A_CODE_OF_2030").map(str::as_ptr), kept("A_CODE_OF_2030").map(str::as_ptr));
        for bad in ["", "no code", "<html>", &"A".repeat(MAX_CODE + 1)] {
            assert_eq!(kept(bad), None, "{bad}");
        }
    }
}
