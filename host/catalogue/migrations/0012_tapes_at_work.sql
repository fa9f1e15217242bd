-- Which cartridges jobs work with. Those of a job that does not run mean nothing.
CREATE TABLE cartridge_uses (
    location BLOB NOT NULL REFERENCES locations (id) ON DELETE CASCADE,
    job BLOB NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    alone INTEGER NOT NULL,
    PRIMARY KEY (location, job)
) STRICT;
CREATE INDEX cartridge_uses_job ON cartridge_uses (job);

-- When work with it ended last, or it was given back.
ALTER TABLE cartridges ADD COLUMN used INTEGER;

-- Whether tapes that were found full are not written to any more.
ALTER TABLE pools ADD COLUMN protect_full INTEGER NOT NULL DEFAULT 0;

-- When a cleaning cartridge was last put in, and whether that failed.
ALTER TABLE tape_drives ADD COLUMN cleaned INTEGER;
ALTER TABLE tape_drives ADD COLUMN cleaning_failure TEXT;
