//! Runs go to folders. A folder is written under another name and gets its own when it is whole, so that what has its name is complete; what is
//! there already is not fetched again.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use futures_util::StreamExt as _;
use pitcrew_client::{Client, escaped as escape};
use pitcrew_kernel::{Error, Result};
use serde_json::{Value, json};

use super::args::Export;
use super::folder::{self, FILES, HEAD, POINTS_FOLDER, Point, RunFile};
use super::{Found, path, searched, would};
use crate::cli::out::{Out, items};

/// Points in one call.
const POINTS_PER_CALL: usize = 10_000;

pub(super) async fn export(client: &Client, export: &Export, out: Out) -> Result<()> {
    let runs = searched(client, export.experiment.as_deref(), export.filter.as_deref()).await?;
    if export.dry_run {
        would(&runs, "exported", out);
        return Ok(());
    }
    std::fs::create_dir_all(&export.out).map_err(|source| unwritable(&export.out, &source))?;
    let (mut written, mut unchanged) = (0_u64, 0_u64);
    for (at, run) in runs.iter().enumerate() {
        let new = one(client, run, &export.out).await?;
        *(if new { &mut written } else { &mut unchanged }) += 1;
        let said = if new { "written" } else { "unchanged" };
        out.note(&format!("{}/{} {} {}: {said}", at + 1, runs.len(), run.id, run.name));
    }
    let result = json!({ "folder": export.out, "written": written, "unchanged": unchanged });
    out.result(&result, |_| format!("{written} runs written to {}, {unchanged} unchanged", export.out.display()));
    Ok(())
}

fn unwritable(path: &Path, source: &std::io::Error) -> Error {
    Error::unavailable("EXPORT_FAILED", format!("`{}` cannot be written: {source}", path.display()))
        .hint("mend it and export again: what is written is kept")
}

/// Writes one run; false when it was there as it is.
async fn one(client: &Client, run: &Found, out: &Path) -> Result<bool> {
    let head = client.get(&format!("{}/export", path(&run.id))).await?;
    let (target, part) = (folder::below(out, &run.id)?, folder::below(out, &format!("{}.part", run.id))?);
    if is_there(&target, &head) {
        return Ok(false);
    }
    let failed = |source| unwritable(&part, &source);
    if target.is_dir() {
        // The run has gone on since: what was written is the beginning of it.
        remove(&part).map_err(failed)?;
        std::fs::rename(&target, &part).map_err(failed)?;
        std::fs::remove_file(part.join(HEAD)).map_err(failed)?;
    }
    std::fs::create_dir_all(part.join(POINTS_FOLDER)).map_err(failed)?;
    points(client, run, &head, &part.join(POINTS_FOLDER)).await?;
    files(client, run, &head, &part).await?;
    let text = format!("{head:#}\n");
    let mut file = File::create(part.join(HEAD)).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&part, &target).map_err(|source| unwritable(&target, &source))?;
    Ok(true)
}

fn remove(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether the run is there as the server has it, with its points and the bytes of its files.
fn is_there(target: &Path, head: &Value) -> bool {
    let text = std::fs::read_to_string(target.join(HEAD)).unwrap_or_default();
    if serde_json::from_str::<Value>(&text).ok().as_ref() != Some(head) {
        return false;
    }
    folder::read(target).is_ok_and(|run| run.counts().is_ok() && run.files().is_ok())
}

async fn points(client: &Client, run: &Found, head: &Value, into: &Path) -> Result<()> {
    let metrics = head.get("metrics").and_then(Value::as_object).into_iter().flatten();
    let mut written = Vec::new();
    for (at, (key, count)) in metrics.enumerate() {
        let file = into.join(format!("{:05}.jsonl", at + 1));
        if !holds(&file, key, count.as_u64().unwrap_or_default()) {
            series(client, run, key, &file).await?;
        }
        written.push(file);
    }
    keep_only(into, &written).map_err(|source| unwritable(into, &source))
}

/// Whether a file has all points of a metric. Points are only ever added, so as many are the same.
fn holds(file: &Path, key: &str, count: u64) -> bool {
    let Ok(file) = File::open(file) else { return false };
    let mut lines = 0;
    for line in BufReader::new(file).lines() {
        match line.ok().and_then(|line| serde_json::from_str::<Point>(&line).ok()) {
            Some(point) if point.key == key => lines += 1,
            _ => return false,
        }
    }
    lines == count
}

async fn series(client: &Client, run: &Found, key: &str, path_of_file: &Path) -> Result<()> {
    let failed = |source| unwritable(path_of_file, &source);
    let mut file = BufWriter::new(File::create(path_of_file).map_err(failed)?);
    let address = format!("{}/points?key={}&limit={POINTS_PER_CALL}", path(&run.id), escape(key));
    let mut next: Option<String> = None;
    loop {
        let address = match &next {
            Some(token) => format!("{address}&page={}", escape(token)),
            None => address.clone(),
        };
        let page = client.get(&address).await?;
        for point in items(&page) {
            let mut line = point.clone();
            line["key"] = Value::String(key.to_owned());
            writeln!(file, "{line}").map_err(failed)?;
        }
        next = page.get("next").and_then(Value::as_str).map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    let file = file.into_inner().map_err(|error| unwritable(path_of_file, error.error()))?;
    file.sync_all().map_err(failed)
}

async fn files(client: &Client, run: &Found, head: &Value, part: &Path) -> Result<()> {
    let listed = head.get("artifacts").cloned().unwrap_or_default();
    let listed: Vec<RunFile> = serde_json::from_value(listed)
        .map_err(|source| Error::internal("the server's list of files does not read", source))?;
    let root = part.join(FILES);
    let mut written = Vec::new();
    for file in &listed {
        let target = folder::below(&root, &file.path)?;
        let have = folder::digest_of(&target).ok();
        if have.is_none_or(|(digest, _)| digest != file.digest) {
            fetch(client, run, file, &target, &part.join("incoming")).await?;
        }
        written.push(target);
    }
    keep_only(&root, &written).map_err(|source| unwritable(&root, &source))
}

async fn fetch(client: &Client, run: &Found, file: &RunFile, target: &Path, incoming: &Path) -> Result<()> {
    let failed = |source| unwritable(target, &source);
    let parent = target.parent().unwrap_or(target);
    std::fs::create_dir_all(parent).map_err(failed)?;
    let mut pieces = client.pieces(&format!("{}/artifacts/content?path={}", path(&run.id), escape(&file.path))).await?;
    let mut scratch = File::create(incoming).map_err(failed)?;
    while let Some(piece) = pieces.next().await {
        scratch.write_all(&piece?).map_err(failed)?;
    }
    scratch.sync_all().map_err(failed)?;
    let (digest, _) = folder::digest_of(incoming).map_err(failed)?;
    if digest != file.digest {
        let detail = format!("`{}` of the run {} did not arrive as it is: its digest is {digest}", file.path, run.id);
        return Err(Error::unavailable("EXPORT_FAILED", detail).hint("export again"));
    }
    std::fs::rename(incoming, target).map_err(failed)
}

/// Removes the files below a folder that are not among these.
fn keep_only(folder: &Path, these: &[PathBuf]) -> std::io::Result<()> {
    let entries = match folder.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        if path.symlink_metadata()?.is_dir() {
            keep_only(&path, these)?;
        } else if !these.contains(&path) {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}
