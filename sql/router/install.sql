-- A router: a database that holds no instance, and offers the application's calls and the views for
-- several that do. It needs the extension PL/Proxy, and a superuser to install it. As one of them:
-- psql -1 -v ON_ERROR_STOP=1 -f sql/router/install.sql
-- docs/many-databases.md has the whole course.
\ir tables.sql
\ir calls.sql
