-- +goose Up

-- Where agents can be: TaskRouter's Activities.
CREATE TABLE availabilities (
    sid       TEXT PRIMARY KEY,
    name      TEXT    NOT NULL,
    available BOOLEAN NOT NULL,
    seen_at   BIGINT  NOT NULL
);

-- Agents, as TaskRouter told last, and what became of those who missed a call. seen_at is TaskRouter's own time of what is told here: what is older does not count.
CREATE TABLE agents (
    sid               TEXT PRIMARY KEY,
    name              TEXT    NOT NULL,
    address           TEXT    NOT NULL,
    availability_sid  TEXT    NOT NULL,
    availability_name TEXT    NOT NULL,
    availability_at   BIGINT,
    seen_at           BIGINT  NOT NULL,
    misses            BIGINT  NOT NULL DEFAULT 0,
    missed_at         BIGINT,
    missed_call       TEXT    NOT NULL DEFAULT '',
    missed_queue_sid  TEXT    NOT NULL DEFAULT '',
    missed_queue_name TEXT    NOT NULL DEFAULT '',
    missed_why        TEXT    NOT NULL DEFAULT '',
    off_since         BIGINT,
    back_at           BIGINT,
    backed_at         BIGINT,
    backs             BIGINT  NOT NULL DEFAULT 0,
    stays_off         BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX agents_name ON agents (name, sid);

-- What an agent can take on each task channel. capacity is -1 where it is not known.
CREATE TABLE agent_channels (
    agent_sid TEXT    NOT NULL,
    channel   TEXT    NOT NULL,
    capacity  BIGINT  NOT NULL,
    tasks     BIGINT  NOT NULL,
    free      BIGINT  NOT NULL, -- percent
    available BOOLEAN NOT NULL,
    seen_at   BIGINT  NOT NULL,
    PRIMARY KEY (agent_sid, channel)
);

-- Entries of the timeline without a call are about agents.
CREATE INDEX timeline_agents ON timeline (happened_at) WHERE call_id = '';

-- +goose Down
DROP INDEX timeline_agents;
DROP TABLE agent_channels;
DROP TABLE agents;
DROP TABLE availabilities;
