-- What people decided about a site in daily work. A site without a row has the defaults.
CREATE TABLE gateway_policy (
    site TEXT NOT NULL PRIMARY KEY,
    mode TEXT NOT NULL,
    paranoia BIGINT NOT NULL,
    closed BIGINT NOT NULL,
    retry_minutes BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT NOT NULL
);

-- Rule x parameter x path that is not looked at, with who decided it, why and until when.
CREATE TABLE gateway_exclusion (
    id TEXT NOT NULL PRIMARY KEY,
    site TEXT NOT NULL,
    rule BIGINT NOT NULL,
    target TEXT NOT NULL,
    path TEXT NOT NULL,
    below BIGINT NOT NULL,
    reason TEXT NOT NULL,
    author TEXT NOT NULL,
    request TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_on TEXT NOT NULL,
    ended_at BIGINT,
    ended_by TEXT NOT NULL
);
CREATE INDEX gateway_exclusion_site ON gateway_exclusion (site, ended_at);

-- One row: counts up with every change, so that a running gateway knows that it has to read again.
CREATE TABLE gateway_revision (
    one BIGINT NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL
);
INSERT INTO gateway_revision (one, revision) VALUES (1, 1);

-- Requests that rules matched, as far as they were or would have been refused. Personal data:
-- address and values; deleted by policy.
CREATE TABLE gateway_finding (
    id TEXT NOT NULL PRIMARY KEY,
    site TEXT NOT NULL,
    at BIGINT NOT NULL,
    client TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    mode TEXT NOT NULL,
    refused BIGINT NOT NULL,
    score BIGINT NOT NULL,
    incomplete BIGINT NOT NULL,
    rules TEXT NOT NULL,
    matches TEXT NOT NULL
);
CREATE INDEX gateway_finding_at ON gateway_finding (site, at);

-- Traffic of a Japanese day.
CREATE TABLE gateway_day (
    site TEXT NOT NULL,
    day TEXT NOT NULL,
    requests BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    observed BIGINT NOT NULL,
    broken BIGINT NOT NULL,
    bytes_in BIGINT NOT NULL,
    bytes_out BIGINT NOT NULL,
    PRIMARY KEY (site, day)
);

-- That the gateway runs, as it says itself every minute: pages and jobs may be another process.
CREATE TABLE gateway_alive (
    one BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    since BIGINT NOT NULL,
    policy_at BIGINT NOT NULL,
    trouble TEXT NOT NULL,
    lost BIGINT NOT NULL
);

-- Which share of a month's plan people were told of.
CREATE TABLE gateway_alarm (
    contract TEXT NOT NULL,
    month TEXT NOT NULL,
    percent BIGINT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (contract, month, percent)
);
