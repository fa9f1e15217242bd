-- Servers: what several targets have in common, each with a login of its own.
CREATE TABLE servers (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    host TEXT NOT NULL,
    protocol TEXT NOT NULL,
    attributes TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;

ALTER TABLE targets ADD COLUMN server BLOB REFERENCES servers (id);
CREATE INDEX targets_server ON targets (server);

-- When a scan last looked at every file of its pool, and not only at the folders that had changed.
ALTER TABLE scans ADD COLUMN last_complete INTEGER;
