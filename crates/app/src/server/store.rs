//! The server's own table: which projects were applied from where.

use std::collections::HashSet;

use pitcrew_db::{Migration, Migrations, Tx};
use pitcrew_kernel::{Digest, Error, Result};
use pitcrew_work::{Applying, CodeSnapshot};
use serde_json::{Value, json};

use super::apply::code_digests;

pub(crate) const MIGRATIONS: Migrations = Migrations {
    slice: "app",
    steps: &[Migration { name: "0001_app", sql: include_str!("../../migrations/0001_app.sql") }],
};

pub(crate) fn remember_project(tx: &mut Tx<'_>, applying: &Applying<'_>) -> Result<()> {
    let code = serde_json::to_string(applying.code)
        .map_err(|source| Error::internal("a code snapshot does not serialise", source))?;
    tx.exec(
        "INSERT INTO app_projects (name, root, digest, code, applied_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (name) DO UPDATE SET \
         root = excluded.root, digest = excluded.digest, code = excluded.code, applied_at = excluded.applied_at",
        &[
            applying.project.project.as_str().into(),
            applying.root.to_string_lossy().into_owned().into(),
            applying.code.digest.into(),
            code.into(),
            applying.out.clock.now().into(),
        ],
    )?;
    Ok(())
}

pub(crate) fn projects(tx: &mut Tx<'_>) -> Result<Vec<Value>> {
    tx.all("SELECT name, root, digest, applied_at FROM app_projects ORDER BY name", &[], |row| {
        Ok(json!({ "name": row.text(0)?, "root": row.text(1)?, "digest": row.text(2)?, "applied_at": row.time(3)? }))
    })
}

pub(crate) fn referenced_digests(tx: &mut Tx<'_>) -> Result<HashSet<Digest>> {
    let snapshots = tx.all("SELECT code FROM app_projects", &[], |row| row.json::<CodeSnapshot>(0))?;
    Ok(snapshots.iter().flat_map(code_digests).collect())
}
