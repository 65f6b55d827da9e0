//! Damaged files end as errors, never as panics of ours or hangs.

use pitcrew_columnar::{read_log, read_parquet, write_parquet};

use crate::log::{builder, push_rows};
use crate::support::{BIKES, table};

fn samples() -> Vec<Vec<u8>> {
    let mut log = builder();
    push_rows(&mut log, 50);
    vec![write_parquet(&table(BIKES)).unwrap(), log.finish().unwrap()]
}

/// Reads bytes both ways; only the absence of a panic, and the codes of errors, are of interest.
fn read_both(bytes: &[u8]) {
    for error in [read_parquet(bytes.to_vec()).err(), read_log(bytes.to_vec()).err()].into_iter().flatten() {
        let known = ["PARQUET_INVALID", "PARQUET_UNSUPPORTED", "PARQUET_TOO_LARGE", "LOG_INVALID", "SCHEMA_INVALID"];
        assert!(known.contains(&error.code()), "{error:?}");
    }
}

#[test]
fn files_cut_anywhere_are_refused() {
    for sample in samples() {
        for length in (0..sample.len()).step_by(7) {
            assert!(read_parquet(sample[..length].to_vec()).is_err(), "cut to {length} bytes");
        }
    }
}

#[test]
fn files_with_bytes_changed_do_not_panic() {
    for sample in samples() {
        for place in (0..sample.len()).step_by(3) {
            let mut bytes = sample.clone();
            bytes[place] ^= [0x01, 0x80, 0xFF][place % 7 % 3];
            read_both(&bytes);
        }
    }
}

#[test]
fn files_with_holes_do_not_panic() {
    for sample in samples() {
        for start in (0..sample.len()).step_by(31) {
            let mut zeroed = sample.clone();
            let end = (start + 40).min(zeroed.len());
            zeroed[start..end].fill(0);
            read_both(&zeroed);
            let mut shorter = sample.clone();
            shorter.drain(start..end);
            read_both(&shorter);
        }
    }
}
