-- A person's own mail address, once they have shown that they read what is sent to it. `wanted` is
-- one that was asked for and not confirmed yet; its link is kept as a digest.
CREATE TABLE account_mail (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES user_account (id),
    address TEXT,
    verified_at BIGINT,
    wanted TEXT,
    token_hash TEXT,
    asked_at BIGINT,
    expires_at BIGINT
);
-- Where the link of an invitation was sent: whoever uses it reads mail there.
ALTER TABLE invitation ADD COLUMN mail TEXT;
