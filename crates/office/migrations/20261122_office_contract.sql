-- Contracts in force, as the text they were activated from.
CREATE TABLE office_contract (
    id           TEXT   NOT NULL PRIMARY KEY,
    name         TEXT   NOT NULL,
    source       TEXT   NOT NULL,   -- the TOML text
    sha256       TEXT   NOT NULL,   -- of the text
    activated_ms BIGINT NOT NULL,
    changed_ms   BIGINT NOT NULL
);

-- State of the contract engine after a record, so that a start need not read the whole ledger.
-- It follows from contract and ledger and may be deleted at any time.
CREATE TABLE office_engine (
    contract TEXT   NOT NULL PRIMARY KEY,
    seq      BIGINT NOT NULL,       -- last record that the state holds
    basis    TEXT   NOT NULL,       -- digest of contract text, program version and kinds
    state    TEXT   NOT NULL,       -- JSON
    taken_ms BIGINT NOT NULL
);
