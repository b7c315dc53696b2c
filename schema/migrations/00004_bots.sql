-- +goose Up

-- Lines and workspaces, with what it takes to use them. The token is sealed by a key that is not here.
CREATE TABLE connections (
    id               TEXT PRIMARY KEY,
    kind             TEXT   NOT NULL,
    name             TEXT   NOT NULL,
    description      TEXT   NOT NULL,
    account_sid      TEXT   NOT NULL,
    token            TEXT   NOT NULL,
    phone_number     TEXT   NOT NULL,
    voice            TEXT   NOT NULL,
    speech_model     TEXT   NOT NULL,
    region           TEXT   NOT NULL,
    edge             TEXT   NOT NULL,
    workspace_sid    TEXT   NOT NULL,
    routing_workflow TEXT   NOT NULL,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL
);
CREATE UNIQUE INDEX connections_number ON connections (phone_number) WHERE kind = 'voice';
CREATE INDEX connections_account ON connections (account_sid);
CREATE INDEX connections_created ON connections (created_at, id);

CREATE TABLE bots (
    id         TEXT PRIMARY KEY,
    name       TEXT   NOT NULL,
    settings   TEXT   NOT NULL,
    secrets    TEXT   NOT NULL, -- sealed JSON; '' where there are none
    revision   BIGINT NOT NULL, -- counts changes of the settings, the attachments and the attached connections
    running    TEXT,            -- what it started with; NULL while it does not run
    runs_since BIGINT NOT NULL, -- the revision that runs; 0: none
    started_at BIGINT,
    state      TEXT   NOT NULL,
    error      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX bots_created ON bots (created_at, id);

CREATE TABLE bot_connections (
    bot_id        TEXT    NOT NULL REFERENCES bots (id) ON DELETE CASCADE,
    connection_id TEXT    NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    inbound       BOOLEAN NOT NULL,
    PRIMARY KEY (bot_id, connection_id)
);
CREATE UNIQUE INDEX bot_connections_inbound ON bot_connections (connection_id) WHERE inbound;
CREATE INDEX bot_connections_connection ON bot_connections (connection_id);

-- What happened to bots and their lines, for people. number is of the counter 'bot_log'.
CREATE TABLE bot_log (
    number        BIGINT PRIMARY KEY,
    happened_at   BIGINT NOT NULL,
    bot_id        TEXT   NOT NULL,
    connection_id TEXT   NOT NULL,
    level         TEXT   NOT NULL,
    message       TEXT   NOT NULL
);
CREATE INDEX bot_log_bot ON bot_log (bot_id, number);
CREATE INDEX bot_log_connection ON bot_log (connection_id, number);
CREATE INDEX bot_log_at ON bot_log (happened_at);
INSERT INTO counters (name, value) VALUES ('bot_log', 0);

-- Conversations of bots with callers. They outlive their bot and their connection.
CREATE TABLE bot_sessions (
    id                    TEXT PRIMARY KEY,
    bot_id                TEXT   NOT NULL,
    connection_id         TEXT   NOT NULL,
    account_sid           TEXT   NOT NULL,
    call_id               TEXT   NOT NULL,
    call_sid              TEXT   NOT NULL,
    direction             TEXT   NOT NULL,
    caller                TEXT   NOT NULL,
    called                TEXT   NOT NULL,
    state                 TEXT   NOT NULL,
    outcome               TEXT   NOT NULL,
    turn                  BIGINT NOT NULL,
    messages              BIGINT NOT NULL, -- how many there are
    dialogue              TEXT,
    answer                TEXT,
    speaking_until        BIGINT,
    handoff               TEXT,
    handoff_by            TEXT   NOT NULL,
    machine               TEXT   NOT NULL,
    machine_message       TEXT   NOT NULL,
    answered_by           TEXT   NOT NULL,
    custom                TEXT,
    summary               TEXT   NOT NULL,
    flex_task_sid         TEXT   NOT NULL,
    flex_reservation_sid  TEXT   NOT NULL,
    flex_conversation_sid TEXT   NOT NULL,
    opened_at             BIGINT NOT NULL,
    closed_at             BIGINT
);
CREATE INDEX bot_sessions_opened ON bot_sessions (opened_at, id);
CREATE INDEX bot_sessions_bot ON bot_sessions (bot_id, opened_at, id);
CREATE INDEX bot_sessions_live ON bot_sessions (bot_id) WHERE state <> 'closed';
CREATE INDEX bot_sessions_call ON bot_sessions (call_id);
CREATE INDEX bot_sessions_call_sid ON bot_sessions (call_sid);
CREATE INDEX bot_sessions_caller ON bot_sessions (caller);
CREATE INDEX bot_sessions_called ON bot_sessions (called);
CREATE INDEX bot_sessions_flex_task ON bot_sessions (flex_task_sid) WHERE flex_task_sid <> '';
CREATE INDEX bot_sessions_flex_reservation ON bot_sessions (flex_reservation_sid) WHERE flex_reservation_sid <> '';
CREATE INDEX bot_sessions_flex_conversation ON bot_sessions (flex_conversation_sid) WHERE flex_conversation_sid <> '';
CREATE INDEX bot_sessions_closed ON bot_sessions (closed_at) WHERE closed_at IS NOT NULL;

-- What was said. number counts within the session from 1, without gaps.
CREATE TABLE bot_messages (
    session_id TEXT    NOT NULL REFERENCES bot_sessions (id) ON DELETE CASCADE,
    number     BIGINT  NOT NULL,
    turn       BIGINT  NOT NULL,
    said_at    BIGINT  NOT NULL,
    speaker    TEXT    NOT NULL,
    words      TEXT    NOT NULL,
    heard      TEXT    NOT NULL,
    cut        BOOLEAN NOT NULL,
    language   TEXT    NOT NULL,
    PRIMARY KEY (session_id, number)
);

-- +goose Down
DROP TABLE bot_messages;
DROP TABLE bot_sessions;
DELETE FROM counters WHERE name = 'bot_log';
DROP TABLE bot_log;
DROP TABLE bot_connections;
DROP TABLE bots;
DROP TABLE connections;
