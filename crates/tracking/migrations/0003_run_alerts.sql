-- Rules declared in projects, and the runs that broke them: each rule fires once for a run.
CREATE TABLE tracking_alert_rules (
    name TEXT NOT NULL PRIMARY KEY,
    experiment TEXT NOT NULL,
    spec TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE tracking_alerts (
    alert_no BIGINT NOT NULL PRIMARY KEY,
    rule TEXT NOT NULL,
    run_no BIGINT NOT NULL,
    at BIGINT NOT NULL,
    what TEXT NOT NULL,
    -- Why somebody could not be told, when that is so.
    untold TEXT,
    UNIQUE (rule, run_no)
) WITHOUT ROWID;
CREATE INDEX tracking_alerts_of_run ON tracking_alerts (run_no, alert_no);
INSERT INTO tracking_counters (name, value) VALUES ('alert', 0);

-- What is under way is a handful among all runs.
CREATE INDEX tracking_runs_running ON tracking_runs (experiment_id) WHERE status = 'RUNNING';
