//! Comparisons as conditions. None of them is ever NULL: what a run lacks makes a comparison false, and NOT of it true.

use crate::filter::runs::{Attribute, DatasetField, Field};
use crate::filter::syntax::Op;
use crate::filter::{Clause, Test};
use crate::model::DATASET_CONTEXT_TAG;
use crate::store::sql::Sql;

/// How many letters of a text an index keeps: what migration `0002_search` says.
const INDEXED_CHARS: usize = 64;

/// Entries of runs that a statement goes through in the order of an index: the values of one metric, param or tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entries<'a> {
    Metric(&'a str),
    Param(&'a str),
    Tag(&'a str),
}

impl<'a> Entries<'a> {
    /// The entries an index finds for this comparison.
    pub(super) fn of(clause: &'a Clause<Field>) -> Option<Self> {
        match (&clause.field, &clause.test) {
            (Field::Metric(key), Test::Number(op, _)) if *op != Op::Ne => Some(Self::Metric(key)),
            (Field::Param(key), Test::Text(Op::Eq, _)) => Some(Self::Param(key)),
            (Field::Tag(key), Test::Text(Op::Eq, _)) => Some(Self::Tag(key)),
            _ => None,
        }
    }

    /// The entry that a run must have to pass this comparison, where it must have one. A run has one entry of a key, so joining it keeps each
    /// run once.
    pub(super) fn needed(clause: &'a Clause<Field>) -> Option<Self> {
        match (&clause.field, &clause.test) {
            (_, Test::Absent) => None,
            (Field::Metric(key), _) => Some(Self::Metric(key)),
            (Field::Param(key), _) => Some(Self::Param(key)),
            (Field::Tag(key), _) => Some(Self::Tag(key)),
            _ => None,
        }
    }

    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Metric(_) => "tracking_latest",
            Self::Param(_) => "tracking_params",
            Self::Tag(_) => "tracking_tags",
        }
    }

    pub(super) fn key(self) -> &'a str {
        let (Self::Metric(key) | Self::Param(key) | Self::Tag(key)) = self;
        key
    }

    pub(super) fn is_of(self, field: &Field) -> bool {
        match (self, field) {
            (Self::Metric(own), Field::Metric(key))
            | (Self::Param(own), Field::Param(key))
            | (Self::Tag(own), Field::Tag(key)) => own == key,
            _ => false,
        }
    }

    /// The comparison of an entry `d` itself.
    pub(super) fn own_test(self, sql: &mut Sql, test: &Test) -> String {
        match (self, test) {
            (Self::Metric(_), test) => sql.metric_test("d.value", "d.nan", test),
            (_, Test::Absent) => "1 = 0".to_owned(),
            (_, Test::Present) => "1 = 1".to_owned(),
            (_, Test::Text(Op::Eq, value)) => {
                let beginning: String = value.chars().take(INDEXED_CHARS).collect();
                let whole = beginning.chars().count() < INDEXED_CHARS;
                let indexed = format!("substr(d.value, 1, {INDEXED_CHARS}) = {}", sql.bind(beginning));
                if whole { indexed } else { format!("({indexed} AND {})", sql.text_test("d.value", test)) }
            }
            (_, test) => sql.text_test("d.value", test),
        }
    }
}

/// The condition that the entry `alias` passes a comparison that needs it.
pub(super) fn joined(sql: &mut Sql, alias: &str, clause: &Clause<Field>) -> String {
    match (&clause.field, &clause.test) {
        (Field::Metric(_), test) => sql.metric_test(&format!("{alias}.value"), &format!("{alias}.nan"), test),
        (_, Test::Present) => "1 = 1".to_owned(),
        (_, test) => sql.text_test(&format!("{alias}.value"), test),
    }
}

/// The condition that a run passes a comparison. With `driver`, its entry `d` stands for the run.
pub(super) fn condition(sql: &mut Sql, clause: &Clause<Field>, driver: Option<Entries<'_>>) -> String {
    if let Some(driver) = driver.filter(|driver| driver.is_of(&clause.field)) {
        return driver.own_test(sql, &clause.test);
    }
    let run = if driver.is_some() { "d.run_no" } else { "r.run_no" };
    match &clause.field {
        Field::Metric(name) => {
            let name = sql.bind(name.clone());
            let test = sql.metric_test("m.value", "m.nan", &clause.test);
            format!("EXISTS (SELECT 1 FROM tracking_latest m WHERE m.run_no = {run} AND m.key = {name} AND {test})")
        }
        Field::Param(name) => entry(sql, "tracking_params", run, name, &clause.test),
        Field::Tag(name) => entry(sql, "tracking_tags", run, name, &clause.test),
        Field::Attribute(Attribute::EndTime) => {
            format!("(r.end_ms IS NOT NULL AND {})", sql.integer_test("r.end_ms", &clause.test))
        }
        Field::Attribute(attribute) if attribute.is_time() => sql.integer_test(column(*attribute), &clause.test),
        Field::Attribute(attribute) => sql.text_test(column(*attribute), &clause.test),
        Field::Dataset(field) => dataset(sql, run, *field, &clause.test),
    }
}

pub(super) fn column(attribute: Attribute) -> &'static str {
    match attribute {
        Attribute::RunId => "r.run_id",
        Attribute::RunName => "r.name",
        Attribute::Status => "r.status",
        Attribute::UserId => "r.user_id",
        Attribute::ArtifactUri => "r.artifact_uri",
        Attribute::StartTime => "r.start_ms",
        Attribute::EndTime => "r.end_ms",
    }
}

fn entry(sql: &mut Sql, table: &str, run: &str, name: &str, test: &Test) -> String {
    let name = sql.bind(name.to_owned());
    let found = format!("FROM {table} p WHERE p.run_no = {run} AND p.key = {name}");
    match test {
        Test::Absent => format!("NOT EXISTS (SELECT 1 {found})"),
        Test::Present => format!("EXISTS (SELECT 1 {found})"),
        test => format!("EXISTS (SELECT 1 {found} AND {})", sql.text_test("p.value", test)),
    }
}

fn dataset(sql: &mut Sql, run: &str, field: DatasetField, test: &Test) -> String {
    if field == DatasetField::Context {
        let context = sql.bind(DATASET_CONTEXT_TAG);
        let test = sql.text_test("t.value", test);
        return format!(
            "EXISTS (SELECT 1 FROM tracking_input_tags t WHERE t.run_no = {run} AND t.key = {context} AND {test})"
        );
    }
    let column = if field == DatasetField::Name { "s.name" } else { "s.digest" };
    let test = sql.text_test(column, test);
    format!(
        "EXISTS (SELECT 1 FROM tracking_inputs i JOIN tracking_datasets s ON s.dataset_id = i.dataset_id \
         WHERE i.run_no = {run} AND {test})"
    )
}
