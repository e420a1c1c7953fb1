-- As 0006 of SQLite, which says why.

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

ALTER TABLE version_tags ADD COLUMN last_updated_timestamp BIGINT;
UPDATE version_tags t SET last_updated_timestamp = v.last_updated_timestamp
    FROM versions v WHERE v.model_id = t.model_id AND v.number = t.number;
ALTER TABLE version_tags ALTER COLUMN last_updated_timestamp SET NOT NULL;
CREATE INDEX version_tags_by_value ON version_tags (key, substr(value, 1, 128), last_updated_timestamp);
DROP INDEX version_tags_by_key;

ALTER TABLE aliases ADD COLUMN last_updated_timestamp BIGINT;
UPDATE aliases a SET last_updated_timestamp = v.last_updated_timestamp
    FROM versions v WHERE v.model_id = a.model_id AND v.number = a.number;
ALTER TABLE aliases ALTER COLUMN last_updated_timestamp SET NOT NULL;
DROP INDEX aliases_by_alias;
CREATE INDEX aliases_by_alias ON aliases (alias, last_updated_timestamp);

DROP INDEX versions_of_stage;
CREATE INDEX versions_of_stage ON versions (current_stage, last_updated_timestamp)
    WHERE deleted_timestamp IS NULL AND current_stage <> 'None';
CREATE INDEX versions_not_ready ON versions (status) WHERE deleted_timestamp IS NULL AND status <> 'READY';
CREATE INDEX versions_by_promotion ON versions (promoted_timestamp)
    WHERE deleted_timestamp IS NULL AND promoted_timestamp IS NOT NULL;
