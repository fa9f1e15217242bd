-- Tape libraries that were registered: robots of targets, as they were last seen.
CREATE TABLE libraries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    target BLOB NOT NULL REFERENCES targets (id) ON DELETE CASCADE,
    name TEXT NOT NULL UNIQUE,
    serial TEXT NOT NULL,
    vendor TEXT NOT NULL,
    product TEXT NOT NULL,
    revision TEXT,
    slots INTEGER NOT NULL DEFAULT 0,
    slots_first INTEGER,
    mail_slots INTEGER NOT NULL DEFAULT 0,
    mail_slots_first INTEGER,
    failure TEXT,
    seen INTEGER,
    -- When its inventory is taken next; of several hosts the one that moves this on takes it.
    due INTEGER,
    attributes TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    UNIQUE (target, serial)
) STRICT;
CREATE INDEX libraries_due ON libraries (due);

-- What is known of a tape beside its location. One that is outside has no element.
CREATE TABLE cartridges (
    location BLOB PRIMARY KEY NOT NULL REFERENCES locations (id) ON DELETE CASCADE,
    library BLOB REFERENCES libraries (id) ON DELETE SET NULL,
    element INTEGER,
    element_kind TEXT,
    place TEXT,
    home INTEGER,
    medium TEXT NOT NULL,
    generation INTEGER,
    write_protect TEXT NOT NULL DEFAULT '',
    locked INTEGER NOT NULL DEFAULT 0,
    scratch INTEGER NOT NULL DEFAULT 0,
    ejected INTEGER NOT NULL DEFAULT 0,
    need_to_check INTEGER NOT NULL DEFAULT 0,
    format TEXT NOT NULL,
    volume TEXT,
    capacity INTEGER,
    remaining INTEGER,
    loads INTEGER NOT NULL DEFAULT 0,
    came INTEGER NOT NULL,
    moved INTEGER NOT NULL,
    measured INTEGER,
    maintained INTEGER,
    updated INTEGER NOT NULL
) STRICT;
CREATE INDEX cartridges_library ON cartridges (library);

CREATE TABLE tape_drives (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    target BLOB NOT NULL REFERENCES targets (id) ON DELETE CASCADE,
    library BLOB NOT NULL REFERENCES libraries (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    serial TEXT NOT NULL,
    vendor TEXT NOT NULL,
    product TEXT NOT NULL,
    revision TEXT,
    element INTEGER,
    state TEXT NOT NULL,
    ready INTEGER NOT NULL,
    cartridge TEXT,
    loads INTEGER NOT NULL DEFAULT 0,
    registered INTEGER NOT NULL,
    attributes TEXT NOT NULL,
    seen INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    UNIQUE (target, serial)
) STRICT;
CREATE INDEX tape_drives_library ON tape_drives (library, number);
