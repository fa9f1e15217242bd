-- Drives: block volumes of an owner, each in a target. The state says what is being done to one; a job does it.
CREATE TABLE drives (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    owner BLOB NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    media TEXT NOT NULL,
    size INTEGER NOT NULL,
    storage_type TEXT NOT NULL,
    target BLOB NOT NULL REFERENCES targets (id),
    location TEXT NOT NULL,
    state TEXT NOT NULL,
    failure TEXT,
    allow_multimount INTEGER NOT NULL,
    attributes TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;
-- A page of an owner's drives in their order, and the count of those that are shown, come from this index.
CREATE INDEX drives_owner ON drives (owner, number, state);
CREATE INDEX drives_target ON drives (target);

CREATE TABLE drive_snapshots (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    drive BLOB NOT NULL REFERENCES drives (id) ON DELETE CASCADE,
    owner BLOB NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    size INTEGER NOT NULL,
    state TEXT NOT NULL,
    failure TEXT,
    attributes TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;
CREATE INDEX drive_snapshots_drive ON drive_snapshots (drive);
CREATE INDEX drive_snapshots_owner ON drive_snapshots (owner, number, state);

-- Which drives take part in a job, and which snapshot. A job tells what it was about when the drive is long gone: nothing
-- here refers to it.
CREATE TABLE drive_jobs (
    job BLOB NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    drive BLOB NOT NULL,
    role TEXT NOT NULL,
    snapshot BLOB,
    owner BLOB NOT NULL,
    PRIMARY KEY (job, drive)
) STRICT;
CREATE INDEX drive_jobs_drive ON drive_jobs (drive, job);
CREATE INDEX drive_jobs_snapshot ON drive_jobs (snapshot);
CREATE INDEX drive_jobs_owner ON drive_jobs (owner, job);

CREATE TABLE drive_attachments (
    drive BLOB PRIMARY KEY NOT NULL REFERENCES drives (id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    read_only INTEGER NOT NULL,
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE machines (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    owner BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    running INTEGER NOT NULL,
    attributes TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;
CREATE INDEX machines_owner ON machines (owner, number);

-- `mount` is the whole of it, the drive too.
CREATE TABLE machine_mounts (
    machine BLOB NOT NULL REFERENCES machines (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    drive BLOB NOT NULL REFERENCES drives (id) ON DELETE CASCADE,
    mount TEXT NOT NULL,
    PRIMARY KEY (machine, position)
) STRICT;
CREATE INDEX machine_mounts_drive ON machine_mounts (drive, machine);

-- `name_key` stands for the name in the index, as for names of replicas.
CREATE TABLE tags (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    owner BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    name_key BLOB NOT NULL,
    attributes TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    UNIQUE (owner, name_key)
) STRICT;

-- What bears a tag: one of the three.
CREATE TABLE tag_resources (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    tag BLOB NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
    drive BLOB REFERENCES drives (id) ON DELETE CASCADE,
    snapshot BLOB REFERENCES drive_snapshots (id) ON DELETE CASCADE,
    machine BLOB REFERENCES machines (id) ON DELETE CASCADE,
    UNIQUE (tag, drive),
    UNIQUE (tag, snapshot),
    UNIQUE (tag, machine)
) STRICT;
CREATE INDEX tag_resources_drive ON tag_resources (drive, tag);
CREATE INDEX tag_resources_snapshot ON tag_resources (snapshot, tag);
CREATE INDEX tag_resources_machine ON tag_resources (machine, tag);

CREATE TABLE drive_users (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    drive BLOB NOT NULL UNIQUE REFERENCES drives (id) ON DELETE CASCADE,
    amount INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;

-- What a user keeps for themselves.
CREATE TABLE profiles (
    holder BLOB PRIMARY KEY NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    attributes TEXT NOT NULL,
    updated INTEGER NOT NULL
) STRICT;
