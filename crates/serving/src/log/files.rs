//! From a closed segment to Parquet files, and back from them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pitcrew_columnar::{LogBuilder, LogFeature, LogRow, LogSchema};
use pitcrew_contracts::release::Role;
use pitcrew_kernel::{Error, Result, Timestamp};

use super::record;
use super::row::{Columns, Row, Status};
use crate::model::ArmKind;
use crate::store::LogFile;

/// A month with more rows than this in one segment is cut into days; below it, days would only make small files.
const ROWS_PER_MONTH_FILE: usize = 20_000;
/// The folder of a deployment's segments.
const OPEN: &str = "open";
const SUFFIX: &str = ".seg";
/// What a segment is called that cannot be read to its end. It stays: nothing here deletes it.
const ASIDE: &str = ".damaged";

pub(crate) fn failed(what: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let message = format!("{what} `{}` failed", path.display());
    move |source| match source.kind() {
        std::io::ErrorKind::StorageFull => {
            Error::unavailable("DISK_FULL", message).hint("free some space; nothing stored is lost").with_source(source)
        }
        _ => Error::internal(message, source),
    }
}

/// Where a deployment's segment with this number is.
pub(crate) fn segment_path(folder: &Path, deployment: &str, number: u64) -> PathBuf {
    folder.join(deployment).join(OPEN).join(format!("{number:020}{SUFFIX}"))
}

/// Segments that no process closed, oldest first: `(deployment, number)`.
pub(crate) fn leftovers(folder: &Path) -> Result<Vec<(String, u64)>> {
    numbered(folder, SUFFIX)
}

/// Damaged segments that were kept aside: `(deployment, number)`.
pub(crate) fn kept_aside(folder: &Path) -> Result<Vec<(String, u64)>> {
    numbered(folder, ASIDE)
}

