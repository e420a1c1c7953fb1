-- Which versions a manifest has is asked when bytes are damaged, by reading all versions. An index for it was one page
-- more in the commit of every registration.

DROP INDEX versions_of_manifest;
