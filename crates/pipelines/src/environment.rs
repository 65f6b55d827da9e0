//! Python environments: built once for an interpreter and a list of pinned requirements, then shared by every step that asks for the same.
//!
//! An environment is built where it stays, because the programs that packages install name their interpreter by its full path and would not
//! survive a move. What makes it whole is its marker, written last; a folder without one is an interrupted build and is built anew.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use pitcrew_kernel::{Clock, Digest, Error, Result};
use tokio_util::sync::CancellationToken;

use crate::log::{StepLog, Stream};
use crate::model::EnvironmentPlan;
use crate::options::Options;
use crate::process::{self, Ending, Launch, Limits};

/// How long building may take.
const BUILD_TIMEOUT: Duration = Duration::from_secs(1_800);
const MARKER: &str = ".complete";
const DEFAULT_PYTHON: &str = "python3";
/// Prints what decides whether two interpreters are the same.
const IDENTIFY: &str =
    "import sys, platform; print(sys.implementation.name, platform.python_version(), sys.platform, platform.machine())";

/// All environments of a server.
#[derive(Debug)]
pub(crate) struct Environments {
    root: PathBuf,
    path: Vec<PathBuf>,
    uv: Option<PathBuf>,
    build_env: Vec<(String, String)>,
    grace: Duration,
    clock: Arc<dyn Clock>,
    /// One build of an environment at a time; the others wait for it.
    building: Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<()>>>>,
    /// Interpreters by path, with the time of the program file: an upgrade makes it another one.
    known: Mutex<HashMap<PathBuf, (SystemTime, String)>>,
}

/// What a build answers to.
#[derive(Debug)]
pub(crate) struct Building<'a> {
    pub(crate) log: &'a StepLog,
    /// Marks the build's processes as belonging to the run.
    pub(crate) marks: &'a [(String, String)],
    pub(crate) cancel: &'a CancellationToken,
    pub(crate) stop: &'a CancellationToken,
}

impl Environments {
    pub(crate) fn new(options: &Options, clock: Arc<dyn Clock>) -> Self {
        let uv = options.uv.clone().or_else(|| find_program("uv", &options.path));
        Self {
            root: options.home.join("environments"),
            path: options.path.clone(),
            uv,
            build_env: options.build_env.clone(),
            grace: options.grace,
            clock,
            building: Mutex::default(),
            known: Mutex::default(),
        }
    }

    /// The digest of an environment: interpreter and requirements.
    ///
    /// # Errors
    /// `ENVIRONMENT_FAILED` when the interpreter cannot be asked.
    pub(crate) async fn digest(&self, plan: &EnvironmentPlan) -> Result<Digest> {
        let python = self.python(plan)?;
        let identity = self.identity(&python).await?;
        let mut hasher = blake3::Hasher::new();
        for part in ["pitcrew environment 1", &identity, &plan.requirements] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        Ok(Digest::from_bytes(*hasher.finalize().as_bytes()))
    }

    /// The folder with the environment's programs, built if it is not there yet.
    ///
    /// # Errors
    /// `ENVIRONMENT_FAILED` with the last lines of the build, `STEP_CANCELLED`, `SERVER_STOPPING`.
    pub(crate) async fn ensure(
        &self,
        plan: &EnvironmentPlan,
        digest: &Digest,
        build: &Building<'_>,
    ) -> Result<PathBuf> {
        let folder = self.root.join(digest.hex());
        let single =
            Arc::clone(self.building.lock().unwrap_or_else(PoisonError::into_inner).entry(*digest).or_default());
        let _alone = match single.try_lock() {
            Ok(alone) => alone,
            Err(_) => {
                build.log.say("waiting for the Python environment that another step builds");
                tokio::select! {
                    alone = single.lock() => alone,
                    () = build.cancel.cancelled() => return Err(cancelled()),
                    () = build.stop.cancelled() => return Err(stopping()),
                }
            }
        };
        if !folder.join(MARKER).is_file() {
            self.build(plan, &folder, build).await?;
        }
        Ok(folder.join("bin"))
    }

    async fn build(&self, plan: &EnvironmentPlan, folder: &Path, build: &Building<'_>) -> Result<()> {
        let from = self.clock.now();
        let python = self.python(plan)?;
        let tool = if self.uv.is_some() { "uv" } else { "venv and pip" };
        build.log.say(format!("building the Python environment of `{}` with {tool}", plan.file));
        let requirements = folder.join("requirements.txt");
        let made = remove(folder)
            .and_then(|()| fs::create_dir_all(&self.root))
            .and_then(|()| fs::create_dir(folder))
            .and_then(|()| fs::write(&requirements, &plan.requirements));
        made.map_err(|source| failed(format!("its folder cannot be made: {source}")).with_source(source))?;
        for (program, args) in self.commands(&python, folder, &requirements) {
            self.command(program, args, build).await?;
        }
        let marked = fs::File::create(folder.join(MARKER)).and_then(|file| file.sync_all());
        marked.map_err(|source| failed(format!("its folder cannot be written: {source}")).with_source(source))?;
        let took = self.clock.now().since(from);
        build.log.say(format!("the Python environment is ready after {:.1} s", took.as_secs_f64()));
        Ok(())
    }

