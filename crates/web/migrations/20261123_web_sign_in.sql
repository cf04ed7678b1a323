-- Sessions say where they are from and when the person last proved who they are.
ALTER TABLE session ADD COLUMN proved_at BIGINT;
ALTER TABLE session ADD COLUMN method TEXT;
ALTER TABLE session ADD COLUMN agent TEXT;
ALTER TABLE session ADD COLUMN address TEXT;
ALTER TABLE user_account ADD COLUMN signed_in_at BIGINT;
-- The secret of a one-time-code app, sealed with keys/web.key: codes are computed from it, so a
-- digest would not do, and a copy of the database alone must not yield codes.
CREATE TABLE second_factor (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES user_account (id),
    sealed TEXT NOT NULL,
    last_step BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    confirmed_at BIGINT
);
CREATE TABLE recovery_code (
    user_id TEXT NOT NULL REFERENCES user_account (id),
    code_hash TEXT NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (user_id, code_hash)
);
CREATE TABLE passkey (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES user_account (id),
    name TEXT NOT NULL,
    credential_id TEXT NOT NULL,
    credential TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE UNIQUE INDEX passkey_credential ON passkey (credential_id);
CREATE INDEX passkey_by_user ON passkey (user_id);
-- A challenge that waits for a passkey's answer: taken once, within minutes.
CREATE TABLE passkey_ceremony (
    id_hash TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    user_id TEXT NOT NULL,
    state TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX passkey_ceremony_by_end ON passkey_ceremony (expires_at);
-- Links that make an account (purpose join) or set a new password (purpose reset), once.
CREATE TABLE invitation (
    id TEXT NOT NULL PRIMARY KEY,
    token_hash TEXT NOT NULL,
    purpose TEXT NOT NULL,
    user_id TEXT,
    display_name TEXT NOT NULL,
    role TEXT NOT NULL,
    every_contract BIGINT NOT NULL,
    memberships TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    revoked_at BIGINT
);
CREATE UNIQUE INDEX invitation_token ON invitation (token_hash);
-- Who was shown personal data of which item. Policy web.audit-read: three years.
CREATE TABLE audit_read (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    who_kind TEXT NOT NULL,
    contract TEXT NOT NULL,
    area TEXT NOT NULL,
    item TEXT NOT NULL,
    address TEXT NOT NULL
);
CREATE INDEX audit_read_by_time ON audit_read (at);
CREATE INDEX audit_read_by_person ON audit_read (who, at);
