-- Which account of the identity provider belongs to which account here. The provider's own
-- number names it: addresses and names change hands.
CREATE TABLE oidc_identity (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES user_account (id),
    email TEXT,
    linked_at BIGINT NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (issuer, subject)
);
CREATE UNIQUE INDEX oidc_identity_by_user ON oidc_identity (user_id, issuer);
-- Somebody was sent to the provider and is expected back: once, within minutes, in the same
-- browser. What is compared with the answer is sealed with keys/web.key.
CREATE TABLE oidc_attempt (
    state_hash TEXT NOT NULL PRIMARY KEY,
    browser_hash TEXT NOT NULL,
    sealed TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX oidc_attempt_by_end ON oidc_attempt (expires_at);
