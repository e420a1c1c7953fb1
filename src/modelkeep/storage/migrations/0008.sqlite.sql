-- The tags and aliases of a version repeat its last update. The database sees to that by itself: no statement can forget
-- it, and on a server it saves two round trips of each change of a version.

CREATE TRIGGER versions_repeat_last_update AFTER UPDATE OF last_updated_timestamp ON versions
BEGIN
    UPDATE version_tags SET last_updated_timestamp = new.last_updated_timestamp
        WHERE model_id = new.model_id AND number = new.number;
    UPDATE aliases SET last_updated_timestamp = new.last_updated_timestamp
        WHERE model_id = new.model_id AND number = new.number;
END;
