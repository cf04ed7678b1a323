-- What people decided about a contract in daily work; a key that is not here has its default.
CREATE TABLE contract_setting (
    contract   TEXT   NOT NULL,
    key        TEXT   NOT NULL,
    value      TEXT   NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT   NOT NULL,
    PRIMARY KEY (contract, key)
);
