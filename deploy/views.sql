-- Deploy gendurable:views to pg
begin;
\ir ../sql/views.sql
commit;
