//! The files of the repository as git sees them: tracked, or new and not ignored.

use std::path::Path;
use std::process::Command;

/// A file of the repository. `text` is `None` when it is not UTF-8.
#[derive(Debug)]
pub(crate) struct File {
    /// Path from the root, with `/`.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) text: Option<String>,
}

impl File {
    #[cfg(test)]
    pub(crate) fn sample(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), bytes: text.len() as u64, text: Some(text.to_owned()) }
    }

    /// The file's ending without the dot, or an empty text.
    pub(crate) fn extension(&self) -> &str {
        self.path.rsplit_once('.').map_or("", |(_, ending)| ending)
    }
}

/// Reads every file that a commit of the working tree would hold.
pub(crate) fn read(root: &Path) -> Result<Vec<File>, String> {
    let listing = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("could not run `git ls-files`: {error}"))?;
    if !listing.status.success() {
        return Err(format!("`git ls-files` failed: {}", String::from_utf8_lossy(&listing.stderr)));
    }
    let mut paths: Vec<String> = listing
        .stdout
        .split(|byte| *byte == 0)
        .filter(|path| !path.is_empty())
        .map(|path| String::from_utf8_lossy(path).into_owned())
        .collect();
    paths.sort();
    paths.dedup();
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        // A file that git still lists but that is gone from disk is a deletion in progress.
        let Ok(content) = std::fs::read(root.join(&path)) else { continue };
        let bytes = content.len() as u64;
        files.push(File { path, bytes, text: String::from_utf8(content).ok() });
    }
    Ok(files)
}
