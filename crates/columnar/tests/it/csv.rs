//! CSV: what is read, and what each bad file is told.

use pitcrew_columnar::{ColumnType, CsvFile, ExtraColumns, Schema, infer_csv_schema, read_csv};
use pitcrew_kernel::Result;
use proptest::prelude::*;

use crate::support::{BIKES, file, schema, table};

#[test]
fn types_and_nulls_are_inferred() {
    insta::assert_json_snapshot!(schema(BIKES));
}

#[test]
fn values_are_read_in_their_types() {
    let table = table(BIKES);
    assert_eq!(table.rows(), 5);
    assert_eq!(table.numeric("holiday").unwrap(), [0.0, 0.0, 0.0, 1.0, 1.0]);
    assert!(table.numeric("temp").unwrap()[2].is_nan());
    assert_eq!(table.timestamps("ts").unwrap()[1], Some(1_293_843_600_000_000));
    assert_eq!(table.texts("weather").unwrap()[4].as_deref(), Some("rain, light"));
    assert_eq!(table.origin(4), Some(("bikes.csv", 5)));
}

#[test]
fn several_files_make_one_table_whatever_their_column_order() {
    let files = [CsvFile::bytes("a.csv", "x,y\n1,a\n"), CsvFile::bytes("b.csv", "y,x\r\nb,2.5\r\n\r\nc,3\r\n")];
    let schema = infer_csv_schema(&files).unwrap();
    assert_eq!(schema.fields()[0].kind, ColumnType::Float);
    let table = read_csv(&files, &schema, ExtraColumns::Refuse).unwrap();
    assert_eq!(table.numeric("x").unwrap(), [1.0, 2.5, 3.0]);
    assert_eq!(table.texts("y").unwrap()[2].as_deref(), Some("c"));
    assert_eq!(table.origin(2), Some(("b.csv", 2)));
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_name() {
    let schema = schema("\u{feff}a,b\n1,2\n");
    assert_eq!(schema.fields()[0].name, "a");
}

#[test]
fn extra_columns_can_be_left_out() {
    let pinned = schema("a,b\n1,2\n");
    let wider = file("a,new,b\n1,x,2\n");
    let table = read_csv(&[wider], &pinned, ExtraColumns::Ignore).unwrap();
    assert_eq!(table.numeric("b").unwrap(), [2.0]);
}

/// Reads bytes against the schema of the bikes table and tells the error as a user sees it.
fn told(bytes: &[u8]) -> String {
    let outcome = read_csv(&[CsvFile::bytes("bikes.csv", bytes.to_vec())], &schema(BIKES), ExtraColumns::Refuse);
    message(outcome.map(|_| ()))
}

fn message(outcome: Result<()>) -> String {
    let error = outcome.unwrap_err();
    format!("{}: {}\n  hint: {}", error.code(), error, error.hint_text().unwrap_or("-"))
}

#[test]
fn every_bad_file_is_named_for_what_it_is() {
    let header = "ts,season,temp,holiday,weather,day,cnt\n";
    let row =
        |text: &str| format!("{header}2011-01-01 00:00:00,1,0.24,false,clear,2011-01-01,16\n{text}\n").into_bytes();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("blank", b" \n\n".to_vec()),
        ("missing column", b"ts,season,temp,holiday,weather,cnt\n".to_vec()),
        ("unexpected column", b"ts,season,temp,holiday,weather,day,cnt,rain\n".to_vec()),
        ("semicolons", header.replace(',', ";").into_bytes()),
        ("tabs", header.replace(',', "\t").into_bytes()),
        ("name twice", b"ts,season,ts\n".to_vec()),
        ("no name", b"ts,,temp\n".to_vec()),
        ("no header", b"1,2,3\n4,5,6\n".to_vec()),
        ("bad date", row("2011-01-01 00:00:00,1,0.24,false,clear,01/02/2011,16")),
        ("bad time", row("yesterday,1,0.24,false,clear,2011-01-01,16")),
        ("bad number", row("2011-01-01 00:00:00,1,warm,false,clear,2011-01-01,16")),
        ("decimal comma", row("2011-01-01 00:00:00,1,\"0,24\",false,clear,2011-01-01,16")),
        ("not whole", row("2011-01-01 00:00:00,1.5,0.24,false,clear,2011-01-01,16")),
        ("bad truth", row("2011-01-01 00:00:00,1,0.24,perhaps,clear,2011-01-01,16")),
        ("infinite", row("2011-01-01 00:00:00,1,inf,false,clear,2011-01-01,16")),
        ("too few", row("2011-01-01 00:00:00,1,0.24")),
        ("too many", row("2011-01-01 00:00:00,1,0,24,false,clear,2011-01-01,16")),
        (
            "open quote",
            row(
                "2011-01-01 00:00:00,1,0.24,false,\"clear,2011-01-01,16\n2011-01-01 00:00:00,1,0.24,false,clear,2011-01-01,16",
            ),
        ),
        ("latin-1", [row("2011-01-01 00:00:00,1,0.24,false,"), vec![0xE9, b'\n']].concat()),
        (
            "latin-1 in a row",
            row("2011-01-01 00:00:00,1,0.24,false,caf_,2011-01-01,16")
                .iter()
                .map(|b| if *b == b'_' { 0xE9 } else { *b })
                .collect(),
        ),
        ("utf-16", vec![0xFF, 0xFE, b't', 0, b's', 0]),
        ("gzip", vec![0x1F, 0x8B, 8, 0]),
        ("parquet", b"PAR1....".to_vec()),
        ("binary", b"ts\0,season".to_vec()),
        ("endless field", row(&format!("2011-01-01 00:00:00,1,0.24,false,{},2011-01-01,16", "x".repeat(1 << 21)))),
    ];
    let told: Vec<String> = cases.iter().map(|(name, bytes)| format!("{name}\n  {}", told(bytes))).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_cannot_be_inferred_is_said() {
    let cases = [
        ("no files", infer_csv_schema(&[])),
        ("header only", infer_csv_schema(&[file("a,b\n")])),
        ("no such file", infer_csv_schema(&[CsvFile::path("gone.csv", "/nowhere/gone.csv")])),
        ("different columns", infer_csv_schema(&[file("a,b\n1,2\n"), CsvFile::bytes("other.csv", "a,c\n1,2\n")])),
        ("fewer columns", infer_csv_schema(&[file("a,b\n1,2\n"), CsvFile::bytes("other.csv", "a\n1\n")])),
        ("ragged", infer_csv_schema(&[file("a,b\n1,2\n3\n")])),
        ("semicolons with decimal commas", infer_csv_schema(&[file("a;b\n1,5;2,5\n")])),
    ];
    let told: Vec<String> =
        cases.into_iter().map(|(name, outcome)| format!("{name}\n  {}", message(outcome.map(|_| ())))).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn files_are_read_from_disk() {
    let folder = tempfile::Builder::new().prefix("columnar").tempdir().unwrap();
    let path = folder.path().join("bikes.csv");
    std::fs::write(&path, BIKES).unwrap();
    let files = [CsvFile::path("data/bikes.csv", &path)];
    let schema = infer_csv_schema(&files).unwrap();
    let table = read_csv(&files, &schema, ExtraColumns::Refuse).unwrap();
    assert_eq!(table.origin(0), Some(("data/bikes.csv", 1)));
}

fn cell() -> impl Strategy<Value = String> {
    prop_oneof!["-?[0-9]{1,6}", "-?[0-9]{1,3}\\.[0-9]{1,4}", "[a-z ,\"\n]{0,8}", Just(String::new())]
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

proptest! {
    #[test]
    fn whatever_was_inferred_is_read_back(rows in prop::collection::vec((cell(), cell(), cell()), 1..20)) {
        let lines: Vec<String> = rows.iter().map(|(a, b, c)| format!("{},{},{}", quoted(a), quoted(b), quoted(c))).collect();
        let text = format!("a,b,c\n{}\n", lines.join("\n"));
        let schema: Schema = schema(&text);
        let table = read_csv(&[file(&text)], &schema, ExtraColumns::Refuse).unwrap();
        prop_assert_eq!(table.rows(), rows.len());
        for (row, (a, _, _)) in rows.iter().enumerate() {
            let found = table.texts("a").unwrap()[row].clone().unwrap_or_default();
            match schema.fields()[0].kind {
                ColumnType::String => prop_assert_eq!(&found, a),
                ColumnType::Int | ColumnType::Float if !a.trim().is_empty() => {
                    prop_assert_eq!(found.parse::<f64>().unwrap(), a.trim().parse::<f64>().unwrap());
                }
                _ => {}
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let files = [CsvFile::bytes("x.csv", bytes)];
        if let Ok(schema) = infer_csv_schema(&files) {
            prop_assert!(read_csv(&files, &schema, ExtraColumns::Refuse).is_ok());
        }
    }
}
