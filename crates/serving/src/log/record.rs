//! Rows as bytes of a segment: `length u32, crc32 u32, payload`, little-endian. A payload is the columns of a version (once, before its first
//! row) or a row that names them by number. What a crash tore at the end of a file fails its length or its checksum and is left out. Where
//! rows stand behind what cannot be read, the file is damaged: they are not read either, as the columns they name may be missing.

use std::collections::HashMap;
use std::sync::Arc;

use pitcrew_columnar::Number;
use pitcrew_contracts::release::Role;

use super::row::{Columns, Row, Status};
use crate::arm::MAX_LOGGED_FEATURES;
use crate::model::ArmKind;
use crate::predict::MAX_REQUEST_ID;

/// First bytes of a segment file; the last one is the version of the format.
pub(crate) const MAGIC: [u8; 8] = *b"pitlog\0\x01";
const COLUMNS: u8 = 0;
const ROW: u8 = 1;
const HEADER: usize = 8;
/// No record of ours comes near; a longer one is damage.
const MAX_PAYLOAD: usize = 64 << 20;
/// A row without an id and features has this many bytes,
const MIN_ROW: usize = 50;
/// and none has more than this.
const MAX_ROW: usize = 8 << 10;
const _: () = assert!(MIN_ROW + 2 * MAX_REQUEST_ID + 8 * MAX_LOGGED_FEATURES <= MAX_ROW, "the widest row");

/// Writes records and remembers which columns the file has.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    known: Vec<Arc<Columns>>,
}

impl Encoder {
    /// How many sets of columns the file has.
    pub(crate) const fn columns(&self) -> usize {
        self.known.len()
    }

    /// Forgets all but the first `columns` sets, as those after them did not reach the file.
    pub(crate) fn keep(&mut self, columns: usize) {
        self.known.truncate(columns);
    }

    /// Appends a row's record to `out`, with its columns before it when they are new.
    pub(crate) fn row(&mut self, row: &Row, out: &mut Vec<u8>) {
        let number = match self.known.iter().position(|known| same(known, &row.columns)) {
            Some(number) => number,
            None => {
                frame(out, |out| put_columns(&row.columns, out));
                self.known.push(Arc::clone(&row.columns));
                self.known.len() - 1
            }
        };
        frame(out, |out| put_row(row, number as u32, out));
    }
}

fn same(a: &Arc<Columns>, b: &Arc<Columns>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

fn frame(out: &mut Vec<u8>, payload: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0; HEADER]);
    payload(out);
    let length = (out.len() - start - HEADER) as u32;
    let crc = crc32fast::hash(&out[start + HEADER..]);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..start + HEADER].copy_from_slice(&crc.to_le_bytes());
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

fn put_columns(columns: &Columns, out: &mut Vec<u8>) {
    out.push(COLUMNS);
    put_text(&columns.model, out);
    out.extend((columns.features.len() as u32).to_le_bytes());
    for (name, number) in &columns.features {
        out.push(u8::from(*number == Number::F64));
        put_text(name, out);
    }
}

fn put_row(row: &Row, columns: u32, out: &mut Vec<u8>) {
    out.push(ROW);
    out.extend(columns.to_le_bytes());
    let status = Status::ALL.iter().position(|status| *status == row.status).unwrap_or(0) as u8;
    let flags = u8::from(row.arm == ArmKind::Candidate) | u8::from(row.role == Role::Shadow) << 1 | status << 2;
    out.push(flags);
    for number in [row.event_time, row.at, row.version, row.latency_us] {
        out.extend(number.to_le_bytes());
    }
    out.extend(row.prediction.to_le_bytes());
    put_text(&row.request_id, out);
    for value in row.features.iter() {
        out.extend(value.to_le_bytes());
    }
}

/// The whole rows at the beginning of a segment, and how many bytes they and their columns take.
pub(crate) fn decode(bytes: &[u8]) -> (Vec<Row>, usize) {
    let mut rows = Vec::new();
    if !bytes.starts_with(&MAGIC) {
        return (rows, 0);
    }
    let mut known: HashMap<u32, Arc<Columns>> = HashMap::new();
    let mut at = MAGIC.len();
    while let Some(payload) = framed(&bytes[at..]) {
        let mut reader = Reader(payload);
        let read = match reader.byte() {
            Some(COLUMNS) => reader.columns().map(|columns| {
                let number = known.len() as u32;
                known.insert(number, Arc::new(columns));
            }),
            // A row that is not read to its end is one of other columns.
            Some(ROW) => reader.row(&known).filter(|_| reader.0.is_empty()).map(|row| rows.push(row)),
            _ => None,
        };
        if read.is_none() {
            break;
        }
        at += HEADER + payload.len();
    }
    (rows, at)
}

/// Whether a segment of which `decode` read the first `whole` bytes is more than torn at its end: rows stand behind what cannot be read,
/// or the file never was a segment of this format.
pub(crate) fn is_damaged(bytes: &[u8], whole: usize) -> bool {
    if whole == 0 {
        return !MAGIC.starts_with(bytes);
    }
    (whole..bytes.len()).any(|at| begins_with_row(&bytes[at..]))
}

/// Looks at the length and the kind first: a checksum at every byte of a file would take hours.
fn begins_with_row(bytes: &[u8]) -> bool {
    let length = Reader(bytes).u32().map_or(0, |length| length as usize);
    (MIN_ROW..=MAX_ROW).contains(&length) && bytes.get(HEADER) == Some(&ROW) && framed(bytes).is_some()
}

