//! Scores whole columns with a model: what a gate does with held-out rows and a batch job with a table.

use pitcrew_kernel::{Error, Result};

use super::{Datatype, LoadedModel, ModelSignature, Tensor, TensorData, TensorSpec};

/// Rows given to the model at once.
pub const SCORE_CHUNK_ROWS: usize = 1024;

type Columns<'a> = &'a [(String, Vec<f64>)];

/// The first output of `model` for every row of `columns`, in their order.
///
/// A model with one input per feature gets each from the column of that name; columns it does not name are ignored. A model with a single
/// wide `[-1, k]` input gets the columns its metadata names, in that order; without such metadata all the given columns, in the given order,
/// which must then be exactly `k`.
///
/// # Errors
/// `SERVING_COLUMNS_INVALID` for a missing column, columns of different length, a value an integer input cannot hold, or an output that is not
/// one number a row; and as [`LoadedModel::run`].
pub fn score_columns(model: &dyn LoadedModel, columns: Columns<'_>) -> Result<Vec<f64>> {
    let rows = columns.first().map_or(0, |(_, values)| values.len());
    if let Some((name, values)) = columns.iter().find(|(_, values)| values.len() != rows) {
        return Err(wrong(format!("column `{name}` has {} rows, the first column {rows}", values.len())));
    }
    let signature = model.signature();
    let feeds = plan(signature, columns)?;
    let chunk = chunk_rows(signature)?;
    let mut scores = Vec::with_capacity(rows);
    for start in (0..rows).step_by(chunk) {
        let end = rows.min(start + chunk);
        let inputs = feeds.iter().map(|feed| feed.tensor(start, end)).collect::<Result<Vec<_>>>()?;
        let outputs = model.run(&inputs)?;
        let (name, output) = outputs.first().ok_or_else(|| wrong("the model has no output".to_owned()))?;
        let values = output.data.to_f64().filter(|values| values.len() == end - start);
        scores.extend(values.ok_or_else(|| {
            let (shape, datatype) = (&output.shape, output.datatype);
            wrong(format!(
                "output `{name}` is {datatype} {shape:?} for {} rows; scoring needs one number a row",
                end - start
            ))
        })?);
    }
    Ok(scores)
}

fn wrong(detail: String) -> Error {
    Error::invalid("SERVING_COLUMNS_INVALID", detail)
}

/// One input of the model and the columns that fill it, side by side.
struct Feed<'a> {
    spec: &'a TensorSpec,
    columns: Vec<&'a (String, Vec<f64>)>,
}

fn plan<'a>(signature: &'a ModelSignature, columns: Columns<'a>) -> Result<Vec<Feed<'a>>> {
    let column = |name: &str| columns.iter().find(|(column, _)| column == name);
    if let [spec] = &signature.inputs[..]
        && column(&spec.name).is_none()
    {
        return Ok(vec![Feed { spec, columns: wide(spec, &signature.features, columns)? }]);
    }
    signature
        .inputs
        .iter()
        .map(|spec| {
            let found = column(&spec.name).ok_or_else(|| missing(&spec.name, columns))?;
            Ok(Feed { spec, columns: vec![found] })
        })
        .collect()
}

fn wide<'a>(spec: &TensorSpec, features: &[String], columns: Columns<'a>) -> Result<Vec<&'a (String, Vec<f64>)>> {
    let chosen: Vec<_> = if features.is_empty() {
        columns.iter().collect()
    } else {
        let find =
            |name: &String| columns.iter().find(|(column, _)| column == name).ok_or_else(|| missing(name, columns));
        features.iter().map(find).collect::<Result<_>>()?
    };
    match spec.shape[..] {
        [_, width] if width < 0 || usize::try_from(width).is_ok_and(|width| width == chosen.len()) => Ok(chosen),
        _ => Err(wrong(format!(
            "input `{}` takes shape {:?}, which {} columns do not fill",
            spec.name,
            spec.shape,
            chosen.len()
        ))
        .hint(format!("store the column names in the model's metadata under `{}`", super::FEATURE_NAMES_KEY))),
    }
}

fn missing(name: &str, columns: Columns<'_>) -> Error {
    let have: Vec<_> = columns.iter().map(|(column, _)| column.as_str()).collect();
    wrong(format!("the model needs the column `{name}`")).hint(format!("the data has {}", have.join(", ")))
}

/// How many rows one call may take: some models are exported for exactly one.
fn chunk_rows(signature: &ModelSignature) -> Result<usize> {
    let mut chunk = SCORE_CHUNK_ROWS;
    for spec in &signature.inputs {
        match spec.shape.first() {
            Some(rows) if *rows < 0 => {}
            Some(1) => chunk = 1,
            _ => {
                return Err(wrong(format!(
                    "input `{}` takes shape {:?}, which is not a batch of rows",
                    spec.name, spec.shape
                )));
            }
        }
    }
    Ok(chunk)
}

impl Feed<'_> {
    fn tensor(&self, start: usize, end: usize) -> Result<(&str, Tensor)> {
        let columns: Vec<&[f64]> = self.columns.iter().map(|(_, values)| &values[start..end]).collect();
        let rows = end - start;
        let values = (0..rows).flat_map(|row| columns.iter().map(move |column| column[row]));
        let data = convert(self.spec, values)?;
        let mut shape = vec![rows as i64];
        // `[-1]` takes one value a row without a second dimension; everything else is `[-1, k]`.
        if self.spec.shape.len() > 1 {
            shape.push(columns.len() as i64);
        }
        Ok((&self.spec.name, Tensor { datatype: self.spec.datatype, shape, data }))
    }
}

