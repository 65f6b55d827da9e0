CREATE TABLE monitoring_monitors (
    name TEXT NOT NULL PRIMARY KEY,
    deployment TEXT NOT NULL,
    spec TEXT NOT NULL
);
CREATE TABLE monitoring_rules (
    name TEXT NOT NULL PRIMARY KEY,
    monitor TEXT NOT NULL,
    spec TEXT NOT NULL
);
-- How far a monitor has looked.
CREATE TABLE monitoring_progress (
    monitor TEXT NOT NULL PRIMARY KEY,
    first_at BIGINT NOT NULL,
    watermark BIGINT NOT NULL,
    evaluated_to BIGINT
);
-- Stretches of event time whose predictions or labels have changed since they were looked at; `seq` is the event that said so.
CREATE TABLE monitoring_changes (
    monitor TEXT NOT NULL,
    seq BIGINT NOT NULL,
    from_at BIGINT NOT NULL,
    to_at BIGINT NOT NULL,
    PRIMARY KEY (monitor, seq)
);
CREATE TABLE monitoring_windows (
    monitor TEXT NOT NULL,
    end_at BIGINT NOT NULL,
    start_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    revision BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (monitor, end_at)
);
CREATE TABLE monitoring_alerts (
    id TEXT NOT NULL PRIMARY KEY,
    rule TEXT NOT NULL,
    monitor TEXT NOT NULL,
    metric TEXT NOT NULL,
    state TEXT NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    threshold DOUBLE PRECISION NOT NULL,
    event_time BIGINT NOT NULL,
    summary TEXT NOT NULL,
    pending_at BIGINT NOT NULL,
    fired_at BIGINT,
    resolved_at BIGINT,
    action_run TEXT,
    acted_at_event_time BIGINT,
    pipeline_run TEXT
);
CREATE INDEX monitoring_alerts_by_rule ON monitoring_alerts (rule, id);
CREATE TABLE monitoring_notifications (
    alert TEXT NOT NULL,
    target TEXT NOT NULL,
    transition TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    at BIGINT NOT NULL,
    error TEXT,
    PRIMARY KEY (alert, target, transition)
);
-- What the timeline shows beside the curve; `t` is event time, unknown before the first prediction.
CREATE TABLE monitoring_annotations (
    seq BIGINT NOT NULL PRIMARY KEY,
    t BIGINT,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    severity TEXT NOT NULL,
    title TEXT NOT NULL,
    detail TEXT NOT NULL,
    link_kind TEXT NOT NULL,
    link_id TEXT NOT NULL
);
