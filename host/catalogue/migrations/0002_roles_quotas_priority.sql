-- What a user may do, and whether they may at all.
ALTER TABLE users ADD COLUMN role TEXT NOT NULL DEFAULT 'reader';
ALTER TABLE users ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;
UPDATE users SET role = 'administrator' WHERE administrator = 1;

-- Of a space's quota, the part that may lie on the host's own disks.
ALTER TABLE spaces ADD COLUMN cache_quota_bytes INTEGER;

-- Of a tree's bytes, those on the host's own disks. `changes` grows with every change of an entry: what was learnt of a tree holds
-- while it stays the same.
ALTER TABLE trees ADD COLUMN resident_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trees ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;
UPDATE trees SET resident_bytes = (SELECT CAST(COALESCE(sum(e.size), 0) AS BIGINT) FROM entries e
    WHERE e.tree = trees.number AND e.kind = 'file' AND e.resident = 1);

-- The greater comes first.
ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_queue ON jobs (state, priority, ready);
