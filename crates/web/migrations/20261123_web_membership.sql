ALTER TABLE user_account ADD COLUMN every_contract BIGINT NOT NULL DEFAULT 1;
ALTER TABLE user_account ADD COLUMN language TEXT NOT NULL DEFAULT 'ja';
ALTER TABLE user_account ADD COLUMN date_style TEXT NOT NULL DEFAULT 'wareki';
CREATE TABLE membership (
    user_id TEXT NOT NULL REFERENCES user_account (id),
    contract TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (user_id, contract)
);
