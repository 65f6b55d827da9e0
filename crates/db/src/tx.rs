//! The transaction a command runs in.

use std::borrow::Cow;

use pitcrew_kernel::{Error, Result};

use crate::Arg;
use crate::engine::Signal;
use crate::postgres::PostgresConn;
use crate::row::Row;
use crate::sqlite::SqliteConn;

/// Which database speaks. For the handful of statements that truly differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

pub(crate) enum Conn<'c> {
    Sqlite(&'c SqliteConn),
    Postgres(&'c mut PostgresConn),
}

/// An open transaction. Dropped without an error from its command it commits; with one it rolls back.
pub struct Tx<'c> {
    conn: Conn<'c>,
    signals: Vec<Signal>,
    failed: bool,
}

impl std::fmt::Debug for Tx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("dialect", &self.dialect()).finish_non_exhaustive()
    }
}

impl<'c> Tx<'c> {
    pub(crate) fn new(conn: Conn<'c>) -> Self {
        Self { conn, signals: Vec::new(), failed: false }
    }

    /// Whether a statement has failed. PostgreSQL then undoes the transaction whatever follows, so a command must not succeed any more.
    pub(crate) fn failed(&self) -> bool {
        self.failed
    }

    pub(crate) fn take_signals(&mut self) -> Vec<Signal> {
        std::mem::take(&mut self.signals)
    }

    /// Which database this is.
    pub fn dialect(&self) -> Dialect {
        match self.conn {
            Conn::Sqlite(_) => Dialect::Sqlite,
            Conn::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs a statement; answers the number of rows it touched.
    ///
    /// A command whose statement has failed cannot succeed any more, even if it takes the error as no error: that would mean something else on
    /// each database. To insert what may be there already, say `ON CONFLICT`.
    ///
    /// # Errors
    /// `ALREADY_EXISTS` (a unique key), `TEXT_INVALID`, `DB_BUSY`, `DISK_FULL`, `DB_UNREACHABLE`, `INTERNAL`.
    pub fn exec(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<u64> {
        check(args)?;
        let done = match &mut self.conn {
            Conn::Sqlite(conn) => conn.exec(sql, args),
            Conn::Postgres(conn) => conn.exec(sql, args),
        };
        self.failed |= done.is_err();
        done
    }

    /// Runs a query and hands each row to `each`.
    ///
    /// # Errors
    /// As [`Tx::exec`], and what `each` gives.
    pub fn for_each(
        &mut self,
        sql: &str,
        args: &[Arg<'_>],
        each: &mut dyn FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        check(args)?;
        let mut callers = false;
        let mut each = |row: &Row<'_>| each(row).inspect_err(|_| callers = true);
        let done = match &mut self.conn {
            Conn::Sqlite(conn) => conn.query(sql, args, &mut each),
            Conn::Postgres(conn) => conn.query(sql, args, &mut each),
        };
        // What the caller makes of a row harms no transaction.
        self.failed |= done.is_err() && !callers;
        done
    }

    /// All rows of a query.
    ///
    /// # Errors
    /// As [`Tx::for_each`].
    pub fn all<T>(&mut self, sql: &str, args: &[Arg<'_>], map: impl Fn(&Row<'_>) -> Result<T>) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        self.for_each(sql, args, &mut |row| {
            rows.push(map(row)?);
            Ok(())
        })?;
        Ok(rows)
    }

    /// The first row of a query, if there is one.
    ///
    /// # Errors
    /// As [`Tx::for_each`].
    pub fn optional<T>(
        &mut self,
        sql: &str,
        args: &[Arg<'_>],
        map: impl Fn(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut found = None;
        self.for_each(sql, args, &mut |row| {
            if found.is_none() {
                found = Some(map(row)?);
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The only row of a query that always has one (`count(*)`, `RETURNING`).
    ///
    /// # Errors
    /// As [`Tx::for_each`]; `INTERNAL` when there is none.
    pub fn one<T>(&mut self, sql: &str, args: &[Arg<'_>], map: impl Fn(&Row<'_>) -> Result<T>) -> Result<T> {
        self.optional(sql, args, map)?.ok_or_else(|| Error::internal("a query gave no row", sql.to_owned()))
    }

    /// Asks for `signal` to be raised once this transaction has committed.
    pub fn signal(&mut self, signal: Signal) {
        if !self.signals.contains(&signal) {
            self.signals.push(signal);
        }
    }

    /// `$first, $first+1, ...` for a list of `count` values.
    pub fn placeholders(first: usize, count: usize) -> String {
        (first..first + count).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ")
    }
}

/// PostgreSQL keeps no text with a NUL in it; then neither of the two does.
fn check(args: &[Arg<'_>]) -> Result<()> {
    let holds_nul = |arg: &Arg<'_>| matches!(arg, Arg::Text(Some(text)) if text.as_bytes().contains(&0));
    if args.iter().any(holds_nul) {
        return Err(Error::invalid("TEXT_INVALID", "a text holds the NUL character, which cannot be stored"));
    }
    Ok(())
}

/// `$N` as SQLite numbers them: `?N`. Text in quotes is left alone.
pub(crate) fn number_placeholders(sql: &str) -> Cow<'_, str> {
    if !sql.contains('$') {
        return Cow::Borrowed(sql);
    }
    // Every statement of the hot paths comes by here, and few have quotes.
    if !sql.contains('\'') {
        return Cow::Owned(sql.replace('$', "?"));
    }
    let mut quoted = false;
    Cow::Owned(
        sql.chars()
            .map(|c| match c {
                '\'' => {
                    quoted = !quoted;
                    c
                }
                '$' if !quoted => '?',
                _ => c,
            })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_numbered_outside_of_text() {
        assert_eq!(
            number_placeholders("SELECT '$1', a FROM t WHERE b = $2 AND c = $1"),
            "SELECT '$1', a FROM t WHERE b = ?2 AND c = ?1"
        );
        assert_eq!(
            number_placeholders("SELECT a FROM t WHERE b = $2 AND c = $1"),
            "SELECT a FROM t WHERE b = ?2 AND c = ?1"
        );
        assert_eq!(Tx::placeholders(3, 2), "$3, $4");
    }
}
