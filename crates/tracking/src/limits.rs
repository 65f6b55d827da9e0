//! How much of everything a caller may send. The numbers are those of MLflow 3.17, so that what fits there fits here.

use std::time::Duration;

/// Metric points in one batch.
pub const METRICS_PER_BATCH: usize = 1_000;
/// Params in one batch; the same for tags.
pub const PARAMS_OR_TAGS_PER_BATCH: usize = 100;
/// Everything in one batch together.
pub const ENTITIES_PER_BATCH: usize = 1_000;
/// Data sets in one call.
pub const DATASETS_PER_CALL: usize = 1_000;
/// Logged models in one call.
pub const MODELS_PER_CALL: usize = 1_000;
/// Characters of a metric's, param's or tag's key.
pub const KEY_CHARS: usize = 250;
/// Characters of a param's value.
pub const PARAM_VALUE_CHARS: usize = 6_000;
/// Characters of a run tag's value. Longer ones are cut, as clients expect.
pub const TAG_VALUE_CHARS: usize = 8_000;
/// Characters of an experiment's name.
pub const EXPERIMENT_NAME_CHARS: usize = 500;
/// Characters of an experiment tag's value.
pub const EXPERIMENT_TAG_VALUE_CHARS: usize = 20_000;
/// Characters of an experiment's artifact address.
pub const ARTIFACT_URI_CHARS: usize = 2_048;
/// Characters of a run's name or user.
pub const RUN_NAME_CHARS: usize = 500;
/// Characters of a data set's name.
pub const DATASET_NAME_CHARS: usize = 500;
/// Characters of a data set's digest.
pub const DATASET_DIGEST_CHARS: usize = 36;
/// Characters of a data set's schema.
pub const DATASET_SCHEMA_CHARS: usize = 1_048_575;
/// Characters of a data set's source.
pub const DATASET_SOURCE_CHARS: usize = 65_535;
/// Characters of a data set's profile.
pub const DATASET_PROFILE_CHARS: usize = 16_777_215;
/// Characters of an input tag's key.
pub const INPUT_TAG_KEY_CHARS: usize = 255;
/// Characters of an input tag's value.
pub const INPUT_TAG_VALUE_CHARS: usize = 500;
/// Params or tags of a logged model in one call.
pub const MODEL_ENTRIES_PER_CALL: usize = 1_000;
/// Characters of a logged model's param or tag value.
pub const MODEL_VALUE_CHARS: usize = 100_000;
/// Runs on one page of a search.
pub const RUNS_PER_PAGE: usize = 50_000;
/// Keys of one kind in one list of an experiment's columns.
pub const COLUMN_KEYS: usize = 2_000;
/// Keys looked at for such a list.
pub const COLUMN_KEYS_READ: usize = 20_000;
/// Keys that one search may ask for by name.
pub const FIELDS_PER_SEARCH: usize = 500;
/// Saved views of one experiment.
pub const VIEWS_PER_EXPERIMENT: usize = 200;
/// Characters of a saved view's name.
pub const VIEW_NAME_CHARS: usize = 100;
/// Bytes of a saved view's document.
pub const VIEW_BYTES: usize = 64_000;
/// Experiments on one page of a search.
pub const EXPERIMENTS_PER_PAGE: usize = 50_000;
/// Experiments one search may name.
pub const EXPERIMENTS_PER_SEARCH: usize = 1_000;
/// Logged models on one page of a search.
pub const MODELS_PER_PAGE: usize = 500;
/// Points in one reply when a client asks for no page size of its own.
pub const POINTS_PER_REPLY: usize = 1_000_000;
/// Points of a sampled history.
pub const POINTS_PER_SAMPLE: usize = 2_500;
/// Data-set summaries in one reply.
pub const DATASET_SUMMARIES: usize = 1_000;
/// Bytes of an artifact's whole path.
pub const ARTIFACT_PATH_BYTES: usize = 2_048;
/// Bytes of one name in an artifact's path.
pub const ARTIFACT_NAME_BYTES: usize = 255;
/// Folders above an artifact.
pub const ARTIFACT_DEPTH: usize = 64;
/// Bytes of one artifact.
pub const ARTIFACT_BYTES: u64 = 1 << 40;
/// Entries of one artifact folder in one reply.
pub const ARTIFACT_ENTRIES: usize = 10_000;
/// Runs that one call deletes, restores or moves.
pub const RUNS_PER_CALL: usize = 1_000;
/// Runs that one call copies: each may have a million points.
pub const COPIES_PER_CALL: usize = 100;
/// Runs that move together, those nested in them counted.
pub const RUNS_MOVED: usize = 10_000;
/// Rows that one command removes or copies, so that it holds up nobody.
pub const ROWS_PER_SLICE: usize = 5_000;
/// Runs that a rule of retention looks at in one go; what is left over waits for the next.
pub const RETENTION_RUNS: usize = 10_000;
/// Runs that a dry run of a rule names.
pub const RETENTION_NAMED: usize = 1_000;
/// Times that a rule looks at its runs anew, since a run may go once those nested in it are gone.
pub const RETENTION_PASSES: usize = 100;
/// Points of an import in one call.
pub const POINTS_PER_IMPORT: usize = 10_000;
/// Params, tags, data sets or logged models in the head of an import, each.
pub const ENTRIES_PER_IMPORT: usize = 10_000;
/// Points of a metric in one page of an export.
pub const POINTS_PER_EXPORT: usize = 10_000;
/// Parts of one upload.
pub const UPLOAD_PARTS: i64 = 10_000;
/// Bytes of one part.
pub const UPLOAD_PART_BYTES: u64 = 5 << 30;
/// Uploads in parts that are open at once.
pub const UPLOADS: i64 = 10_000;
/// How long an upload in parts that nobody touches is remembered.
pub const UPLOAD_KEPT: Duration = Duration::from_secs(24 * 3_600);
