//! What the owner of the server decides.

use std::path::PathBuf;
use std::time::Duration;

/// How pipelines run here.
#[derive(Debug, Clone)]
pub struct Options {
    /// The server's home; logs, work folders and environments live below it.
    pub home: PathBuf,
    /// Where `python3` and `uv` are looked for, and the `PATH` that steps see (after their environment's own programs).
    pub path: Vec<PathBuf>,
    /// `uv`, when it is not on the path. Without it environments are built with `venv` and `pip`.
    pub uv: Option<PathBuf>,
    /// Variables for building environments: proxies, package indexes, caches. See [`is_build_variable`].
    pub build_env: Vec<(String, String)>,
    /// Variables for every step besides Pitcrew's own. Nothing else is inherited.
    pub step_env: Vec<(String, String)>,
    /// Steps that may run at once.
    pub concurrency: usize,
    /// Threads a step's numeric libraries may use; their own choice when `None`.
    pub threads: Option<usize>,
    /// Between asking a process to end and ending it.
    pub grace: Duration,
    /// How many work folders of failed attempts are kept to look into.
    pub keep_failed: usize,
    /// How many runs' logs are kept.
    pub keep_logs: usize,
}

impl Options {
    /// The usual ones for a server at `home`.
    pub fn at(home: PathBuf) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            home,
            path: ["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from).to_vec(),
            uv: None,
            build_env: Vec::new(),
            step_env: Vec::new(),
            concurrency: cores,
            threads: None,
            grace: Duration::from_secs(5),
            keep_failed: 10,
            keep_logs: 1_000,
        }
    }
}

/// Whether a variable of the server's own environment is of use when environments are built, and holds no right to anything else.
pub fn is_build_variable(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let starts = ["PIP_", "UV_", "SSL_CERT_"].iter().any(|prefix| upper.starts_with(prefix));
    let named = [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "REQUESTS_CA_BUNDLE",
        "HOME",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
    ];
    starts || named.contains(&upper.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_inherit_where_packages_come_from_and_nothing_else() {
        for good in ["PIP_INDEX_URL", "UV_CACHE_DIR", "https_proxy", "HOME"] {
            assert!(is_build_variable(good), "{good}");
        }
        for bad in ["AWS_SECRET_ACCESS_KEY", "PATH", "LD_PRELOAD", "PYTHONPATH"] {
            assert!(!is_build_variable(bad), "{bad}");
        }
    }
}
