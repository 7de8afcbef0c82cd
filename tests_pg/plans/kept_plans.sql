-- The same with plans that were made when the tables were small and ANALYZE had seen them so, and that are kept as the
-- tables grow: a worker that connects to an idle engine, hours before the load comes.
begin;
\ir prelude.psql
select plan(228);
select gd_register('busy', lease => '1 hour'), gd_register('looked at', lease => '1 hour') \g /dev/null
select gd_set_rate_limit('frozen', 0, '1 s'), gd_set_rate_limit('mail', 1000000, '1 s') \g /dev/null
insert into gendurable.buckets (key, tokens, refilled_at, due_at) values ('frozen', 0, now(), 'infinity');
\set queue small
\set ready 0
\set others 0
\set held 300
\set finished 10
\set fresh off
\ir load.psql
analyze gendurable.instances, gendurable.finished;
insert into gendurable.doorbells (kind, key, rung_by) values ('slot', 'small-hot', '3');
insert into gendurable.doorbells (kind, key) values ('tokens', 'mail');
select gd_pick(2, 'nowhere', 1) \g /dev/null
select count(*) from gd_enqueue_many((select jsonb_agg(jsonb_build_object('fsm', 'F', 'queue', 'small'))
    from generate_series(1, 1500)));
\ir checks.psql

-- What this transaction rang itself it would look at for ever.
delete from gendurable.doorbells where kind <> 'tokens';

\set queue large
\set ready 50000
\set others 5000
\set held 15000
\set finished 100000
\ir load.psql
\ir checks.psql

-- And by a worker that connects only now: its plans are new, what the planner knows of the tables is of the quiet
-- hours.
discard plans;
delete from gendurable.doorbells where kind <> 'tokens';
\set queue late
\set ready 20000
\ir load.psql
\ir checks.psql

select * from finish();
rollback;
