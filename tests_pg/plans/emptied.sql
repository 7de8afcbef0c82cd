-- The same where the last VACUUM has found the tables empty, which are not small: an engine that has done all its work,
-- and the load after that. The planner takes them to be empty however large they are, until maintenance comes by.
begin;
\ir prelude.psql
select plan(76);
select gd_register('busy', lease => '1 hour'), gd_register('looked at', lease => '1 hour') \g /dev/null
select gd_set_rate_limit('frozen', 0, '1 s'), gd_set_rate_limit('mail', 1000000, '1 s') \g /dev/null
insert into gendurable.buckets (key, tokens, refilled_at, due_at) values ('frozen', 0, now(), 'infinity');
\set queue default
\set ready 20000
\set others 5000
\set held 15000
\set finished 50000
\set fresh on
update pg_class set reltuples = 0, relpages = 1000 where relnamespace = 'gendurable'::regnamespace and relkind = 'r';
\ir load.psql
select gd_maintain() \g /dev/null
\ir checks.psql

select * from finish();
rollback;
