//! Which files of a project are data, not code.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use pitcrew_contracts::spec::Project;
use pitcrew_kernel::{Error, Result};

/// Matches the paths of data files, relative to the project.
#[derive(Debug, Clone)]
pub struct DataGlobs(GlobSet);

impl DataGlobs {
    /// Whether the file at `path` belongs to a data set.
    pub fn matches(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

/// The sources of all data sets of a project.
///
/// # Errors
/// `PROJECT_INVALID` for a pattern that does not parse (a loaded project has none).
pub fn data_globs(project: &Project) -> Result<DataGlobs> {
    let mut globs = GlobSetBuilder::new();
    for dataset in project.datasets.values() {
        let glob = GlobBuilder::new(&dataset.source).literal_separator(true).build();
        globs.add(glob.map_err(|error| {
            Error::invalid("PROJECT_INVALID", format!("source `{}`: {}", dataset.source, error.kind()))
        })?);
    }
    let set = globs.build().map_err(|error| Error::invalid("PROJECT_INVALID", error.to_string()))?;
    Ok(DataGlobs(set))
}
