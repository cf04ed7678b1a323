-- Files that a contract's records name, so that one can be given back to those who may see the
-- contract and to nobody else. The bytes lie among the blobs.
CREATE TABLE office_file (
    contract   TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    register   TEXT NOT NULL,
    media_type TEXT NOT NULL,
    PRIMARY KEY (contract, sha256, register)
);

-- Reminders that went out, each once: before which day, so many days ahead.
CREATE TABLE office_item_reminder (
    contract TEXT   NOT NULL,
    item_id  TEXT   NOT NULL,
    due      TEXT   NOT NULL,   -- ISO date that is reminded of
    days     BIGINT NOT NULL,   -- 60, 30, 7
    at_ms    BIGINT NOT NULL,
    PRIMARY KEY (contract, item_id, due, days)
);
