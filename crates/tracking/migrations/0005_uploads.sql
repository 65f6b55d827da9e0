-- Artifacts on their way in, in parts. Each part is an object of its own until all of them become one. A finished upload stays for a while, so
-- that a caller who did not hear the answer can ask again.
CREATE TABLE tracking_uploads (
    upload_id TEXT NOT NULL PRIMARY KEY,
    path TEXT NOT NULL,
    parts BIGINT NOT NULL,
    touched_ms BIGINT NOT NULL,
    done_digest TEXT,
    done_bytes BIGINT NOT NULL
) WITHOUT ROWID;
-- The order in which they are forgotten.
CREATE INDEX tracking_uploads_touched ON tracking_uploads (touched_ms);

CREATE TABLE tracking_upload_parts (
    upload_id TEXT NOT NULL,
    part BIGINT NOT NULL,
    digest TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (upload_id, part)
) WITHOUT ROWID;
