-- As on SQLite: what was imported from where; see there.

CREATE TABLE imports (
    origin      TEXT COLLATE "C" NOT NULL,
    kind        TEXT COLLATE "C" NOT NULL,
    id          TEXT COLLATE "C" NOT NULL,
    local_id    TEXT COLLATE "C" NOT NULL,
    fingerprint TEXT COLLATE "C",
    position    BIGINT NOT NULL,
    PRIMARY KEY (origin, kind, id)
);
