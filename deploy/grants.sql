-- Deploy gendurable:grants to pg
begin;
\ir ../sql/grants.sql
commit;
