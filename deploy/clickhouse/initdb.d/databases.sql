-- The two stores, and the one of a wider audience, which stays empty without one.
-- Their tables and views are made by the aggregator, with the users that own them;
-- this runs once, when the volume is empty.
CREATE DATABASE IF NOT EXISTS warehouse ENGINE = Atomic;
CREATE DATABASE IF NOT EXISTS released ENGINE = Atomic;
CREATE DATABASE IF NOT EXISTS audience ENGINE = Atomic;
