//! The folder form of a run, which programs without a server can write: `run.json`, lines of points, files. docs/runs.md describes it. Nothing
//! in such a folder is trusted: names lead nowhere but into it, and links are refused.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Component, Path, PathBuf};

use pitcrew_kernel::{Digest, Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a run says of itself.
pub(crate) const HEAD: &str = "run.json";
/// Points of all metrics in one file.
pub(crate) const POINTS_FILE: &str = "metrics.jsonl";
/// Points of metrics in files.
pub(crate) const POINTS_FOLDER: &str = "metrics";
/// The run's files.
pub(crate) const FILES: &str = "artifacts";
/// Largest `run.json`.
const MAX_HEAD_BYTES: u64 = 64 * 1024 * 1024;
/// Longest line of a file of points.
const MAX_LINE_BYTES: u64 = 64 * 1024;
/// Most files of a run.
const MAX_FILES: usize = 100_000;
/// Deepest folder of files.
const MAX_DEPTH: usize = 64;
const BLOCK_BYTES: usize = 1 << 20;

/// One line of points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Point {
    pub(crate) key: String,
    /// A number, or `NaN`, `Infinity`, `-Infinity`.
    pub(crate) value: Value,
    #[serde(default)]
    pub(crate) step: i64,
    pub(crate) at_ms: i64,
}

/// A file of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunFile {
    pub(crate) path: String,
    pub(crate) digest: Digest,
    pub(crate) bytes: u64,
}

/// A run's folder, as it was read.
#[derive(Debug)]
pub(crate) struct RunFolder {
    pub(crate) root: PathBuf,
    /// What the server takes as the head of an import.
    pub(crate) head: Value,
    /// How many points each metric must have, where the folder says so.
    pub(crate) announced: BTreeMap<String, u64>,
    /// The files that must be there, where the folder says so.
    pub(crate) listed: Option<Vec<RunFile>>,
}

pub(crate) fn damaged(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::invalid("RUN_FOLDER_INVALID", format!("`{}` is not the folder of a run: {why}", path.display()))
        .hint("docs/runs.md describes its form; `pitcrew runs export` writes one anew")
}

