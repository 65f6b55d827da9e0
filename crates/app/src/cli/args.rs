//! What can be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;
use pitcrew_client::Client;
use pitcrew_kernel::Result;

use super::mlflow::args::Import;
use super::runs::args::Tracked;
use crate::server::UpArgs;

const AFTER: &str = "\
Exit codes:
  0   done
  1   the answer is no (a failed run, a firing alert with --check,
      a broken chain with `audit --verify`, a doctor finding)
  2   the request is wrong
  3   no such thing
  4   the state of the system forbids it (a failed check, a conflict)
  5   not allowed
  6   not available now: try again
  70  a defect of ours

Examples:
  pitcrew up                         start the server and the web UI on http://127.0.0.1:7070
  pitcrew demo bikes                 drive one whole lap of the closed loop
  pitcrew init bikes && cd bikes && pitcrew apply
  pitcrew run train --watch          run a pipeline and follow it";

/// Runs the whole life of machine-learning models in production: data, training, registry, release, predictions, monitoring.
#[derive(Debug, Parser)]
#[command(name = "pitcrew", bin_name = "pitcrew", version, after_help = AFTER, max_term_width = 110)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How to reach the server.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Reach {
    /// Home folder of the server [default: ./.pitcrew].
    #[arg(long, global = true, env = "PITCREW_HOME", value_name = "DIR")]
    home: Option<PathBuf>,
    /// Address of the server [default: the one running on the home folder, else `http://127.0.0.1:7070`].
    #[arg(long, global = true, env = "PITCREW_URL", value_name = "URL")]
    url: Option<String>,
    /// Bearer token.
    #[arg(long, global = true, env = "PITCREW_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    token: Option<String>,
}

impl Reach {
    /// The home folder.
    pub(crate) fn home(&self) -> PathBuf {
        self.home.clone().unwrap_or_else(|| PathBuf::from(".pitcrew"))
    }

    /// The address of the server.
    pub(crate) fn address(&self) -> String {
        let announced = || crate::server::announced(&self.home());
        self.url.clone().or_else(announced).unwrap_or_else(|| "http://127.0.0.1:7070".to_owned())
    }

    /// Whether no address is given and no server runs on the home folder.
    pub(crate) fn is_down(&self) -> bool {
        self.url.is_none() && !crate::server::is_running(&self.home())
    }

