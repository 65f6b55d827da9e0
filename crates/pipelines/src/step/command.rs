//! A step that runs a command: a clean environment, a folder of its own, no shell.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pitcrew_auth::Pass;
use pitcrew_contracts::tracking::{PIPELINE_RUN_TAG, PIPELINE_STEP_TAG};
use pitcrew_kernel::{Access, Error, Result, Span};
use tokio::sync::oneshot;

use crate::environment::{Building, cancelled, find_program, path_variable, stopping};
use crate::graph::input_variable;
use crate::lifecycle::{Figures, Verdict};
use crate::log::{StepLog, Stream};
use crate::process::{self, Ending, Exit, Identity, Launch, Limits, OWNER_VARIABLE, RUN_VARIABLE};
use crate::service::Pipelines;
use crate::step::{Trial, folder, told};
use crate::store::declared;
use crate::store::processes::{self as records, Recorded};
use crate::usage::Watch;
use crate::words;

/// What the thread pools of numeric libraries read.
const THREAD_VARIABLES: &[&str] =
    &["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"];

impl Pipelines {
    pub(super) async fn command(&self, trial: &Trial<'_>) -> Result<(Verdict, Figures)> {
        let call = trial.call;
        let command = call.declared.run.as_deref().unwrap_or_default();
        let words = words::split(command)?;
        let bin = self.environment(trial).await?;
        let code = call.plan.code;
        let files = self.db.read(move |tx| declared::code(tx, &code)).await?;
        self.write_code(&files, trial.folder).await?;
        self.write_inputs(call, trial.folder).await?;
        let params = serde_json::to_vec_pretty(&call.run.params);
        let params = params.map_err(|source| Error::internal("parameters do not serialise", source))?;
        std::fs::write(trial.folder.params(), params).map_err(folder::unusable)?;
        let tracking_run_id = self.open_tracking(trial).await?;
        // Held until the process has ended: then its secret opens nothing any more.
        let pass = self.ports.auth.admit(format!("step:{}/{}", trial.attempt.run, trial.attempt.step), Access::Write);
        let mut launch = self.launch(trial, &words, bin.as_deref(), &tracking_run_id)?;
        if let Some(pass) = &pass {
            trial.log.conceal(pass.secret());
            launch.env.extend(credentials(pass));
        }
        trial.log.say(format!("$ {command}"));
        let exit = self.execute(trial, &launch, &tracking_run_id).await;
        let ended = self.judge(trial, command, exit).await;
        let succeeded = matches!(ended, Ok((Verdict::Succeeded(_), _)));
        self.close_tracking(call, &tracking_run_id, succeeded).await;
        ended
    }

    /// The folder of the environment's programs, built if need be.
    async fn environment(&self, trial: &Trial<'_>) -> Result<Option<PathBuf>> {
        let call = trial.call;
        let Some(name) = call.plan.environment_of(&call.declared) else { return Ok(None) };
        let (plan, digest) = call
            .plan
            .environments
            .get(name)
            .zip(call.run.environments.get(name))
            .ok_or_else(|| Error::internal("an environment is not in its plan", name.to_owned()))?;
        let marks = self.marks(trial);
        let build = Building { log: trial.log, marks: &marks, cancel: trial.cancel, stop: trial.stop };
        self.environments.ensure(plan, digest, &build).await.map(Some)
    }

    async fn open_tracking(&self, trial: &Trial<'_>) -> Result<String> {
        let (call, attempt) = (trial.call, trial.attempt);
        let key = format!("{}/{}#{}", attempt.run, attempt.step, attempt.number);
        let name = format!("{}-{}-{}", call.run.pipeline, call.run.number, attempt.step);
        let tags = BTreeMap::from([
            (PIPELINE_RUN_TAG.to_owned(), attempt.run.to_string()),
            (PIPELINE_STEP_TAG.to_owned(), attempt.step.to_string()),
        ]);
        let opened = self.ports.tracker.open(&call.ctx(), &key, &call.plan.project, &name, tags).await?;
        let (book, attempt, id) = (self.book.clone(), attempt.clone(), opened.clone());
        self.db.write(move |tx| book.tracked(tx, &attempt, &id)).await?;
        Ok(opened)
    }

