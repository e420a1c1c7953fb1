-- What was imported from where: the source's id of a thing and the one it has here. fingerprint is what it was like there,
-- NULL while it is not complete here; position that of the newest event when it was imported last.

CREATE TABLE imports (
    origin      TEXT NOT NULL,
    kind        TEXT NOT NULL,
    id          TEXT NOT NULL,
    local_id    TEXT NOT NULL,
    fingerprint TEXT,
    position    INTEGER NOT NULL,
    PRIMARY KEY (origin, kind, id)
) STRICT, WITHOUT ROWID;
