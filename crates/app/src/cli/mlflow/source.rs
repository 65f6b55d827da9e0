//! What MLflow keeps, wherever it keeps it: behind a server, in a SQLite file, in PostgreSQL.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pitcrew_client::Client;
use pitcrew_db::{Db, Options};
use pitcrew_kernel::{Error, Result};
use serde_json::Value;

use super::{http, store};
use crate::cli::runs::folder::Point;

/// How many folders above a run's files that of all experiments is: `mlruns/1/<run>/artifacts`.
const ABOVE_RUNS: usize = 3;

/// The tag by which MLflow tells a prompt from a model.
const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";

/// Names and texts.
pub(super) type Entries = BTreeMap<String, String>;

/// Where MLflow keeps its work.
pub(super) enum Source {
    /// Behind its server.
    Server(Client),
    /// In its database. A SQLite file is read as a copy, so that nothing is locked or changed.
    Database(Db, #[expect(dead_code, reason = "the copy goes when this is dropped")] Option<tempfile::TempDir>),
}

/// An experiment.
#[derive(Debug, Clone)]
pub(super) struct Experiment {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) tags: Entries,
}

/// A run without its points and files.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) run_id: String,
    /// The head as an import takes it, without the experiment.
    pub(super) head: Value,
    pub(super) artifact_uri: String,
    /// Its metrics.
    pub(super) metrics: Vec<String>,
}

/// A logged model without its files.
#[derive(Debug, Clone)]
pub(super) struct LoggedModel {
    /// As the import of logged models takes it, without the experiment.
    pub(super) head: Value,
    pub(super) model_id: String,
    pub(super) artifact_uri: String,
}

/// A registered model.
#[derive(Debug, Clone, Default)]
pub(super) struct Registered {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) tags: Entries,
    pub(super) aliases: BTreeMap<String, i64>,
    /// Oldest first.
    pub(super) versions: Vec<Version>,
}

/// One version of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Version {
    pub(super) version: i64,
    pub(super) description: String,
    pub(super) source: String,
    pub(super) run_id: String,
    pub(super) tags: Entries,
}

/// A file of a run or a logged model.
#[derive(Debug, Clone)]
pub(super) struct SourceFile {
    /// Below the artifacts of what it belongs to.
    pub(super) path: String,
    pub(super) bytes: u64,
}

impl Source {
    /// Finds what an address names.
    pub(super) async fn open(from: &str, token: Option<String>) -> Result<Self> {
        if from.starts_with("http://") || from.starts_with("https://") {
            return Ok(Self::Server(Client::new(from, token)?));
        }
        let (options, copy) = match from.strip_prefix("sqlite:///") {
            Some(path) => {
                let folder = tempfile::tempdir().map_err(|source| {
                    Error::unavailable("IMPORT_FAILED", "there is no room for a copy").with_source(source)
                })?;
                let copy = folder.path().join("mlflow.db");
                pitcrew_db::backup(Path::new(path), &copy).map_err(|error| no_sqlite(path, error))?;
                (Options::Sqlite(copy), Some(folder))
            }
            None if from.starts_with("postgres") => {
                let url = from.replacen("postgresql+psycopg2://", "postgresql://", 1);
                (Options::Postgres { url, schema: None }, None)
            }
            None => return Err(unknown(from)),
        };
        let opened = tokio::task::spawn_blocking(move || Db::open(&options)).await;
        let db = opened.map_err(|source| Error::internal("opening the database did not finish", source))??;
        let source = Self::Database(db, copy);
        // Anything but MLflow's tables is told at once.
        source.experiments().await.map_err(|error| not_mlflow(from, error))?;
        Ok(source)
    }

    pub(super) async fn experiments(&self) -> Result<Vec<Experiment>> {
        match self {
            Self::Server(client) => http::experiments(client).await,
            Self::Database(db, _) => db.read(store::experiments).await.map_err(of_the_database),
        }
    }

