//! Reading a project folder and making it so, in one transaction.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use pitcrew_blob::Blobs;
use pitcrew_contracts::project::ProjectApplied;
use pitcrew_contracts::spec::{Change, ChangeAction, Project};
use pitcrew_db::{Db, Outgoing};
use pitcrew_kernel::{Access, Clock, Ctx, Digest, Error, Ids, Result};
use pitcrew_work::{Applying, CodeFile, CodeSnapshot, Declared};
use serde::Serialize;

/// Largest single code file kept with a project; larger files are data.
const MAX_CODE_FILE: u64 = 4 * 1024 * 1024;
/// Most code files of a project.
const MAX_CODE_FILES: usize = 5_000;
/// Deepest folder below a project that is looked into.
const MAX_DEPTH: usize = 16;

/// What apply did, or would do.
#[derive(Debug, Serialize)]
pub(crate) struct Applied {
    pub(crate) project: String,
    pub(crate) changes: Vec<Change>,
    pub(crate) applied: bool,
}

/// Applies projects.
pub(crate) struct Applier {
    pub(crate) db: Db,
    pub(crate) blobs: Blobs,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) slices: Vec<Arc<dyn Declared>>,
}

impl Applier {
    /// Reads the project at `root`; makes it so, or only says what would change.
    ///
    /// # Errors
    /// `FORBIDDEN`, `PROJECT_ROOT_INVALID`, everything that can be wrong in `pitcrew.yaml`, and what a slice refuses.
    pub(crate) async fn apply(&self, ctx: &Ctx, root: &str, dry_run: bool) -> Result<Applied> {
        // It reads a folder of the server's own disk: nobody below admin may choose which.
        ctx.require(Access::Admin)?;
        let root = checked_root(root)?;
        let loaded = root.clone();
        let (project, files) = tokio::task::spawn_blocking(move || read(&loaded))
            .await
            .map_err(|source| Error::internal("reading the project did not finish", source))??;
        let code = Arc::new(self.store_code(&root, files).await?);
        let name = project.project.clone();
        let changes = self.commit(ctx, project, root, code, dry_run).await?;
        Ok(Applied { project: name, changes, applied: !dry_run })
    }

    async fn store_code(&self, root: &Path, files: Vec<SourceFile>) -> Result<CodeSnapshot> {
        let mut kept = Vec::with_capacity(files.len());
        for file in files {
            let digest = self.blobs.put(file.bytes).await?;
            kept.push(CodeFile { path: file.path, digest, executable: file.executable });
        }
        let listing = serde_json::to_vec(&kept)
            .map_err(|source| Error::internal("a list of files does not serialise", source))?;
        let digest = self.blobs.put(listing).await?;
        Ok(CodeSnapshot { digest, git_commit: git_commit(root).await, files: kept })
    }

    async fn commit(
        &self,
        ctx: &Ctx,
        project: Project,
        root: PathBuf,
        code: Arc<CodeSnapshot>,
        dry_run: bool,
    ) -> Result<Vec<Change>> {
        let (ctx, clock, ids, slices) =
            (ctx.clone(), Arc::clone(&self.clock), Arc::clone(&self.ids), self.slices.clone());
        let (seen, changes) = tokio::sync::oneshot::channel();
        let result = self
            .db
            .write(move |tx| {
                let out = Outgoing { ctx: &ctx, ids: ids.as_ref(), clock: clock.as_ref() };
                let applying = Applying { out, project: &project, root: &root, code: &code };
                let mut all = Vec::new();
                for slice in &slices {
                    all.extend(slice.apply(tx, &applying)?);
                }
                super::store::remember_project(tx, &applying)?;
                let changed = all.iter().filter(|change| change.action != ChangeAction::Unchanged).count();
                if changed > 0 {
                    tx.emit(
                        out,
                        &ProjectApplied { project: project.project.clone(), code: code.digest, changes: changed },
                    )?;
                }
                // The receiver waits below for as long as this command lives.
                let _heard = seen.send(all);
                // A plan is an apply that is rolled back.
                if dry_run { Err(Error::precondition("DRY_RUN", "only looking")) } else { Ok(()) }
            })
            .await;
        match result {
            Err(error) if error.code() != "DRY_RUN" => Err(error),
            _ => changes.await.map_err(|source| Error::internal("apply ended without an answer", source)),
        }
    }
}

/// A project's own files.
struct SourceFile {
    path: String,
    bytes: Bytes,
    executable: bool,
}

