-- Files that somebody removed from a space while copies of them are elsewhere, and when: their copies go once the recycle window is over.
-- Of an entry that is in its tree again a row means nothing.
CREATE TABLE removed_files (
    entry INTEGER PRIMARY KEY NOT NULL REFERENCES entries (number) ON DELETE CASCADE,
    tree INTEGER NOT NULL,
    removed INTEGER NOT NULL
) STRICT;
CREATE INDEX removed_files_tree ON removed_files (tree, removed, entry);
