-- Makes the calls and the views of an installed router those of this version, in one transaction.
-- It keeps what it knows of the databases. Upgrade these first:
-- psql -1 -v ON_ERROR_STOP=1 -f sql/router/upgrade.sql
\ir drop.sql
\ir calls.sql
