-- How it stands with a site's certificate, as far as an authority is asked for it. The certificate
-- itself and its key are files.
CREATE TABLE gateway_certificate (
    site TEXT NOT NULL PRIMARY KEY,
    -- 1: somebody asked for a new one.
    wanted BIGINT NOT NULL,
    tried_at BIGINT,
    -- Failures since the last success.
    failures BIGINT NOT NULL,
    -- What the last try failed by; empty: it did not.
    trouble TEXT NOT NULL,
    detail TEXT NOT NULL,
    -- No try before: our own pause, and what the authority asked for.
    pause_until BIGINT,
    told_until BIGINT,
    issued_at BIGINT,
    -- Tries of one day.
    day TEXT NOT NULL,
    tries BIGINT NOT NULL,
    -- What the authority suggests for the next renewal, and when it was asked.
    renew_at BIGINT,
    asked_at BIGINT,
    -- Who orders now: nobody else does until then.
    held_until BIGINT
);

-- Questions of an authority that every gateway answers at the moment. Nothing secret: the authority
-- and whoever asks are told the same.
CREATE TABLE gateway_challenge (
    site TEXT NOT NULL,
    host TEXT NOT NULL,
    kind TEXT NOT NULL,
    token TEXT NOT NULL,
    answer TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (host, kind, token)
);

-- Which end of a certificate people were warned of.
CREATE TABLE gateway_certificate_warning (
    site TEXT NOT NULL,
    not_after BIGINT NOT NULL,
    days BIGINT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (site, not_after, days)
);
