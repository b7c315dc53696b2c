-- Whom a call concerns beside those who have a leg in it, and what of it agents are not shown.

-- +goose Up
ALTER TABLE calls ADD COLUMN concerned TEXT NOT NULL DEFAULT ''; -- a JSON array of agent SIDs
ALTER TABLE calls ADD COLUMN private TEXT NOT NULL DEFAULT ''; -- a JSON array: labels and CallSids of supervisors who listen in private
ALTER TABLE timeline ADD COLUMN private BOOLEAN NOT NULL DEFAULT FALSE; -- tells of a supervisor who listens in private

-- +goose Down
ALTER TABLE timeline DROP COLUMN private;
ALTER TABLE calls DROP COLUMN private;
ALTER TABLE calls DROP COLUMN concerned;
