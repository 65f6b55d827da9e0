//! Commands that need no server: a new project, the schema, completions.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;
use pitcrew_kernel::{Error, Result};
use serde_json::json;

use super::args::{Args, Init};
use super::out::Out;

const MAX_PROJECT_NAME: usize = 64;

/// A template: paths and texts.
type Template = &'static [(&'static str, &'static str)];

const EMPTY: Template = &[(
    "pitcrew.yaml",
    "# The format is described in docs/pitcrew-yaml.md; `pitcrew schema` prints a JSON Schema for editors.\nproject: NAME\ndescription: \"\"\n",
)];

pub(crate) fn init(init: &Init, out: Out) -> Result<ExitCode> {
    let template: Template = match init.template.as_str() {
        "empty" => EMPTY,
        _ => pitcrew_demo::TEMPLATE,
    };
    let name = project_name(&init.folder);
    if let Some(there) = template.iter().map(|(path, _)| init.folder.join(path)).find(|path| path.exists()) {
        return Err(Error::conflict("PROJECT_EXISTS", format!("`{}` is already there", there.display()))
            .hint("choose a new folder: nothing is overwritten"));
    }
    for (path, text) in template {
        write(&init.folder.join(path), &text.replace("project: NAME", &format!("project: {name}")))?;
    }
    let files: Vec<&str> = template.iter().map(|(path, _)| *path).collect();
    out.result(&json!({ "folder": init.folder, "files": files }), |_| {
        format!(
            "made {} with {}\nnext: cd {} && pitcrew apply",
            init.folder.display(),
            files.join(", "),
            init.folder.display()
        )
    });
    Ok(ExitCode::SUCCESS)
}

/// The folder's name as a project can carry it.
fn project_name(folder: &Path) -> String {
    let name = folder.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let fine = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = name.chars().map(fine).take(MAX_PROJECT_NAME).collect();
    let name = name.trim_matches(['-', '_']);
    if name.is_empty() { "project".to_owned() } else { name.to_owned() }
}

fn write(path: &Path, text: &str) -> Result<()> {
    let made = path
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| File::create_new(path))
        .and_then(|mut file| file.write_all(text.as_bytes()));
    made.map_err(|source| {
        Error::unavailable("PROJECT_UNWRITABLE", format!("`{}` cannot be written: {source}", path.display()))
    })
}

pub(crate) fn schema(out: Out) -> Result<ExitCode> {
    let schema = pitcrew_project::schema();
    out.result(&schema, |schema| format!("{schema:#}"));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn completions(shell: Shell) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "pitcrew", &mut script);
    Out::new(false).raw(&String::from_utf8_lossy(&script));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_folder_gives_a_name_that_a_project_can_carry() {
        for (folder, name) in [("shop", "shop"), ("/tmp/My Shop", "my-shop"), ("..", "project"), ("Größe_2", "gr--e_2")]
        {
            assert_eq!(project_name(Path::new(folder)), name);
            assert!(name.parse::<pitcrew_contracts::names::ProjectName>().is_ok());
        }
    }
}
