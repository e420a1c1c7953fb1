-- A registration wrote into the row of each blob that its manifest was the first to hold: digests are random, so in a large
-- registry each was one page more in the commit. Whether a manifest holds a blob is asked by a collection and by reports,
-- which read the manifests.

ALTER TABLE blobs DROP COLUMN pinned_by;
