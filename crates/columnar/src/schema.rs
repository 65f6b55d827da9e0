//! The columns of a table: their names and types.

use std::fmt;

use pitcrew_kernel::{Error, Result};
use serde::{Deserialize, Serialize};

/// A table has at most this many columns.
pub const MAX_COLUMNS: usize = 4096;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// `true` or `false`.
    Bool,
    /// A 64-bit integer.
    Int,
    /// A 64-bit floating-point number.
    Float,
    /// Text.
    String,
    /// A day.
    Date,
    /// A moment, in microseconds, UTC.
    Timestamp,
}

impl ColumnType {
    /// The name used in declarations and on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "float",
            Self::String => "string",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One column's name and type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The column's name.
    pub name: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether nulls were seen when the schema was made. A description, not a promise: a check promises.
    pub nullable: bool,
}

impl Field {
    /// A field.
    pub fn new(name: impl Into<String>, kind: ColumnType, nullable: bool) -> Self {
        Self { name: name.into(), kind, nullable }
    }
}

/// The columns of a table in order. Names are unique and not empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Field>", into = "Vec<Field>")]
pub struct Schema(Vec<Field>);

impl Schema {
    /// A schema of these fields.
    ///
    /// # Errors
    /// `SCHEMA_INVALID` when there are none or too many, or a name is empty or occurs twice.
    pub fn new(fields: Vec<Field>) -> Result<Self> {
        if fields.is_empty() || fields.len() > MAX_COLUMNS {
            return Err(Error::invalid(
                "SCHEMA_INVALID",
                format!("a table has 1 to {MAX_COLUMNS} columns, not {}", fields.len()),
            ));
        }
        let mut names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        names.sort_unstable();
        if names[0].is_empty() {
            return Err(Error::invalid("SCHEMA_INVALID", "a column has no name").hint("give every column a name"));
        }
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::invalid("SCHEMA_INVALID", format!("column `{}` occurs twice", twice[0]))
                .hint("give every column a name of its own"));
        }
        Ok(Self(fields))
    }

    /// The fields in order.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.0
    }

    /// Where a column stands.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|field| field.name == name)
    }

    /// The names in order, for messages: `a`, `b`, `c`; the first twenty.
    pub(crate) fn names_for_humans(&self) -> String {
        name_list(self.0.iter().map(|field| field.name.as_str()))
    }
}

/// Names between backticks, at most twenty.
pub(crate) fn name_list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 20;
    let mut all: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    let hidden = all.len().saturating_sub(SHOWN);
    all.truncate(SHOWN);
    let mut list = all.join(", ");
    if hidden > 0 {
        list.push_str(&format!(" and {hidden} more"));
    }
    list
}

impl TryFrom<Vec<Field>> for Schema {
    type Error = Error;

    fn try_from(fields: Vec<Field>) -> Result<Self> {
        Self::new(fields)
    }
}

impl From<Schema> for Vec<Field> {
    fn from(schema: Schema) -> Self {
        schema.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_reads_as_the_api_writes_it() {
        let text = r#"[{"name":"ts","type":"timestamp","nullable":false}]"#;
        let schema: Schema = serde_json::from_str(text).unwrap();
        assert_eq!(schema.fields()[0].kind, ColumnType::Timestamp);
        assert_eq!(serde_json::to_string(&schema).unwrap(), text);
        assert_eq!(schema.position("ts"), Some(0));
    }

    #[test]
    fn bad_names_are_refused() {
        let field = |name: &str| Field::new(name, ColumnType::Int, false);
        for fields in [vec![], vec![field("")], vec![field("a"), field("b"), field("a")]] {
            assert_eq!(Schema::new(fields).unwrap_err().code(), "SCHEMA_INVALID");
        }
        assert!(serde_json::from_str::<Schema>("[]").is_err());
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..25).map(|i| format!("c{i}")).collect();
        assert!(name_list(names.iter().map(String::as_str)).ends_with("`c19` and 5 more"));
    }
}
