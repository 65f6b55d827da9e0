-- Declared data sets. `columns` is pinned by the first version; `verified` is what the last passing evaluation saw (files and checks).
CREATE TABLE data_sets (
    name TEXT NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    root TEXT NOT NULL,
    spec TEXT NOT NULL,
    declared BIGINT NOT NULL,
    columns TEXT,
    verified TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
-- Versions are never changed and never removed.
CREATE TABLE data_versions (
    dataset TEXT NOT NULL,
    version BIGINT NOT NULL,
    digest TEXT NOT NULL,
    row_count BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    new_bytes BIGINT NOT NULL,
    manifest TEXT NOT NULL,
    profile TEXT NOT NULL,
    checks TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    cause TEXT,
    PRIMARY KEY (dataset, version)
);
-- Every object some version refers to: what garbage collection keeps.
CREATE TABLE data_objects (
    digest TEXT NOT NULL PRIMARY KEY
);
-- The evidence of every evaluation, passed or failed, up to a number per data set.
CREATE TABLE data_reports (
    dataset TEXT NOT NULL,
    number BIGINT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    cause TEXT,
    gate TEXT NOT NULL,
    row_count BIGINT NOT NULL,
    version BIGINT,
    checks TEXT NOT NULL,
    PRIMARY KEY (dataset, number)
);
-- What source files looked like when they were hashed, so that untouched ones are not hashed again.
CREATE TABLE data_file_stats (
    dataset TEXT NOT NULL,
    path TEXT NOT NULL,
    size BIGINT NOT NULL,
    modified_ns BIGINT NOT NULL,
    changed_ns BIGINT NOT NULL,
    inode BIGINT NOT NULL,
    digest TEXT NOT NULL,
    hashed_at BIGINT NOT NULL,
    PRIMARY KEY (dataset, path)
);
