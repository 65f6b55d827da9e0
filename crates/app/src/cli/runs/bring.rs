//! A run's folder goes to the server by parts: what is there already is not sent again, so that a call that was cut off goes on where it was.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, stream};
use pitcrew_client::{Client, escaped as escape};
use pitcrew_kernel::{Error, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;

use super::folder::{Point, RunFile, RunFolder, damaged};

/// Points in one call.
const POINTS_PER_CALL: usize = 5_000;
/// Calls' worth of points that are read ahead.
const READ_AHEAD: usize = 2;
const BLOCK_BYTES: usize = 256 * 1024;

/// What is here of a run, as the server answers.
#[derive(Debug, Deserialize)]
struct Here {
    there: bool,
    points: BTreeMap<String, u64>,
    artifacts: Vec<RunFile>,
}

/// How a run comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bringing {
    /// Really.
    Now,
    /// It is only said what would come in.
    Try,
}

/// What came in of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Brought {
    /// Whether the run was there before.
    pub(crate) there: bool,
    /// Whether anything of it was missing.
    pub(crate) changed: bool,
    /// Points the run has in its folder.
    pub(crate) points: u64,
    /// Files the run has in its folder.
    pub(crate) files: u64,
}

pub(crate) async fn bring(client: &Client, folder: RunFolder, how: Bringing) -> Result<Brought> {
    let folder = Arc::new(folder);
    let reading = Arc::clone(&folder);
    let read = tokio::task::spawn_blocking(move || Ok((reading.counts()?, reading.files()?))).await;
    let (counts, files) = read.map_err(|source| Error::internal("reading a run did not finish", source))??;
    let query = if how == Bringing::Try { "?dry_run=true" } else { "" };
    let answer = client.post(&format!("/api/v1/runs/import{query}"), &folder.head).await?;
    let here: Here = serde_json::from_value(answer)
        .map_err(|source| Error::internal("the server's answer about an import does not read", source))?;
    let lacking: BTreeSet<String> = counts
        .iter()
        .filter(|(key, count)| here.points.get(*key).copied().unwrap_or_default() < **count)
        .map(|(key, _)| key.clone())
        .collect();
    let missing = missing_files(&folder, &files, &here)?;
    let anything = !here.there || !lacking.is_empty() || !missing.is_empty();
    let (points, all_files) = (counts.values().sum(), files.len() as u64);
    let brought = Brought { there: here.there, changed: anything, points, files: all_files };
    if how == Bringing::Try {
        return Ok(brought);
    }
    let run_id = folder.text("run_id");
    send_points(client, &folder, &run_id, lacking).await?;
    for file in missing {
        send_file(client, &folder, &run_id, file).await?;
    }
    let whole = json!({ "run": folder.head, "points": counts, "artifacts": all_files });
    let ended = client.post(&format!("/api/v1/runs/import/{}/finish", escape(&run_id)), &whole).await?;
    let completed = ended.get("changed") == Some(&Value::Bool(true));
    Ok(Brought { changed: anything || completed, ..brought })
}

/// The files that the server does not have. One that it has otherwise is a conflict.
fn missing_files<'a>(folder: &RunFolder, files: &'a [RunFile], here: &Here) -> Result<Vec<&'a RunFile>> {
    let have: BTreeMap<&str, &RunFile> = here.artifacts.iter().map(|file| (file.path.as_str(), file)).collect();
    let mut missing = Vec::new();
    for file in files {
        match have.get(file.path.as_str()) {
            Some(there) if there.digest == file.digest => {}
            Some(_) => {
                let detail = format!(
                    "the run {} is there already and its `{}` is another file",
                    folder.text("run_id"),
                    file.path
                );
                return Err(Error::conflict("RUN_IMPORT_CONFLICT", detail).hint("nothing was overwritten"));
            }
            None => missing.push(file),
        }
    }
    Ok(missing)
}

async fn send_points(client: &Client, folder: &Arc<RunFolder>, run_id: &str, keys: BTreeSet<String>) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let path = format!("/api/v1/runs/import/{}/points", escape(run_id));
    let (sender, mut pieces) = mpsc::channel::<Vec<Point>>(READ_AHEAD);
    let folder = Arc::clone(folder);
    let reading = tokio::task::spawn_blocking(move || read_pieces(&folder, &keys, &sender));
    while let Some(piece) = pieces.recv().await {
        client.post(&path, &json!({ "points": piece })).await?;
    }
    reading.await.map_err(|source| Error::internal("reading points did not finish", source))?
}

fn read_pieces(folder: &RunFolder, keys: &BTreeSet<String>, sender: &mpsc::Sender<Vec<Point>>) -> Result<()> {
    let mut piece = Vec::new();
    let lost = |_| Error::internal("nobody takes the points that are read", "the call ended");
    folder.each_point(&mut |point| {
        if keys.contains(&point.key) {
            piece.push(point);
        }
        if piece.len() >= POINTS_PER_CALL {
            sender.blocking_send(std::mem::take(&mut piece)).map_err(lost)?;
        }
        Ok(())
    })?;
    if piece.is_empty() { Ok(()) } else { sender.blocking_send(piece).map_err(lost) }
}

async fn send_file(client: &Client, folder: &RunFolder, run_id: &str, file: &RunFile) -> Result<()> {
    let path = folder.file(&file.path)?;
    let (run, name, digest) = (escape(run_id), escape(&file.path), escape(&file.digest.to_string()));
    let address = format!("/api/v1/runs/import/{run}/artifacts?path={name}&digest={digest}");
    client.put_pieces(&address, blocks(&path).await?).await.map(drop)
}

/// A file's bytes as they are read.
pub(crate) async fn blocks(path: &Path) -> Result<impl Stream<Item = std::io::Result<Bytes>> + Send + 'static> {
    let file = tokio::fs::File::open(path).await.map_err(|source| damaged(path, source))?;
    Ok(stream::try_unfold(file, |mut file| async move {
        let mut block = vec![0; BLOCK_BYTES];
        let read = file.read(&mut block).await?;
        block.truncate(read);
        Ok((read > 0).then(|| (Bytes::from(block), file)))
    }))
}
