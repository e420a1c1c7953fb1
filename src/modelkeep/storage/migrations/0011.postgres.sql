-- As on SQLite, which says what for.

DROP INDEX versions_of_manifest;
