//! The demo's project, carried in the binary, and how it is written into a folder.

use std::fs;
use std::path::Path;

use pitcrew_kernel::{Error, Result};

/// The files of the project: relative path and text.
pub const TEMPLATE: &[(&str, &str)] = &[
    ("README.md", include_str!("../../../templates/bikes/README.md")),
    ("pitcrew.yaml", include_str!("../../../templates/bikes/pitcrew.yaml")),
    ("requirements.in", include_str!("../../../templates/bikes/requirements.in")),
    ("requirements.txt", include_str!("../../../templates/bikes/requirements.txt")),
    ("steps/prepare.py", include_str!("../../../templates/bikes/steps/prepare.py")),
    ("steps/train.py", include_str!("../../../templates/bikes/steps/train.py")),
    ("steps/export.py", include_str!("../../../templates/bikes/steps/export.py")),
];

/// Where the alert's webhook goes: `pitcrew.yaml` leaves it open, the demo fills in its own receiver.
const WEBHOOK: &str = "${PITCREW_DEMO_WEBHOOK}";

/// Writes the project into `root`, with `webhook` as the address that hears of alerts.
///
/// # Errors
/// `DEMO_FOLDER_UNWRITABLE`.
pub(crate) fn write(root: &Path, webhook: &str) -> Result<()> {
    for (path, text) in TEMPLATE {
        file(&root.join(path), text.replace(WEBHOOK, webhook).as_bytes())?;
    }
    Ok(())
}

/// Writes `bytes` to `path` in one move, so that a reader never sees half a file. Makes the folders above it.
///
/// # Errors
/// `DEMO_FOLDER_UNWRITABLE`.
pub(crate) fn file(path: &Path, bytes: &[u8]) -> Result<()> {
    let partial = path.with_added_extension("partial");
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fs::write(&partial, bytes)).and_then(|()| fs::rename(&partial, path)).map_err(|source| {
        Error::unavailable("DEMO_FOLDER_UNWRITABLE", format!("`{}` cannot be written: {source}", path.display()))
            .hint("choose a folder you may write, with `--folder`")
            .with_source(source)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_is_written_with_the_webhook_filled_in() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("project");
        write(&root, "http://127.0.0.1:9/hook").unwrap();
        let declared = fs::read_to_string(root.join("pitcrew.yaml")).unwrap();
        assert!(declared.contains("- webhook: http://127.0.0.1:9/hook"), "{declared}");
        assert!(!declared.contains("${"));
        assert!(root.join("steps/train.py").is_file());
    }
}