    /// A client of that server.
    ///
    /// # Errors
    /// `URL_INVALID`.
    pub(crate) fn client(&self) -> Result<Client> {
        Client::new(&self.address(), self.token.clone())
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the server and the web UI.
    Up(UpArgs),
    /// Make a new project folder from a template.
    Init(Init),
    /// Show what `apply` would change.
    Plan(Root),
    /// Make the server be as the project declares.
    Apply(Root),
    /// Start a pipeline.
    Run(Run),
    /// List pipeline runs, or show one; with a word below, what training scripts tracked.
    Runs(Runs),
    /// Bring in what another tracker keeps.
    Import {
        /// Where from.
        #[command(subcommand)]
        what: Import,
    },
    /// Show the log of a pipeline run.
    Logs(Logs),
    /// Cancel a pipeline run.
    Cancel {
        /// The run.
        run: String,
    },
    /// Data sets: add a version, list, show. Lists when nothing else is asked for.
    Data {
        /// What to do.
        #[command(subcommand)]
        what: Option<Data>,
    },
    /// Models: list, show, move aliases, gate decisions. Lists when nothing else is asked for.
    Models {
        /// What to do.
        #[command(subcommand)]
        what: Option<Models>,
    },
    /// Deployments and releases. Lists when nothing else is asked for.
    Deployments {
        /// What to do.
        #[command(subcommand)]
        what: Option<Deployments>,
    },
    /// Ask a deployment for predictions.
    Predict(Predict),
    /// List alerts.
    Alerts(Alerts),
    /// Show what happened, newest last.
    Events(Events),
    /// Show who changed what, newest first.
    Audit(Audit),
    /// Wait until the loop is at rest.
    Wait {
        /// How long at most, in seconds.
        #[arg(long, default_value_t = 120)]
        timeout: u64,
    },
    /// Drive a whole lap of the closed loop.
    Demo(Demo),
    /// Look for what is wrong with a set-up.
    Doctor,
    /// Write everything of a home folder to one file, while the server runs or not.
    Backup(Backup),
    /// Make a home folder from a backup.
    Restore(Restore),
    /// Remove stored objects that nothing refers to.
    Gc {
        /// Only count them.
        #[arg(long)]
        dry_run: bool,
    },
    /// Tokens for callers. Lists when nothing else is asked for.
    Token {
        /// What to do.
        #[command(subcommand)]
        what: Option<Token>,
    },
    /// Print the JSON Schema of pitcrew.yaml.
    Schema,
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    /// The new folder.
    pub(crate) folder: PathBuf,
    /// Which template.
    #[arg(long, default_value = "bikes", value_parser = ["bikes", "empty"])]
    pub(crate) template: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Root {
    /// The project's folder.
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  pitcrew run train\n  pitcrew run train --param seed=8 --watch")]
pub(crate) struct Run {
    /// The pipeline.
    pub(crate) pipeline: String,
    /// A parameter, as NAME=VALUE; the value is JSON when it reads as such.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// Why, for the record.
    #[arg(long, default_value = "started by hand")]
    pub(crate) reason: String,
    /// Run every step, whatever the cache holds.
    #[arg(long)]
    pub(crate) force: bool,
    /// Follow the log until the run ends; the exit code tells how it ended.
    #[arg(long)]
    pub(crate) watch: bool,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  pitcrew runs                              the newest pipeline runs\n  pitcrew runs list --experiment bikes      what training scripts tracked"
)]
pub(crate) struct Runs {
    /// Tracked runs: what to do with them.
    #[command(subcommand)]
    pub(crate) tracked: Option<Tracked>,
    /// One pipeline run, by id.
    pub(crate) run: Option<String>,
    /// Only of this pipeline.
    #[arg(long)]
    pub(crate) pipeline: Option<String>,
    /// Only in this state.
    #[arg(long)]
    pub(crate) state: Option<String>,
    /// How many.
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: usize,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Logs {
    /// The run; the newest one when absent.
    pub(crate) run: Option<String>,
    /// Only this step.
    #[arg(long)]
    pub(crate) step: Option<String>,
    /// Follow until the run ends.
    #[arg(short, long)]
    pub(crate) follow: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Data {
    /// Read the source, check it, and keep it as a new version.
    Add {
        /// The data set.
        dataset: String,
        /// Check only; keep nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// List data sets, or the versions of one.
    Ls {
        /// The data set.
        dataset: Option<String>,
    },
    /// Show a version: schema, profile, checks.
    Show {
        /// The version, like bikes@2; the newest when only the name is given.
        version: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Models {
    /// List models.
    Ls,
    /// Show a model with its versions, or one version.
    Show {
        /// The model, like bikes, or a version, like bikes/3.
        model: String,
    },
    /// Point an alias to a version.
    Alias {
        /// The version, like bikes/3.
        version: String,
        /// The alias.
        alias: String,
        /// Why, for the record.
        #[arg(long, default_value = "set by hand")]
        reason: String,
    },
    /// Show where aliases pointed over time.
    History {
        /// The model.
        model: String,
    },
    /// List what gates decided, with their evidence.
    Gates {
        /// Only of this model.
        model: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Deployments {
    /// List deployments.
    Ls,
    /// Show one deployment.
    Show {
        /// The deployment.
        deployment: String,
    },
    /// List releases, or show one with its evidence.
    Releases {
        /// The release.
        release: Option<String>,
    },
    /// Promote the candidate of a running release at once.
    Promote {
        /// The release.
        release: String,
        /// Why, for the record.
        #[arg(long, default_value = "promoted by hand")]
        reason: String,
    },
    /// Take the candidate of a running release out at once.
    Abort {
        /// The release.
        release: String,
        /// Why, for the record.
        #[arg(long, default_value = "aborted by hand")]
        reason: String,
    },
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  pitcrew predict bikes --records '[{\"temp\": 0.5, \"hum\": 0.4}]'")]
pub(crate) struct Predict {
    /// The deployment.
    pub(crate) deployment: String,
    /// Rows as a JSON list of objects; `-` reads them from standard input.
    #[arg(long)]
    pub(crate) records: String,
    /// The moment predicted for; now when absent.
    #[arg(long)]
    pub(crate) event_time: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  pitcrew alerts --state firing --check\n  pitcrew alerts --runs")]
pub(crate) struct Alerts {
    /// What rules about runs fired, instead.
    #[arg(long, conflicts_with_all = ["state", "check"])]
    pub(crate) runs: bool,
    /// Only in this state: pending, firing or resolved.
    #[arg(long)]
    pub(crate) state: Option<String>,
    /// Exit with 1 when any alert is firing.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Events {
    /// How many of the latest.
    #[arg(long, default_value_t = 30)]
    pub(crate) latest: usize,
    /// Follow.
    #[arg(short, long)]
    pub(crate) follow: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  pitcrew audit --limit 100\n  pitcrew audit --verify")]
pub(crate) struct Audit {
    /// How many of the latest entries.
    #[arg(long, default_value_t = 30)]
    pub(crate) limit: usize,
    /// Check the whole chain instead; exit with 1 when it is broken.
    #[arg(long, conflicts_with = "limit")]
    pub(crate) verify: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    #[command(subcommand)]
    pub(crate) which: Which,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Which {
    /// Hourly bike-share demand in a city whose world changes.
    Bikes(Bikes),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  pitcrew demo bikes\n  pitcrew demo bikes --data hour.csv --exit")]
pub(crate) struct Bikes {
    /// The public UCI table `hour.csv` instead of the simulated city.
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
    /// Seed of the simulated city.
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// The demo's own folder [default: demo-home, or the next that holds no lap: demo-home-2, ...].
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// Address for the demo's server [default: 127.0.0.1:7070, or a free port when that is in use].
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    /// Replay only so many days of live traffic.
    #[arg(long, value_name = "N")]
    pub(crate) days: Option<u32>,
    /// End when the lap is done instead of leaving the server up.
    #[arg(long)]
    pub(crate) exit: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Backup {
    /// The file to write.
    pub(crate) file: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    /// The backup.
    pub(crate) file: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token; its secret is shown once. While no server is running, makes the first one straight in the database.
    Create {
        /// What it is for.
        name: String,
        /// What it allows.
        #[arg(long, default_value = "write", value_parser = ["read", "write", "admin"])]
        access: String,
        /// How long it works, like 90d.
        #[arg(long)]
        expires_in: Option<String>,
        /// The PostgreSQL database of the server, when it is not the embedded one and no server runs.
        #[arg(long, env = "PITCREW_DATABASE_URL", hide_env_values = true, value_name = "URL")]
        database: Option<String>,
    },
    /// List tokens.
    Ls,
    /// Withdraw a token.
    Revoke {
        /// Its id.
        id: String,
    },
}
