//! Rows as monitoring takes them: one list of features for all, whatever versions they came from.

use std::sync::Arc;

use pitcrew_contracts::release::{LogSlice, LoggedPrediction};

use crate::log::{Columns, Row};

/// Joins rows and labels. Features are those of all rows, in order of first appearance; a row without one has NaN there.
pub(crate) fn slice(rows: &[Arc<Row>], labels: Vec<Option<f64>>) -> LogSlice {
    let mut features: Vec<String> = Vec::new();
    let mut places: Vec<(Arc<Columns>, Vec<usize>)> = Vec::new();
    for row in rows {
        if places.iter().any(|(columns, _)| same(columns, &row.columns)) {
            continue;
        }
        let mut of_row = Vec::with_capacity(row.columns.features.len());
        for (name, _) in &row.columns.features {
            let known = features.iter().position(|feature| feature == name);
            of_row.push(known.unwrap_or(features.len()));
            if known.is_none() {
                features.push(name.clone());
            }
        }
        places.push((Arc::clone(&row.columns), of_row));
    }
    let logged = rows.iter().zip(labels).map(|(row, label)| {
        let mut values = vec![f64::NAN; features.len()];
        if let Some((_, of_row)) = places.iter().find(|(columns, _)| same(columns, &row.columns)) {
            of_row.iter().zip(row.features.iter()).for_each(|(place, value)| values[*place] = *value);
        }
        LoggedPrediction {
            request_id: row.request_id.to_string(),
            event_time: pitcrew_kernel::Timestamp::from_micros(row.event_time),
            version: row.version,
            role: row.role,
            failed: row.status.failed(),
            prediction: if row.status.failed() { f64::NAN } else { row.prediction },
            features: values,
            label,
        }
    });
    LogSlice { rows: logged.collect(), features, next: None }
}

fn same(a: &Arc<Columns>, b: &Arc<Columns>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tests::row;
    use pitcrew_columnar::Number;

    #[test]
    fn versions_with_other_features_share_one_list() {
        let other = Arc::new(Columns {
            model: "bikes".into(),
            features: vec![("wind".into(), Number::F32), ("temp".into(), Number::F32)],
        });
        let rows =
            [Arc::new(row("a", 1)), Arc::new(Row { columns: other, features: [3.0, 4.0].into(), ..row("b", 2) })];
        let slice = slice(&rows, vec![Some(1.0), None]);
        assert_eq!(slice.features, ["temp", "hum", "wind"]);
        assert_eq!(slice.rows[0].features[..2], [0.25, 0.5]);
        assert!(slice.rows[0].features[2].is_nan() && slice.rows[1].features[1].is_nan());
        assert_eq!((slice.rows[1].features[0], slice.rows[1].features[2]), (4.0, 3.0));
        assert_eq!((slice.rows[0].label, slice.rows[1].label), (Some(1.0), None));
    }
}
