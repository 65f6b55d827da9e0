//! Checks: what passes, what fails, and what is said about it.

use pitcrew_columnar::{Check, ColumnType, CsvFile, ExtraColumns, Rule, Scalar, Severity, Status, check, read_csv};

use crate::support::{BIKES, schema, table};

fn error(rule: Rule) -> Check {
    Check { rule, severity: Severity::Error }
}

fn column(name: &str) -> String {
    name.to_owned()
}

fn good_rules() -> Vec<Rule> {
    vec![
        Rule::Rows { min: Some(5), max: Some(5) },
        Rule::NotNull { column: column("cnt") },
        Rule::Nulls { column: column("temp"), max_fraction: 0.2 },
        Rule::Unique { columns: vec![column("ts")] },
        Rule::Unique { columns: vec![column("day"), column("cnt")] },
        Rule::Range { column: column("temp"), min: Some(Scalar::Int(0)), max: Some(Scalar::Int(1)) },
        Rule::Range { column: column("ts"), min: Some(Scalar::Text("2011-01-01".into())), max: None },
        Rule::OneOf { column: column("season"), values: [1, 2, 3, 4].map(Scalar::Int).to_vec() },
        Rule::Type { column: column("ts"), kind: ColumnType::Timestamp },
        Rule::Monotonic { column: column("ts"), strict: true },
        Rule::Fresh { column: column("ts"), max_age_us: 3_600_000_000, now_us: 1_309_779_000_000_000 },
    ]
}

#[test]
fn what_is_as_expected_passes() {
    let report = check(&table(BIKES), &good_rules().into_iter().map(error).collect::<Vec<_>>());
    assert!(report.passed());
    insta::assert_json_snapshot!(report);
}

#[test]
fn what_is_not_fails_with_its_rows() {
    let rules = vec![
        Rule::Rows { min: Some(1000), max: None },
        Rule::NotNull { column: column("temp") },
        Rule::Nulls { column: column("temp"), max_fraction: 0.1 },
        Rule::Unique { columns: vec![column("season")] },
        Rule::Unique { columns: vec![column("season"), column("weather")] },
        Rule::Range { column: column("cnt"), min: Some(Scalar::Int(20)), max: Some(Scalar::Float(399.5)) },
        Rule::Range { column: column("day"), min: None, max: Some(Scalar::Text("2011-06-30".into())) },
        Rule::OneOf {
            column: column("weather"),
            values: vec![Scalar::Text("clear".into()), Scalar::Text("mist".into())],
        },
        Rule::Type { column: column("cnt"), kind: ColumnType::Float },
        Rule::Monotonic { column: column("temp"), strict: false },
        Rule::Fresh { column: column("ts"), max_age_us: 3_600_000_000, now_us: 1_309_951_800_000_000 },
    ];
    let report = check(&table(BIKES), &rules.into_iter().map(error).collect::<Vec<_>>());
    assert!(!report.passed());
    assert_eq!(report.failures().count(), report.results.len());
    insta::assert_json_snapshot!(report);
}

#[test]
fn what_cannot_be_judged_fails_and_says_so() {
    let rules = vec![
        Rule::NotNull { column: column("rain") },
        Rule::Range { column: column("weather"), min: Some(Scalar::Int(0)), max: None },
        Rule::OneOf { column: column("season"), values: vec![Scalar::Text("winter".into())] },
        Rule::Fresh { column: column("cnt"), max_age_us: 1, now_us: 1 },
        Rule::Unique { columns: vec![] },
    ];
    let report = check(&table(BIKES), &rules.into_iter().map(error).collect::<Vec<_>>());
    let told: Vec<(Status, &str)> = report.results.iter().map(|r| (r.status, r.observed.as_str())).collect();
    insta::assert_debug_snapshot!(told);
}

#[test]
fn a_warning_warns_and_stops_nothing() {
    let rule = Rule::NotNull { column: column("temp") };
    let report = check(&table(BIKES), &[Check { rule, severity: Severity::Warn }]);
    assert_eq!(report.results[0].status, Status::Warn);
    assert!(report.passed());
}

#[test]
fn samples_are_few_and_name_their_file() {
    let rows = |n: usize| format!("x\n{}", "-1\n".repeat(n));
    let files = [CsvFile::bytes("a.csv", "x\n1\n"), CsvFile::bytes("b.csv", rows(30))];
    let table = read_csv(&files, &schema("x\n1\n"), ExtraColumns::Refuse).unwrap();
    let rule = Rule::Range { column: column("x"), min: Some(Scalar::Int(0)), max: None };
    let result = &check(&table, &[error(rule)]).results[0];
    assert_eq!((result.failing_rows, result.samples.len()), (30, 5));
    assert_eq!((result.samples[0].file.as_deref(), result.samples[0].row), (Some("b.csv"), 1));
}

#[test]
fn compound_keys_do_not_run_together() {
    let table = table("a,b\nx,yz\nxy,z\n");
    let rule = Rule::Unique { columns: vec![column("a"), column("b")] };
    assert!(check(&table, &[error(rule)]).passed());
}

#[test]
fn a_third_of_nulls_fails_a_twentieth() {
    let text: String = std::iter::once("id,x\n".to_owned())
        .chain((0..100).map(|i| if i % 10 < 3 { format!("{i},\n") } else { format!("{i},1.5\n") }))
        .collect();
    let rule = Rule::Nulls { column: column("x"), max_fraction: 0.05 };
    let result = &check(&table(&text), &[error(rule)]).results[0];
    assert_eq!((result.status, result.observed.as_str()), (Status::Fail, "30 of 100"));
}
