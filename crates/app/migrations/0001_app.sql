CREATE TABLE app_projects (
    name TEXT NOT NULL PRIMARY KEY,
    root TEXT NOT NULL,
    digest TEXT NOT NULL,
    code TEXT NOT NULL,
    applied_at BIGINT NOT NULL
);
