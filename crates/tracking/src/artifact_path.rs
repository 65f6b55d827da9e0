//! Paths of artifacts. They name rows, never files, so they cannot climb; what looks like climbing is refused all the same.

use std::fmt;
use std::str::FromStr;

use pitcrew_kernel::{Error, Result};

use crate::errors;
use crate::limits::{ARTIFACT_DEPTH, ARTIFACT_NAME_BYTES, ARTIFACT_PATH_BYTES};
use crate::model::ARTIFACT_SCHEME;
use crate::spellings::may_climb;

/// A path below the root of all artifacts, like `1/<run id>/artifacts/model/MLmodel`. Empty for the root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArtifactPath(String);

impl ArtifactPath {
    /// The root of all artifacts.
    pub fn root() -> Self {
        Self(String::new())
    }

    /// The path an address of the scheme `mlflow-artifacts` names; `None` for other schemes, which this server does not store.
    ///
    /// # Errors
    /// `ARTIFACT_PATH_INVALID`.
    pub fn of_uri(uri: &str) -> Result<Option<Self>> {
        let Some(rest) = uri.strip_prefix(ARTIFACT_SCHEME) else { return Ok(None) };
        // `mlflow-artifacts://host/path` names a server; the path is ours all the same.
        let path = match rest.strip_prefix('/') {
            Some(with_host) => with_host.split_once('/').map_or("", |(_host, path)| path),
            None => rest,
        };
        path.trim_end_matches('/').parse().map(Some)
    }

    /// This path and `below` it.
    ///
    /// # Errors
    /// `ARTIFACT_PATH_INVALID` when both together are too long.
    pub fn join(&self, below: &Self) -> Result<Self> {
        match (self.0.is_empty(), below.0.is_empty()) {
            (_, true) => Ok(self.clone()),
            (true, false) => Ok(below.clone()),
            (false, false) => format!("{}/{}", self.0, below.0).parse(),
        }
    }

    /// The path as text, without a slash at either end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the root of all artifacts.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The last name.
    pub fn name(&self) -> &str {
        self.split().1
    }

    /// The folder and the name in it.
    pub(crate) fn split(&self) -> (&str, &str) {
        self.0.rsplit_once('/').unwrap_or(("", &self.0))
    }
}

impl fmt::Display for ArtifactPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ArtifactPath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Ok(Self::root());
        }
        let wrong = || errors::artifact_path(text);
        if text.len() > ARTIFACT_PATH_BYTES || text.split('/').count() > ARTIFACT_DEPTH || !text.split('/').all(is_name)
        {
            return Err(wrong());
        }
        if may_climb(text) {
            return Err(wrong());
        }
        Ok(Self(text.to_owned()))
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= ARTIFACT_NAME_BYTES
        && name != "."
        && name != ".."
        && !name.contains('\\')
        && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn good_paths_stay_as_they_are() {
        for good in ["a", "1/8a/artifacts/model.onnx", "a b/ä/100%.txt", "a..b/.hidden", "50%25"] {
            assert_eq!(good.parse::<ArtifactPath>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn climbing_is_refused_however_it_is_written() {
        for bad in [
            "..",
            "../a",
            "a/../b",
            "a/..",
            "/a",
            "a/",
            "a//b",
            ".",
            "a/./b",
            "a\\..\\b",
            "..%2fa",
            "%2e%2e/a",
            "%252e%252e/a",
            "a\0b",
            "a\nb",
        ] {
            assert_eq!(bad.parse::<ArtifactPath>().unwrap_err().code(), "ARTIFACT_PATH_INVALID", "{bad:?}");
        }
    }

    #[test]
    fn addresses_name_paths() {
        let path = |uri: &str| ArtifactPath::of_uri(uri).unwrap().map(|path| path.to_string());
        assert_eq!(path("mlflow-artifacts:/1/8a/artifacts").as_deref(), Some("1/8a/artifacts"));
        assert_eq!(path("mlflow-artifacts://host:80/1/8a/artifacts/").as_deref(), Some("1/8a/artifacts"));
        assert_eq!(path("s3://bucket/1"), None);
    }

    proptest! {
        #[test]
        fn no_accepted_path_has_a_climbing_part(text in "[a./%25ef\\\\]{1,24}") {
            if let Ok(path) = text.parse::<ArtifactPath>() {
                prop_assert!(path.as_str().split('/').all(|part| !part.is_empty() && part != "." && part != ".."));
            }
        }
    }
}
