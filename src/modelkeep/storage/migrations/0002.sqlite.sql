-- A point of a metric named its run and key, 40 bytes and more in each row and index entry. Now it names its series,
-- which is the row of latest_metrics: half the bytes to write, sync and keep.

CREATE TABLE newest (
    series    INTEGER PRIMARY KEY,
    run_id    TEXT NOT NULL REFERENCES runs (id),
    key       TEXT NOT NULL,
    value     REAL NOT NULL,
    timestamp INTEGER NOT NULL,
    step      INTEGER NOT NULL,
    is_nan    INTEGER NOT NULL,
    UNIQUE (run_id, key)
) STRICT;
INSERT INTO newest (run_id, key, value, timestamp, step, is_nan)
    SELECT run_id, key, value, timestamp, step, is_nan FROM latest_metrics ORDER BY run_id, key;

-- No foreign key: a series is only ever taken from the row it is, in the same transaction, and checking it took a tenth
-- of the insertion.
CREATE TABLE points (
    series    INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    step      INTEGER NOT NULL,
    value     REAL NOT NULL,
    is_nan    INTEGER NOT NULL,
    PRIMARY KEY (series, timestamp, step, value, is_nan)
) STRICT, WITHOUT ROWID;
INSERT INTO points (series, timestamp, step, value, is_nan)
    SELECT n.series, m.timestamp, m.step, m.value, m.is_nan
    FROM newest n JOIN metrics m ON m.run_id = n.run_id AND m.key = n.key;

DROP TABLE metrics;
DROP TABLE latest_metrics;
ALTER TABLE newest RENAME TO latest_metrics;
ALTER TABLE points RENAME TO metrics;

-- Events are never deleted, so the next position is the highest and one, which SQLite finds by itself; AUTOINCREMENT kept
-- it in a table of its own, one page more in every commit.
CREATE TABLE recorded (
    position           INTEGER PRIMARY KEY,
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
INSERT INTO recorded SELECT * FROM events;
DROP TABLE events;
ALTER TABLE recorded RENAME TO events;
CREATE INDEX events_of_model ON events (model_id) WHERE model_id IS NOT NULL;
CREATE INDEX events_of_kind ON events (kind);
CREATE INDEX events_of_actor ON events (actor);
