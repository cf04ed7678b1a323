-- Who is kept out, shared by all gateways on this database. Personal data: addresses; a gateway
-- deletes what is forgiven.
CREATE TABLE gateway_ban (
    network TEXT NOT NULL PRIMARY KEY,
    -- The watch that saw too much; empty: a person decided.
    watch TEXT NOT NULL,
    reason TEXT NOT NULL,
    author TEXT NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT,
    times BIGINT NOT NULL,
    -- A person let the network in again; the next gateway that reads this forgets it.
    lifted BIGINT NOT NULL
);

-- Counts up with every change of bans: a gateway takes them over without making its policy anew.
INSERT INTO gateway_revision (one, revision) VALUES (2, 1);

-- How often watches saw too much, by Japanese day.
CREATE TABLE gateway_intrusion (
    day TEXT NOT NULL,
    watch TEXT NOT NULL,
    seen BIGINT NOT NULL,
    banned BIGINT NOT NULL,
    PRIMARY KEY (day, watch)
);

-- Which access records lie in the files of the gateway.
CREATE TABLE gateway_access (
    one BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    oldest_on TEXT NOT NULL,
    newest_on TEXT NOT NULL,
    files BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    removed BIGINT NOT NULL,
    trouble TEXT NOT NULL
);
