-- The evidence ledger. Rows of ledger_record are never updated or deleted.
CREATE TABLE ledger_record (
    contract    TEXT   NOT NULL,
    seq         BIGINT NOT NULL,
    at_ms       BIGINT NOT NULL,
    observed_ms BIGINT,            -- what the clock showed, when it was behind the chain
    actor_kind  TEXT   NOT NULL,
    actor_id    TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    version     BIGINT NOT NULL,
    subject     TEXT   NOT NULL,
    payload     TEXT   NOT NULL,   -- canonical JSON object
    attachments TEXT   NOT NULL,   -- canonical JSON array
    personal    TEXT,              -- SHA-256(salt, personal data), in hex
    dedup       TEXT,
    prev        TEXT   NOT NULL,
    hash        TEXT   NOT NULL,
    PRIMARY KEY (contract, seq)
);

CREATE INDEX ledger_record_kind ON ledger_record (contract, kind, seq);
CREATE INDEX ledger_record_subject ON ledger_record (contract, subject, seq);
CREATE INDEX ledger_record_at ON ledger_record (contract, at_ms);
CREATE UNIQUE INDEX ledger_record_dedup ON ledger_record (contract, dedup) WHERE dedup IS NOT NULL;

-- The end of each chain, changed in the transaction that appends.
CREATE TABLE ledger_head (
    contract TEXT   NOT NULL PRIMARY KEY,
    seq      BIGINT NOT NULL,
    at_ms    BIGINT,               -- null while the chain is empty
    hash     TEXT   NOT NULL,
    peaks    TEXT   NOT NULL       -- compact Merkle range: digests in hex, largest subtree first
);

-- Roots of complete Merkle subtrees of 2^level records, so that proofs need few records.
CREATE TABLE ledger_node (
    contract TEXT   NOT NULL,
    level    BIGINT NOT NULL,
    idx      BIGINT NOT NULL,
    hash     TEXT   NOT NULL,
    PRIMARY KEY (contract, level, idx)
);

-- Personal data of records, erasable; the chain keeps the digest.
CREATE TABLE ledger_personal (
    contract TEXT   NOT NULL,
    seq      BIGINT NOT NULL,
    salt     TEXT   NOT NULL,      -- 32 random bytes in hex
    body     TEXT   NOT NULL,      -- canonical JSON object
    PRIMARY KEY (contract, seq)
);

-- Signed statements about chains; at most one per size, so that an export repeats exactly.
CREATE TABLE ledger_checkpoint (
    contract  TEXT   NOT NULL,
    size      BIGINT NOT NULL,
    head      TEXT   NOT NULL,
    root      TEXT   NOT NULL,
    at_ms     BIGINT NOT NULL,
    key_id    TEXT   NOT NULL,
    signature TEXT   NOT NULL,
    PRIMARY KEY (contract, size)
);
