-- The two stores. Their tables and views are made by the aggregator, with the
-- users that own them; this runs once, when the volume is empty.
CREATE DATABASE IF NOT EXISTS warehouse ENGINE = Atomic;
CREATE DATABASE IF NOT EXISTS released ENGINE = Atomic;
