-- Items of all registers. A row says what the item's ledger records say and can be rebuilt
-- from them; it is here to be listed, searched and locked.
CREATE TABLE office_item (
    id          TEXT   NOT NULL PRIMARY KEY,
    contract    TEXT   NOT NULL,
    register    TEXT   NOT NULL,
    number      TEXT   NOT NULL,   -- for people, e.g. 依頼-R8-012
    state       TEXT   NOT NULL,
    day         TEXT   NOT NULL,   -- ISO date under which it is listed
    title       TEXT   NOT NULL,
    link        TEXT,              -- obligation, gate or request that it belongs to
    search_text TEXT   NOT NULL,   -- normalised (NFKC, lower case)
    data        TEXT   NOT NULL,   -- JSON object, personal data included
    opened_by   TEXT   NOT NULL,   -- actor, e.g. person:0192…
    created_ms  BIGINT NOT NULL,
    updated_ms  BIGINT NOT NULL,
    revision    BIGINT NOT NULL
);

CREATE UNIQUE INDEX office_item_number ON office_item (contract, register, number);
CREATE INDEX office_item_day ON office_item (contract, register, day);
CREATE INDEX office_item_link ON office_item (contract, register, link);

-- Last number given per register and fiscal year.
CREATE TABLE office_number (
    contract    TEXT   NOT NULL,
    register    TEXT   NOT NULL,
    fiscal_year BIGINT NOT NULL,
    last        BIGINT NOT NULL,
    PRIMARY KEY (contract, register, fiscal_year)
);

-- Acts that came with an Idempotency-Key: the same key answers with the same item.
CREATE TABLE office_idempotency (
    contract   TEXT   NOT NULL,
    actor      TEXT   NOT NULL,
    request_key TEXT  NOT NULL,
    digest     TEXT   NOT NULL,    -- of register, item, act and form
    item_id    TEXT,               -- null while the act is running
    at_ms      BIGINT NOT NULL,
    PRIMARY KEY (contract, actor, request_key)
);
