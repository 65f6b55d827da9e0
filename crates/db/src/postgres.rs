//! The scaled-out database: a few threads, each with a connection and one transaction at a time.

use std::collections::HashMap;

use ::postgres::fallible_iterator::FallibleIterator as _;
use ::postgres::types::ToSql;
use ::postgres::{Client, Config, NoTls, Statement};
use pitcrew_kernel::Result;

use crate::Arg;
use crate::engine::{Job, Signals};
use crate::errors::{from_postgres, gone};
use crate::row::Row;
use crate::tx::{Conn, Tx};

/// Statements kept prepared per connection; beyond that the cache starts over.
const STATEMENT_CACHE: usize = 512;

pub(crate) struct PostgresConn {
    config: Config,
    schema: Option<String>,
    client: Option<Client>,
    statements: HashMap<String, Statement>,
}

impl PostgresConn {
    pub(crate) fn open(config: Config, schema: Option<String>) -> Result<Self> {
        let mut conn = Self { config, schema, client: None, statements: HashMap::new() };
        conn.client()?;
        Ok(conn)
    }

    /// The live connection, opened again when it was lost.
    fn client(&mut self) -> Result<&mut Client> {
        if self.client.as_ref().is_none_or(Client::is_closed) {
            self.statements.clear();
            let mut client = self.config.connect(NoTls).map_err(gone)?;
            if let Some(schema) = &self.schema {
                client
                    .batch_execute(&format!(
                        "CREATE SCHEMA IF NOT EXISTS \"{schema}\"; SET search_path TO \"{schema}\""
                    ))
                    .map_err(from_postgres)?;
            }
            self.client = Some(client);
        }
        self.client.as_mut().ok_or_else(|| gone("no connection"))
    }

    /// The connection of the open transaction. Never a new one: what it did so far would be lost while the rest is kept.
    fn same(&mut self) -> Result<&mut Client> {
        self.client.as_mut().filter(|client| !client.is_closed()).ok_or_else(|| gone("the connection was lost"))
    }

    /// Begins a transaction. A reader sees one snapshot throughout.
    fn begin(&mut self, reads: bool) -> Result<()> {
        let sql = if reads { "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" } else { "BEGIN" };
        let client = self.client()?;
        match client.batch_execute(sql) {
            // It was lost while nobody used it; nothing has happened yet, so a new one will do.
            Err(_) if client.is_closed() => self.client()?.batch_execute(sql).map_err(from_postgres),
            begun => begun.map_err(from_postgres),
        }
    }

    fn end(&mut self, sql: &str) -> Result<()> {
        self.same()?.batch_execute(sql).map_err(from_postgres)
    }

    fn prepared(&mut self, sql: &str) -> Result<Statement> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.same()?.prepare(sql).map_err(from_postgres)?;
        if self.statements.len() >= STATEMENT_CACHE {
            self.statements.clear();
        }
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    pub(crate) fn exec(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<u64> {
        let statement = self.prepared(sql)?;
        self.same()?.execute(&statement, &bound(args)).map_err(from_postgres)
    }

    pub(crate) fn query(
        &mut self,
        sql: &str,
        args: &[Arg<'_>],
        each: &mut dyn FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        let statement = self.prepared(sql)?;
        // One row after the other: an answer may be far larger than what is kept of it.
        let mut rows = self.same()?.query_raw(&statement, bound(args)).map_err(from_postgres)?;
        while let Some(row) = rows.next().map_err(from_postgres)? {
            each(&Row::Postgres(&row))?;
        }
        Ok(())
    }
}

fn bound<'a>(args: &'a [Arg<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    args.iter().map(|arg| arg as &(dyn ToSql + Sync)).collect()
}

/// Runs one command in a transaction of its own.
pub(crate) fn run_one(conn: &mut PostgresConn, job: Box<dyn Job>, signals: &Signals) {
    if let Err(error) = conn.begin(job.reads()) {
        return job.refuse(error).acknowledge(None);
    }
    let mut tx = Tx::new(Conn::Postgres(conn));
    let outcome = job.run(&mut tx);
    let raised = tx.take_signals();
    if outcome.failure.is_some() {
        // The command's own error is what the caller hears; a lost connection rolls back by itself.
        let _rolled_back = conn.end("ROLLBACK");
        return outcome.acknowledge(None);
    }
    match conn.end("COMMIT") {
        Ok(()) => {
            signals.raise(&raised);
            outcome.acknowledge(None);
        }
        Err(error) => outcome.acknowledge(Some(error)),
    }
}
