CREATE TABLE webhook_subscription (
    id TEXT NOT NULL PRIMARY KEY,
    contract TEXT NOT NULL,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    kinds TEXT NOT NULL,
    made_by TEXT NOT NULL,
    request_key TEXT,
    created_at BIGINT NOT NULL,
    sent_seq BIGINT NOT NULL,
    busy_until BIGINT,
    failing_since BIGINT,
    disabled_at BIGINT,
    disabled_reason TEXT,
    ended_at BIGINT
);
CREATE INDEX webhook_subscription_by_contract ON webhook_subscription (contract);
CREATE UNIQUE INDEX webhook_subscription_once ON webhook_subscription (contract, made_by, request_key)
    WHERE request_key IS NOT NULL;
CREATE TABLE webhook_delivery (
    id TEXT NOT NULL PRIMARY KEY,
    subscription TEXT NOT NULL REFERENCES webhook_subscription (id),
    seq BIGINT NOT NULL,
    event TEXT NOT NULL,
    reason TEXT NOT NULL,
    tried_at BIGINT NOT NULL,
    status BIGINT,
    error TEXT
);
CREATE INDEX webhook_delivery_by_subscription ON webhook_delivery (subscription, tried_at);
