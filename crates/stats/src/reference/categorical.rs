//! The frozen description of a categorical feature.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::InvalidInput;

/// Categories with a bin of their own; rarer ones share one bin, so that ids and free text do not drown in noise.
pub const MAX_CATEGORY_BINS: usize = 50;
/// A category needs this many reference rows for a bin of its own: with fewer, its share is mostly luck, and luck returns to
/// the mean in the next window.
const FEWEST_ROWS_PER_BIN: u64 = 10;
/// And this share of the rows, for the same reason among thousands of categories.
const LEAST_SHARE_PER_BIN: f64 = 0.002;
/// Categories remembered by name. Beyond it "unseen" can no longer be told from "rare" and is not tested.
pub const MAX_KNOWN_CATEGORIES: usize = 10_000;

/// One category the reference held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Category {
    /// The value.
    pub name: String,
    /// Reference rows with it.
    pub count: u64,
    /// Its bin, in the order of [`CategoricalReference::bin_counts`].
    pub bin: usize,
}

/// Categories, their counts and bins, with bins for rare, unseen and missing values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoricalReference {
    rows: u64,
    missing: u64,
    /// In order of name.
    categories: Vec<Category>,
    /// Rows per value bin; the last is the bin of rare categories when there are any.
    counts: Vec<u64>,
    /// The bin of rare categories.
    rare: Option<usize>,
    /// Whether some categories were too many to remember.
    forgot: bool,
}

impl CategoricalReference {
    /// Freezes the reference values; `None` is missing.
    ///
    /// # Errors
    /// When there is not one row.
    pub fn build(values: &[Option<&str>]) -> Result<Self, InvalidInput> {
        if values.is_empty() {
            return Err(InvalidInput::new("the reference holds no rows"));
        }
        let mut tally: BTreeMap<&str, u64> = BTreeMap::new();
        for value in values.iter().flatten() {
            *tally.entry(value).or_default() += 1;
        }
        let missing = values.iter().filter(|v| v.is_none()).count() as u64;
        let mut ranked: Vec<(&str, u64)> = tally.into_iter().collect();
        ranked.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let least = FEWEST_ROWS_PER_BIN.max((LEAST_SHARE_PER_BIN * values.len() as f64).ceil() as u64);
        let own = ranked.iter().take(MAX_CATEGORY_BINS).take_while(|(_, count)| *count >= least).count();
        let mut counts: Vec<u64> = ranked[..own].iter().map(|(_, count)| *count).collect();
        let rare = (ranked.len() > own).then(|| {
            counts.push(ranked[own..].iter().map(|(_, count)| count).sum());
            own
        });
        let mut categories: Vec<Category> = ranked
            .iter()
            .take(MAX_KNOWN_CATEGORIES)
            .enumerate()
            .map(|(rank, (name, count))| Category { name: (*name).to_owned(), count: *count, bin: rank.min(own) })
            .collect();
        categories.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            rows: values.len() as u64,
            missing,
            categories,
            counts,
            rare,
            forgot: ranked.len() > MAX_KNOWN_CATEGORIES,
        })
    }

    /// How many reference rows there were, missing ones included.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// How many of them were missing.
    #[must_use]
    pub const fn missing(&self) -> u64 {
        self.missing
    }

    /// The remembered categories in order of name.
    #[must_use]
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// Reference rows per bin: value bins, then unseen (none, by definition), then missing.
    #[must_use]
    pub fn bin_counts(&self) -> Vec<u64> {
        let mut counts = self.counts.clone();
        counts.extend([0, self.missing]);
        counts
    }

    /// The bin of a value, in the order of [`Self::bin_counts`].
    #[must_use]
    pub fn bin(&self, value: Option<&str>) -> usize {
        let Some(value) = value else { return self.counts.len() + 1 };
        match (self.find(value), self.rare) {
            (Some(index), _) => self.categories[index].bin,
            (None, Some(rare)) if self.forgot => rare,
            (None, _) => self.counts.len(),
        }
    }

    /// Counts unseen values among the rare ones, where there are rare ones: a feature that always has new values, such as an
    /// id, has not changed by having more.
    pub(crate) fn fold_unseen(&self, counts: &mut [u64]) {
        let unseen = self.counts.len();
        if let (Some(rare), true) = (self.rare, counts.len() > unseen) {
            counts[rare] += std::mem::take(&mut counts[unseen]);
        }
    }

    /// Where a value stands among [`Self::categories`].
    #[must_use]
    pub fn find(&self, value: &str) -> Option<usize> {
        self.categories.binary_search_by(|category| category.name.as_str().cmp(value)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(parts: &[(&'static str, usize)]) -> Vec<Option<&'static str>> {
        parts.iter().flat_map(|(name, count)| std::iter::repeat_n(Some(*name), *count)).collect()
    }

    #[test]
    fn bins_are_by_frequency_with_unseen_and_missing_apart() {
        let mut values = rows(&[("a", 10), ("b", 30), ("c", 20)]);
        values.push(None);
        let reference = CategoricalReference::build(&values).unwrap();
        assert_eq!(reference.bin_counts(), [30, 20, 10, 0, 1]);
        assert_eq!(reference.bin(Some("b")), 0);
        assert_eq!(reference.bin(Some("a")), 2);
        assert_eq!(reference.bin(Some("zebra")), 3);
        assert_eq!(reference.bin(None), 4);
        assert!(CategoricalReference::build(&[]).is_err());
        let mut settled = [0, 0, 0, 7, 0];
        reference.fold_unseen(&mut settled);
        assert_eq!(settled, [0, 0, 0, 7, 0]);
    }

    #[test]
    fn rare_categories_share_a_bin_and_stay_known() {
        let mut values = rows(&[("often", 100), ("seldom", 3)]);
        values.extend(rows(&[("once", 1)]));
        let reference = CategoricalReference::build(&values).unwrap();
        assert_eq!(reference.bin_counts(), [100, 4, 0, 0]);
        assert_eq!(reference.bin(Some("once")), 1);
        assert_eq!(reference.bin(Some("never")), 2);
        let mut counts = [5, 1, 3, 0];
        reference.fold_unseen(&mut counts);
        assert_eq!(counts, [5, 4, 0, 0]);
    }

    #[test]
    fn bins_are_limited() {
        let names: Vec<String> = (0..60).map(|i| format!("id{i:03}")).collect();
        let values: Vec<Option<&str>> = (0..1200).map(|i| Some(names[i % 60].as_str())).collect();
        let reference = CategoricalReference::build(&values).unwrap();
        assert_eq!(reference.bin_counts().len(), MAX_CATEGORY_BINS + 3);
        assert_eq!(reference.bin_counts()[MAX_CATEGORY_BINS], 200);
    }

    #[test]
    fn beyond_the_memory_unseen_reads_as_rare() {
        let names: Vec<String> = (0..MAX_KNOWN_CATEGORIES + 5).map(|i| format!("{i}")).collect();
        let values: Vec<Option<&str>> = names.iter().map(|name| Some(name.as_str())).collect();
        let reference = CategoricalReference::build(&values).unwrap();
        assert_eq!(reference.bin(Some("never")), 0);
        assert_eq!(reference.bin_counts(), [values.len() as u64, 0, 0]);
        assert_eq!(reference.categories().len(), MAX_KNOWN_CATEGORIES);
    }
}
