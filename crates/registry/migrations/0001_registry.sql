CREATE TABLE registry_models (
    name TEXT NOT NULL PRIMARY KEY,
    description TEXT NOT NULL,
    gate TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE TABLE registry_model_tags (
    model TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model, key)
);
-- `digest` is absent for a version that holds no servable file. `deleted` keeps the number taken for ever.
CREATE TABLE registry_versions (
    model TEXT NOT NULL,
    version BIGINT NOT NULL,
    description TEXT NOT NULL,
    source TEXT NOT NULL,
    tracking_run_id TEXT,
    logged_model_id TEXT,
    digest TEXT,
    bytes BIGINT NOT NULL,
    signature TEXT,
    model_signature TEXT,
    reference_digest TEXT,
    lineage TEXT,
    metrics TEXT NOT NULL,
    gate_decision TEXT,
    stage TEXT NOT NULL,
    deleted BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (model, version)
);
CREATE INDEX registry_versions_by_run ON registry_versions (tracking_run_id);
CREATE TABLE registry_version_tags (
    model TEXT NOT NULL,
    version BIGINT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model, version, key)
);
CREATE TABLE registry_aliases (
    model TEXT NOT NULL,
    alias TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (model, alias)
);
CREATE TABLE registry_alias_history (
    model TEXT NOT NULL,
    seq BIGINT NOT NULL,
    alias TEXT NOT NULL,
    from_version BIGINT,
    to_version BIGINT,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    cause TEXT,
    reason TEXT NOT NULL,
    PRIMARY KEY (model, seq)
);
-- One decision a step of a run: offered again after a crash, the same answer is given.
CREATE TABLE registry_gate_decisions (
    id TEXT NOT NULL PRIMARY KEY,
    model TEXT NOT NULL,
    pipeline_run TEXT NOT NULL,
    step TEXT NOT NULL,
    verdict TEXT NOT NULL,
    reason TEXT NOT NULL,
    version BIGINT,
    champion BIGINT,
    row_count BIGINT NOT NULL,
    metrics TEXT NOT NULL,
    champion_metrics TEXT NOT NULL,
    rules TEXT NOT NULL,
    cause TEXT,
    at BIGINT NOT NULL,
    UNIQUE (pipeline_run, step)
);
