-- Rows are read by their delivery, which is first in the key, so that many parts
-- cost little. With the engine's own choice a large delivery is merged while it
-- is still being loaded, which takes twice as long then: a merge waits for more.
ALTER TABLE obs MODIFY SETTING min_parts_to_merge_at_once = 16;