    /// The next runs of an experiment after `page`, and the next page.
    pub(super) async fn runs(&self, experiment: &str, page: Option<String>) -> Result<(Vec<Run>, Option<String>)> {
        match self {
            Self::Server(client) => http::runs(client, experiment, page).await,
            Self::Database(db, _) => {
                let experiment = experiment.to_owned();
                db.read(move |tx| store::runs(tx, &experiment, page.as_deref().unwrap_or_default()))
                    .await
                    .map_err(of_the_database)
            }
        }
    }

    /// The next points of a metric after `page`, and the next page.
    pub(super) async fn points(
        &self,
        run_id: &str,
        key: &str,
        page: Option<String>,
    ) -> Result<(Vec<Point>, Option<String>)> {
        match self {
            Self::Server(client) => http::points(client, run_id, key, page).await,
            Self::Database(db, _) => {
                let (run_id, key) = (run_id.to_owned(), key.to_owned());
                db.read(move |tx| store::points(tx, &run_id, &key, page)).await.map_err(of_the_database)
            }
        }
    }

    pub(super) async fn logged_models(&self, experiment: &str) -> Result<Vec<LoggedModel>> {
        match self {
            Self::Server(client) => http::logged_models(client, experiment).await,
            Self::Database(db, _) => {
                let experiment = experiment.to_owned();
                db.read(move |tx| store::logged_models(tx, &experiment)).await.map_err(of_the_database)
            }
        }
    }

    pub(super) async fn registered(&self) -> Result<Vec<Registered>> {
        let mut models = match self {
            Self::Server(client) => http::registered(client).await?,
            Self::Database(db, _) => db.read(store::registered).await.map_err(of_the_database)?,
        };
        // Prompts are kept among the models and are none; servers do not list them here.
        models.retain(|model| !model.tags.contains_key(PROMPT_TAG));
        Ok(models)
    }

    /// The files at an artifact address; `None` when they cannot be reached from here.
    pub(super) async fn files(&self, artifact_uri: &str, owner: &str) -> Result<Option<Vec<SourceFile>>> {
        match self {
            Self::Server(client) => http::files(client, artifact_uri, owner).await.map(Some),
            Self::Database(..) => match local_folder(artifact_uri, owner) {
                Some(folder) if folder.is_dir() => local_files(&folder).map(Some),
                // A run that logged no file has no folder; where nothing is left of the whole store, it was moved or is on another machine.
                Some(folder) => Ok(folder.ancestors().nth(ABOVE_RUNS).is_some_and(Path::is_dir).then(Vec::new)),
                None => Ok(None),
            },
        }
    }

    /// Writes one of those files to `target`.
    pub(super) async fn fetch(&self, artifact_uri: &str, owner: &str, file: &SourceFile, target: &Path) -> Result<()> {
        let parent = target.parent().unwrap_or(target);
        std::fs::create_dir_all(parent).map_err(|source| unwritable(target, source))?;
        match self {
            Self::Server(client) => http::fetch(client, artifact_uri, owner, file, target).await,
            Self::Database(..) => {
                let folder = local_folder(artifact_uri, owner).unwrap_or_default();
                let from = crate::cli::runs::folder::below(&folder, &file.path)?;
                std::fs::copy(&from, target).map(drop).map_err(|source| unwritable(target, source))
            }
        }
    }
}

/// An address may hold a password, so no more of it is shown than what kind it is.
fn unknown(from: &str) -> Error {
    let shown = from.split_once("://").map_or(from, |(scheme, _)| scheme);
    Error::invalid("IMPORT_SOURCE_INVALID", format!("`{}` names no MLflow", shown.escape_debug()))
        .hint("write `http://host:5000`, `sqlite:///path/mlflow.db` or `postgres://user:password@host/database`")
}

fn not_mlflow(from: &str, error: Error) -> Error {
    let shown = from.split('@').next_back().unwrap_or_default();
    Error::invalid("IMPORT_SOURCE_INVALID", format!("the database `{shown}` holds no tables of MLflow 3"))
        .hint("bring it up to date with `mlflow db upgrade`")
        .with_source(error)
}

/// A file that is none of SQLite's, or is not there.
fn no_sqlite(path: &str, error: Error) -> Error {
    Error::invalid("IMPORT_SOURCE_INVALID", format!("`{}` cannot be read as a SQLite database", path.escape_debug()))
        .hint("`sqlite:///` is followed by a path from here, `sqlite:////` by one from the root")
        .with_source(error)
}

