-- +goose Up

-- Codes by which supervisors dial in: hashed with a key that the database does not have. used_by is the call that a code was keyed in, '' before.
CREATE TABLE dial_ins (
    code_hash  TEXT   PRIMARY KEY,
    call_id    TEXT   NOT NULL,
    invitation TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    used_by    TEXT   NOT NULL,
    UNIQUE (call_id, invitation)
);
CREATE INDEX dial_ins_expiry ON dial_ins (expires_at);

-- Codes that were none, each attempt once, to notice somebody who tries them out.
CREATE TABLE dial_in_misses (
    attempt   TEXT   PRIMARY KEY,
    missed_at BIGINT NOT NULL
);
CREATE INDEX dial_in_misses_at ON dial_in_misses (missed_at);

-- +goose Down
DROP TABLE dial_in_misses;
DROP TABLE dial_ins;
