-- Paths of a pool that its last scan could not read, as JSON.
ALTER TABLE scans ADD COLUMN unread TEXT;
