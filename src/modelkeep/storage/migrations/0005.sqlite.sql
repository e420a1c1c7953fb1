-- An index from each file of a manifest to its blob took a third of all pages that a registration writes, because digests
-- are random. A blob now says itself that a manifest holds it, which is written once in its life; `pinned_by` is the
-- first manifest that did. A foreign key on the files would need that index too, whenever a blob is deleted.

ALTER TABLE blobs ADD COLUMN pinned_by INTEGER;
UPDATE blobs SET pinned_by = (SELECT min(f.manifest_id) FROM manifest_files f WHERE f.digest = blobs.digest);

CREATE TABLE files (
    manifest_id INTEGER NOT NULL,
    path        TEXT NOT NULL,
    digest      TEXT NOT NULL,
    size        INTEGER NOT NULL,
    PRIMARY KEY (manifest_id, path)
) STRICT, WITHOUT ROWID;
INSERT INTO files (manifest_id, path, digest, size)
SELECT manifest_id, path, digest, size FROM manifest_files ORDER BY manifest_id, path;
DROP TABLE manifest_files;
ALTER TABLE files RENAME TO manifest_files;