fn checked_root(root: &str) -> Result<PathBuf> {
    let path = Path::new(root);
    let fine = path.is_absolute() && path.is_dir();
    let wrong = || {
        Error::invalid(
            "PROJECT_ROOT_INVALID",
            format!("`{}` is not an absolute path of a folder on the server", root.escape_debug()),
        )
        .hint("run `pitcrew apply` in the project's folder, on the machine where the server runs")
    };
    if !fine {
        return Err(wrong());
    }
    path.canonicalize().map_err(|_| wrong())
}

fn read(root: &Path) -> Result<(Project, Vec<SourceFile>)> {
    let project = pitcrew_project::load_with(root, &super::environment::project_variable)?;
    let mut files = BTreeMap::new();
    let data = pitcrew_project::data_globs(&project)?;
    collect(root, root, 0, &data, &mut files)?;
    Ok((project, files.into_values().collect()))
}

fn collect(
    root: &Path,
    folder: &Path,
    depth: usize,
    data: &pitcrew_project::DataGlobs,
    files: &mut BTreeMap<String, SourceFile>,
) -> Result<()> {
    let failed = |source: std::io::Error| {
        Error::precondition("PROJECT_UNREADABLE", format!("`{}` cannot be read: {source}", folder.display()))
    };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        // A name that is not Unicode, or hidden, is not code that a step can name.
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.') && *name != "__pycache__") else {
            continue;
        };
        let kind = entry.file_type().map_err(failed)?;
        let path = folder.join(name);
        if kind.is_dir() && depth < MAX_DEPTH {
            collect(root, &path, depth + 1, data, files)?;
        } else if kind.is_file() {
            let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            let meta = entry.metadata().map_err(failed)?;
            if data.matches(&relative) || meta.len() > MAX_CODE_FILE {
                continue;
            }
            if files.len() >= MAX_CODE_FILES {
                return Err(Error::too_large(
                    "PROJECT_TOO_LARGE",
                    format!("the project has more than {MAX_CODE_FILES} code files"),
                )
                .hint("move data and generated files out of the project folder, or below a data set's source"));
            }
            let bytes = Bytes::from(std::fs::read(&path).map_err(failed)?);
            let executable = std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o111 != 0;
            files.insert(relative.clone(), SourceFile { path: relative, bytes, executable });
        }
    }
    Ok(())
}

/// The commit of a clean Git tree; `None` when it is none, is not clean, or Git is not there.
async fn git_commit(root: &Path) -> Option<String> {
    let git = |args: &[&str]| {
        let mut command = tokio::process::Command::new("git");
        command.arg("-C").arg(root).args(args).stdin(std::process::Stdio::null()).kill_on_drop(true);
        command
    };
    // A folder that the tree around it ignores looks clean and is in no commit.
    let tracked = git(&["ls-files", "--error-unmatch", "--", "pitcrew.yaml"]).output().await.ok()?;
    if !tracked.status.success() {
        return None;
    }
    let status = git(&["status", "--porcelain", "--", "."]).output().await.ok()?;
    if !status.status.success() || !status.stdout.is_empty() {
        return None;
    }
    let head = git(&["rev-parse", "HEAD"]).output().await.ok()?;
    let text = String::from_utf8(head.stdout).ok()?;
    head.status.success().then(|| text.trim().to_owned()).filter(|commit| !commit.is_empty())
}

/// Every object that the code of applied projects needs.
pub(crate) fn code_digests(snapshot: &CodeSnapshot) -> impl Iterator<Item = Digest> + '_ {
    std::iter::once(snapshot.digest).chain(snapshot.files.iter().map(|file| file.digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(folder: &Path, args: &[&str]) {
        let who = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"];
        let ran = std::process::Command::new("git").arg("-C").arg(folder).args(who).args(args).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }

    #[tokio::test]
    async fn a_commit_is_named_only_when_it_holds_the_project_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (root, inner) = (folder.path(), folder.path().join("ignored"));
        std::fs::create_dir(&inner).unwrap();
        for path in [root.join("pitcrew.yaml"), inner.join("pitcrew.yaml")] {
            std::fs::write(path, "project: a\n").unwrap();
        }
        std::fs::write(root.join(".gitignore"), "ignored\n").unwrap();
        assert_eq!(git_commit(root).await, None, "no repository");
        git(root, &["init", "--quiet"]);
        git(root, &["add", "."]);
        git(root, &["commit", "--quiet", "--message", "first"]);
        assert_eq!(git_commit(root).await.map(|commit| commit.len()), Some(40));
        assert_eq!(git_commit(&inner).await, None, "in no commit");
        std::fs::write(root.join("pitcrew.yaml"), "project: b\n").unwrap();
        assert_eq!(git_commit(root).await, None, "changed since");
    }
}