fn convert(spec: &TensorSpec, values: impl Iterator<Item = f64>) -> Result<TensorData> {
    let whole = |low: f64, high: f64| {
        move |value: f64| {
            let fits = value.fract() == 0.0 && value >= low && value <= high;
            let cannot = || wrong(format!("input `{}` takes {}, which cannot hold {value}", spec.name, spec.datatype));
            if fits { Ok(value) } else { Err(cannot()) }
        }
    };
    // 2^53: up to here every whole `f64` is exact.
    let exact = 9_007_199_254_740_992.0;
    Ok(match spec.datatype {
        Datatype::F32 => TensorData::F32(values.map(|value| value as f32).collect()),
        Datatype::F64 => TensorData::F64(values.collect()),
        Datatype::I64 => {
            TensorData::I64(values.map(whole(-exact, exact)).map(|value| Ok(value? as i64)).collect::<Result<_>>()?)
        }
        Datatype::I32 => {
            let check = whole(f64::from(i32::MIN), f64::from(i32::MAX));
            TensorData::I32(values.map(check).map(|value| Ok(value? as i32)).collect::<Result<_>>()?)
        }
        Datatype::Bool => {
            TensorData::Bool(values.map(whole(0.0, 1.0)).map(|value| Ok(value? == 1.0)).collect::<Result<_>>()?)
        }
        other => {
            return Err(wrong(format!("input `{}` takes {other}, which columns of numbers cannot fill", spec.name)));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds all the values of a row: enough of a model to see which value went where.
    #[derive(Debug)]
    struct Weighted(ModelSignature);

    impl LoadedModel for Weighted {
        fn signature(&self) -> &ModelSignature {
            &self.0
        }

        fn run(&self, inputs: &[(&str, Tensor)]) -> Result<Vec<(String, Tensor)>> {
            let rows = inputs[0].1.shape[0] as usize;
            assert!(rows <= SCORE_CHUNK_ROWS);
            let mut sums = vec![0.0; rows];
            let mut weight = 1.0;
            for spec in &self.0.inputs {
                let (_, tensor) = inputs.iter().find(|(name, _)| *name == spec.name).unwrap();
                spec.check(tensor)?;
                let width = tensor.data.len() / rows;
                for column in 0..width {
                    let values = tensor.data.to_f64().unwrap();
                    sums.iter_mut().enumerate().for_each(|(row, sum)| *sum += weight * values[row * width + column]);
                    weight *= 10.0;
                }
            }
            Ok(vec![("sum".into(), Tensor::new(vec![rows as i64, 1], TensorData::F64(sums))?)])
        }

        fn memory_bytes(&self) -> u64 {
            0
        }
    }

    fn model(inputs: &[(&str, Datatype, &[i64])], features: &[&str]) -> Weighted {
        let spec = |(name, datatype, shape): &(&str, Datatype, &[i64])| TensorSpec {
            name: (*name).into(),
            datatype: *datatype,
            shape: shape.to_vec(),
        };
        let features = features.iter().map(|name| (*name).to_owned()).collect();
        Weighted(ModelSignature { inputs: inputs.iter().map(spec).collect(), outputs: vec![], features })
    }

    fn columns(rows: usize) -> Vec<(String, Vec<f64>)> {
        let count = |step: f64| (0..rows).map(|row| row as f64 * step).collect();
        vec![("a".into(), count(1.0)), ("b".into(), count(2.0)), ("c".into(), count(4.0))]
    }

    #[test]
    fn one_input_a_feature_finds_its_column_and_ignores_the_rest() {
        let model = model(&[("c", Datatype::F32, &[-1, 1]), ("a", Datatype::I64, &[-1])], &[]);
        let rows = 2 * SCORE_CHUNK_ROWS + 1;
        let scores = score_columns(&model, &columns(rows)).unwrap();
        assert_eq!(scores.len(), rows);
        assert!(scores.iter().enumerate().all(|(row, score)| *score == row as f64 * 14.0));
    }

    #[test]
    fn a_wide_input_follows_the_metadata() {
        let named = model(&[("x", Datatype::F64, &[-1, 2])], &["c", "a"]);
        assert_eq!(score_columns(&named, &columns(2)).unwrap(), [0.0, 14.0]);
        let unnamed = model(&[("x", Datatype::F64, &[-1, 3])], &[]);
        assert_eq!(score_columns(&unnamed, &columns(2)).unwrap(), [0.0, 421.0]);
        let fixed = model(&[("x", Datatype::F64, &[1, 3])], &[]);
        assert_eq!(score_columns(&fixed, &columns(2)).unwrap(), [0.0, 421.0]);
        assert!(score_columns(&named, &[]).is_err());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let fraction = vec![("a".to_owned(), vec![0.5]), ("b".to_owned(), vec![f64::NAN])];
        let uneven = vec![("a".to_owned(), vec![0.5]), ("b".to_owned(), vec![])];
        let cases = [
            (model(&[("d", Datatype::F32, &[-1, 1]), ("a", Datatype::F32, &[-1, 1])], &[]), columns(1)),
            (model(&[("x", Datatype::F32, &[-1, 2])], &[]), columns(1)),
            (model(&[("x", Datatype::F32, &[-1, 2])], &["a", "z"]), columns(1)),
            (model(&[("a", Datatype::I64, &[-1, 1])], &[]), fraction.clone()),
            (model(&[("b", Datatype::Bool, &[-1, 1])], &[]), fraction),
            (model(&[("a", Datatype::Bytes, &[-1, 1])], &[]), columns(1)),
            (model(&[("a", Datatype::F32, &[7, 1])], &[]), columns(1)),
            (model(&[("a", Datatype::F32, &[-1, 1])], &[]), uneven),
        ];
        let sentences: Vec<_> =
            cases.iter().map(|(model, columns)| score_columns(model, columns).unwrap_err().to_string()).collect();
        insta::assert_json_snapshot!(sentences);
    }
}
