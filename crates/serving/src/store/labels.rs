//! Labels.

use std::collections::{HashMap, HashSet};

use pitcrew_db::{Arg, Tx};
use pitcrew_kernel::{Result, Timestamp};

/// Ids bound to one statement.
const CHUNK: usize = 200;

/// A label on its way to the table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Label {
    pub(crate) request_id: String,
    pub(crate) value: f64,
    /// That of the prediction, when known.
    pub(crate) event_time: Option<Timestamp>,
}

/// What became of labels, by their place in what was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// The first for its request.
    New,
    /// The same value again.
    Duplicate,
    /// Another value: the last one counts.
    Corrected,
}

/// Writes labels in order and says what became of each.
pub(crate) fn write_labels(
    tx: &mut Tx<'_>,
    deployment: &str,
    labels: &[Label],
    now: Timestamp,
) -> Result<Vec<Written>> {
    let mut outcomes = Vec::with_capacity(labels.len());
    for chunk in labels.chunks(CHUNK) {
        let ids: Vec<&str> = chunk.iter().map(|label| label.request_id.as_str()).collect();
        let mut known = labels_of(tx, deployment, &ids)?;
        let mut changed: HashMap<&str, &Label> = HashMap::new();
        for label in chunk {
            let before = known.insert(label.request_id.clone(), label.value);
            let outcome = match before {
                None => Written::New,
                Some(value) if value.to_bits() == label.value.to_bits() => Written::Duplicate,
                Some(_) => Written::Corrected,
            };
            if outcome != Written::Duplicate {
                changed.insert(&label.request_id, label);
            }
            outcomes.push(outcome);
        }
        upsert(tx, deployment, changed.into_values().collect(), now)?;
    }
    Ok(outcomes)
}

fn upsert(tx: &mut Tx<'_>, deployment: &str, mut labels: Vec<&Label>, now: Timestamp) -> Result<()> {
    if labels.is_empty() {
        return Ok(());
    }
    labels.sort_by(|a, b| a.request_id.cmp(&b.request_id));
    let mut args: Vec<Arg<'_>> = vec![deployment.into(), now.into()];
    let mut rows = Vec::with_capacity(labels.len());
    for label in labels {
        let first = args.len() + 1;
        rows.push(format!("($1, ${first}, ${}, ${}, $2)", first + 1, first + 2));
        args.extend([label.request_id.as_str().into(), label.value.into(), label.event_time.into()]);
    }
    tx.exec(
        &format!(
            "INSERT INTO serving_labels (deployment, request_id, value, event_time, arrived_at) VALUES {} \
             ON CONFLICT (deployment, request_id) DO UPDATE SET value = excluded.value, arrived_at = excluded.arrived_at, \
             event_time = coalesce(excluded.event_time, serving_labels.event_time)",
            rows.join(", ")
        ),
        &args,
    )?;
    Ok(())
}

/// The labels of these requests.
pub(crate) fn labels_of(tx: &mut Tx<'_>, deployment: &str, ids: &[&str]) -> Result<HashMap<String, f64>> {
    let mut found = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let mut args: Vec<Arg<'_>> = vec![deployment.into()];
        args.extend(chunk.iter().map(|id| Arg::from(*id)));
        let sql = format!(
            "SELECT request_id, value FROM serving_labels WHERE deployment = $1 AND request_id IN ({})",
            Tx::placeholders(2, chunk.len())
        );
        tx.for_each(&sql, &args, &mut |row| {
            found.insert(row.text(0)?, row.float(1)?);
            Ok(())
        })?;
    }
    Ok(found)
}

/// The labels that these requests have, of those with `from <= event_time < to` and those that came before their request was seen. Of
/// however many there are in that time, only what is wanted is kept.
pub(crate) fn labels_between(
    tx: &mut Tx<'_>,
    deployment: &str,
    (from, to): (i64, i64),
    wanted: &HashSet<&str>,
) -> Result<HashMap<String, f64>> {
    let mut found = HashMap::new();
    tx.for_each(
        "SELECT request_id, value FROM serving_labels WHERE deployment = $1 AND event_time >= $2 AND event_time < $3 \
         UNION ALL SELECT request_id, value FROM serving_labels WHERE deployment = $1 AND event_time IS NULL",
        &[deployment.into(), from.into(), to.into()],
        &mut |row| {
            let id = row.text(0)?;
            if wanted.contains(id.as_str()) {
                found.insert(id, row.float(1)?);
            }
            Ok(())
        },
    )?;
    Ok(found)
}

/// The latest event time before `before` of which a label is known.
pub(crate) fn newest_label(tx: &mut Tx<'_>, deployment: &str, before: i64) -> Result<Option<Timestamp>> {
    tx.one(
        "SELECT max(event_time) FROM serving_labels WHERE deployment = $1 AND event_time < $2",
        &[deployment.into(), before.into()],
        |row| row.opt_time(0),
    )
}
