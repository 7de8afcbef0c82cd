-- Deploy gendurable:tables to pg
begin;
\ir ../sql/tables.sql
commit;
