-- The last record before a time, also when a great many were written at the same one.
DROP INDEX ledger_record_at;
CREATE INDEX ledger_record_at ON ledger_record (contract, at_ms, seq);
