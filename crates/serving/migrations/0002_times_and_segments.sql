-- Labels of a stretch of time are read together; those without one belong to requests not seen when they came.
CREATE INDEX serving_labels_by_time ON serving_labels (deployment, event_time);
-- The number of the segment a file was made from: none is given twice, whatever the clock says.
ALTER TABLE serving_log_files ADD COLUMN segment BIGINT NOT NULL DEFAULT 0;
