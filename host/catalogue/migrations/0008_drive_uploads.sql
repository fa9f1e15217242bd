-- An image on its way into a drive, which is `uploading` as long as there is a row: how many of its bytes are there for good.
CREATE TABLE drive_uploads (
    drive BLOB PRIMARY KEY NOT NULL REFERENCES drives (id) ON DELETE CASCADE,
    size INTEGER NOT NULL,
    received INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;
