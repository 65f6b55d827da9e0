-- How far each subscriber has read. The row `sequencer` is the lock under which events get their order.
CREATE TABLE work_cursors (
    subscriber TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL
);
-- Events a subscriber could not take after all its tries.
CREATE TABLE work_parked (
    subscriber TEXT NOT NULL,
    seq BIGINT NOT NULL,
    error TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (subscriber, seq)
);
CREATE TABLE work_jobs (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    run_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    max_attempts BIGINT NOT NULL,
    again BIGINT NOT NULL,
    lease_owner TEXT,
    lease_until BIGINT,
    error TEXT,
    created_at BIGINT NOT NULL,
    UNIQUE (kind, key)
);
CREATE INDEX work_jobs_by_time ON work_jobs (state, run_at);
CREATE TABLE work_schedules (
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    expression TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    next_at BIGINT NOT NULL,
    PRIMARY KEY (owner, name)
);
-- What was last applied, by kind and name, so that plan can tell a difference.
CREATE TABLE work_declared (
    project TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    spec TEXT NOT NULL,
    PRIMARY KEY (kind, name)
);
