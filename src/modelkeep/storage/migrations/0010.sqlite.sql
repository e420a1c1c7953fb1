-- Promotion. Whatever enters a target is a move, at the position of its event: number is the version, NULL when an alias is
-- deleted; the target is empty when a version leaves its stage by being deleted. below is the position of the move that a
-- rollback returns to, 0 when there is none.

CREATE TABLE moves (
    model_id           INTEGER NOT NULL,
    target             TEXT NOT NULL,
    position           INTEGER NOT NULL,
    number             INTEGER,
    below              INTEGER NOT NULL,
    recorded_timestamp INTEGER NOT NULL,
    PRIMARY KEY (model_id, target, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX moves_of_version ON moves (model_id, number, position);

INSERT INTO moves (model_id, target, position, number, below, recorded_timestamp)
SELECT model_id, '@' || json_extract(payload, '$.alias'), position, json_extract(payload, '$.to'), 0, recorded_timestamp
FROM events WHERE kind = 'alias.moved' AND model_id IS NOT NULL;
INSERT INTO moves (model_id, target, position, number, below, recorded_timestamp)
SELECT model_id, json_extract(payload, '$.to'), position, json_extract(payload, '$.version'), 0, recorded_timestamp
FROM events WHERE kind = 'stage.changed' AND model_id IS NOT NULL;
INSERT INTO moves (model_id, target, position, number, below, recorded_timestamp)
SELECT model_id, '', position, json_extract(payload, '$.version'), 0, recorded_timestamp
FROM events WHERE kind = 'version.deleted' AND model_id IS NOT NULL AND json_extract(payload, '$.stage') <> 'None';
UPDATE moves SET below = coalesce((
    SELECT max(o.position) FROM moves o WHERE o.model_id = moves.model_id AND o.target = moves.target
        AND o.position < moves.position AND o.number IS NOT NULL
), 0);

-- Every revision of every policy as it was written. The newest of a name counts, unless it is retired.
CREATE TABLE policies (
    name               TEXT NOT NULL,
    revision           INTEGER NOT NULL,
    document           TEXT,
    author             TEXT NOT NULL,
    verified           INTEGER NOT NULL,
    creation_timestamp INTEGER NOT NULL,
    PRIMARY KEY (name, revision)
) STRICT, WITHOUT ROWID;

-- One row, once anything of it was set. The revision is the id of the last change of a policy or of the stages.
CREATE TABLE governance (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    revision TEXT NOT NULL,
    stages   TEXT
) STRICT;

-- What the MLmodel file of a manifest says, read once: the bytes never change.
CREATE TABLE formats (
    manifest_id INTEGER PRIMARY KEY REFERENCES manifests (id),
    document    TEXT NOT NULL
) STRICT;

-- Promotions that were forced past a refusal, until somebody closes them.
CREATE TABLE overrides (
    position           INTEGER PRIMARY KEY,
    model_id           INTEGER NOT NULL,
    target             TEXT NOT NULL,
    number             INTEGER NOT NULL,
    reason             TEXT NOT NULL,
    actor              TEXT NOT NULL,
    recorded_timestamp INTEGER NOT NULL,
    closed_timestamp   INTEGER,
    closed_by          TEXT,
    note               TEXT
) STRICT;
CREATE INDEX overrides_open ON overrides (model_id) WHERE closed_timestamp IS NULL;
