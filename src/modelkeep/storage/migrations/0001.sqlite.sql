-- The first schema. Times are integer UTC milliseconds. Text compares bytewise (BINARY, SQLite's default).
-- A tombstone is a row whose deleted_timestamp is set; every query on live rows says so.

CREATE TABLE principals (
    name               TEXT PRIMARY KEY,
    creation_timestamp INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
    id                 TEXT PRIMARY KEY,
    principal          TEXT NOT NULL REFERENCES principals (name),
    role               TEXT NOT NULL CHECK (role IN ('reader', 'writer', 'approver', 'admin')),
    digest             TEXT NOT NULL UNIQUE,
    creation_timestamp INTEGER NOT NULL,
    revoked_timestamp  INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    position           INTEGER PRIMARY KEY AUTOINCREMENT,
    recorded_timestamp INTEGER NOT NULL,
    actor              TEXT NOT NULL,
    verified           INTEGER NOT NULL,
    via                TEXT NOT NULL,
    kind               TEXT NOT NULL,
    schema             INTEGER NOT NULL,
    model_id           INTEGER,
    change_id          TEXT NOT NULL,
    request_id         TEXT,
    payload            TEXT NOT NULL
) STRICT;
CREATE INDEX events_of_model ON events (model_id, position) WHERE model_id IS NOT NULL;
CREATE INDEX events_of_kind ON events (kind, position);
CREATE INDEX events_of_actor ON events (actor, position);

CREATE TABLE idempotency (
    key                TEXT NOT NULL,
    actor              TEXT NOT NULL,
    fingerprint        TEXT NOT NULL,
    reply              BLOB NOT NULL,
    change_id          TEXT NOT NULL,
    creation_timestamp INTEGER NOT NULL,
    PRIMARY KEY (actor, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_age ON idempotency (creation_timestamp);

-- Registered models -----------------------------------------------------------------------------------------

CREATE TABLE models (
    id                     INTEGER PRIMARY KEY AUTOINCREMENT,
    name                   TEXT NOT NULL,
    description            TEXT,
    user_id                TEXT,
    creation_timestamp     INTEGER NOT NULL,
    last_updated_timestamp INTEGER NOT NULL,
    next_version           INTEGER NOT NULL DEFAULT 1,
    deleted_timestamp      INTEGER
) STRICT;
CREATE UNIQUE INDEX models_by_name ON models (name) WHERE deleted_timestamp IS NULL;
CREATE INDEX models_deleted ON models (name, id) WHERE deleted_timestamp IS NOT NULL;
CREATE INDEX models_by_update ON models (last_updated_timestamp, name) WHERE deleted_timestamp IS NULL;

CREATE TABLE model_tags (
    model_id INTEGER NOT NULL REFERENCES models (id),
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (model_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX model_tags_by_key ON model_tags (key, model_id);

CREATE TABLE versions (
    model_id               INTEGER NOT NULL REFERENCES models (id),
    number                 INTEGER NOT NULL,
    current_stage          TEXT NOT NULL,
    status                 TEXT NOT NULL,
    status_message         TEXT,
    source                 TEXT NOT NULL,
    storage_location       TEXT,
    run_id                 TEXT,
    run_link               TEXT,
    logged_model_id        TEXT,
    description            TEXT,
    user_id                TEXT,
    creation_timestamp     INTEGER NOT NULL,
    last_updated_timestamp INTEGER NOT NULL,
    promoted_timestamp     INTEGER,
    deleted_timestamp      INTEGER,
    PRIMARY KEY (model_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX versions_by_stage ON versions (model_id, current_stage, number) WHERE deleted_timestamp IS NULL;
CREATE INDEX versions_of_model_by_update ON versions (model_id, last_updated_timestamp, number) WHERE deleted_timestamp IS NULL;
CREATE INDEX versions_by_update ON versions (last_updated_timestamp) WHERE deleted_timestamp IS NULL;
CREATE INDEX versions_of_stage ON versions (current_stage) WHERE deleted_timestamp IS NULL AND current_stage <> 'None';
CREATE INDEX versions_by_run ON versions (run_id) WHERE run_id IS NOT NULL;

CREATE TABLE version_tags (
    model_id INTEGER NOT NULL,
    number   INTEGER NOT NULL,
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (model_id, number, key),
    FOREIGN KEY (model_id, number) REFERENCES versions (model_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX version_tags_by_key ON version_tags (key, model_id, number);

CREATE TABLE aliases (
    model_id INTEGER NOT NULL,
    alias    TEXT NOT NULL,
    number   INTEGER NOT NULL,
    PRIMARY KEY (model_id, alias),
    FOREIGN KEY (model_id, number) REFERENCES versions (model_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX aliases_of_version ON aliases (model_id, number);
CREATE INDEX aliases_by_alias ON aliases (alias);

-- Experiments and runs --------------------------------------------------------------------------------------

CREATE TABLE experiments (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    name              TEXT NOT NULL UNIQUE,
    artifact_location TEXT NOT NULL,
    lifecycle_stage   TEXT NOT NULL DEFAULT 'active' CHECK (lifecycle_stage IN ('active', 'deleted')),
    creation_time     INTEGER NOT NULL,
    last_update_time  INTEGER NOT NULL
) STRICT;
CREATE INDEX experiments_by_creation ON experiments (creation_time, id);

CREATE TABLE experiment_tags (
    experiment_id INTEGER NOT NULL REFERENCES experiments (id),
    key           TEXT NOT NULL,
    value         TEXT NOT NULL,
    PRIMARY KEY (experiment_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    id              TEXT PRIMARY KEY,
    experiment_id   INTEGER NOT NULL REFERENCES experiments (id),
    name            TEXT NOT NULL,
    user_id         TEXT,
    status          TEXT NOT NULL CHECK (status IN ('RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED')),
    start_time      INTEGER NOT NULL,
    end_time        INTEGER,
    artifact_uri    TEXT NOT NULL,
    lifecycle_stage TEXT NOT NULL DEFAULT 'active' CHECK (lifecycle_stage IN ('active', 'deleted')),
    deleted_time    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_of_experiment ON runs (experiment_id, lifecycle_stage, start_time, id);

CREATE TABLE run_tags (
    run_id TEXT NOT NULL REFERENCES runs (id),
    key    TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE params (
    run_id TEXT NOT NULL REFERENCES runs (id),
    key    TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;

-- NaN is kept as value 0 with is_nan 1, because SQLite stores NaN as NULL.
CREATE TABLE metrics (
    run_id    TEXT NOT NULL REFERENCES runs (id),
    key       TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    step      INTEGER NOT NULL,
    value     REAL NOT NULL,
    is_nan    INTEGER NOT NULL,
    PRIMARY KEY (run_id, key, timestamp, step, value, is_nan)
) STRICT, WITHOUT ROWID;

CREATE TABLE latest_metrics (
    run_id    TEXT NOT NULL REFERENCES runs (id),
    key       TEXT NOT NULL,
    value     REAL NOT NULL,
    timestamp INTEGER NOT NULL,
    step      INTEGER NOT NULL,
    is_nan    INTEGER NOT NULL,
    PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE datasets (
    id            INTEGER PRIMARY KEY,
    experiment_id INTEGER NOT NULL REFERENCES experiments (id),
    name          TEXT NOT NULL,
    digest        TEXT NOT NULL,
    source_type   TEXT NOT NULL,
    source        TEXT NOT NULL,
    schema        TEXT,
    profile       TEXT,
    UNIQUE (experiment_id, name, digest)
) STRICT;

CREATE TABLE run_datasets (
    run_id     TEXT NOT NULL REFERENCES runs (id),
    dataset_id INTEGER NOT NULL REFERENCES datasets (id),
    PRIMARY KEY (run_id, dataset_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_datasets_by_dataset ON run_datasets (dataset_id, run_id);

CREATE TABLE run_dataset_tags (
    run_id     TEXT NOT NULL,
    dataset_id INTEGER NOT NULL,
    key        TEXT NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (run_id, dataset_id, key),
    FOREIGN KEY (run_id, dataset_id) REFERENCES run_datasets (run_id, dataset_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_models (
    run_id    TEXT NOT NULL REFERENCES runs (id),
    direction TEXT NOT NULL CHECK (direction IN ('input', 'output')),
    model_id  TEXT NOT NULL,
    step      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run_id, direction, model_id, step)
) STRICT, WITHOUT ROWID;

-- Logged models ---------------------------------------------------------------------------------------------

CREATE TABLE logged_models (
    id                     TEXT PRIMARY KEY,
    experiment_id          INTEGER NOT NULL REFERENCES experiments (id),
    name                   TEXT NOT NULL,
    artifact_location      TEXT NOT NULL,
    status                 TEXT NOT NULL,
    status_message         TEXT,
    model_type             TEXT,
    source_run_id          TEXT,
    creation_timestamp     INTEGER NOT NULL,
    last_updated_timestamp INTEGER NOT NULL,
    deleted_timestamp      INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX logged_models_of_experiment ON logged_models (experiment_id, creation_timestamp, id) WHERE deleted_timestamp IS NULL;
CREATE INDEX logged_models_of_run ON logged_models (source_run_id) WHERE source_run_id IS NOT NULL;

CREATE TABLE logged_model_tags (
    logged_model_id TEXT NOT NULL REFERENCES logged_models (id),
    key             TEXT NOT NULL,
    value           TEXT NOT NULL,
    PRIMARY KEY (logged_model_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE logged_model_params (
    logged_model_id TEXT NOT NULL REFERENCES logged_models (id),
    key             TEXT NOT NULL,
    value           TEXT NOT NULL,
    PRIMARY KEY (logged_model_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE logged_model_metrics (
    logged_model_id TEXT NOT NULL REFERENCES logged_models (id),
    key             TEXT NOT NULL,
    run_id          TEXT NOT NULL,
    dataset_name    TEXT NOT NULL DEFAULT '',
    dataset_digest  TEXT NOT NULL DEFAULT '',
    value           REAL NOT NULL,
    timestamp       INTEGER NOT NULL,
    step            INTEGER NOT NULL,
    is_nan          INTEGER NOT NULL,
    PRIMARY KEY (logged_model_id, key, timestamp, step, run_id, dataset_name, dataset_digest)
) STRICT, WITHOUT ROWID;

-- Artifacts: paths that point at blobs ----------------------------------------------------------------------

CREATE TABLE blobs (
    digest             TEXT PRIMARY KEY,
    size               INTEGER NOT NULL,
    creation_timestamp INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
    id                INTEGER PRIMARY KEY,
    digest            TEXT NOT NULL,
    expires_timestamp INTEGER NOT NULL
) STRICT;
CREATE INDEX leases_of_digest ON leases (digest);

CREATE TABLE artifacts (
    path                   TEXT PRIMARY KEY,
    digest                 TEXT NOT NULL REFERENCES blobs (digest),
    size                   INTEGER NOT NULL,
    last_updated_timestamp INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX artifacts_of_blob ON artifacts (digest);
