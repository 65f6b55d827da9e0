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
        let mut file = File::create_new(&path).map_err(failed("making", &path))?;
        file.write_all(&MAGIC).map_err(failed("writing", &path))?;
        Ok(Self { number, file, encoder: Encoder::default(), bytes: MAGIC.len() as u64, rows: 0, opened_at: now })
    }

    /// Appends rows in one write: all of them, or none.
    ///
    /// # Errors
    /// What the disk can give. The file is cut back to what it held.
    pub(crate) fn append(&mut self, rows: &[Row]) -> std::io::Result<()> {
        let mut out = Vec::with_capacity(rows.iter().map(Row::weight).sum());
        rows.iter().for_each(|row| self.encoder.row(row, &mut out));
        if let Err(error) = self.file.write_all(&out) {
            // Columns that went down with the rows must be written again.
            self.encoder = Encoder::default();
            self.file.set_len(self.bytes)?;
            self.file.seek(SeekFrom::Start(self.bytes))?;
            return Err(error);
        }
        self.bytes += out.len() as u64;
        self.rows += rows.len();
        Ok(())
    }

    /// Whether it is big enough to be closed.
    pub(crate) const fn is_full(&self) -> bool {
        self.rows >= MAX_ROWS || self.bytes >= MAX_BYTES
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
