//! Commands that need no server: a new project, the schema, completions.

use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;
use pitcrew_kernel::{Error, Result};
use serde_json::json;

use super::args::{Args, Init};
use super::out::Out;

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
    let name =
        init.folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_else(|| "project".to_owned());
    if init.folder.join("pitcrew.yaml").exists() {
        return Err(Error::conflict("PROJECT_EXISTS", format!("`{}` already holds a project", init.folder.display()))
            .hint("choose a new folder"));
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

fn write(path: &Path, text: &str) -> Result<()> {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, text));
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