fn numbered(folder: &Path, suffix: &str) -> Result<Vec<(String, u64)>> {
    let mut found = Vec::new();
    let Ok(deployments) = fs::read_dir(folder) else { return Ok(found) };
    for deployment in deployments {
        let deployment = deployment.map_err(failed("listing", folder))?;
        let Ok(segments) = fs::read_dir(deployment.path().join(OPEN)) else { continue };
        let Ok(name) = deployment.file_name().into_string() else { continue };
        for segment in segments {
            let file = segment.map_err(failed("listing", folder))?.file_name();
            let number = file.to_str().and_then(|file| file.strip_suffix(suffix)).and_then(|stem| stem.parse().ok());
            if let Some(number) = number {
                found.push((name.clone(), number));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The files of segments that are not in Parquet yet. While a server runs they grow at their ends and, once their rows are in Parquet,
/// go away.
///
/// # Errors
/// `INTERNAL` when the folder cannot be listed.
pub fn open_segments(folder: &Path) -> Result<Vec<PathBuf>> {
    let all = leftovers(folder)?;
    Ok(all.into_iter().map(|(deployment, number)| segment_path(folder, &deployment, number)).collect())
}

/// What became of a segment.
#[derive(Debug)]
pub(crate) struct Rolled {
    pub(crate) files: Vec<LogFile>,
    pub(crate) rows: Vec<Row>,
    /// There are rows in it that cannot be read.
    pub(crate) damaged: bool,
}

/// Writes a segment's rows to Parquet files, durably. Doing it again writes the same files. The segment itself stays until
/// [`put_away`]. Blocking.
pub(crate) fn roll(folder: &Path, deployment: &str, number: u64) -> Result<Rolled> {
    let path = segment_path(folder, deployment, number);
    let bytes = fs::read(&path).map_err(failed("reading", &path))?;
    let (rows, whole) = record::decode(&bytes);
    let damaged = record::is_damaged(&bytes, whole);
    if whole < bytes.len() && !damaged {
        let lost = bytes.len() - whole;
        tracing::warn!(path = %path.display(), bytes = lost, "the end of a log segment is torn and left out");
    }
    let mut files = Vec::new();
    for (part, (place, rows)) in partition(&rows).into_iter().enumerate() {
        let relative = format!("{deployment}/{place}/{number:020}-{part}.parquet");
        let segment = i64::try_from(number).unwrap_or(i64::MAX);
        files.push(LogFile { segment, ..write_file(folder, deployment, relative, &rows)? });
    }
    sync_folders(folder, &files)?;
    Ok(Rolled { files, rows, damaged })
}

/// Removes a segment whose rows are in files that the tables know. One that is damaged is kept aside instead, for somebody to look at.
pub(crate) fn put_away(folder: &Path, deployment: &str, number: u64, damaged: bool) -> Result<()> {
    let path = segment_path(folder, deployment, number);
    if !damaged {
        return fs::remove_file(&path).map_err(failed("removing", &path));
    }
    let aside = path.with_extension(&ASIDE[1..]);
    fs::rename(&path, &aside).map_err(failed("naming", &aside))?;
    tracing::error!(
        path = %aside.display(),
        "a log segment is damaged: the predictions before the damage are kept, those behind it are only in this file"
    );
    Ok(())
}

/// Rows by folder (a month, or a day where a month holds many) and by columns, each part in order of time.
fn partition(rows: &[Row]) -> Vec<(String, Vec<&Row>)> {
    let day = |row: &Row| Timestamp::from_micros(row.event_time).to_string().chars().take(10).collect::<String>();
    let mut months: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        months.entry(day(row).chars().take(7).collect()).or_default().push(row);
    }
    let mut places: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
    for (month, rows) in months {
        if rows.len() <= ROWS_PER_MONTH_FILE {
            places.insert(month, rows);
        } else {
            rows.into_iter().for_each(|row| places.entry(day(row)).or_default().push(row));
        }
    }
    let mut parts = Vec::new();
    for (place, rows) in places {
        let mut by_columns: Vec<(Arc<Columns>, Vec<&Row>)> = Vec::new();
        for row in rows {
            match by_columns.iter_mut().find(|(columns, _)| *columns == row.columns) {
                Some((_, rows)) => rows.push(row),
                None => by_columns.push((Arc::clone(&row.columns), vec![row])),
            }
        }
        for (_, mut rows) in by_columns {
            // Stable: of two rows with one key, the one that came last stays last.
            rows.sort_by(|a, b| a.key().cmp(&b.key()));
            parts.push((place.clone(), rows));
        }
    }
    parts
}

fn write_file(folder: &Path, deployment: &str, relative: String, rows: &[&Row]) -> Result<LogFile> {
    let columns = rows.first().map(|row| Arc::clone(&row.columns)).unwrap_or_default();
    let feature = |(name, number): &(String, _)| LogFeature { name: name.clone(), number: *number };
    let mut builder = LogBuilder::new(LogSchema::new(columns.features.iter().map(feature).collect())?);
    for row in rows {
        builder.push(&as_log_row(row, deployment))?;
    }
    let bytes = builder.finish()?;
    let path = folder.join(&relative);
    write_whole(&path, &bytes)?;
    Ok(LogFile {
        path: relative,
        deployment: deployment.to_owned(),
        rows: rows.len() as i64,
        bytes: bytes.len() as i64,
        min_event_time: rows.first().map_or(0, |row| row.event_time),
        max_event_time: rows.last().map_or(0, |row| row.event_time),
        segment: 0,
    })
}

fn as_log_row<'a>(row: &'a Row, deployment: &'a str) -> LogRow<'a> {
    LogRow {
        request_id: &row.request_id,
        event_time_us: row.event_time,
        at_us: row.at,
        deployment,
        model: &row.columns.model,
        version: row.version,
        arm: row.arm.name(),
        role: match row.role {
            Role::Served => pitcrew_columnar::Role::Served,
            Role::Shadow => pitcrew_columnar::Role::Shadow,
        },
        status: row.status.name(),
        latency_us: row.latency_us,
        prediction: row.prediction,
        features: &row.features,
    }
}

/// All bytes under their name or nothing: a scratch file, synced, then renamed. [`sync_folders`] makes the name durable.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(failed("making", parent))?;
    let scratch = path.with_extension("tmp");
    let mut file = fs::File::create(&scratch).map_err(failed("making", &scratch))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed("writing", &scratch))?;
    fs::rename(&scratch, path).map_err(failed("naming", path))
}

/// Syncs every folder on the way to the files. Any may be new, also one that an earlier try made, and the segment goes away after this.
fn sync_folders(root: &Path, files: &[LogFile]) -> Result<()> {
    // The ancestors of a relative path end with the empty one: the root itself.
    let folders: BTreeSet<&Path> = files.iter().flat_map(|file| Path::new(&file.path).ancestors().skip(1)).collect();
    folders.into_iter().try_for_each(|folder| {
        let folder = root.join(folder);
        fs::File::open(&folder).and_then(|open| open.sync_all()).map_err(failed("syncing", &folder))
    })
}

/// The rows of a Parquet file of the log. Blocking.
pub(crate) fn read_file(folder: &Path, file: &LogFile) -> Result<Vec<Row>> {
    let path = folder.join(&file.path);
    let bytes = fs::read(&path).map_err(failed("reading", &path))?;
    let log = pitcrew_columnar::read_log(bytes).map_err(|error| error.context(&file.path))?;
    let features: Vec<_> = log.schema.features().iter().map(|feature| (feature.name.clone(), feature.number)).collect();
    let mut columns = Arc::new(Columns { model: String::new(), features });
    let mut rows = Vec::with_capacity(log.rows());
    for at in 0..log.rows() {
        if columns.model != log.model[at] {
            columns = Arc::new(Columns { model: log.model[at].clone(), features: columns.features.clone() });
        }
        rows.push(Row {
            request_id: log.request_id[at].as_str().into(),
            event_time: log.event_time_us[at],
            at: log.at_us[at],
            version: log.version[at],
            arm: if log.arm[at] == ArmKind::Candidate.name() { ArmKind::Candidate } else { ArmKind::Champion },
            role: match log.role[at] {
                pitcrew_columnar::Role::Served => Role::Served,
                pitcrew_columnar::Role::Shadow => Role::Shadow,
            },
            status: Status::parse(&log.status[at]),
            latency_us: log.latency_us[at],
            prediction: log.prediction[at],
            features: log.features.iter().map(|values| values[at]).collect(),
            columns: Arc::clone(&columns),
        });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::super::record::{Encoder, MAGIC};
    use super::super::row::tests::{any_row, row};
    use super::*;
    use proptest::prelude::*;

    const DAY: i64 = 86_400_000_000;

    fn segment(folder: &Path, rows: &[Row]) {
        let (mut bytes, mut encoder) = (MAGIC.to_vec(), Encoder::default());
        rows.iter().for_each(|row| encoder.row(row, &mut bytes));
        let path = segment_path(folder, "bikes", 7);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn a_segment_becomes_one_file_a_month_and_is_found_until_removed() {
        let folder = tempfile::tempdir().unwrap();
        let rows = vec![row("b", 40 * DAY), row("a", 2 * DAY), row("c", DAY)];
        segment(folder.path(), &rows);
        assert_eq!(leftovers(folder.path()).unwrap(), [("bikes".to_owned(), 7)]);
        let rolled = roll(folder.path(), "bikes", 7).unwrap();
        let paths: Vec<_> = rolled.files.iter().map(|file| (file.path.as_str(), file.rows)).collect();
        assert_eq!(
            paths,
            [("bikes/1970-01/00000000000000000007-0.parquet", 2), ("bikes/1970-02/00000000000000000007-1.parquet", 1)]
        );
        assert_eq!((rolled.files[1].segment, rolled.files[1].min_event_time), (7, 40 * DAY));
        let back = read_file(folder.path(), &rolled.files[0]).unwrap();
        assert_eq!(back, [rows[2].clone(), rows[1].clone()]);
        let again = roll(folder.path(), "bikes", 7).unwrap();
        assert_eq!(again.files, rolled.files);
        put_away(folder.path(), "bikes", 7, rolled.damaged).unwrap();
        assert_eq!((leftovers(folder.path()).unwrap(), kept_aside(folder.path()).unwrap()), (vec![], vec![]));
    }

    #[test]
    fn a_segment_that_is_damaged_in_its_middle_is_kept_aside() {
        let folder = tempfile::tempdir().unwrap();
        let rows = vec![row("a", DAY), row("b", DAY), row("c", DAY)];
        segment(folder.path(), &rows);
        let path = segment_path(folder.path(), "bikes", 7);
        let mut bytes = fs::read(&path).unwrap();
        let third = bytes.len() / 3;
        bytes[2 * third] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let rolled = roll(folder.path(), "bikes", 7).unwrap();
        assert_eq!((rolled.rows, rolled.damaged), (rows[..1].to_vec(), true));
        put_away(folder.path(), "bikes", 7, rolled.damaged).unwrap();
        assert_eq!(leftovers(folder.path()).unwrap(), []);
        assert_eq!(kept_aside(folder.path()).unwrap(), [("bikes".to_owned(), 7)]);
        assert_eq!(fs::read(path.with_extension("damaged")).unwrap(), bytes);
    }

    #[test]
    fn a_busy_month_is_cut_into_days() {
        let rows: Vec<Row> = (0..ROWS_PER_MONTH_FILE as i64 + 1).map(|i| row("a", (i % 3) * DAY)).collect();
        let places: Vec<_> = partition(&rows).into_iter().map(|(place, rows)| (place, rows.len())).collect();
        assert_eq!(places.len(), 3);
        assert_eq!(places[0].0, "1970-01-01");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn every_row_is_in_exactly_one_file(rows in prop::collection::vec(any_row(), 1..20)) {
            let folder = tempfile::tempdir().unwrap();
            segment(folder.path(), &rows);
            let rolled = roll(folder.path(), "bikes", 7).unwrap();
            let mut back: Vec<String> = Vec::new();
            for file in &rolled.files {
                back.extend(read_file(folder.path(), file).unwrap().iter().map(|row| format!("{:?} {} {:?}", row.key(), row.version, row.columns)));
            }
            let mut wanted: Vec<String> = rows.iter().map(|row| format!("{:?} {} {:?}", row.key(), row.version, row.columns)).collect();
            back.sort();
            wanted.sort();
            prop_assert_eq!(back, wanted);
        }
    }
}
