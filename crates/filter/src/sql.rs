//! Statements put together from parts: bound values, text comparisons in both dialects, keyset pages.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pitcrew_db::{Arg, Dialect, Row, Tx};
use pitcrew_kernel::{Error, Result};
use serde::{Deserialize, Serialize};

pub use crate::errors::page_invalid;
use crate::syntax::Op;
use crate::{Number, Test};

/// Sizes that lists of values are filled up to, so that few different statements are prepared.
const LIST_SIZES: [usize; 4] = [1, 16, 128, 1_000];

/// A statement under construction.
#[derive(Debug)]
pub struct Sql {
    dialect: Dialect,
    /// The statement so far.
    pub text: String,
    /// What its placeholders stand for.
    pub args: Vec<Arg<'static>>,
}

impl Sql {
    /// An empty statement for this database.
    pub fn new(tx: &Tx<'_>) -> Self {
        Self { dialect: tx.dialect(), text: String::new(), args: Vec::new() }
    }

    /// Binds a value; answers its placeholder.
    pub fn bind(&mut self, value: impl Into<Arg<'static>>) -> String {
        self.args.push(value.into());
        format!("${}", self.args.len())
    }

    /// Appends text.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// `$1, $2, ...` for these values.
    pub fn bind_all<T: Into<Arg<'static>>>(&mut self, values: impl IntoIterator<Item = T>) -> String {
        values.into_iter().map(|value| self.bind(value)).collect::<Vec<_>>().join(", ")
    }

    /// Text ordered by its code points, as SQLite does it by itself.
    pub fn ordered_text(&self, expression: &str) -> String {
        match self.dialect {
            Dialect::Sqlite => expression.to_owned(),
            Dialect::Postgres => format!("{expression} COLLATE \"C\""),
        }
    }

    /// The condition that the text `column` passes `test`.
    pub fn text_test(&mut self, column: &str, test: &Test) -> String {
        match test {
            Test::Text(Op::Ne, value) => format!("{column} <> {}", self.bind(value.clone())),
            Test::Text(Op::Like, pattern) => self.like(column, pattern),
            Test::Text(Op::Ilike, pattern) => self.like(&format!("lower({column})"), &pattern.to_lowercase()),
            Test::Text(_, value) => format!("{column} = {}", self.bind(value.clone())),
            Test::In(values) => format!("{column} IN ({})", self.bind_all(values.iter().cloned())),
            Test::NotIn(values) => format!("{column} NOT IN ({})", self.bind_all(values.iter().cloned())),
            Test::Number(..) | Test::Absent | Test::Present => unfit(),
        }
    }

    /// SQLite's LIKE takes no notice of case, so its GLOB stands in for it. In PostgreSQL a backslash must not escape.
    fn like(&mut self, column: &str, pattern: &str) -> String {
        match self.dialect {
            Dialect::Sqlite => format!("{column} GLOB {}", self.bind(as_glob(pattern))),
            Dialect::Postgres => format!("{column} LIKE {} ESCAPE ''", self.bind(pattern.to_owned())),
        }
    }

    /// The condition that the whole number `column` passes `test`. Fails for NULL.
    pub fn integer_test(&mut self, column: &str, test: &Test) -> String {
        match test {
            Test::Number(op, Number::Int(value)) => format!("{column} {} {}", operator(*op), self.bind(*value)),
            Test::Number(op, Number::Float(value)) => {
                format!("{column} {} CAST({} AS DOUBLE PRECISION)", operator(*op), self.bind(*value))
            }
            _ => unfit(),
        }
    }

    /// The condition that the metric in `value` and `nan` passes `test`.
    pub fn metric_test(&mut self, value: &str, nan: &str, test: &Test) -> String {
        let Test::Number(op, number) = test else { return unfit() };
        let bound = self.bind(number.as_f64());
        match op {
            Op::Ne => format!("({value} <> {bound} OR {nan} = 1)"),
            op => format!("({value} {} {bound} AND {nan} = 0)", operator(*op)),
        }
    }
}

/// A test that the parser never gives to this kind of field: nothing passes it.
fn unfit() -> String {
    "1 = 0".to_owned()
}

fn operator(op: Op) -> &'static str {
    match op {
        Op::Ne => "<>",
        Op::Lt => "<",
        Op::Le => "<=",
        Op::Gt => ">",
        Op::Ge => ">=",
        _ => "=",
    }
}

/// A LIKE pattern as a GLOB pattern.
fn as_glob(pattern: &str) -> String {
    let mut glob = String::with_capacity(pattern.len());
    for c in pattern.chars() {
        match c {
            '%' => glob.push('*'),
            '_' => glob.push('?'),
            '*' | '?' | '[' => glob.extend(['[', c, ']']),
            c => glob.push(c),
        }
    }
    glob
}

