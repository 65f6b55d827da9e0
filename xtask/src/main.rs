#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at the first surprise")
)]
//! Repository chores: `cargo xtask tidy` checks the rules of the house, `cargo xtask errors` writes the index of error codes.

mod errors;
mod finding;
mod layers;
mod lexer;
mod migrations;
mod owners;
mod rust;
mod sizes;
mod sql;
mod tidy;
mod tree;
mod unused;
mod words;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <tidy | errors>

  tidy     check layers, owners, SQL, migrations, error pages, unused dependencies, sizes and words; prints `file:line: rule: what to do`
  errors   write docs/errors/README.md from the pages beside it, and list codes without a page
";

fn main() -> ExitCode {
    let verb = std::env::args().nth(1).unwrap_or_default();
    let outcome = match verb.as_str() {
        "tidy" => tidy::run(&root()),
        "errors" => errors::write_index(&root()),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(report) => {
            // A closed pipe is no reason to fail the check.
            let _ = std::io::stdout().write_all(report.text.as_bytes());
            if report.clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(message) => {
            let _ = writeln!(std::io::stderr(), "{}", message.trim_end());
            ExitCode::from(2)
        }
    }
}

/// What a verb has to say, and whether all is well.
#[derive(Debug)]
struct Report {
    text: String,
    clean: bool,
}

/// The repository: the folder above this crate, known when it was built.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or(here.clone(), PathBuf::from)
}
