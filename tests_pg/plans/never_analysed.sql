-- The same where no ANALYZE has ever seen a table: an engine that was installed an hour ago, and its first load.
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
\ir load.psql
\ir checks.psql

select * from finish();
rollback;