/// The size a list of `count` values is filled up to. A list must be cut into pieces of at most [`LIST_MAX`] first.
fn list_size(count: usize) -> usize {
    LIST_SIZES.into_iter().find(|size| count <= *size).unwrap_or(count)
}

/// The longest list of one statement.
const LIST_MAX: usize = 1_000;

/// Runs `head ($1, ...) tail` for pieces of `numbers`.
///
/// # Errors
/// What the database and `each` give.
pub fn each_of(
    tx: &mut Tx<'_>,
    numbers: &[i64],
    head: &str,
    tail: &str,
    each: &mut dyn FnMut(&Row<'_>) -> Result<()>,
) -> Result<()> {
    each_of_with(tx, &[], numbers, head, tail, each)
}

/// [`each_of`] where `head` and `tail` use `$1` and so on for `shared` values.
///
/// # Errors
/// What the database and `each` give.
pub fn each_of_with(
    tx: &mut Tx<'_>,
    shared: &[Arg<'_>],
    numbers: &[i64],
    head: &str,
    tail: &str,
    each: &mut dyn FnMut(&Row<'_>) -> Result<()>,
) -> Result<()> {
    for piece in numbers.chunks(LIST_MAX) {
        let size = list_size(piece.len());
        let last = piece.last().copied().unwrap_or_default();
        let filled = piece.iter().copied().chain(std::iter::repeat(last)).take(size).map(Arg::from);
        let args: Vec<Arg<'_>> = shared.iter().cloned().chain(filled).collect();
        tx.for_each(&format!("{head} ({}) {tail}", Tx::placeholders(shared.len() + 1, size)), &args, each)?;
    }
    Ok(())
}

/// Rows of a multi-row insert are written in pieces of these sizes, so that few different statements are prepared.
const ROW_SIZES: [usize; 3] = [128, 16, 1];

/// An insert of many rows: `head (...), (...) tail`. The texts are put together once.
#[derive(Debug)]
pub struct RowInsert {
    head: &'static str,
    shared: usize,
    width: usize,
    tail: &'static str,
    texts: OnceLock<[String; ROW_SIZES.len()]>,
}

impl RowInsert {
    /// Rows of `shared` values that all of them begin with, and `width` of their own.
    pub const fn new(head: &'static str, shared: usize, width: usize, tail: &'static str) -> Self {
        Self { head, shared, width, tail, texts: OnceLock::new() }
    }

    /// Writes `rows`, each bound by `bind`; answers how many were touched.
    ///
    /// # Errors
    /// What the database can give.
    pub fn run<'a, T>(
        &self,
        tx: &mut Tx<'_>,
        shared: &[Arg<'a>],
        rows: &'a [T],
        bind: impl Fn(&'a T, &mut Vec<Arg<'a>>),
    ) -> Result<u64> {
        let texts = self.texts.get_or_init(|| ROW_SIZES.map(|rows| self.text(rows)));
        let mut rest = rows;
        let mut touched = 0;
        for (size, text) in ROW_SIZES.into_iter().zip(texts) {
            while rest.len() >= size {
                let (piece, after) = rest.split_at(size);
                let mut args = Vec::with_capacity(self.shared + size * self.width);
                args.extend_from_slice(shared);
                piece.iter().for_each(|row| bind(row, &mut args));
                touched += tx.exec(text, &args)?;
                rest = after;
            }
        }
        Ok(touched)
    }

    fn text(&self, rows: usize) -> String {
        let shared: String = (1..=self.shared).map(|n| format!("${n}, ")).collect();
        let row = |at: usize| {
            let first = self.shared + at * self.width + 1;
            format!("({shared}{})", Tx::placeholders(first, self.width))
        };
        let rows: Vec<String> = (0..rows).map(row).collect();
        format!("{} {} {}", self.head, rows.join(", "), self.tail)
    }
}

/// A value that rows are ordered by. Never NULL: absence is a key of its own before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum KeyValue {
    /// A whole number.
    #[serde(rename = "i")]
    Int(i64),
    /// The bits of a floating-point number: text would lose some.
    #[serde(rename = "f")]
    Float(u64),
    /// A text.
    #[serde(rename = "t")]
    Text(String),
}

/// What kind of values an order key has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Whole numbers.
    Int,
    /// Floating-point numbers.
    Float,
    /// Texts.
    Text,
}

/// One expression rows are ordered by.
#[derive(Debug, Clone)]
pub struct Key {
    /// The SQL expression. Never NULL.
    pub expression: String,
    /// What kind of value it has.
    pub kind: KeyKind,
    /// Smallest first.
    pub ascending: bool,
}

impl Key {
    /// Rows ordered by this expression.
    pub fn new(expression: impl Into<String>, kind: KeyKind, ascending: bool) -> Self {
        Self { expression: expression.into(), kind, ascending }
    }

    /// Reads the key of a row.
    ///
    /// # Errors
    /// `INTERNAL` when the column is of another kind.
    pub fn read(&self, row: &Row<'_>, column: usize) -> Result<KeyValue> {
        Ok(match self.kind {
            KeyKind::Int => KeyValue::Int(row.int(column)?),
            KeyKind::Float => KeyValue::Float(row.float(column)?.to_bits()),
            KeyKind::Text => KeyValue::Text(row.text(column)?),
        })
    }
}

/// The order and the place in it where a page starts.
#[derive(Debug)]
pub struct Keyset {
    /// What rows are ordered by, the most important first.
    pub keys: Vec<Key>,
    /// The keys of the last row of the page before.
    pub after: Option<Vec<KeyValue>>,
}

impl Keyset {
    /// `ORDER BY` these keys.
    pub fn order(&self) -> String {
        let terms: Vec<String> = self
            .keys
            .iter()
            .map(|key| format!("{} {}", key.expression, if key.ascending { "ASC" } else { "DESC" }))
            .collect();
        terms.join(", ")
    }

    /// The expressions, to be selected with each row.
    pub fn columns(&self) -> String {
        self.keys.iter().map(|key| key.expression.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// The place of a row whose keys are selected from column `first` on.
    ///
    /// # Errors
    /// `INTERNAL` when a column is of another kind.
    pub fn place(&self, row: &Row<'_>, first: usize) -> Result<Vec<KeyValue>> {
        self.keys.iter().zip(first..).map(|(key, column)| key.read(row, column)).collect()
    }

    /// The condition that a row comes after the last one of the page before.
    ///
    /// # Errors
    /// `PAGE_INVALID` when the token belongs to another order.
    pub fn condition(&self, sql: &mut Sql) -> Result<Option<String>> {
        let Some(after) = &self.after else { return Ok(None) };
        let fits = after.len() == self.keys.len()
            && self.keys.iter().zip(after).all(|(key, value)| {
                matches!(
                    (key.kind, value),
                    (KeyKind::Int, KeyValue::Int(_))
                        | (KeyKind::Float, KeyValue::Float(_))
                        | (KeyKind::Text, KeyValue::Text(_))
                )
            });
        if !fits {
            return Err(page_invalid());
        }
        let bound: Vec<String> = after
            .iter()
            .map(|value| match value {
                KeyValue::Int(value) => sql.bind(*value),
                KeyValue::Float(bits) => sql.bind(f64::from_bits(*bits)),
                KeyValue::Text(text) => sql.bind(text.clone()),
            })
            .collect();
        let mut condition = String::new();
        for (at, (key, value)) in self.keys.iter().zip(&bound).enumerate().rev() {
            let beyond = format!("{} {} {value}", key.expression, if key.ascending { ">" } else { "<" });
            condition = if condition.is_empty() {
                beyond
            } else {
                format!("({beyond} OR ({} = {value} AND {condition}))", key.expression)
            };
            if at == 0 && self.keys.len() > 1 {
                // Said twice so that an index on the first key bounds the search.
                let bound = if key.ascending { ">=" } else { "<=" };
                condition = format!("{} {bound} {value} AND {condition}", key.expression);
            }
        }
        Ok(Some(condition))
    }
}

/// A page token for the rows after one with these keys, in the order that `terms` describe.
///
/// # Errors
/// `INTERNAL` when the keys do not serialise.
pub fn token(terms: &str, keys: &[KeyValue]) -> Result<String> {
    let json = serde_json::to_vec(&(terms, keys))
        .map_err(|source| Error::internal("a page token does not serialise", source))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

/// The keys in a page token.
///
/// # Errors
/// `PAGE_INVALID` when it is none, or belongs to another order.
pub fn keys_of(terms: &str, token: &str) -> Result<Vec<KeyValue>> {
    let json = URL_SAFE_NO_PAD.decode(token.trim_end_matches('=')).map_err(|_| page_invalid())?;
    let (of, keys): (String, Vec<KeyValue>) = serde_json::from_slice(&json).map_err(|_| page_invalid())?;
    if of == terms { Ok(keys) } else { Err(page_invalid()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_translated() {
        assert_eq!(as_glob("a%b_c*[x]?"), "a*b?c[*][[]x][?]");
    }

    #[test]
    fn tokens_belong_to_their_order() {
        let keys = [KeyValue::Int(-5), KeyValue::Float(f64::NEG_INFINITY.to_bits()), KeyValue::Text("ä".to_owned())];
        let token = token("a ASC", &keys).unwrap();
        assert_eq!(keys_of("a ASC", &token).unwrap(), keys);
        assert_eq!(keys_of("b ASC", &token).unwrap_err().code(), "PAGE_INVALID");
        assert_eq!(keys_of("a ASC", "not a token").unwrap_err().code(), "PAGE_INVALID");
    }

    #[test]
    fn rows_share_values() {
        let insert = RowInsert::new("H", 1, 2, "T");
        assert_eq!(insert.text(2), "H ($1, $2, $3), ($1, $4, $5) T");
    }
}
