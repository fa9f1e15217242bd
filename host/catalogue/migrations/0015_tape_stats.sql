-- What a drive last told of a cartridge: counters by name, as one object.
CREATE TABLE tape_statistics (
    location BLOB PRIMARY KEY NOT NULL REFERENCES locations (id) ON DELETE CASCADE,
    taken INTEGER NOT NULL,
    counters TEXT NOT NULL
) STRICT;