    fn commands(&self, python: &Path, folder: &Path, requirements: &Path) -> Vec<(PathBuf, Vec<String>)> {
        let text = |path: &Path| path.display().to_string();
        let inner = folder.join("bin/python");
        match &self.uv {
            Some(uv) => vec![
                (
                    uv.clone(),
                    vec![
                        "venv".into(),
                        "--allow-existing".into(),
                        "--no-project".into(),
                        "--python".into(),
                        text(python),
                        text(folder),
                    ],
                ),
                (
                    uv.clone(),
                    vec![
                        "pip".into(),
                        "install".into(),
                        "--python".into(),
                        text(&inner),
                        "--requirement".into(),
                        text(requirements),
                    ],
                ),
            ],
            None => vec![
                (python.to_owned(), vec!["-m".into(), "venv".into(), text(folder)]),
                (
                    inner,
                    [
                        "-m",
                        "pip",
                        "install",
                        "--disable-pip-version-check",
                        "--no-input",
                        "--progress-bar",
                        "off",
                        "--requirement",
                    ]
                    .map(str::to_owned)
                    .into_iter()
                    .chain([text(requirements)])
                    .collect(),
                ),
            ],
        }
    }

    async fn command(&self, program: PathBuf, args: Vec<String>, build: &Building<'_>) -> Result<()> {
        let mut env = self.variables();
        env.extend_from_slice(build.marks);
        let launch = Launch { program, args, env, cwd: self.root.clone() };
        let limits = Limits {
            clock: self.clock.as_ref(),
            timeout: BUILD_TIMEOUT,
            grace: self.grace,
            cancel: build.cancel,
            stop: build.stop,
        };
        let exit =
            process::run(&launch, build.log, [Stream::Pitcrew, Stream::Pitcrew], &limits, |_identity| async { Ok(()) })
                .await
                .map_err(|error| failed(error.detail().to_owned()))?;
        match (exit.ending, exit.code) {
            (Ending::Exited, Some(0)) => Ok(()),
            (Ending::Cancelled, _) => Err(cancelled()),
            (Ending::Stopped, _) => Err(stopping()),
            (Ending::TimedOut, _) => {
                Err(failed(format!("building it took longer than {} minutes", BUILD_TIMEOUT.as_secs() / 60)))
            }
            (Ending::Exited, _) => Err(failed(format!("the installer failed; its last lines:\n{}", build.log.tail()))),
        }
    }

    /// What interpreters and installers see.
    fn variables(&self) -> Vec<(String, String)> {
        let own = [("PATH".to_owned(), path_variable(&self.path)), ("LANG".to_owned(), "C.UTF-8".to_owned())];
        self.build_env.iter().cloned().chain(own).collect()
    }

    fn python(&self, plan: &EnvironmentPlan) -> Result<PathBuf> {
        let name = plan.python.as_deref().unwrap_or(DEFAULT_PYTHON);
        find_program(name, &self.path).ok_or_else(|| failed(format!("the interpreter `{name}` is not there")))
    }

    async fn identity(&self, python: &Path) -> Result<String> {
        let ask =
            |source: io::Error| failed(format!("`{}` cannot be asked for its version: {source}", python.display()));
        let changed = fs::metadata(python).and_then(|meta| meta.modified()).map_err(ask)?;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(python).cloned();
        if let Some((_, identity)) = known.filter(|(at, _)| *at == changed) {
            return Ok(identity);
        }
        let mut command = tokio::process::Command::new(python);
        command.args(["-I", "-c", IDENTIFY]).env_clear().envs(self.variables()).kill_on_drop(true);
        command.stdin(std::process::Stdio::null());
        let answer = command.output().await.map_err(ask)?;
        if !answer.status.success() {
            let said = String::from_utf8_lossy(&answer.stderr);
            return Err(failed(format!("`{}` cannot be asked for its version: {}", python.display(), said.trim())));
        }
        let identity = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(python.to_owned(), (changed, identity.clone()));
        Ok(identity)
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// The program `name`: a path as it is, a bare name as the first executable of that name in `path`.
pub(crate) fn find_program(name: &str, path: &[PathBuf]) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|program| is_executable(program));
    }
    path.iter().map(|folder| folder.join(name)).find(|program| is_executable(program))
}

fn is_executable(program: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(program).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// `PATH` of these folders.
pub(crate) fn path_variable(path: &[PathBuf]) -> String {
    path.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(":")
}

fn failed(why: String) -> Error {
    Error::precondition("ENVIRONMENT_FAILED", format!("the Python environment cannot be built: {why}"))
        .hint("check the pins and that the package index can be reached; the step's log has the whole build")
}

pub(crate) fn cancelled() -> Error {
    Error::precondition("STEP_CANCELLED", "the run was cancelled")
}

pub(crate) fn stopping() -> Error {
    Error::unavailable("SERVER_STOPPING", "the server stops; the step runs again when it starts")
}
