-- Locked instances are cancelled.
begin;
set local client_min_messages = error;
\ir ../prelude.psql
select plan(7);
select pg_temp.put('a'), pg_temp.put('b'), pg_temp.put('c') \g /dev/null
select pg_temp.pick(1) \g /dev/null
select is(gendurable._cancel(array[pg_temp.id('a'), pg_temp.id('b'), 0], 'why'), 2, 'those that live are counted');
select is(pg_temp.status('a') || ' ' || pg_temp.status('b') || ' ' || pg_temp.status('c'), 'failed failed runnable',
    'they have failed');
select is((select f.error from gendurable.finished as f where f.fsm = 'a'), '{"kind": "cancelled", "reason": "why"}',
    'with the reason');
select is((select string_agg(h.event || ' ' || coalesce(h.worker, '-'), ', ' order by h.instance_id)
    from gendurable.history as h), 'cancelled me, cancelled -', 'that is noted');
select is(gendurable._cancel('{}', null), 0, 'none');

-- What waits for their slots or tokens is told.
select gd_set_rate_limit('r', 1, '1 hour', 1) \g /dev/null
select pg_temp.put('k', '{"concurrency_key": "k"}'), pg_temp.pick(9), pg_temp.put('k2', '{"concurrency_key": "k"}'),
    pg_temp.put('t', '{"rate_limit": "r", "weight": 2}') \g /dev/null
delete from gendurable.doorbells;
select gendurable._cancel(array[pg_temp.id('k'), pg_temp.id('t')], null) \g /dev/null
select is((select string_agg(d.kind || ' ' || d.key, ', ' order by d.kind) from gendurable.doorbells as d),
    'slot k, tokens r', 'a doorbell rings for a slot and for a place in line');
select is(pg_temp.pick(9), 'k2', 'the next one has the slot');

select * from finish();
rollback;
