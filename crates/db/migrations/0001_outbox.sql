-- Events stated and not yet ordered. The pump moves them to `events` after commit and gives them a gap-free place there.
CREATE TABLE outbox (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_name TEXT NOT NULL,
    at BIGINT NOT NULL,
    ord BIGINT NOT NULL,
    actor TEXT NOT NULL,
    cause TEXT,
    summary TEXT NOT NULL,
    data TEXT NOT NULL
);
CREATE TABLE events (
    seq BIGINT NOT NULL PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_name TEXT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    cause TEXT,
    summary TEXT NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX events_by_subject ON events (subject_kind, subject_name, seq);
CREATE INDEX events_by_name ON events (name, seq);
