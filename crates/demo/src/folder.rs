//! Which folder a lap goes to.

use std::path::{Path, PathBuf};

use pitcrew_kernel::{Error, Result};

/// The folder of the first lap. Later ones go beside it, with a number.
pub const FOLDER: &str = "demo-home";
/// The most laps that are kept side by side without being asked to.
const MAX_FOLDERS: u32 = 100;

/// The folder that was asked for, or the first below `beside` that holds no lap.
///
/// # Errors
/// `DEMO_FOLDER_IN_USE` when the folder asked for holds a lap, or all that could be taken do.
pub fn choose_folder(asked: Option<&Path>, beside: &Path) -> Result<PathBuf> {
    match asked {
        Some(folder) => must_hold_no_lap(folder).map(|()| folder.to_owned()),
        None => {
            let numbered = (2..=MAX_FOLDERS).map(|number| format!("{FOLDER}-{number}"));
            let mut folders = std::iter::once(FOLDER.to_owned()).chain(numbered).map(|name| beside.join(name));
            folders.find(|folder| is_free(folder)).ok_or_else(|| in_use(&beside.join(FOLDER)))
        }
    }
}

/// Refuses a folder with a lap in it, whether it ended or was cut short.
///
/// # Errors
/// `DEMO_FOLDER_IN_USE`.
pub(crate) fn must_hold_no_lap(folder: &Path) -> Result<()> {
    if folder.join("project").join("pitcrew.yaml").exists() { Err(in_use(folder)) } else { Ok(()) }
}

/// Without even the home of a lap that was cut short, or that another process has just begun.
fn is_free(folder: &Path) -> bool {
    must_hold_no_lap(folder).is_ok() && !folder.join("home").exists()
}

fn in_use(folder: &Path) -> Error {
    Error::conflict("DEMO_FOLDER_IN_USE", format!("`{}` already holds a lap", folder.display()))
        .hint("remove that folder, or give another with `--folder`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lap_takes_the_next_free_folder_and_never_one_that_holds_a_lap() {
        let here = tempfile::tempdir().unwrap();
        let name = |asked: Option<&Path>| {
            let chosen = choose_folder(asked, here.path())?;
            Ok::<_, Error>(chosen.file_name().unwrap().to_str().unwrap().to_owned())
        };
        let make = |path: &str| std::fs::create_dir_all(here.path().join(path)).unwrap();
        assert_eq!(name(None).unwrap(), "demo-home");
        make("demo-home");
        assert_eq!(name(None).unwrap(), "demo-home", "an empty folder is free");
        make("demo-home/home");
        assert_eq!(name(None).unwrap(), "demo-home-2", "a lap has begun there");
        make("demo-home-2/project");
        std::fs::write(here.path().join("demo-home-2/project/pitcrew.yaml"), "").unwrap();
        assert_eq!(name(None).unwrap(), "demo-home-3");

        let asked = |folder: &str| name(Some(&here.path().join(folder)));
        assert_eq!(asked("mine").unwrap(), "mine");
        assert_eq!(asked("demo-home-2").unwrap_err().code(), "DEMO_FOLDER_IN_USE");
    }
}
