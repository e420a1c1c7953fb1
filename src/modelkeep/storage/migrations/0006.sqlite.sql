-- What a search starts from when its filter is selective: the tags, params, metrics and aliases of a value. A value may
-- have 100,000 characters, so an index holds the first 128 of it.

CREATE INDEX model_tags_by_value ON model_tags (key, substr(value, 1, 128));
DROP INDEX model_tags_by_key;
CREATE INDEX experiment_tags_by_value ON experiment_tags (key, substr(value, 1, 128));
CREATE INDEX run_tags_by_value ON run_tags (key, substr(value, 1, 128));
CREATE INDEX params_by_value ON params (key, substr(value, 1, 128));
CREATE INDEX latest_metrics_by_value ON latest_metrics (key, value);
CREATE INDEX logged_model_tags_by_value ON logged_model_tags (key, substr(value, 1, 128));
CREATE INDEX logged_model_params_by_value ON logged_model_params (key, substr(value, 1, 128));
CREATE INDEX logged_model_metrics_by_value ON logged_model_metrics (key, value);
CREATE INDEX runs_by_name ON runs (name);
CREATE INDEX logged_models_by_name ON logged_models (name);
CREATE INDEX datasets_by_name ON datasets (name);
CREATE INDEX datasets_by_digest ON datasets (digest);
CREATE INDEX run_dataset_tags_by_value ON run_dataset_tags (key, substr(value, 1, 128));

-- The tags and aliases of versions repeat the version's last update, so that an index gives those of one value in the
-- order in which versions are listed: a page of a million hits costs what a page of ten does.

CREATE TABLE tags_of_versions (
    model_id               INTEGER NOT NULL,
    number                 INTEGER NOT NULL,
    key                    TEXT NOT NULL,
    value                  TEXT NOT NULL,
    last_updated_timestamp INTEGER NOT NULL,
    PRIMARY KEY (model_id, number, key),
    FOREIGN KEY (model_id, number) REFERENCES versions (model_id, number)
) STRICT, WITHOUT ROWID;
INSERT INTO tags_of_versions
    SELECT t.model_id, t.number, t.key, t.value, v.last_updated_timestamp
    FROM version_tags t JOIN versions v ON v.model_id = t.model_id AND v.number = t.number
    ORDER BY t.model_id, t.number, t.key;
DROP TABLE version_tags;
ALTER TABLE tags_of_versions RENAME TO version_tags;
CREATE INDEX version_tags_by_value ON version_tags (key, substr(value, 1, 128), last_updated_timestamp);

CREATE TABLE aliases_of_versions (
    model_id               INTEGER NOT NULL,
    alias                  TEXT NOT NULL,
    number                 INTEGER NOT NULL,
    last_updated_timestamp INTEGER NOT NULL,
    PRIMARY KEY (model_id, alias),
    FOREIGN KEY (model_id, number) REFERENCES versions (model_id, number)
) STRICT, WITHOUT ROWID;
INSERT INTO aliases_of_versions
    SELECT a.model_id, a.alias, a.number, v.last_updated_timestamp
    FROM aliases a JOIN versions v ON v.model_id = a.model_id AND v.number = a.number
    ORDER BY a.model_id, a.alias;
DROP TABLE aliases;
ALTER TABLE aliases_of_versions RENAME TO aliases;
CREATE INDEX aliases_of_version ON aliases (model_id, number);
CREATE INDEX aliases_by_alias ON aliases (alias, last_updated_timestamp);

-- The last column of these is NULL in all their rows. With it SQLite counts them, and steps over the deleted, without
-- reading each version. All have it, because SQLite prefers one that has to one that gives the order asked for.
DROP INDEX versions_of_model_by_update;
CREATE INDEX versions_of_model_by_update ON versions (model_id, last_updated_timestamp, number, deleted_timestamp)
    WHERE deleted_timestamp IS NULL;
DROP INDEX versions_by_update;
CREATE INDEX versions_by_update ON versions (last_updated_timestamp, deleted_timestamp) WHERE deleted_timestamp IS NULL;
DROP INDEX versions_by_stage;
CREATE INDEX versions_by_stage ON versions (model_id, current_stage, number, deleted_timestamp)
    WHERE deleted_timestamp IS NULL;
DROP INDEX versions_of_stage;
CREATE INDEX versions_of_stage ON versions (current_stage, last_updated_timestamp, deleted_timestamp)
    WHERE deleted_timestamp IS NULL AND current_stage <> 'None';

-- None of these has a row for a version as it is registered.
CREATE INDEX versions_not_ready ON versions (status, deleted_timestamp)
    WHERE deleted_timestamp IS NULL AND status <> 'READY';
CREATE INDEX versions_by_promotion ON versions (promoted_timestamp, deleted_timestamp)
    WHERE deleted_timestamp IS NULL AND promoted_timestamp IS NOT NULL;
