//! Parquet: tables come back as they went.

use pitcrew_columnar::{
    Column, ColumnType, Table, Value, read_parquet, read_parquet_columns, read_parquet_file, write_parquet,
    write_parquet_file,
};
use proptest::prelude::*;

use crate::support::{BIKES, table};

#[test]
fn a_table_comes_back_as_it_went() {
    let before = table(BIKES);
    let bytes = write_parquet(&before).unwrap();
    assert_eq!(bytes, write_parquet(&before).unwrap(), "the same table gives the same bytes");
    let after = read_parquet(bytes).unwrap();
    assert_eq!(after.columns().len(), before.columns().len());
    assert_eq!(after.columns()[..2], before.columns()[..2]);
    assert_eq!(after.texts("temp").unwrap(), before.texts("temp").unwrap());
    assert_eq!(after.schema(), before.schema());
}

#[test]
fn columns_can_be_picked() {
    let bytes = write_parquet(&table(BIKES)).unwrap();
    let picked = read_parquet_columns(bytes.clone(), &["cnt", "ts"]).unwrap();
    let names: Vec<&str> = picked.schema().fields().iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["ts", "cnt"]);
    let error = read_parquet_columns(bytes, &["rain"]).unwrap_err();
    assert_eq!(error.code(), "COLUMN_NOT_FOUND");
    assert!(error.hint_text().unwrap().contains("`weather`"));
}

#[test]
fn files_go_to_disk_and_back() {
    let folder = tempfile::Builder::new().prefix("columnar").tempdir().unwrap();
    let path = folder.path().join("bikes.parquet");
    write_parquet_file(&table(BIKES), &path).unwrap();
    assert_eq!(read_parquet_file(&path).unwrap().rows(), 5);
    assert_eq!(read_parquet_file(&folder.path().join("gone.parquet")).unwrap_err().code(), "PARQUET_INVALID");
    let nowhere = folder.path().join("no/such/folder.parquet");
    assert_eq!(write_parquet_file(&table(BIKES), &nowhere).unwrap_err().code(), "PARQUET_UNWRITABLE");
}

#[test]
fn a_table_without_rows_keeps_its_columns() {
    let empty = Table::empty(table(BIKES).schema().clone());
    let back = read_parquet(write_parquet(&empty).unwrap()).unwrap();
    assert_eq!((back.rows(), back.schema().fields().len()), (0, 7));
}

fn value(kind: ColumnType) -> BoxedStrategy<Option<Value<'static>>> {
    let texts = ["", "a", "héllo", "two\nlines"];
    let value = match kind {
        ColumnType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        ColumnType::Int => any::<i64>().prop_map(Value::Int).boxed(),
        ColumnType::Float => any::<f64>().prop_map(Value::Float).boxed(),
        ColumnType::String => (0..texts.len()).prop_map(move |i| Value::Text(texts[i])).boxed(),
        ColumnType::Date => any::<i32>().prop_map(Value::Date).boxed(),
        ColumnType::Timestamp => any::<i64>().prop_map(Value::Timestamp).boxed(),
    };
    prop::option::weighted(0.8, value).boxed()
}

fn any_column() -> impl Strategy<Value = (ColumnType, Vec<Option<Value<'static>>>)> {
    let kinds = [
        ColumnType::Bool,
        ColumnType::Int,
        ColumnType::Float,
        ColumnType::String,
        ColumnType::Date,
        ColumnType::Timestamp,
    ];
    prop::sample::select(kinds.to_vec()).prop_flat_map(|kind| (Just(kind), prop::collection::vec(value(kind), 30)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_values_come_back(columns in prop::collection::vec(any_column(), 1..6)) {
        let columns = columns.into_iter().enumerate().map(|(place, (kind, values))| {
            let mut column = Column::new(kind);
            values.into_iter().for_each(|value| column.push(value.unwrap_or(Value::Null)).unwrap());
            (format!("c{place}"), column)
        });
        let before = Table::from_columns(columns.collect()).unwrap();
        let after = read_parquet(write_parquet(&before).unwrap()).unwrap();
        for (a, b) in before.columns().iter().zip(after.columns()) {
            prop_assert!(a.values().eq(b.values()));
            prop_assert_eq!(a.nulls(), b.nulls());
        }
    }
}
