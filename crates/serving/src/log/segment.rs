//! The open file that rows are appended to.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::Duration;

use pitcrew_kernel::{Result, Timestamp};

use super::files::{failed, segment_path};
use super::record::{Encoder, MAGIC};
use super::row::Row;

/// A segment is closed when it has this many rows,
const MAX_ROWS: usize = 50_000;
/// or this many bytes,
const MAX_BYTES: u64 = 32 << 20;
/// or is this old.
const MAX_AGE: Duration = Duration::from_secs(600);

/// See the module.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    file: File,
    encoder: Encoder,
    bytes: u64,
    rows: usize,
    /// A write failed and what it left could not be taken back.
    torn: bool,
    opened_at: Timestamp,
}

impl Segment {
    /// Makes a new segment.
    ///
    /// # Errors
    /// `DISK_FULL`, `INTERNAL`.
    pub(crate) fn create(folder: &Path, deployment: &str, number: u64, now: Timestamp) -> Result<Self> {
        let path = segment_path(folder, deployment, number);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(failed("making", parent))?;
        let file = File::create_new(&path).map_err(failed("making", &path))?;
        Ok(Self { number, file, encoder: Encoder::default(), bytes: 0, rows: 0, torn: false, opened_at: now })
    }

    /// Appends rows in one write: all of them, or none.
    ///
    /// # Errors
    /// What the disk can give. The file is cut back to what it held; one that cannot be takes nothing more.
    pub(crate) fn append(&mut self, rows: &[Row]) -> std::io::Result<()> {
        let mut out = Vec::with_capacity(rows.iter().map(Row::weight).sum());
        if self.bytes == 0 {
            out.extend(MAGIC);
        }
        let columns = self.encoder.columns();
        rows.iter().for_each(|row| self.encoder.row(row, &mut out));
        if let Err(error) = self.file.write_all(&out) {
            // Columns that went down with the rows must be written again, under the numbers that readers will give them.
            self.encoder.keep(columns);
            self.torn = self.cut_back().is_err();
            return Err(error);
        }
        self.bytes += out.len() as u64;
        self.rows += rows.len();
        Ok(())
    }

    fn cut_back(&mut self) -> std::io::Result<()> {
        self.file.set_len(self.bytes)?;
        self.file.seek(SeekFrom::Start(self.bytes)).map(drop)
    }

    /// Whether it is to be closed: it is big enough, or damaged at its end.
    pub(crate) const fn is_done(&self) -> bool {
        self.torn || self.rows >= MAX_ROWS || self.bytes >= MAX_BYTES
    }

    /// Whether it is old enough to be closed.
    pub(crate) fn is_old(&self, now: Timestamp) -> bool {
        self.rows > 0 && now.since(self.opened_at) >= MAX_AGE
    }

    /// Makes what it holds survive a loss of power.
    ///
    /// # Errors
    /// What the disk can give.
    pub(crate) fn sync(&self) -> std::io::Result<()> {
        self.file.sync_data()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::super::record::decode;
    use super::super::row::Columns;
    use super::super::row::tests::{any_row, row};
    use super::*;
    use pitcrew_columnar::Number;
    use proptest::prelude::*;

    fn create(folder: &Path) -> Segment {
        Segment::create(folder, "bikes", 7, Timestamp::from_micros(0)).unwrap()
    }

    /// Leaves a torn write behind and moves to where the file system takes no byte any more: the next write fails, cutting back does not.
    fn refuse_the_next_write(segment: &mut Segment) {
        segment.file.write_all(b"torn").unwrap();
        let (mut taken, mut refused) = (0, 1u64 << 63);
        while refused - taken > 1 {
            let middle = taken + (refused - taken) / 2;
            match segment.file.seek(SeekFrom::Start(middle)) {
                Ok(_) => taken = middle,
                Err(_) => refused = middle,
            }
        }
        segment.file.seek(SeekFrom::Start(taken)).unwrap();
    }

    /// A file that is open for reading can neither be written nor cut back.
    pub(crate) fn spoil(segment: &mut Segment, folder: &Path) {
        segment.file = File::open(segment_path(folder, "bikes", segment.number)).unwrap();
    }

    fn read(folder: &Path) -> Vec<String> {
        let bytes = std::fs::read(segment_path(folder, "bikes", 7)).unwrap();
        let (rows, whole) = decode(&bytes);
        assert_eq!(whole, bytes.len(), "every byte belongs to a row");
        // Debug text compares NaN with NaN.
        rows.iter().map(|row| format!("{row:?}")).collect()
    }

    #[test]
    fn a_write_that_failed_leaves_the_columns_as_the_file_has_them() {
        let folder = tempfile::tempdir().unwrap();
        let columns = |model: &str, feature: &str| {
            Arc::new(Columns { model: model.into(), features: vec![(feature.into(), Number::F64)] })
        };
        let of = |columns: &Arc<Columns>, id: &str, value: f64| Row {
            columns: Arc::clone(columns),
            features: [value].into(),
            ..row(id, 1)
        };
        let (temp, wind, hum) = (columns("bikes", "temp"), columns("bikes", "wind"), columns("bikes", "hum"));
        let written = [of(&temp, "a", 1.0), of(&wind, "b", 2.0)];
        let later = [of(&wind, "d", 4.0), of(&hum, "e", 5.0), of(&temp, "f", 6.0)];
        let mut segment = create(folder.path());
        segment.append(&written).unwrap();
        refuse_the_next_write(&mut segment);
        segment.append(&[of(&hum, "c", 3.0)]).unwrap_err();
        segment.append(&later).unwrap();
        let wanted: Vec<String> = written.iter().chain(&later).map(|row| format!("{row:?}")).collect();
        assert_eq!(read(folder.path()), wanted);
    }

    #[test]
    fn a_segment_that_cannot_be_cut_back_takes_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let mut segment = create(folder.path());
        segment.append(&[row("a", 1)]).unwrap();
        assert!(!segment.is_done());
        spoil(&mut segment, folder.path());
        segment.append(&[row("b", 2)]).unwrap_err();
        assert!(segment.is_done());
        assert_eq!(read(folder.path()).len(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_was_appended_reads_back_whatever_failed_between(
            batches in prop::collection::vec((prop::collection::vec(any_row(), 0..4), any::<bool>()), 1..8),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut segment = create(folder.path());
            let mut wanted = Vec::new();
            for (rows, fails) in &batches {
                if *fails && !rows.is_empty() {
                    refuse_the_next_write(&mut segment);
                    prop_assert!(segment.append(rows).is_err());
                } else {
                    segment.append(rows).unwrap();
                    wanted.extend(rows.iter().map(|row| format!("{row:?}")));
                }
            }
            prop_assert_eq!(read(folder.path()), wanted);
        }
    }
}
