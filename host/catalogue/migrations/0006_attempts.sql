-- Of an upload whose target has not answered yet: the attempt that asked for it.
ALTER TABLE uploads ADD COLUMN attempt TEXT;
