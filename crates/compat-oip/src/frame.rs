//! MLflow's request forms, and tensors for a model's inputs out of them.

use std::borrow::Cow;

use pitcrew_contracts::serving::{Datatype, ModelSignature, Tensor, TensorData, TensorSpec};
use pitcrew_kernel::{Error, Result};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::body::json_error;
use crate::data;

/// The four forms, in the order MLflow names them.
const FORMS: &str = "`dataframe_split`, `dataframe_records`, `instances`, `inputs`";
/// Rows of one request.
const MAX_ROWS: usize = 100_000;

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow, default)]
    dataframe_split: Option<&'a RawValue>,
    #[serde(borrow, default)]
    dataframe_records: Option<&'a RawValue>,
    #[serde(borrow, default)]
    instances: Option<&'a RawValue>,
    #[serde(borrow, default)]
    inputs: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Split<'a> {
    #[serde(borrow, default)]
    columns: Option<Vec<Cow<'a, str>>>,
    data: Vec<Vec<Cell>>,
}

/// One value of a table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
enum Cell {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Missing(()),
}

/// Rows of named values.
struct Frame<'a> {
    /// Empty when the sender named none: then columns come in the model's order.
    columns: Vec<Cow<'a, str>>,
    rows: Vec<Vec<Cell>>,
}

/// What a request asks, as tensors for the model.
#[derive(Debug)]
pub(crate) struct Scoring {
    pub(crate) inputs: Vec<(String, Tensor)>,
    /// The rows of a table; `None` when tensors were sent, which are answered as tensors.
    pub(crate) table_rows: Option<usize>,
}

fn bad(detail: impl Into<Cow<'static, str>>) -> Error {
    Error::invalid("SERVING_INPUT_INVALID", detail)
}

/// Reads a body for a model with these inputs.
///
/// # Errors
/// `JSON_INVALID`, `JSON_UNEXPECTED`, `SERVING_INPUT_INVALID`.
pub(crate) fn read(body: &[u8], signature: &ModelSignature) -> Result<Scoring> {
    let request: Request<'_> = serde_json::from_slice(body).map_err(|error| json_error(&error, body))?;
    match (request.dataframe_split, request.dataframe_records, request.instances, request.inputs) {
        (Some(json), None, None, None) => {
            let split: Split<'_> = part("dataframe_split", json)?;
            table(Frame { columns: split.columns.unwrap_or_default(), rows: split.data }, signature)
        }
        (None, Some(json), None, None) => table(records("dataframe_records", json)?, signature),
        (None, None, Some(json), None) => instances(json, signature),
        (None, None, None, Some(json)) => tensors(json, signature),
        _ => Err(bad(format!("the body must have exactly one of the fields {FORMS}"))),
    }
}

fn part<'a, T: Deserialize<'a>>(name: &str, json: &'a RawValue) -> Result<T> {
    serde_json::from_str(json.get())
        .map_err(|error| json_error(&error, json.get().as_bytes()).context(format!("`{name}`")))
}

/// Records become rows; the columns are those of all records, and what a record lacks is missing.
fn records<'a>(name: &str, json: &'a RawValue) -> Result<Frame<'a>> {
    let records: Vec<Record<'a>> = part(name, json)?;
    let mut columns: Vec<Cow<'a, str>> = Vec::new();
    let mut rows = Vec::with_capacity(records.len());
    for Record(fields) in records {
        let mut row = vec![Cell::Missing(()); columns.len()];
        for (name, cell) in fields {
            match columns.iter().position(|known| *known == name) {
                Some(place) => row[place] = cell,
                None => {
                    columns.push(name);
                    row.push(cell);
                }
            }
        }
        rows.push(row);
    }
    let width = columns.len();
    rows.iter_mut().for_each(|row: &mut Vec<Cell>| row.resize(width, Cell::Missing(())));
    Ok(Frame { columns, rows })
}

/// An object with its fields in order.
struct Record<'a>(Vec<(Cow<'a, str>, Cell)>);

impl<'de: 'a, 'a> Deserialize<'de> for Record<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> serde::de::Visitor<'de> for Fields {
            type Value = Vec<(Cow<'de, str>, Cell)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of column names and values")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, cell)) = map.next_entry::<String, Cell>()? {
                    fields.push((Cow::Owned(name), cell));
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Fields).map(Record)
    }
}

