-- As on SQLite, which says what for.

CREATE TABLE moves (
    model_id           BIGINT NOT NULL,
    target             TEXT COLLATE "C" NOT NULL,
    position           BIGINT NOT NULL,
    number             BIGINT,
    below              BIGINT NOT NULL,
    recorded_timestamp BIGINT NOT NULL,
    PRIMARY KEY (model_id, target, position)
);
CREATE INDEX moves_of_version ON moves (model_id, number, position);

INSERT INTO moves (model_id, target, position, number, below, recorded_timestamp)
SELECT model_id, '@' || (cast(payload AS json) ->> 'alias'), position, cast(cast(payload AS json) ->> 'to' AS bigint), 0, recorded_timestamp
FROM events WHERE kind = 'alias.moved' AND model_id IS NOT NULL;
INSERT INTO moves (model_id, target, position, number, below, recorded_timestamp)
SELECT model_id, cast(payload AS json) ->> 'to', position, cast(cast(payload AS json) ->> 'version' AS bigint), 0, recorded_timestamp
FROM events WHERE kind = 'stage.changed' AND model_id IS NOT NULL;
INSERT INTO moves (model_id, target, position, number, below, recorded_timestamp)
SELECT model_id, '', position, cast(cast(payload AS json) ->> 'version' AS bigint), 0, recorded_timestamp
FROM events WHERE kind = 'version.deleted' AND model_id IS NOT NULL AND cast(payload AS json) ->> 'stage' <> 'None';
UPDATE moves SET below = coalesce((
    SELECT max(o.position) FROM moves o WHERE o.model_id = moves.model_id AND o.target = moves.target
        AND o.position < moves.position AND o.number IS NOT NULL
), 0);

CREATE TABLE policies (
    name               TEXT COLLATE "C" NOT NULL,
    revision           BIGINT NOT NULL,
    document           TEXT COLLATE "C",
    author             TEXT COLLATE "C" NOT NULL,
    verified           BIGINT NOT NULL,
    creation_timestamp BIGINT NOT NULL,
    PRIMARY KEY (name, revision)
);

CREATE TABLE governance (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    revision TEXT COLLATE "C" NOT NULL,
    stages   TEXT COLLATE "C"
);

CREATE TABLE formats (
    manifest_id BIGINT PRIMARY KEY REFERENCES manifests (id),
    document    TEXT COLLATE "C" NOT NULL
);

CREATE TABLE overrides (
    position           BIGINT PRIMARY KEY,
    model_id           BIGINT NOT NULL,
    target             TEXT COLLATE "C" NOT NULL,
    number             BIGINT NOT NULL,
    reason             TEXT COLLATE "C" NOT NULL,
    actor              TEXT COLLATE "C" NOT NULL,
    recorded_timestamp BIGINT NOT NULL,
    closed_timestamp   BIGINT,
    closed_by          TEXT COLLATE "C",
    note               TEXT COLLATE "C"
);
CREATE INDEX overrides_open ON overrides (model_id) WHERE closed_timestamp IS NULL;