    fn marks(&self, trial: &Trial<'_>) -> Vec<(String, String)> {
        vec![
            (RUN_VARIABLE.to_owned(), trial.attempt.run.to_string()),
            ("PITCREW_STEP".to_owned(), trial.attempt.step.to_string()),
            (OWNER_VARIABLE.to_owned(), self.owner.to_string()),
        ]
    }

    fn launch(&self, trial: &Trial<'_>, words: &[String], bin: Option<&Path>, tracking_run_id: &str) -> Result<Launch> {
        let path: Vec<PathBuf> = bin.map(Path::to_owned).into_iter().chain(self.options.path.iter().cloned()).collect();
        let (name, args) = words.split_first().ok_or_else(|| Error::internal("a command without words", "plan"))?;
        let folder = trial.folder;
        Ok(Launch {
            program: program(name, &folder.code(), &path)?,
            args: args.to_vec(),
            env: self.variables(trial, &path, bin, tracking_run_id),
            cwd: folder.code(),
        })
    }

    fn variables(
        &self,
        trial: &Trial<'_>,
        path: &[PathBuf],
        bin: Option<&Path>,
        tracking_run_id: &str,
    ) -> Vec<(String, String)> {
        let text = |path: &Path| path.display().to_string();
        let folder = trial.folder;
        let mut env: Vec<(String, String)> = [
            ("PATH", path_variable(path)),
            ("HOME", text(&folder.home())),
            ("TMPDIR", text(&folder.temporary())),
            ("LANG", "C.UTF-8".to_owned()),
            ("TZ", "UTC".to_owned()),
            // Lines reach the log when they are printed, and sets iterate in the same order each time.
            ("PYTHONUNBUFFERED", "1".to_owned()),
            ("PYTHONHASHSEED", "0".to_owned()),
            ("GIT_PYTHON_REFRESH", "quiet".to_owned()),
            ("PITCREW_PARAMS", text(&folder.params())),
            ("PITCREW_OUTPUT_DIR", text(&folder.outputs())),
            ("MLFLOW_EXPERIMENT_NAME", trial.call.plan.project.clone()),
            ("MLFLOW_RUN_ID", tracking_run_id.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
        env.extend(self.marks(trial));
        if let Some(url) = self.url() {
            env.extend(["MLFLOW_TRACKING_URI", "PITCREW_URL"].map(|name| (name.to_owned(), url.clone())));
        }
        env.extend(bin.and_then(Path::parent).map(|venv| ("VIRTUAL_ENV".to_owned(), text(venv))));
        if let Some(threads) = self.options.threads {
            env.extend(THREAD_VARIABLES.iter().map(|name| ((*name).to_owned(), threads.to_string())));
        }
        for input in &trial.call.inputs {
            env.push((input_variable(&input.name), text(&folder.input(&input.name, &input.from))));
        }
        env.extend(self.options.step_env.iter().cloned());
        env
    }

    async fn execute(&self, trial: &Trial<'_>, launch: &Launch, tracking_run_id: &str) -> Result<Exit> {
        let limits = Limits {
            clock: self.clock.as_ref(),
            timeout: trial.timeout(),
            grace: self.options.grace,
            cancel: trial.cancel,
            stop: trial.stop,
        };
        let watch = Watch {
            clock: self.clock.as_ref(),
            tracker: self.ports.tracker.as_ref(),
            ctx: trial.call.ctx(),
            tracking_run_id,
            path: &self.options.path,
        };
        let (known, process) = oneshot::channel();
        let started = |process: Identity| async move {
            let record = Recorded {
                run: trial.attempt.run,
                step: trial.attempt.step.clone(),
                process: process.clone(),
                owner: self.owner.clone(),
            };
            self.db.write(move |tx| records::put(tx, &record)).await?;
            // Who watches may be gone: then the process has ended.
            let _gone = known.send(process);
            Ok(())
        };
        let watching = async {
            if let Ok(process) = process.await {
                watch.follow(&process).await;
            }
            std::future::pending().await
        };
        tokio::select! {
            exit = process::run(launch, trial.log, [Stream::Stdout, Stream::Stderr], &limits, started) => exit,
            never = watching => never,
        }
    }

    /// What the end of a process means.
    async fn judge(&self, trial: &Trial<'_>, command: &str, exit: Result<Exit>) -> Result<(Verdict, Figures)> {
        let exit = exit?;
        let figures = Figures {
            exit_code: exit.code.map(i64::from),
            cpu_us: i64::try_from(exit.cpu.as_micros()).ok(),
            peak_memory_bytes: i64::try_from(exit.peak_memory_bytes).ok(),
        };
        let error = match (exit.ending, exit.code, exit.signal) {
            (Ending::Exited, Some(0), _) => match self.store_outputs(&trial.call.outputs, trial.folder).await {
                Ok(outputs) => return Ok((Verdict::Succeeded(outputs), figures)),
                Err(error) if error.code() == "STEP_OUTPUT_MISSING" => error,
                Err(error) => return Err(error),
            },
            (Ending::Exited, Some(code), _) => exited(command, code, trial.log),
            (Ending::Exited, None, signal) => killed(command, signal),
            (Ending::TimedOut, ..) => timed_out(command, trial.timeout()),
            (Ending::Cancelled, ..) => return Ok((Verdict::Cancelled(told(&cancelled())), figures)),
            (Ending::Stopped, ..) => return Err(stopping()),
        };
        trial.log.say(told(&error));
        let (told, tail) = (told(&error), trial.log.tail());
        let text = if tail.is_empty() { told } else { format!("{told}\nlast lines:\n{tail}") };
        Ok((Verdict::Failed(text), figures))
    }
}

/// How the MLflow client and our own find the secret of a pass.
fn credentials(pass: &Pass) -> [(String, String); 2] {
    ["MLFLOW_TRACKING_TOKEN", "PITCREW_TOKEN"].map(|name| (name.to_owned(), pass.secret().to_owned()))
}

/// The first line says it all when a script ends as Python does: with its error on the last line.
fn exited(command: &str, code: i32, log: &StepLog) -> Error {
    let complaint = log.last_complaint().map(|line| format!(": {}", line.trim())).unwrap_or_default();
    Error::precondition("STEP_EXIT_NONZERO", format!("`{command}` ended with exit code {code}{complaint}"))
}

fn killed(command: &str, signal: Option<i32>) -> Error {
    let name = signal
        .and_then(|number| nix::sys::signal::Signal::try_from(number).ok())
        .map_or("a signal", nix::sys::signal::Signal::as_str);
    let error = Error::precondition("STEP_KILLED", format!("`{command}` was ended by {name}"));
    if name == "SIGKILL" {
        error.hint("the system may have run out of memory; compare the peak memory of earlier runs")
    } else {
        error
    }
}

pub(super) fn timed_out(what: &str, timeout: Duration) -> Error {
    Error::timeout("STEP_TIMEOUT", format!("`{what}` did not end within {}", Span::new(timeout)))
        .hint("give the step a longer `timeout`, or find out in its log where it hangs")
}

/// The program a command names: in the code when it is a path, else on the path, the environment first.
fn program(name: &str, code: &Path, path: &[PathBuf]) -> Result<PathBuf> {
    let found = if name.contains('/') {
        find_program(&code.join(name).display().to_string(), &[])
    } else {
        // Some systems have only `python3`.
        find_program(name, path).or_else(|| find_program("python3", path).filter(|_| name == "python"))
    };
    found.ok_or_else(|| {
        Error::invalid("STEP_COMMAND_NOT_FOUND", format!("there is no program `{name}`"))
            .hint("commands see the project's files, the programs of their environment and those of the system's path")
    })
}
