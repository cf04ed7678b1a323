-- What the firewall does with a part of a site: on a path and below, with a rule, with all rules of
-- a tag. With who decided it, why and until when (without a day: until somebody ends it).
CREATE TABLE gateway_local_mode (
    id TEXT NOT NULL PRIMARY KEY,
    site TEXT NOT NULL,
    about TEXT NOT NULL,
    name TEXT NOT NULL,
    mode TEXT NOT NULL,
    reason TEXT NOT NULL,
    author TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_on TEXT,
    ended_at BIGINT,
    ended_by TEXT NOT NULL
);
CREATE INDEX gateway_local_mode_site ON gateway_local_mode (site, ended_at);
