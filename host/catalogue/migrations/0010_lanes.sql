-- Whose workers take a job up: "brief" or "long". What an older release puts into the queue is long.
ALTER TABLE jobs ADD COLUMN lane TEXT NOT NULL DEFAULT 'long';
-- What is ready in one lane is found without reading through what waits in the other.
CREATE INDEX jobs_lane ON jobs (state, lane, ready);
