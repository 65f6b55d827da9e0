//! What can be typed about tracked runs.

use std::path::PathBuf;

use clap::Subcommand;

/// What to do with tracked runs.
#[derive(Debug, Subcommand)]
pub(crate) enum Tracked {
    /// List tracked runs, the newest first.
    #[command(
        after_help = "Examples:\n  pitcrew runs list --experiment bikes\n  pitcrew runs list --filter 'metrics.mae < 30' --order-by 'metrics.mae'"
    )]
    List(List),
    /// Show a tracked run with its params, latest metrics and tags.
    Show {
        /// The run.
        run: String,
    },
    /// Delete tracked runs; they can be restored until they are removed for good.
    #[command(
        after_help = "Examples:\n  pitcrew runs delete 8a0c...\n  pitcrew runs delete --experiment bikes --filter 'metrics.mae > 90' --dry-run\n  pitcrew runs delete 8a0c... --permanently"
    )]
    Delete {
        #[command(flatten)]
        these: These,
        /// Remove deleted runs, named by id, for good; needs `admin` access.
        #[arg(long, conflicts_with_all = ["filter", "experiment"])]
        permanently: bool,
        /// Only list them.
        #[arg(long)]
        dry_run: bool,
    },
    /// Restore deleted runs.
    Restore {
        /// The runs.
        #[arg(required = true)]
        runs: Vec<String>,
    },
    /// Move runs, with those nested in them, to another experiment.
    #[command(after_help = "Example:\n  pitcrew runs move 8a0c... --to bikes")]
    Move(To),
    /// Copy runs to an experiment, under new ids.
    #[command(after_help = "Example:\n  pitcrew runs copy --experiment bikes --filter 'tags.good = \"yes\"' --to best")]
    Copy(To),
    /// Show the notes on a run, or write them (Markdown).
    #[command(
        after_help = "Examples:\n  pitcrew runs note 8a0c...\n  pitcrew runs note 8a0c... '# Why it is better'\n  pitcrew runs note 8a0c... --file notes.md"
    )]
    Note(Note),
    /// Write runs to a folder, one folder a run; goes on where it was when called again.
    #[command(
        after_help = "Examples:\n  pitcrew runs export --experiment bikes --out runs\n  pitcrew runs export --filter 'metrics.mae < 30' --out best"
    )]
    Export(Export),
    /// Bring in runs from a folder, with their ids; goes on where it was when called again.
    #[command(after_help = "Examples:\n  pitcrew runs import runs --dry-run\n  pitcrew runs import runs")]
    Import {
        /// The folder of a run, or one that holds such folders.
        folder: PathBuf,
        /// Only say what would come in.
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Only of this experiment.
    #[arg(long, value_name = "NAME")]
    pub(crate) experiment: Option<String>,
    /// Only those that pass this filter.
    #[arg(long)]
    pub(crate) filter: Option<String>,
    /// Terms of the order, separated by commas.
    #[arg(long, value_name = "TERMS")]
    pub(crate) order_by: Option<String>,
    /// How many.
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: usize,
}

/// Runs by id, or all that a search finds.
#[derive(Debug, clap::Args)]
pub(crate) struct These {
    /// The runs.
    #[arg(required_unless_present_any = ["filter", "experiment"], conflicts_with_all = ["filter", "experiment"])]
    pub(crate) runs: Vec<String>,
    /// Instead, all runs of this experiment.
    #[arg(long, value_name = "NAME")]
    pub(crate) experiment: Option<String>,
    /// Instead, all runs that pass this filter.
    #[arg(long)]
    pub(crate) filter: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct To {
    #[command(flatten)]
    pub(crate) these: These,
    /// The experiment they go to.
    #[arg(long, value_name = "NAME")]
    pub(crate) to: String,
    /// Only list them.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Note {
    /// The run.
    pub(crate) run: String,
    /// The notes; shows them when neither this nor `--file` is given, removes them when it is empty.
    #[arg(conflicts_with = "file")]
    pub(crate) text: Option<String>,
    /// A file with the notes; `-` reads them from standard input.
    #[arg(long)]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// All runs of this experiment.
    #[arg(long, value_name = "NAME")]
    pub(crate) experiment: Option<String>,
    /// All runs that pass this filter.
    #[arg(long, required_unless_present = "experiment")]
    pub(crate) filter: Option<String>,
    /// The folder to write to.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// Only list them.
    #[arg(long)]
    pub(crate) dry_run: bool,
}
