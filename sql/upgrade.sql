-- From any released version to this one, in one transaction:
-- psql -1 -v ON_ERROR_STOP=1 -f sql/upgrade.sql
-- All functions and views are dropped and created again; in between the tables are changed, by one
-- file for each release that changes them.
\ir upgrades/check.sql
\ir upgrades/drop.sql
\ir functions.sql
\ir views.sql
\ir grants.sql
\ir upgrades/regrant.sql