fn table(frame: Frame<'_>, signature: &ModelSignature) -> Result<Scoring> {
    let rows = frame.rows.len();
    if rows > MAX_ROWS {
        return Err(bad(format!("{rows} rows in one request; at most {MAX_ROWS}")));
    }
    let width = if frame.columns.is_empty() { frame.rows.first().map_or(0, Vec::len) } else { frame.columns.len() };
    if let Some((at, row)) = frame.rows.iter().enumerate().find(|(_, row)| row.len() != width) {
        return Err(bad(format!("row {at} has {} values, the table has {width} columns", row.len())));
    }
    let inputs = match wide(signature) {
        Some((spec, names)) => vec![(spec.name.clone(), wide_tensor(&frame, spec, &names)?)],
        None => {
            let names: Vec<&str> = signature.inputs.iter().map(|spec| spec.name.as_str()).collect();
            let places = places(&frame, &names)?;
            let specs = signature.inputs.iter().zip(places);
            specs
                .map(|(spec, place)| {
                    let cells = frame.rows.iter().map(|row| &row[place]);
                    Ok((spec.name.clone(), column(spec, cells, rows, 1)?))
                })
                .collect::<Result<Vec<_>>>()?
        }
    };
    Ok(Scoring { inputs, table_rows: Some(rows) })
}

/// The only input, when it takes a whole row of a table; with the columns' names as far as the model says them.
fn wide(signature: &ModelSignature) -> Option<(&TensorSpec, Vec<&str>)> {
    let [spec] = signature.inputs.as_slice() else { return None };
    let [_, width] = spec.shape.as_slice() else { return None };
    (*width != 1).then(|| (spec, signature.features.iter().map(String::as_str).collect()))
}

fn wide_tensor(frame: &Frame<'_>, spec: &TensorSpec, names: &[&str]) -> Result<Tensor> {
    let width = spec.shape.get(1).and_then(|width| usize::try_from(*width).ok());
    let sent = frame.rows.first().map_or(frame.columns.len(), Vec::len);
    let order: Vec<usize> = if names.is_empty() || frame.columns.is_empty() {
        let width = width.unwrap_or(sent);
        if sent != width {
            return Err(bad(format!("the model takes {width} columns, the table has {sent}")));
        }
        (0..width).collect()
    } else {
        places(frame, names)?
    };
    let cells = frame.rows.iter().flat_map(|row| order.iter().map(move |place| &row[*place]));
    column(spec, cells, frame.rows.len(), order.len())
}

/// Where the model's columns are in the table. Further columns of the table are left out, as MLflow does.
fn places(frame: &Frame<'_>, names: &[&str]) -> Result<Vec<usize>> {
    if frame.columns.is_empty() {
        let sent = frame.rows.first().map_or(0, Vec::len);
        if sent != names.len() && !frame.rows.is_empty() {
            let takes = names.len();
            return Err(bad(format!("the model takes {takes} columns, the table has {sent} without names")));
        }
        return Ok((0..names.len()).collect());
    }
    let found: Vec<Option<usize>> =
        names.iter().map(|name| frame.columns.iter().position(|column| column == name)).collect();
    let missing: Vec<String> =
        names.iter().zip(&found).filter(|(_, place)| place.is_none()).map(|(name, _)| format!("'{name}'")).collect();
    if !missing.is_empty() {
        return Err(bad(format!(
            "Failed to enforce schema of data: Model is missing inputs [{}].",
            missing.join(", ")
        )));
    }
    Ok(found.into_iter().flatten().collect())
}

fn column<'c>(spec: &TensorSpec, cells: impl Iterator<Item = &'c Cell>, rows: usize, width: usize) -> Result<Tensor> {
    let name = &spec.name;
    let wrong = |at: usize, cell: &Cell| {
        let found = match cell {
            Cell::Bool(value) => value.to_string(),
            Cell::Int(value) => value.to_string(),
            Cell::Float(value) => value.to_string(),
            Cell::Text(value) => format!("`{}`", value.escape_debug()),
            Cell::Missing(()) => "missing".to_owned(),
        };
        let row = at / width.max(1);
        bad(format!("Failed to enforce schema of data: '{name}' takes {}, row {row} is {found}.", spec.datatype))
    };
    macro_rules! all {
        ($variant:ident, $convert:expr) => {
            TensorData::$variant(
                cells
                    .enumerate()
                    .map(|(at, cell)| $convert(cell).ok_or_else(|| wrong(at, cell)))
                    .collect::<Result<_>>()?,
            )
        };
    }
    let data = match spec.datatype {
        Datatype::F32 => all!(F32, |cell: &Cell| float(cell).map(|value| value as f32)),
        Datatype::F64 => all!(F64, float),
        Datatype::Bool => all!(Bool, |cell: &Cell| if let Cell::Bool(value) = cell { Some(*value) } else { None }),
        Datatype::U8 => all!(U8, integer),
        Datatype::U16 => all!(U16, integer),
        Datatype::U32 => all!(U32, integer),
        Datatype::U64 => all!(U64, integer),
        Datatype::I8 => all!(I8, integer),
        Datatype::I16 => all!(I16, integer),
        Datatype::I32 => all!(I32, integer),
        Datatype::I64 => all!(I64, integer),
        Datatype::Bytes => {
            all!(Bytes, |cell: &Cell| if let Cell::Text(text) = cell { Some(text.clone().into_bytes()) } else { None })
        }
    };
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let shape = if spec.shape.len() == 1 { vec![rows] } else { vec![rows, i64::try_from(width).unwrap_or(i64::MAX)] };
    Tensor::new(shape, data).map_err(|error| error.context(format!("input `{name}`")))
}

