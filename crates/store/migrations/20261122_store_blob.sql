-- What the blob folder holds; a row with erased_ms is the tombstone of an erased blob.
CREATE TABLE blob (
    sha256     TEXT   NOT NULL PRIMARY KEY,
    size       BIGINT NOT NULL,
    stored_ms  BIGINT NOT NULL,
    erased_ms  BIGINT,
    reason     TEXT
);
