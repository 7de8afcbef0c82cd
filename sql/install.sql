-- The whole schema, in dependency order. In one transaction:
-- psql -1 -v ON_ERROR_STOP=1 -f sql/install.sql
\ir tables.sql
\ir functions.sql
\ir views.sql
\ir grants.sql
