-- Bytes that a snapshot took in its target when it was taken, where the target tells.
ALTER TABLE drive_snapshots ADD COLUMN used INTEGER;
