-- Evidence: measured facts about the bytes of a manifest. Rows are only ever added. content is the values, the environment
-- and the details as one JSON text.

CREATE TABLE evidence (
    id                 INTEGER PRIMARY KEY,
    manifest_id        INTEGER NOT NULL REFERENCES manifests (id),
    kind               TEXT NOT NULL,
    source             TEXT NOT NULL CHECK (source IN ('run', 'api')),
    passed             INTEGER,
    producer           TEXT NOT NULL,
    verified           INTEGER NOT NULL,
    tool               TEXT,
    dataset_name       TEXT,
    dataset_digest     TEXT,
    creation_timestamp INTEGER NOT NULL,
    content            TEXT NOT NULL
) STRICT;
CREATE INDEX evidence_of_kind ON evidence (manifest_id, kind, id);
CREATE INDEX evidence_of_manifest ON evidence (manifest_id, id);
-- What somebody posted, as a token proved: rules that trust some producers pass over what others have posted since.
CREATE INDEX evidence_by_producer ON evidence (manifest_id, producer, id) WHERE source = 'api' AND verified = 1;
CREATE INDEX evidence_with_dataset ON evidence (manifest_id, id) WHERE dataset_name IS NOT NULL;

-- The values once more, where the newest of a key is found in one step however much evidence there is about the bytes.
-- They come with their evidence, in the same transaction: checking that for each would be for nothing.
CREATE TABLE evidence_values (
    manifest_id INTEGER NOT NULL,
    key         TEXT NOT NULL,
    evidence_id INTEGER NOT NULL,
    value       REAL NOT NULL,
    PRIMARY KEY (manifest_id, key, evidence_id)
) STRICT, WITHOUT ROWID;
