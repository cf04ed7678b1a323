-- Counts the decisions about a site, so that one taken on an old view of it is noticed.
ALTER TABLE gateway_policy ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;
