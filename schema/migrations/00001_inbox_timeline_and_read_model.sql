-- One file for SQLite and PostgreSQL: plain types, no generated keys, times as microseconds since 1970 (UTC), NULL where there is none.

-- +goose Up

-- Webhooks as received. A row with an event has a position, counted from 1 within its subject; a row that decides nothing has 0.
CREATE TABLE inbox (
    inbox_key    TEXT PRIMARY KEY,
    kind         TEXT   NOT NULL,
    subject_kind TEXT   NOT NULL,
    subject_id   TEXT   NOT NULL,
    position     BIGINT NOT NULL,
    received_at  BIGINT NOT NULL,
    params       TEXT   NOT NULL,
    event        TEXT
);
CREATE INDEX inbox_subject ON inbox (subject_kind, subject_id, position);
CREATE INDEX inbox_received ON inbox (received_at);

-- What an event is about. Its row is the lock under which positions are given, and the cursor of delivery.
CREATE TABLE subjects (
    kind        TEXT   NOT NULL,
    id          TEXT   NOT NULL,
    last        BIGINT NOT NULL DEFAULT 0,
    acked       BIGINT NOT NULL DEFAULT 0,
    lease_owner TEXT   NOT NULL DEFAULT '',
    lease_until BIGINT NOT NULL DEFAULT 0,
    updated_at  BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX subjects_waiting ON subjects (lease_until) WHERE acked < last;

-- Numbers that are given once, in the order of commits.
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('timeline', 0);

CREATE TABLE calls (
    id              TEXT PRIMARY KEY,
    state           TEXT   NOT NULL,
    outcome         TEXT   NOT NULL,
    ended_by        TEXT   NOT NULL,
    direction       TEXT   NOT NULL,
    from_address    TEXT   NOT NULL,
    to_address      TEXT   NOT NULL,
    queue_sid       TEXT   NOT NULL,
    queue_name      TEXT   NOT NULL,
    agent_sid       TEXT   NOT NULL,
    agent_name      TEXT   NOT NULL,
    task_sid        TEXT   NOT NULL,
    conference_sid  TEXT   NOT NULL,
    received_at     BIGINT,
    answered_at     BIGINT,
    wrapping_at     BIGINT,
    ended_at        BIGINT,
    revision        BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    created_at      BIGINT NOT NULL, -- orders lists; never changes
    last_number     BIGINT NOT NULL, -- of the newest timeline entry that this row tells
    snapshot        TEXT
);
CREATE INDEX calls_created ON calls (created_at, id);
CREATE INDEX calls_state ON calls (state, created_at, id);
CREATE INDEX calls_queue ON calls (queue_sid, created_at, id);
CREATE INDEX calls_agent ON calls (agent_sid, created_at, id);
CREATE INDEX calls_live ON calls (created_at, id) WHERE state <> 'ended';
CREATE INDEX calls_ended ON calls (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE legs (
    call_id    TEXT    NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    call_sid   TEXT    NOT NULL,
    ordinal    BIGINT  NOT NULL,
    role       TEXT    NOT NULL,
    address    TEXT    NOT NULL,
    agent_sid  TEXT    NOT NULL,
    agent_name TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    hold       BOOLEAN NOT NULL,
    muted      BOOLEAN NOT NULL,
    joined_at  BIGINT,
    left_at    BIGINT,
    reason     TEXT    NOT NULL,
    PRIMARY KEY (call_id, call_sid)
);
CREATE INDEX legs_agent ON legs (agent_sid, call_id) WHERE agent_sid <> '';

-- Every event as applied. number counts within the call from 1; what came too late for it has the negative of its inbox position.
CREATE TABLE timeline (
    seq         BIGINT PRIMARY KEY,
    call_id     TEXT    NOT NULL,
    number      BIGINT  NOT NULL,
    happened_at BIGINT  NOT NULL,
    kind        TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    outcome     TEXT    NOT NULL,
    late        BOOLEAN NOT NULL,
    agents      TEXT    NOT NULL, -- a JSON array of agent SIDs
    data        TEXT,
    UNIQUE (call_id, number)
);
CREATE INDEX timeline_late ON timeline (happened_at) WHERE late;

-- Which call a TaskRouter task belongs to, for tasks whose attributes somebody overwrote.
CREATE TABLE tasks (
    task_sid TEXT PRIMARY KEY,
    call_id  TEXT   NOT NULL,
    noted_at BIGINT NOT NULL
);
CREATE INDEX tasks_call ON tasks (call_id);
CREATE INDEX tasks_noted ON tasks (noted_at);

-- Requests that claimed to be Twilio's and were refused, for the operator who asks why.
CREATE TABLE refusals (
    refused_at BIGINT NOT NULL,
    reason     TEXT   NOT NULL,
    path       TEXT   NOT NULL,
    account    TEXT   NOT NULL,
    workspace  TEXT   NOT NULL,
    detail     TEXT   NOT NULL
);
CREATE INDEX refusals_at ON refusals (refused_at);

-- +goose Down
DROP TABLE refusals;
DROP TABLE tasks;
DROP TABLE timeline;
DROP TABLE legs;
DROP TABLE calls;
DROP TABLE counters;
DROP TABLE subjects;
DROP TABLE inbox;
