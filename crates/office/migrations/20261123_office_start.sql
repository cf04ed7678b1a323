-- Who answers for an obligation; the ledger's obligation.assigned tells how it came about.
CREATE TABLE office_assignee (
    contract    TEXT   NOT NULL,
    obligation  TEXT   NOT NULL,
    user_id     TEXT   NOT NULL,
    assigned_ms BIGINT NOT NULL,
    PRIMARY KEY (contract, obligation)
);

-- Calendar feeds: a secret address per person and contract, kept as its digest.
CREATE TABLE office_feed (
    token_hash TEXT   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL,
    contract   TEXT   NOT NULL,
    created_ms BIGINT NOT NULL
);
CREATE UNIQUE INDEX office_feed_owner ON office_feed (user_id, contract);

-- One reminder a day and receiver, over all contracts. Rows older than a year are deleted.
CREATE TABLE office_reminder (
    day      TEXT   NOT NULL,   -- ISO date
    receiver TEXT   NOT NULL,
    at_ms    BIGINT NOT NULL,
    PRIMARY KEY (day, receiver)
);

-- What waits for somebody is asked on every start page.
CREATE INDEX office_item_state ON office_item (contract, register, state, updated_ms);
