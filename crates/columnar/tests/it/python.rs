//! What others read and write: pyarrow, where this machine has it.

use std::process::Command;

use pitcrew_columnar::{ColumnType, read_parquet_file, write_parquet_file};

use crate::log::{builder, push_rows};
use crate::support::{BIKES, table};

/// Runs a script when pyarrow can be imported; false, said aloud, when not.
fn pyarrow(script: &str, arguments: &[&std::path::Path]) -> bool {
    let there = Command::new("python3").args(["-c", "import pyarrow"]).output().is_ok_and(|out| out.status.success());
    if !there {
        eprintln!("skipped: python3 here has no pyarrow");
        return false;
    }
    let out = Command::new("python3").arg("-c").arg(script).args(arguments).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    true
}

#[test]
fn pyarrow_reads_our_tables_and_logs() {
    let folder = tempfile::Builder::new().prefix("columnar").tempdir().unwrap();
    let (bikes, log) = (folder.path().join("bikes.parquet"), folder.path().join("log.parquet"));
    write_parquet_file(&table(BIKES), &bikes).unwrap();
    let mut builder = builder();
    push_rows(&mut builder, 50);
    std::fs::write(&log, builder.finish().unwrap()).unwrap();
    let script = "
import sys, pyarrow.parquet as pq
bikes = pq.read_table(sys.argv[1])
assert bikes.column('cnt').to_pylist() == [16, 40, 32, 370, 402], bikes
assert bikes.column('temp').null_count == 1
assert str(bikes.schema.field('ts').type) == 'timestamp[us, tz=UTC]', bikes.schema
assert bikes.column('weather').to_pylist()[4] == 'rain, light'
log = pq.read_table(sys.argv[2])
assert log.num_rows == 50 and log.column('request_id').to_pylist()[3] == 'r-3'
assert log.column('prediction').null_count == 5
assert str(log.schema.field('feature_temp').type) == 'float', log.schema
";
    pyarrow(script, &[&bikes, &log]);
}

#[test]
fn we_read_what_pyarrow_writes() {
    let folder = tempfile::Builder::new().prefix("columnar").tempdir().unwrap();
    let path = folder.path().join("theirs.parquet");
    let script = "
import sys, datetime, pyarrow as pa, pyarrow.parquet as pq
t = pa.table({
    'small': pa.array([1, None, 3], pa.int8()),
    'unsigned': pa.array([1, 2, 3], pa.uint32()),
    'single': pa.array([0.5, float('nan'), None], pa.float32()),
    'kind': pa.array(['a', 'b', 'a']).dictionary_encode(),
    'wide': pa.array(['x', None, 'z'], pa.large_string()),
    'when': pa.array([0, 1500, None], pa.timestamp('ns')),
    'milli': pa.array([0, 1, 2], pa.timestamp('ms', tz='Europe/Berlin')),
    'day': pa.array([datetime.date(1970, 1, 2)] * 3),
    'flag': pa.array([True, False, None]),
    'nothing': pa.nulls(3),
})
pq.write_table(t, sys.argv[1])
";
    if !pyarrow(script, &[&path]) {
        return;
    }
    let theirs = read_parquet_file(&path).unwrap();
    let kinds: Vec<ColumnType> = theirs.schema().fields().iter().map(|field| field.kind).collect();
    use ColumnType::{Bool, Date, Float, Int, String, Timestamp};
    assert_eq!(kinds, [Int, Int, Float, String, String, Timestamp, Timestamp, Date, Bool, String]);
    assert_eq!(theirs.texts("kind").unwrap()[2].as_deref(), Some("a"));
    assert_eq!(theirs.timestamps("when").unwrap(), [Some(0), Some(1), None]);
    assert_eq!(theirs.timestamps("milli").unwrap()[2], Some(2000));
    assert_eq!(theirs.column("single").unwrap().nulls(), 2);
    assert_eq!(theirs.column("nothing").unwrap().nulls(), 3);
}
