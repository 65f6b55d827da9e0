//! A small disk of its own, to fill or to make read-only.

use std::path::Path;
use std::process::Command;

/// A tmpfs that is unmounted when this value goes.
#[derive(Debug)]
pub struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    /// Mounts one of this size, as `mount` writes it (`1m`). Where mounting is not allowed it says so and gives `None`, so that a test has
    /// nothing to do; with `PITCREW_REQUIRE_TMPFS`, as where the whole product is tested by somebody who may mount, it panics instead.
    pub fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        match run("mount", &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"], folder.path()) {
            Ok(()) => Some(Self(folder)),
            Err(why) => {
                assert!(!is_required(), "a tmpfs cannot be mounted, but PITCREW_REQUIRE_TMPFS is set: {why}");
                eprintln!("skipped: a tmpfs cannot be mounted here: {why}");
                None
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// From now on nothing on it can be written.
    pub fn make_read_only(&self) {
        run("mount", &["-o", "remount,ro"], self.path()).expect("whoever may mount may remount");
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        if let Err(why) = run("umount", &["-l"], self.0.path()) {
            eprintln!("{} stays mounted: {why}", self.0.path().display());
        }
    }
}

fn run(program: &str, arguments: &[&str], path: &Path) -> Result<(), String> {
    let output = Command::new(program).args(arguments).arg(path).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or("no reason given").to_owned())
}

#[expect(clippy::disallowed_methods, reason = "a test is configured by the environment it runs in")]
fn is_required() -> bool {
    std::env::var_os("PITCREW_REQUIRE_TMPFS").is_some_and(|value| !value.is_empty())
}
