-- The calls and the views of a router, with their privileges.
\ir places.sql
\ir one.sql
\ir many.sql
\ir all.sql
\ir look.sql
\ir views.sql
\ir grants.sql