/// Columns may hold anything in SQLite: what does not read is the database's, no fault of this program.
fn of_the_database(error: Error) -> Error {
    if error.code() != "INTERNAL" {
        return error;
    }
    Error::invalid("IMPORT_SOURCE_INVALID", "the database holds something that MLflow does not write")
        .hint("what came in before it is kept; mend the database, or import from a server over it")
        .with_source(error)
}

pub(super) fn unwritable(target: &Path, source: std::io::Error) -> Error {
    Error::unavailable("IMPORT_FAILED", format!("`{}` cannot be copied: {source}", target.display()))
}

/// The local folder of an artifact address. What a database says is not trusted: only a folder that MLflow would have made for this run or
/// model is read.
fn local_folder(artifact_uri: &str, owner: &str) -> Option<PathBuf> {
    let path = Path::new(artifact_uri.strip_prefix("file://").unwrap_or(artifact_uri));
    let is_its_own = path.is_absolute() && path.ends_with(Path::new(owner).join("artifacts"));
    is_its_own.then(|| path.to_owned())
}

/// Every plain file below a folder. Links are passed over: they may lead anywhere.
fn local_files(root: &Path) -> Result<Vec<SourceFile>> {
    let mut found = Vec::new();
    let mut waiting = vec![(root.to_owned(), String::new())];
    while let Some((folder, path)) = waiting.pop() {
        for entry in folder.read_dir().map_err(|source| unwritable(&folder, source))? {
            let entry = entry.map_err(|source| unwritable(&folder, source))?;
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            let path = if path.is_empty() { name } else { format!("{path}/{name}") };
            let meta = entry.path().symlink_metadata().map_err(|source| unwritable(&folder, source))?;
            if meta.is_dir() {
                waiting.push((entry.path(), path));
            } else if meta.is_file() {
                found.push(SourceFile { path, bytes: meta.len() });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_is_no_database_of_mlflow_is_told_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mlflow.db");
        let open = async || Source::open(&format!("sqlite:///{}", path.display()), None).await.map(drop).unwrap_err();
        assert!(open().await.detail().contains("cannot be read as a SQLite database"), "nothing is there");
        std::fs::write(&path, "x".repeat(4_096)).unwrap();
        assert!(open().await.detail().contains("cannot be read as a SQLite database"), "a text is there");
        std::fs::write(&path, "").unwrap();
        assert!(open().await.detail().contains("no tables of MLflow 3"), "an empty database is there");
        assert_eq!(open().await.code(), "IMPORT_SOURCE_INVALID");
        let unread = of_the_database(Error::internal("a column does not read", "a blob"));
        assert_eq!(unread.code(), "IMPORT_SOURCE_INVALID");
        assert_eq!(of_the_database(Error::unavailable("DB_BUSY", "busy")).code(), "DB_BUSY");
    }

    #[test]
    fn an_address_that_names_nothing_is_told_without_its_password() {
        let told = unknown("mysql://ana:s3cret@db/mlflow");
        assert!(!format!("{told:?}").contains("s3cret") && told.detail().contains("mysql"));
        assert!(unknown("mlflow.db").detail().contains("mlflow.db"));
    }

    #[test]
    fn a_database_cannot_have_any_folder_read() {
        let root = tempfile::tempdir().unwrap();
        let own = root.path().join("1/abc/artifacts");
        std::fs::create_dir_all(&own).unwrap();
        let uri = own.to_str().unwrap();
        assert_eq!(local_folder(uri, "abc"), Some(own.clone()));
        assert_eq!(local_folder(&format!("file://{uri}"), "abc"), Some(own.clone()));
        for bad in ["/etc", "s3://bucket/abc/artifacts", "abc/artifacts", root.path().to_str().unwrap()] {
            assert_eq!(local_folder(bad, "abc"), None, "{bad}");
        }
        assert_eq!(local_folder(uri, "other"), None);
        std::os::unix::fs::symlink("/etc/passwd", own.join("x")).unwrap();
        assert!(local_files(&own).unwrap().is_empty());
    }
}
