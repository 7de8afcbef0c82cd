-- A failed instance is brought back. (tests_pg/functions/control/gd_retry.sql has what that means,
-- tests_pg/races/retry_gc.sql who waits.)
begin;
\ir ../prelude.psql
select plan(6);
create function pg_temp.fail(fsm text, more jsonb default '{}') returns text language sql as $$
    select pg_temp.put(fsm, more)::text || pg_temp.pick(1) || pg_temp.commit(fsm, 'stop') $$;
select pg_temp.fail('a'), pg_temp.fail('b', '{"correlation_key": "k"}'),
    pg_temp.fail('c', '{"correlation_key": "k"}') \g /dev/null
select is(gendurable._revive(pg_temp.id('a'), 'other', '{"n": 1}'), 'retried', 'to another step, with another state');
select results_eq($$ select i.step, i.state from gendurable.instances as i where i.fsm = 'a' $$, $$
    values ('other', '{"n": 1}'::jsonb) $$, 'it goes on there');
select is(gendurable._revive(pg_temp.id('a')) || ' ' || gendurable._revive(0), 'not_failed no_target',
    'what has not failed');
select is(gendurable._revive(pg_temp.id('b')), 'retried', 'with its key');
select is((select k.instance_id from gendurable.correlation_keys as k), pg_temp.id('b'), 'which it has again');
select is(gendurable._revive(pg_temp.id('c')), 'key_taken', 'another one does not have it');

select * from finish();
rollback;
