//! Profiles: the JSON of the API.

use pitcrew_columnar::profile;

use crate::support::{BIKES, table};

#[test]
fn a_profile_is_the_json_of_the_api() {
    insta::assert_json_snapshot!(profile(&table(BIKES)));
}

#[test]
fn columns_of_nothing_are_described_too() {
    let profile = profile(&table("a,b\n,1\n,2\n"));
    let empty = &profile.columns[0];
    assert_eq!((empty.count, empty.nulls, empty.distinct), (0, 2, 0));
    assert!(empty.min.is_none() && empty.top.is_empty() && empty.histogram.is_none());
}

#[test]
fn histograms_count_every_value_once() {
    let text: String =
        std::iter::once("x\n".to_owned()).chain((0..997).map(|i| format!("{}.5\n", i * 37 % 501))).collect();
    let profile = profile(&table(&text));
    let column = &profile.columns[0];
    let histogram = column.histogram.as_ref().unwrap();
    assert_eq!(histogram.counts.iter().sum::<u64>(), 997);
    assert_eq!(histogram.edges.len(), histogram.counts.len() + 1);
    assert_eq!(column.distinct, 501);
    assert!(column.top.is_empty(), "501 different numbers have no most frequent ones worth telling");
}
