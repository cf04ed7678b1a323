-- Traffic of a minute (minutes since 1970), for pages that show now. Kept for two days. Answers by
-- the class of their status.
CREATE TABLE gateway_minute (
    site TEXT NOT NULL,
    minute BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    observed BIGINT NOT NULL,
    two BIGINT NOT NULL,
    three BIGINT NOT NULL,
    four BIGINT NOT NULL,
    five BIGINT NOT NULL,
    PRIMARY KEY (site, minute)
);

-- What the firewall found on a Japanese day: requests by kind of attack and by rule. No visitors.
CREATE TABLE gateway_found_day (
    site TEXT NOT NULL,
    day TEXT NOT NULL,
    what TEXT NOT NULL,
    name TEXT NOT NULL,
    refused BIGINT NOT NULL,
    observed BIGINT NOT NULL,
    PRIMARY KEY (site, day, what, name)
);
