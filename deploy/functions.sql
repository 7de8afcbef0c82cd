-- Deploy gendurable:functions to pg
begin;
\ir ../sql/functions.sql
commit;
