-- As on SQLite, which says what for.

ALTER TABLE blobs DROP COLUMN pinned_by;
