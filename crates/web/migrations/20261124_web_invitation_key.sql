-- The same Idempotency-Key of the same maker makes one link.
ALTER TABLE invitation ADD COLUMN request_key TEXT;
CREATE UNIQUE INDEX invitation_by_request ON invitation (made_by, request_key);
