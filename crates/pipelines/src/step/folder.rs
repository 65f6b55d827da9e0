//! The folder of an attempt: its code, inputs, outputs, home. Fresh each time, removed after success.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use pitcrew_kernel::{Error, Result};
use pitcrew_work::CodeFile;
use tracing::warn;

use crate::lifecycle::Attempt;
use crate::model::Output;
use crate::service::Pipelines;
use crate::step::Call;
use crate::step::call::From;

/// Entries named when an output is missing.
const ENTRIES_NAMED: usize = 10;

/// The folder of one attempt.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder with its parts.
    ///
    /// # Errors
    /// `WORK_FOLDER_FAILED`.
    pub(crate) fn make(home: &Path, attempt: &Attempt) -> Result<Self> {
        let path = root(home).join(format!("{}.{}.{}", attempt.run, attempt.step, attempt.number));
        let folder = Self(path);
        let made = match fs::remove_dir_all(&folder.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => [folder.code(), folder.outputs(), folder.inputs(), folder.home(), folder.temporary()]
                .iter()
                .try_for_each(fs::create_dir_all),
        };
        made.map_err(unusable)?;
        Ok(folder)
    }

    /// The project's code; commands start here.
    pub(crate) fn code(&self) -> PathBuf {
        self.0.join("code")
    }

    pub(crate) fn inputs(&self) -> PathBuf {
        self.0.join("inputs")
    }

    pub(crate) fn outputs(&self) -> PathBuf {
        self.0.join("outputs")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.0.join("home")
    }

    pub(crate) fn temporary(&self) -> PathBuf {
        self.0.join("tmp")
    }

    pub(crate) fn params(&self) -> PathBuf {
        self.0.join("params.json")
    }

    /// Where an input's bytes lie.
    pub(crate) fn input(&self, name: &str, from: &From) -> PathBuf {
        match from {
            From::Dataset(_) => self.inputs().join(name),
            From::File { name: file, .. } => self.inputs().join(name).join(file),
        }
    }
}

fn root(home: &Path) -> PathBuf {
    home.join("work")
}

pub(crate) fn unusable(source: io::Error) -> Error {
    Error::precondition("WORK_FOLDER_FAILED", format!("the step's work folder cannot be used: {source}"))
        .hint("check the space and the rights of the home folder")
        .with_source(source)
}

impl Pipelines {
    /// Writes the code files, verified.
    pub(crate) async fn write_code(&self, files: &[CodeFile], folder: &Folder) -> Result<()> {
        let code = folder.code();
        for file in files {
            let path = code.join(&file.path);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(unusable)?;
            }
            self.blobs.copy_to(&file.digest, &path).await?;
            if file.executable {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(unusable)?;
            }
        }
        Ok(())
    }

    /// Writes the inputs, verified.
    pub(crate) async fn write_inputs(&self, call: &Call, folder: &Folder) -> Result<()> {
        for input in &call.inputs {
            let path = folder.input(&input.name, &input.from);
            match &input.from {
                From::Dataset(version) => {
                    fs::create_dir_all(&path).map_err(unusable)?;
                    self.ports.datasets.materialize(&call.ctx(), version, &path).await?;
                }
                From::File { .. } => {
                    if let Some(parent) = path.parent() {
                        fs::create_dir_all(parent).map_err(unusable)?;
                    }
                    self.blobs.copy_to(&input.digest, &path).await?;
                }
            }
        }
        Ok(())
    }

    /// Stores the declared outputs.
    ///
    /// # Errors
    /// `STEP_OUTPUT_MISSING` naming the first that is not there, and what storing can give.
    pub(crate) async fn store_outputs(&self, declared: &[String], folder: &Folder) -> Result<Vec<Output>> {
        let mut outputs = Vec::new();
        for name in declared {
            let path = folder.outputs().join(name);
            // Links are not followed: an output is what the step wrote, not what it points at.
            match fs::symlink_metadata(&path) {
                Ok(meta) if meta.is_file() => {}
                Ok(_) => return Err(missing(name, "what lies there under that name is no plain file".to_owned())),
                Err(_) => return Err(missing(name, entries(&folder.outputs()))),
            }
            let stored = self.blobs.put_file(&path).await?;
            outputs.push(Output { name: name.clone(), digest: stored.digest, bytes: stored.size });
        }
        Ok(outputs)
    }

    /// Removes the folder of an attempt, or keeps it and removes the oldest kept ones.
    pub(crate) async fn tidy_folders(&self, folder: Folder, keep: bool) {
        let (root, limit) = (root(&self.options.home), self.options.keep_failed);
        let live = std::sync::Arc::clone(&self.live);
        let tidied = tokio::task::spawn_blocking(move || -> io::Result<()> {
            if !keep || limit == 0 {
                return fs::remove_dir_all(&folder.0);
            }
            let own = folder.0.file_name().unwrap_or_default();
            let is_live = |name: &str| {
                let parts = name.rsplit_once('.').and_then(|(rest, _attempt)| rest.split_once('.'));
                own != name && parts.is_some_and(|(run, step)| live.has(run, step))
            };
            crate::retain::keep_newest(&root, limit, &is_live)
        });
        match tidied.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(error = %error, "a step's work folder cannot be removed"),
            Err(error) => warn!(error = %error, "removing a step's work folder failed"),
        }
    }
}

fn missing(name: &str, there: String) -> Error {
    Error::precondition("STEP_OUTPUT_MISSING", format!("the step ended without writing the file `{name}`; {there}"))
        .hint("write it into the folder named by `PITCREW_OUTPUT_DIR`, or remove it from `outputs`")
}

/// What a folder holds, in words.
fn entries(folder: &Path) -> String {
    let mut names: Vec<String> = fs::read_dir(folder)
        .map(|entries| {
            entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned())).collect()
        })
        .unwrap_or_default();
    names.sort();
    names.truncate(ENTRIES_NAMED);
    if names.is_empty() {
        "the output folder is empty".to_owned()
    } else {
        format!("the output folder has {}", names.join(", "))
    }
}
