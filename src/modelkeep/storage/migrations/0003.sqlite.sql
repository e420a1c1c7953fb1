-- Manifests: the files that a version stands for, fixed when it is registered. Versions with the same files share one.

CREATE TABLE manifests (
    id                 INTEGER PRIMARY KEY,
    digest             TEXT NOT NULL UNIQUE,
    files              INTEGER NOT NULL,
    size               INTEGER NOT NULL,
    creation_timestamp INTEGER NOT NULL
) STRICT;

-- The manifest's id is taken from the row that was inserted just before: checking it for each file would be for nothing.
CREATE TABLE manifest_files (
    manifest_id INTEGER NOT NULL,
    path        TEXT NOT NULL,
    digest      TEXT NOT NULL REFERENCES blobs (digest),
    size        INTEGER NOT NULL,
    PRIMARY KEY (manifest_id, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_files_of_blob ON manifest_files (digest);

ALTER TABLE versions ADD COLUMN manifest_id INTEGER REFERENCES manifests (id);
CREATE INDEX versions_of_manifest ON versions (manifest_id) WHERE manifest_id IS NOT NULL;

-- verified: when its bytes were last read and found right. condemned: since when nothing refers to it; it is deleted a
-- grace later unless something does again. quarantined: since when its bytes are known to be wrong or missing.
ALTER TABLE blobs ADD COLUMN verified_timestamp INTEGER;
ALTER TABLE blobs ADD COLUMN condemned_timestamp INTEGER;
ALTER TABLE blobs ADD COLUMN quarantined_timestamp INTEGER;
CREATE INDEX blobs_by_verification ON blobs (verified_timestamp);
CREATE INDEX blobs_condemned ON blobs (condemned_timestamp) WHERE condemned_timestamp IS NOT NULL;
