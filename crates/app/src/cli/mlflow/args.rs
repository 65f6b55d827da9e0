//! What can be typed about bringing in other trackers' work.

use clap::Subcommand;

/// Where from.
#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// From MLflow: experiments, runs with all points and files, logged models, registered models; goes on where it was when called again.
    #[command(
        after_help = "Examples:\n  pitcrew import mlflow --from http://mlflow:5000 --dry-run\n  pitcrew import mlflow --from sqlite:///mlflow.db\n  pitcrew import mlflow --from postgres://user:password@host/mlflow --experiment bikes"
    )]
    Mlflow(Mlflow),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Mlflow {
    /// The address of an MLflow server, its SQLite file, or its PostgreSQL database. Files of runs come through the server, or from local folders.
    #[arg(long, value_name = "URL")]
    pub(crate) from: String,
    /// A token for that server.
    #[arg(long, env = "MLFLOW_TRACKING_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub(crate) from_token: Option<String>,
    /// Only this experiment, and no registered models; may be given more than once.
    #[arg(long = "experiment", value_name = "NAME")]
    pub(crate) experiments: Vec<String>,
    /// Only count what would come in.
    #[arg(long)]
    pub(crate) dry_run: bool,
}
