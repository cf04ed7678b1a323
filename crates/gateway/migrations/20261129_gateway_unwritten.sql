-- Access records that could not be written, since the gateway serves.
ALTER TABLE gateway_alive ADD COLUMN unwritten BIGINT NOT NULL DEFAULT 0;
