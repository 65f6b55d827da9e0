//! The command line.
//!
//! Everything but `up`, `init`, `restore`, `schema` and `completions` is a call of the HTTP API: what the command line can do, anyone can.

mod args;
mod backup;
mod commands;
mod doctor;
mod follow;
mod mlflow;
mod out;
mod project;
mod runs;
mod show;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser as _;
use pitcrew_kernel::{Error, Kind};

use crate::server::Place;

pub(crate) use args::Bikes;
use args::{Args, Command};
pub(crate) use out::Out;

/// Parses the arguments, does it, answers with an exit code (listed in `pitcrew --help`).
pub(crate) fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(usage) => return refuse(&usage),
    };
    let out = Out::new(args.json);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(source) => return report(&Error::internal("the async runtime cannot start", source), out),
    };
    let result = runtime.block_on(run(args, out));
    match result {
        Ok(code) => code,
        Err(error) => report(&error, out),
    }
}

async fn run(args: Args, out: Out) -> pitcrew_kernel::Result<ExitCode> {
    let reach = args.reach;
    match args.command {
        Command::Up(up) => crate::server::up(up, reach.home()).await,
        Command::Init(init) => project::init(&init, out),
        Command::Schema => project::schema(out),
        Command::Completions { shell } => project::completions(shell),
        Command::Restore(restore) => backup::restore(&restore, &reach.home(), out),
        Command::Backup(plan) => backup::backup(&plan, &reach.home(), out).await,
        Command::Doctor => doctor::doctor(&reach, out).await,
        Command::Demo(demo) => commands::demo(demo, out).await,
        Command::Token { what: Some(args::Token::Create { name, access, expires_in, database }) }
            if reach.is_down() =>
        {
            let place = database.map_or_else(|| Place::Home(reach.home()), Place::Database);
            commands::first_token(place, &name, &access, expires_in.as_deref(), out).await
        }
        Command::Import { what: mlflow::args::Import::Mlflow(plan) } => {
            mlflow::import(&reach.client()?, plan, out).await
        }
        Command::Runs(args::Runs { tracked: Some(what), .. }) => runs::tracked(&reach.client()?, what, out).await,
        command => commands::call(command, &reach.client()?, out).await,
    }
}

/// What was typed is no command: help for people, JSON for programs.
fn refuse(usage: &clap::Error) -> ExitCode {
    if usage.use_stderr() && std::env::args_os().any(|word| word == "--json") {
        let text = usage.render().to_string();
        let sentence = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        return report(&Error::invalid("USAGE_INVALID", sentence).hint("see `pitcrew --help`"), Out::new(true));
    }
    // Help or a usage error on a closed pipe has nobody left to tell.
    let _told = usage.print();
    ExitCode::from(if usage.use_stderr() { 2 } else { 0 })
}

fn report(error: &Error, out: Out) -> ExitCode {
    out.error(error, std::io::stderr().is_terminal());
    ExitCode::from(match error.kind() {
        Kind::Invalid | Kind::TooLarge => 2,
        Kind::NotFound => 3,
        Kind::Conflict | Kind::Precondition => 4,
        Kind::Unauthenticated | Kind::Forbidden => 5,
        Kind::Unavailable | Kind::Limited | Kind::Timeout => 6,
        Kind::Internal => 70,
    })
}
