//! Small tables.

use pitcrew_columnar::{CsvFile, ExtraColumns, Schema, Table, infer_csv_schema, read_csv};

pub const BIKES: &str = "\
ts,season,temp,holiday,weather,day,cnt
2011-01-01 00:00:00,1,0.24,false,clear,2011-01-01,16
2011-01-01 01:00:00,1,0.22,false,clear,2011-01-01,40
2011-01-01 02:00:00,1,,false,mist,2011-01-01,32
2011-07-04 10:00:00,3,0.74,true,clear,2011-07-04,370
2011-07-04 11:00:00,3,0.76,true,\"rain, light\",2011-07-04,402
";

pub fn file(text: &str) -> CsvFile {
    CsvFile::bytes("bikes.csv", text.as_bytes().to_vec())
}

pub fn schema(text: &str) -> Schema {
    infer_csv_schema(&[file(text)]).unwrap()
}

pub fn table(text: &str) -> Table {
    read_csv(&[file(text)], &schema(text), ExtraColumns::Refuse).unwrap()
}
