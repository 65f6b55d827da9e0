-- `secret` is sealed, never plain. `failed_at` and `failure` tell of the last message that was given up, until one is delivered again.
CREATE TABLE registry_webhooks (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    url TEXT NOT NULL,
    secret TEXT,
    active BIGINT NOT NULL,
    failed_at BIGINT,
    failure TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE TABLE registry_webhook_topics (
    webhook TEXT NOT NULL,
    topic TEXT NOT NULL,
    PRIMARY KEY (webhook, topic)
);
CREATE INDEX registry_webhook_topics_by_topic ON registry_webhook_topics (topic);
