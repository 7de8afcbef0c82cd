-- What the hot calls read, on 100,000 live and 100,000 finished instances: index entries in proportion to the batch,
-- and no table from end to end.
--
-- (Everything here is one transaction, so entries of rows that it replaced are still there and are read too: hence the
-- slack.)
begin;
\ir prelude.psql
select plan(76);
select gd_register('busy', lease => '1 hour'), gd_register('looked at', lease => '1 hour') \g /dev/null
select gd_set_rate_limit('frozen', 0, '1 s'), gd_set_rate_limit('mail', 1000000, '1 s') \g /dev/null
insert into gendurable.buckets (key, tokens, refilled_at, due_at) values ('frozen', 0, now(), 'infinity');
\set queue default
\set ready 50000
\set others 5000
\set held 15000
\set finished 100000
\set fresh on
\ir load.psql
analyze gendurable.instances, gendurable.finished;
\ir checks.psql

select * from finish();
rollback;
