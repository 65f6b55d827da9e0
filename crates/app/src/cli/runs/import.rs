//! Runs come in from folders, whoever wrote them.

use std::path::Path;
use std::process::ExitCode;

use pitcrew_client::Client;
use pitcrew_kernel::{Error, Kind, Result};
use serde_json::{Value, json};

use super::bring::{Bringing, Brought, bring};
use super::folder;
use crate::cli::out::Out;

/// Exit code when runs were refused: as for anything that the state of the system forbids.
const REFUSED: u8 = 4;

/// What became of many runs.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    new: u64,
    completed: u64,
    unchanged: u64,
    points: u64,
    files: u64,
    refused: Vec<Value>,
}

impl Tally {
    /// Counts one run. What is wrong with the run alone is remembered; what is wrong with the way to the server ends it all.
    pub(crate) fn count(&mut self, run: &str, brought: Result<Brought>, out: Out) -> Result<()> {
        match brought {
            Ok(brought) => {
                let count = match (brought.there, brought.changed) {
                    (false, _) => &mut self.new,
                    (true, true) => &mut self.completed,
                    (true, false) => &mut self.unchanged,
                };
                *count += 1;
                self.points += brought.points;
                self.files += brought.files;
                out.note(&format!("{run}: {} points, {} files", brought.points, brought.files));
                Ok(())
            }
            Err(error) if is_the_runs(&error) => {
                out.note(&format!("{run}: refused: {} [{}]", error.detail(), error.code()));
                self.refused.push(json!({ "run": run, "code": error.code(), "detail": error.detail() }));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// The counts, for programs.
    pub(crate) fn json(&self) -> Value {
        json!({
            "new": self.new, "completed": self.completed, "unchanged": self.unchanged, "points": self.points, "files": self.files,
            "refused": self.refused,
        })
    }

    /// The counts, for people.
    pub(crate) fn words(&self, how: Bringing) -> String {
        let verb = if how == Bringing::Try { "would be " } else { "" };
        format!(
            "{} runs {verb}new, {} {verb}completed, {} unchanged, {} refused; {} points, {} files",
            self.new,
            self.completed,
            self.unchanged,
            self.refused.len(),
            self.points,
            self.files
        )
    }

    /// Whether all went well.
    pub(crate) fn code(&self) -> ExitCode {
        if self.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) }
    }
}

fn is_the_runs(error: &Error) -> bool {
    matches!(error.kind(), Kind::Invalid | Kind::Conflict | Kind::Precondition | Kind::TooLarge)
}

pub(super) async fn import(client: &Client, from: &Path, dry_run: bool, out: Out) -> Result<ExitCode> {
    let how = if dry_run { Bringing::Try } else { Bringing::Now };
    let mut tally = Tally::default();
    for root in folder::runs_at(from)? {
        let name = root.file_name().unwrap_or(root.as_os_str()).to_string_lossy().into_owned();
        let brought = match folder::read(&root) {
            Ok(run) => bring(client, run, how).await,
            Err(error) => Err(error),
        };
        tally.count(&name, brought, out)?;
    }
    out.result(&tally.json(), |_| tally.words(how));
    Ok(tally.code())
}
