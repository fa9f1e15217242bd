-- Which job an upload is of: what a job leaves that ended for good is given up at its target.
ALTER TABLE uploads ADD COLUMN job INTEGER;
CREATE INDEX uploads_job ON uploads (job);
