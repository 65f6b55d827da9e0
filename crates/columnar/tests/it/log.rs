//! The inference log: every field comes back.

use pitcrew_columnar::{
    FIXED_LOG_COLUMNS, InferenceLog, LogBuilder, LogFeature, LogRow, LogSchema, Number, Role, read_log, read_parquet,
    write_parquet,
};

use crate::support::{BIKES, table};

pub fn builder() -> LogBuilder {
    let feature = |name: &str, number| LogFeature { name: name.to_owned(), number };
    LogBuilder::new(LogSchema::new(vec![feature("temp", Number::F32), feature("status", Number::F64)]).unwrap())
}

pub fn push_rows(builder: &mut LogBuilder, rows: i64) {
    for i in 0..rows {
        let id = format!("r-{i}");
        let failed = i % 10 == 9;
        builder
            .push(&LogRow {
                request_id: &id,
                event_time_us: 1_325_376_000_000_000 + i * 3_600_000_000,
                at_us: 1_700_000_000_000_000 + i,
                deployment: "bikes",
                model: "bikes",
                version: 1 + i % 2,
                arm: if i % 2 == 0 { "champion" } else { "candidate" },
                role: if i % 2 == 0 { Role::Served } else { Role::Shadow },
                status: if failed { "failed" } else { "ok" },
                latency_us: 100 + i,
                prediction: if failed { f64::NAN } else { i as f64 * 1.5 },
                features: &[i as f64 / 4.0, if i % 7 == 0 { f64::NAN } else { i as f64 / 3.0 }],
            })
            .unwrap();
    }
}

#[test]
fn every_field_comes_back() {
    let mut builder = builder();
    push_rows(&mut builder, 100);
    assert_eq!(builder.rows(), 100);
    assert!(builder.bytes() > 100 * 60);
    let log = read_log(builder.finish().unwrap()).unwrap();
    assert_eq!(builder.rows(), 0, "the builder is empty for the next file");
    assert_eq!((log.rows(), log.schema.clone()), (100, builder.schema().clone()));
    let mut features = Vec::new();
    let row = log.row(8, &mut features).unwrap();
    assert_eq!(
        (row.request_id, row.version, row.arm, row.role, row.status),
        ("r-8", 1, "champion", Role::Served, "ok")
    );
    assert_eq!((row.event_time_us, row.at_us, row.latency_us), (1_325_404_800_000_000, 1_700_000_000_000_008, 108));
    assert_eq!((row.prediction, row.features), (12.0, &[2.0, 8.0 / 3.0][..]));
    assert!(log.prediction[9].is_nan());
    assert!(log.feature("status").unwrap()[7].is_nan());
    assert_eq!(log.feature("rain"), None);
    assert!(log.row(100, &mut Vec::new()).is_none());
}

#[test]
fn a_log_is_also_a_table() {
    let mut builder = builder();
    push_rows(&mut builder, 3);
    let table = read_parquet(builder.finish().unwrap()).unwrap();
    let names: Vec<&str> = table.schema().fields().iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names[..11], FIXED_LOG_COLUMNS);
    assert_eq!(names[11..], ["feature_temp", "feature_status"]);
    assert_eq!(table.numeric("feature_temp").unwrap(), [0.0, 0.25, 0.5]);
}

#[test]
fn a_log_of_nothing_and_one_without_features_are_logs() {
    assert_eq!(read_log(builder().finish().unwrap()).unwrap().rows(), 0);
    let mut plain = LogBuilder::new(LogSchema::default());
    let error = plain.push(&LogRow {
        request_id: "r",
        event_time_us: 0,
        at_us: 0,
        deployment: "d",
        model: "m",
        version: 1,
        arm: "champion",
        role: Role::Served,
        status: "ok",
        latency_us: 1,
        prediction: 1.0,
        features: &[1.0],
    });
    assert_eq!(error.unwrap_err().code(), "LOG_INVALID");
    assert_eq!(plain.rows(), 0);
    let read: InferenceLog = read_log(plain.finish().unwrap()).unwrap();
    assert_eq!(read, InferenceLog::default());
}

#[test]
fn another_file_is_no_log() {
    let error = read_log(write_parquet(&table(BIKES)).unwrap()).unwrap_err();
    assert_eq!(error.code(), "LOG_INVALID");
    assert_eq!(read_log(&b"nothing"[..]).unwrap_err().code(), "PARQUET_INVALID");
    let twice = vec![LogFeature { name: "a".into(), number: Number::F32 }; 2];
    assert_eq!(LogSchema::new(twice).unwrap_err().code(), "SCHEMA_INVALID");
}
