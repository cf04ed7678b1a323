-- Findings beyond what is kept of a second, since the gateway serves.
ALTER TABLE gateway_alive ADD COLUMN left_out BIGINT NOT NULL DEFAULT 0;
