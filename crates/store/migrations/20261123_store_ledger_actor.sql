-- Who recorded what, the newest first, without looking through the whole chain.
CREATE INDEX ledger_record_actor ON ledger_record (contract, actor_kind, actor_id, seq);
