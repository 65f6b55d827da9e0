//! Driver errors become ours, once, here.

use std::time::Duration;

use ::postgres::error::SqlState;
use pitcrew_kernel::Error;

/// The server ends, is not up yet or takes nobody in.
const GOING_AWAY: [SqlState; 4] =
    [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW, SqlState::TOO_MANY_CONNECTIONS];
const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(crate) fn from_sqlite(error: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) if is_unique(&error) => conflict(error),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::unavailable("DB_BUSY", "the metadata database is busy").retry_after(RETRY_AFTER).with_source(error)
        }
        Some(ErrorCode::DiskFull) => disk_full(error),
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => {
            Error::unavailable("DB_IO", "the metadata database cannot be read or written")
                .hint("check that the home folder is there, writable and on a healthy disk")
                .with_source(error)
        }
        Some(ErrorCode::ReadOnly) => Error::unavailable("DB_READ_ONLY", "the metadata database is read-only")
            .hint("make the home folder writable for the user that runs pitcrew")
            .with_source(error),
        _ => Error::internal("a database statement failed", error),
    }
}

fn is_unique(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(failure, _)
        if matches!(failure.extended_code, rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE | rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY | rusqlite::ffi::SQLITE_CONSTRAINT_ROWID))
}

pub(crate) fn from_postgres(error: ::postgres::Error) -> Error {
    match error.code() {
        Some(code) if *code == SqlState::UNIQUE_VIOLATION => conflict(error),
        Some(code) if *code == SqlState::T_R_DEADLOCK_DETECTED || *code == SqlState::T_R_SERIALIZATION_FAILURE => {
            Error::unavailable("DB_BUSY", "the metadata database is busy").retry_after(RETRY_AFTER).with_source(error)
        }
        Some(code) if *code == SqlState::DISK_FULL => disk_full(error),
        Some(code) if GOING_AWAY.contains(code) => gone(error),
        Some(_) => Error::internal("a database statement failed", error),
        None => gone(error),
    }
}

pub(crate) fn gone(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::unavailable("DB_UNREACHABLE", "the metadata database cannot be reached")
        .retry_after(RETRY_AFTER)
        .with_source(error)
}

fn conflict(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::conflict("ALREADY_EXISTS", "it exists already").with_source(error)
}

fn disk_full(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::unavailable("DISK_FULL", "the disk that holds the home folder is full")
        .hint("free some space (`pitcrew gc` removes unreferenced objects), then try again; nothing acknowledged was lost")
        .with_source(error)
}
