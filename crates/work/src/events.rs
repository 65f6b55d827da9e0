//! Reading the ordered log of events. Every list reads no more rows than it answers.

use pitcrew_contracts::event::{Envelope, Event as _, NO_NEWS, Subject};
use pitcrew_contracts::release::LogAdvanced;
use pitcrew_db::{Arg, Row, Tx};
use pitcrew_kernel::Result;

const COLUMNS: &str = "seq, id, name, subject_kind, subject_name, at, actor, cause, summary, data";

/// Which events a list shows; all when empty.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Only those of this name.
    pub name: Option<String>,
    /// Only those about what has this name, whatever it is.
    pub subject: Option<String>,
}

impl EventFilter {
    /// Up to `limit` events after a place, oldest first.
    fn after(&self, seq: i64, limit: i64) -> (String, Vec<Arg<'_>>) {
        self.statement(vec![limit.into(), seq.into()], "seq > $2", "ORDER BY seq")
    }

    /// The last ones, newest first.
    fn latest(&self, limit: i64) -> (String, Vec<Arg<'_>>) {
        // The name stands in the text, so that the index of all the others is known to fit.
        let others: Vec<String> = NO_NEWS.iter().map(|name| format!("'{name}'")).collect();
        let told = format!("name <> '{}' AND name NOT IN ({})", LogAdvanced::NAME, others.join(", "));
        let first = if self.name.is_none() { told.as_str() } else { "seq > 0" };
        self.statement(vec![limit.into()], first, "ORDER BY seq DESC")
    }

    /// Only conditions that are meant stand in the text: one that fits every filter could not be looked up in an index.
    fn statement<'a>(&'a self, mut args: Vec<Arg<'a>>, first: &str, order: &str) -> (String, Vec<Arg<'a>>) {
        let mut conditions = vec![first.to_owned()];
        for (column, wanted) in [("name", &self.name), ("subject_name", &self.subject)] {
            if let Some(wanted) = wanted {
                args.push(wanted.as_str().into());
                conditions.push(format!("{column} = ${}", args.len()));
            }
        }
        (format!("SELECT {COLUMNS} FROM events WHERE {} {order} LIMIT $1", conditions.join(" AND ")), args)
    }
}

/// Up to `limit` events after `seq`, oldest first.
///
/// # Errors
/// What the database can give.
pub fn events_after(tx: &mut Tx<'_>, seq: i64, limit: i64) -> Result<Vec<Envelope>> {
    events_matching(tx, &EventFilter::default(), seq, limit)
}

/// Up to `limit` events after `seq` that fit, oldest first.
///
/// # Errors
/// What the database can give.
pub fn events_matching(tx: &mut Tx<'_>, filter: &EventFilter, seq: i64, limit: i64) -> Result<Vec<Envelope>> {
    let (sql, args) = filter.after(seq, limit);
    tx.all(&sql, &args, envelope)
}

/// The last `limit` events that fit, newest first. What is no news is left out, unless it is what is asked for.
///
/// # Errors
/// What the database can give.
pub fn events_latest(tx: &mut Tx<'_>, filter: &EventFilter, limit: i64) -> Result<Vec<Envelope>> {
    let (sql, args) = filter.latest(limit);
    tx.all(&sql, &args, envelope)
}

/// The place of the last event; 0 before the first.
///
/// # Errors
/// What the database can give.
pub fn last_seq(tx: &mut Tx<'_>) -> Result<i64> {
    tx.one("SELECT coalesce(max(seq), 0) FROM events", &[], |row| row.int(0))
}

pub(crate) fn envelope(row: &Row<'_>) -> Result<Envelope> {
    let cause = row.opt_text(7)?;
    Ok(Envelope {
        seq: row.int(0)?,
        id: row.parsed(1)?,
        name: row.text(2)?,
        subject: Subject { kind: row.text(3)?, name: row.text(4)? },
        at: row.time(5)?,
        actor: row.text(6)?,
        cause: cause.and_then(|text| serde_json::from_str(&text).ok()),
        summary: row.text(8)?,
        data: row.json(9)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitcrew_testkit::TestDb;

    /// How SQLite goes about it.
    async fn plan(test: &TestDb, (sql, args): (String, Vec<Arg<'_>>)) -> String {
        let count = args.len();
        let found = test.db.read(move |tx| {
            let args: Vec<Arg<'_>> = (0..count).map(|_| 1.into()).collect();
            tx.all(&format!("EXPLAIN QUERY PLAN {sql}"), &args, |row| row.text(3))
        });
        found.await.unwrap().join("; ")
    }

    #[tokio::test]
    async fn no_list_reads_what_it_does_not_show() {
        let test = TestDb::sqlite(&[]).await;
        let some = |text: &str| Some(text.to_owned());
        for (name, subject, after, latest) in [
            (None, None, "sqlite_autoindex_events_1", "events_but_traffic"),
            (some("a"), None, "events_by_name", "events_by_name"),
            (None, some("b"), "events_of_subject", "events_of_subject"),
            (some("a"), some("b"), "events_of_subject_by_name", "events_of_subject_by_name"),
        ] {
            let filter = EventFilter { name, subject };
            for (index, statement) in [(after, filter.after(0, 1)), (latest, filter.latest(1))] {
                let found = plan(&test, statement).await;
                let used = found.split_once(" INDEX ").map(|(_, rest)| rest.split(' ').next().unwrap_or_default());
                assert!(used == Some(index) && !found.contains("TEMP"), "{filter:?}: {found}");
            }
        }
    }
}