fn float(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Bool(value) => Some(f64::from(u8::from(*value))),
        Cell::Int(value) => Some(*value as f64),
        Cell::Float(value) => Some(*value),
        Cell::Missing(()) => Some(f64::NAN),
        Cell::Text(_) => None,
    }
}

fn integer<T: TryFrom<i64>>(cell: &Cell) -> Option<T> {
    match cell {
        Cell::Int(value) => T::try_from(*value).ok(),
        Cell::Bool(value) => T::try_from(i64::from(*value)).ok(),
        Cell::Float(value) if value.fract() == 0.0 && value.abs() < 9e15 => T::try_from(*value as i64).ok(),
        _ => None,
    }
}

/// Rows as objects by input name, or one array for the only input.
fn instances(json: &RawValue, signature: &ModelSignature) -> Result<Scoring> {
    let objects = json.get().trim_start().trim_start_matches('[').trim_start().starts_with('{');
    if objects {
        let frame = records("instances", json)?;
        return Ok(Scoring { table_rows: None, ..table(frame, signature)? });
    }
    only_input(json, signature)
}

/// Named tensors, or one array for the only input.
fn tensors(json: &RawValue, signature: &ModelSignature) -> Result<Scoring> {
    if !json.get().trim_start().starts_with('{') {
        return only_input(json, signature);
    }
    let named: std::collections::BTreeMap<String, &RawValue> = part("inputs", json)?;
    if let Some(name) = named.keys().find(|name| signature.input(name).is_none()) {
        let known: Vec<&str> = signature.inputs.iter().map(|spec| spec.name.as_str()).collect();
        return Err(
            bad(format!("the model has no input `{name}`")).hint(format!("the inputs are {}", known.join(", ")))
        );
    }
    let mut inputs = Vec::with_capacity(signature.inputs.len());
    for spec in &signature.inputs {
        let json = named.get(&spec.name).ok_or_else(|| {
            bad(format!("Failed to enforce schema of data: Model is missing inputs ['{}'].", spec.name))
        })?;
        inputs.push((spec.name.clone(), shaped(spec, json)?));
    }
    Ok(Scoring { inputs, table_rows: None })
}

fn only_input(json: &RawValue, signature: &ModelSignature) -> Result<Scoring> {
    let [spec] = signature.inputs.as_slice() else {
        let known: Vec<&str> = signature.inputs.iter().map(|spec| spec.name.as_str()).collect();
        return Err(bad("a plain array fits a model of one input only")
            .hint(format!("send an object with the inputs {}", known.join(", "))));
    };
    Ok(Scoring { inputs: vec![(spec.name.clone(), shaped(spec, json)?)], table_rows: None })
}

/// An array whose shape is its nesting; a flat one is taken as one value a row where the input is one column wide.
fn shaped(spec: &TensorSpec, json: &RawValue) -> Result<Tensor> {
    let mut shape = data::shape(json.get()).map_err(|error| bad(format!("input `{}`: {error}", spec.name)))?;
    if shape.len() == 1 && spec.shape.len() == 2 && spec.shape[1] == 1 {
        let elements = data::parse(&spec.name, json.get(), spec.datatype, &shape)?;
        shape.push(1);
        return Tensor::new(shape, elements);
    }
    let elements = data::parse(&spec.name, json.get(), spec.datatype, &shape)?;
    Tensor::new(shape, elements).map_err(|error| error.context(format!("input `{}`", spec.name)))
}
