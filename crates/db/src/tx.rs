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
    pub(crate) conn: Conn<'c>,
    pub(crate) signals: Vec<Signal>,
}

impl std::fmt::Debug for Tx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tx").field("dialect", &self.dialect()).finish_non_exhaustive()
    }
}

impl Tx<'_> {
    /// Which database this is.
    pub fn dialect(&self) -> Dialect {
        match self.conn {
            Conn::Sqlite(_) => Dialect::Sqlite,
            Conn::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs a statement; answers the number of rows it touched.
    ///
    /// # Errors
    /// `ALREADY_EXISTS` (a unique key), `DB_BUSY`, `DISK_FULL`, `DB_UNREACHABLE`, `INTERNAL`.
    pub fn exec(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<u64> {
        match &mut self.conn {
            Conn::Sqlite(conn) => conn.exec(sql, args),
            Conn::Postgres(conn) => conn.exec(sql, args),
        }
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
        match &mut self.conn {
            Conn::Sqlite(conn) => conn.query(sql, args, each),
            Conn::Postgres(conn) => conn.query(sql, args, each),
        }
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

/// `$N` as SQLite numbers them: `?N`. Text in quotes is left alone.
pub(crate) fn number_placeholders(sql: &str) -> Cow<'_, str> {
    if !sql.contains('$') {
        return Cow::Borrowed(sql);
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
        assert_eq!(Tx::placeholders(3, 2), "$3, $4");
    }
}
