CREATE TABLE job (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    dedup_key TEXT,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    queued_at BIGINT NOT NULL,
    run_at BIGINT NOT NULL,
    schedule TEXT,
    scheduled_for BIGINT,
    attempts BIGINT NOT NULL,
    owner TEXT,
    lease_until BIGINT,
    started_at BIGINT,
    finished_at BIGINT,
    last_error TEXT
);
CREATE INDEX job_due ON job (state, run_at, id);
CREATE UNIQUE INDEX job_waiting_once ON job (kind, dedup_key) WHERE state = 'queued' AND dedup_key IS NOT NULL;
CREATE TABLE schedule (
    name TEXT NOT NULL PRIMARY KEY,
    rule TEXT NOT NULL,
    next_at BIGINT,
    last_for BIGINT
);
