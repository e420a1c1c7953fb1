-- As on SQLite, which says why.

CREATE FUNCTION versions_repeat_last_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE version_tags SET last_updated_timestamp = new.last_updated_timestamp
        WHERE model_id = new.model_id AND number = new.number;
    UPDATE aliases SET last_updated_timestamp = new.last_updated_timestamp
        WHERE model_id = new.model_id AND number = new.number;
    RETURN NULL;
END
$$;
CREATE TRIGGER versions_repeat_last_update AFTER UPDATE OF last_updated_timestamp ON versions
    FOR EACH ROW EXECUTE FUNCTION versions_repeat_last_update();
