-- The last number given to a version under each name. It outlives the model, so that a number never means two versions.
CREATE TABLE registry_version_numbers (
    model TEXT NOT NULL PRIMARY KEY,
    last_version BIGINT NOT NULL
);
INSERT INTO registry_version_numbers (model, last_version)
SELECT model, max(version) FROM (
    SELECT model, version FROM registry_versions
    UNION ALL SELECT model, to_version FROM registry_alias_history WHERE to_version IS NOT NULL
    UNION ALL SELECT model, version FROM registry_gate_decisions WHERE version IS NOT NULL
) AS given GROUP BY model;
