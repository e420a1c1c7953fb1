-- Uploads that last longer than a request. `received` bytes of a resumable one are on the disk; of one in parts, each
-- part that is has a row. `assembled_digest` is known once all bytes were read, and `completed_timestamp` says that the
-- path points at them: the row then stays for a while, so that a repeated completion gets the same answer.
CREATE TABLE uploads (
    id                  TEXT PRIMARY KEY,
    actor               TEXT NOT NULL,
    path                TEXT NOT NULL,
    size                INTEGER,
    digest              TEXT,
    received            INTEGER NOT NULL DEFAULT 0,
    num_parts           INTEGER,
    part_size           INTEGER,
    secret              BLOB NOT NULL,
    assembled_digest    TEXT,
    completed_timestamp INTEGER,
    creation_timestamp  INTEGER NOT NULL,
    expires_timestamp   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX uploads_by_expiry ON uploads (expires_timestamp);
CREATE INDEX uploads_open ON uploads (creation_timestamp) WHERE completed_timestamp IS NULL;

CREATE TABLE upload_parts (
    upload_id TEXT NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    number    INTEGER NOT NULL,
    size      INTEGER NOT NULL,
    digest    TEXT NOT NULL,
    PRIMARY KEY (upload_id, number)
) STRICT, WITHOUT ROWID;
