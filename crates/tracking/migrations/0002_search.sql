-- What a run logged knows its experiment, so that a search finds it by key and value without looking at the experiment's other runs.
-- Metrics stand in the order of their values; of texts the first 64 letters do, since an index takes no long ones.
ALTER TABLE tracking_latest ADD COLUMN experiment_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tracking_params ADD COLUMN experiment_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tracking_tags ADD COLUMN experiment_id BIGINT NOT NULL DEFAULT 0;
UPDATE tracking_latest SET experiment_id = (SELECT r.experiment_id FROM tracking_runs r WHERE r.run_no = tracking_latest.run_no);
UPDATE tracking_params SET experiment_id = (SELECT r.experiment_id FROM tracking_runs r WHERE r.run_no = tracking_params.run_no);
UPDATE tracking_tags SET experiment_id = (SELECT r.experiment_id FROM tracking_runs r WHERE r.run_no = tracking_tags.run_no);
CREATE INDEX tracking_latest_ranked ON tracking_latest (experiment_id, key, nan, value, run_no);
CREATE INDEX tracking_params_by_value ON tracking_params (experiment_id, key, substr(value, 1, 64), run_no);
CREATE INDEX tracking_tags_by_value ON tracking_tags (experiment_id, key, substr(value, 1, 64), run_no);

-- How somebody wants to see the table of an experiment's runs: a document of the user interface, by name.
CREATE TABLE tracking_views (
    experiment_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    updated_ms BIGINT NOT NULL,
    PRIMARY KEY (experiment_id, name)
) WITHOUT ROWID;
