-- As on SQLite: a blob says itself that a manifest holds it; see there.

ALTER TABLE blobs ADD COLUMN pinned_by BIGINT;
UPDATE blobs SET pinned_by = (SELECT min(f.manifest_id) FROM manifest_files f WHERE f.digest = blobs.digest);

DROP INDEX manifest_files_of_blob;
ALTER TABLE manifest_files DROP CONSTRAINT manifest_files_digest_fkey;