fn framed(bytes: &[u8]) -> Option<&[u8]> {
    let mut header = Reader(bytes);
    let length = header.u32()? as usize;
    let crc = header.u32()?;
    if length > MAX_PAYLOAD {
        return None;
    }
    let payload = bytes.get(HEADER..HEADER + length)?;
    (crc32fast::hash(payload) == crc).then_some(payload)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.take(8)?.try_into().ok().map(i64::from_le_bytes)
    }

    fn f64(&mut self) -> Option<f64> {
        self.take(8)?.try_into().ok().map(f64::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.u32()? as usize;
        std::str::from_utf8(self.take(length)?).ok()
    }

    fn columns(&mut self) -> Option<Columns> {
        let model = self.text()?.to_owned();
        let count = self.u32()?;
        let mut features = Vec::new();
        for _ in 0..count {
            let number = if self.byte()? == 1 { Number::F64 } else { Number::F32 };
            features.push((self.text()?.to_owned(), number));
        }
        Some(Columns { model, features })
    }

    fn row(&mut self, known: &HashMap<u32, Arc<Columns>>) -> Option<Row> {
        let columns = Arc::clone(known.get(&self.u32()?)?);
        let flags = self.byte()?;
        let (event_time, at, version, latency_us) = (self.i64()?, self.i64()?, self.i64()?, self.i64()?);
        let prediction = self.f64()?;
        let request_id = self.text()?.into();
        let mut features = Vec::with_capacity(columns.features.len());
        for _ in 0..columns.features.len() {
            features.push(self.f64()?);
        }
        Some(Row {
            request_id,
            event_time,
            at,
            version,
            arm: if flags & 1 == 0 { ArmKind::Champion } else { ArmKind::Candidate },
            role: if flags & 2 == 0 { Role::Served } else { Role::Shadow },
            status: *Status::ALL.get(usize::from(flags >> 2))?,
            latency_us,
            prediction,
            features: features.into(),
            columns,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::{any_row, row};
    use super::*;
    use proptest::prelude::*;

    fn encoded(rows: &[Row]) -> (Vec<u8>, Vec<usize>) {
        let (mut out, mut encoder, mut ends) = (MAGIC.to_vec(), Encoder::default(), Vec::new());
        for row in rows {
            encoder.row(row, &mut out);
            ends.push(out.len());
        }
        (out, ends)
    }

    fn shown(rows: &[Row]) -> Vec<String> {
        // Debug text compares NaN with NaN.
        rows.iter().map(|row| format!("{row:?}")).collect()
    }

    #[test]
    fn a_row_under_other_columns_is_damage_and_no_row() {
        let wide = row("a", 1);
        let narrow = Columns { features: wide.columns.features[..1].to_vec(), ..Columns::default() };
        let mut bytes = MAGIC.to_vec();
        frame(&mut bytes, |out| put_columns(&narrow, out));
        frame(&mut bytes, |out| put_row(&wide, 0, out));
        let (rows, whole) = decode(&bytes);
        assert!(rows.is_empty() && is_damaged(&bytes, whole));
    }

    #[test]
    fn another_format_is_damage_and_a_beginning_of_ours_is_not() {
        let damaged = |bytes: &[u8]| is_damaged(bytes, decode(bytes).1);
        assert!(damaged(b"pitlog\0\x02 and what a later version writes") && damaged(&[0; 64]));
        assert!(!damaged(b"") && !damaged(&MAGIC[..5]) && !damaged(&MAGIC));
    }

    #[test]
    fn the_smallest_row_is_known_for_one() {
        let mut payload = Vec::new();
        put_row(&Row { request_id: "".into(), features: [].into(), ..row("", 1) }, 0, &mut payload);
        assert_eq!(payload.len(), MIN_ROW);
    }

    proptest! {
        #[test]
        fn rows_round_trip(rows in prop::collection::vec(any_row(), 0..20)) {
            let (bytes, _) = encoded(&rows);
            let (back, read) = decode(&bytes);
            prop_assert_eq!(shown(&back), shown(&rows));
            prop_assert_eq!(read, bytes.len());
        }

        #[test]
        fn a_torn_tail_costs_the_torn_row_only(rows in prop::collection::vec(any_row(), 1..10), cut in 0.0f64..1.0) {
            let (bytes, ends) = encoded(&rows);
            let cut = (bytes.len() as f64 * cut) as usize;
            let whole = ends.iter().filter(|end| **end <= cut).count();
            let (back, read) = decode(&bytes[..cut]);
            prop_assert_eq!(shown(&back), shown(&rows[..whole]));
            prop_assert!(read <= cut);
        }

        #[test]
        fn a_flipped_bit_never_passes_for_a_row(rows in prop::collection::vec(any_row(), 1..6), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let (mut bytes, ends) = encoded(&rows);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let (back, _) = decode(&bytes);
            let sound = ends.iter().filter(|end| **end <= at).count();
            prop_assert!(back.len() <= rows.len());
            prop_assert_eq!(shown(&back[..sound.min(back.len())]), shown(&rows[..sound.min(back.len())]));
            prop_assert!(back.len() <= sound);
        }

        #[test]
        fn only_rows_behind_it_make_damage(rows in prop::collection::vec(any_row(), 2..6), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let (mut bytes, ends) = encoded(&rows);
            let at = at.index(bytes.len());
            let torn = &bytes[..at];
            prop_assert!(!is_damaged(torn, decode(torn).1));
            bytes[at] ^= 1 << bit;
            let (back, whole) = decode(&bytes);
            // The last row begins where its columns do when they are new; those alone are no row.
            let before_last = at < ends[rows.len() - 2];
            prop_assert!(!before_last || is_damaged(&bytes, whole));
            prop_assert!(before_last || back.len() + 1 == rows.len());
        }

        #[test]
        fn strange_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
            let mut with_magic = MAGIC.to_vec();
            with_magic.extend(bytes);
            prop_assert!(decode(&with_magic).0.is_empty());
        }
    }
}