/// The folders of runs at a path: the path itself, or those in it.
pub(crate) fn runs_at(folder: &Path) -> Result<Vec<PathBuf>> {
    if folder.join(HEAD).is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in folder.read_dir().map_err(|source| damaged(folder, source))? {
        let path = entry.map_err(|source| damaged(folder, source))?.path();
        if is_plain(&path, true) && path.join(HEAD).is_file() && path.extension().is_none_or(|end| end != "part") {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(damaged(folder, format!("neither it nor a folder in it holds a `{HEAD}`")));
    }
    Ok(found)
}

/// Whether a path is a folder, or a file, and no link.
fn is_plain(path: &Path, folder: bool) -> bool {
    path.symlink_metadata().is_ok_and(|meta| if folder { meta.is_dir() } else { meta.is_file() })
}

/// Reads what a run says of itself.
pub(crate) fn read(root: &Path) -> Result<RunFolder> {
    let path = root.join(HEAD);
    if !is_plain(&path, false) {
        return Err(damaged(root, format!("`{HEAD}` is no plain file")));
    }
    let mut text = String::new();
    let file = File::open(&path).map_err(|source| damaged(root, source))?;
    file.take(MAX_HEAD_BYTES).read_to_string(&mut text).map_err(|source| damaged(root, source))?;
    let mut head: Map<String, Value> =
        serde_json::from_str(&text).map_err(|source| damaged(root, format!("`{HEAD}` is no JSON object: {source}")))?;
    let part = |what: &str, source: serde_json::Error| damaged(root, format!("`{what}` in `{HEAD}`: {source}"));
    let announced = match head.remove("metrics") {
        Some(metrics) => serde_json::from_value(metrics).map_err(|source| part("metrics", source))?,
        None => BTreeMap::new(),
    };
    let listed = match head.remove("artifacts") {
        Some(files) => Some(serde_json::from_value(files).map_err(|source| part("artifacts", source))?),
        None => None,
    };
    Ok(RunFolder { root: root.to_owned(), head: Value::Object(head), announced, listed })
}

impl RunFolder {
    /// A field of the head.
    pub(crate) fn text(&self, name: &str) -> String {
        self.head.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Hands on every point, in the order of the files.
    pub(crate) fn each_point(&self, each: &mut dyn FnMut(Point) -> Result<()>) -> Result<()> {
        for path in self.point_files()? {
            let file = File::open(&path).map_err(|source| damaged(&path, source))?;
            let mut lines = BufReader::new(file);
            let mut line = String::new();
            for number in 1_u64.. {
                line.clear();
                let read = lines.by_ref().take(MAX_LINE_BYTES).read_line(&mut line);
                match read.map_err(|source| damaged(&path, source))? {
                    0 => break,
                    _ if line.trim().is_empty() => continue,
                    _ => {}
                }
                let point = serde_json::from_str(&line)
                    .map_err(|source| damaged(&path, format!("line {number} is no point ({source})")))?;
                each(point)?;
            }
        }
        Ok(())
    }

    fn point_files(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        let single = self.root.join(POINTS_FILE);
        if single.symlink_metadata().is_ok() {
            found.push(single);
        }
        let folder = self.root.join(POINTS_FOLDER);
        if folder.symlink_metadata().is_ok() {
            if !is_plain(&folder, true) {
                return Err(damaged(&folder, "it is no plain folder"));
            }
            let entries = folder.read_dir().map_err(|source| damaged(&folder, source))?;
            for entry in entries {
                let path = entry.map_err(|source| damaged(&folder, source))?.path();
                if path.extension().is_some_and(|end| end == "jsonl") {
                    found.push(path);
                }
            }
        }
        found.sort();
        match found.iter().find(|path| !is_plain(path, false)) {
            Some(link) => Err(damaged(link, "it is no plain file")),
            None => Ok(found),
        }
    }

    /// How many different points each metric has; those that were announced must be there.
    pub(crate) fn counts(&self) -> Result<BTreeMap<String, u64>> {
        let mut seen: BTreeMap<String, HashSet<(i64, i64, u64)>> = BTreeMap::new();
        self.each_point(&mut |point| {
            // Zero and minus zero are one point to the server.
            let bits = match &point.value {
                Value::String(name) => name.len() as u64 | 1 << 63 | 1 << 62,
                number => (number.as_f64().unwrap_or(f64::NAN) + 0.0).to_bits(),
            };
            seen.entry(point.key).or_default().insert((point.at_ms, point.step, bits));
            Ok(())
        })?;
        let counts: BTreeMap<String, u64> = seen.into_iter().map(|(key, points)| (key, points.len() as u64)).collect();
        for (key, wanted) in &self.announced {
            let have = counts.get(key).copied().unwrap_or_default();
            if have != *wanted {
                let why = format!("it announces {wanted} points of `{key}` and has {have}");
                return Err(damaged(&self.root, why));
            }
        }
        Ok(counts)
    }

    /// Every file with its digest; those that are listed must be there as listed.
    pub(crate) fn files(&self) -> Result<Vec<RunFile>> {
        let root = self.root.join(FILES);
        let mut found = Vec::new();
        if root.symlink_metadata().is_ok() {
            walk(&root, String::new(), 0, &mut found)?;
        }
        found.sort_by(|one, other| one.path.cmp(&other.path));
        let Some(listed) = &self.listed else { return Ok(found) };
        let mut listed = listed.clone();
        listed.sort_by(|one, other| one.path.cmp(&other.path));
        if listed != found {
            let have: HashSet<&str> = found.iter().map(|file| file.path.as_str()).collect();
            let wrong = listed.iter().find(|file| !have.contains(file.path.as_str()) || !found.contains(file));
            let which = wrong.map_or("one that is not listed".to_owned(), |file| format!("`{}`", file.path));
            return Err(damaged(&self.root, format!("its files are not those it lists: {which}")));
        }
        Ok(found)
    }

    /// Where a file of the run lies.
    pub(crate) fn file(&self, path: &str) -> Result<PathBuf> {
        below(&self.root.join(FILES), path)
    }
}

fn walk(folder: &Path, path: String, depth: usize, found: &mut Vec<RunFile>) -> Result<()> {
    if !is_plain(folder, true) || depth > MAX_DEPTH {
        return Err(damaged(folder, "it is no plain folder, or too deep"));
    }
    for entry in folder.read_dir().map_err(|source| damaged(folder, source))? {
        let entry = entry.map_err(|source| damaged(folder, source))?;
        let name = entry.file_name();
        let name = name.to_str().ok_or_else(|| damaged(&entry.path(), "its name is no text"))?;
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
        let meta = entry.path().symlink_metadata().map_err(|source| damaged(&entry.path(), source))?;
        if meta.is_dir() {
            walk(&entry.path(), path, depth + 1, found)?;
        } else if meta.is_file() && found.len() < MAX_FILES {
            let (digest, bytes) = digest_of(&entry.path()).map_err(|source| damaged(&entry.path(), source))?;
            found.push(RunFile { path, digest, bytes });
        } else {
            return Err(damaged(&entry.path(), "it is no plain file, or one too many"));
        }
    }
    Ok(())
}

/// The path below a folder; what leads elsewhere is refused.
pub(crate) fn below(folder: &Path, path: &str) -> Result<PathBuf> {
    let relative = Path::new(path);
    let plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
    let clean = !path.is_empty() && !path.split('/').any(str::is_empty) && !path.contains(['\\', '\0']);
    if plain && clean {
        return Ok(folder.join(relative));
    }
    Err(damaged(folder, format!("`{}` leads out of it", path.escape_debug())))
}

/// Digest and size of a file.
pub(crate) fn digest_of(path: &Path) -> std::io::Result<(Digest, u64)> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut block = vec![0; BLOCK_BYTES];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut block)?;
        if read == 0 {
            return Ok((Digest::from_bytes(*hasher.finalize().as_bytes()), bytes));
        }
        hasher.update(block.get(..read).unwrap_or_default());
        bytes += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_their_folder() {
        let root = Path::new("/r/artifacts");
        assert_eq!(below(root, "a/b.txt").unwrap(), Path::new("/r/artifacts/a/b.txt"));
        for bad in ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a\\..\\b"] {
            assert_eq!(below(root, bad).unwrap_err().code(), "RUN_FOLDER_INVALID", "{bad}");
        }
    }

    #[test]
    fn links_are_refused_and_what_is_announced_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("run.json", r#"{"format": 1, "run_id": "a", "metrics": {"m": 2}}"#);
        write(
            "metrics.jsonl",
            "{\"key\":\"m\",\"value\":1,\"at_ms\":1}\n\n{\"key\":\"m\",\"value\":1.0,\"at_ms\":1}\n",
        );
        let run = read(folder.path()).unwrap();
        assert!(run.counts().unwrap_err().detail().contains("announces 2 points of `m` and has 1"));
        write(
            "metrics.jsonl",
            "{\"key\":\"m\",\"value\":1,\"at_ms\":1}\n{\"key\":\"m\",\"value\":\"NaN\",\"at_ms\":1}",
        );
        assert_eq!(run.counts().unwrap(), BTreeMap::from([("m".to_owned(), 2)]));
        write("metrics.jsonl", "{\"key\":\"m\",\"value\":1,\"at\":1}");
        assert!(run.counts().unwrap_err().detail().contains("line 1 is no point"));
        std::fs::create_dir(folder.path().join("artifacts")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("artifacts/x")).unwrap();
        assert_eq!(run.files().unwrap_err().code(), "RUN_FOLDER_INVALID");
    }
}
