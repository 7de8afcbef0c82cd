-- gd_history: what has happened to one instance.
begin;
\ir ../prelude.psql
select plan(20);
create function pg_temp.told(fsm text) returns text language sql as $$
    select string_agg(h.event || ' ' || h.step || ' ' || h.attempt, ', ') from gd_history(pg_temp.id(told.fsm)) as h
$$;
-- The happy path writes nothing, on the default level.
select pg_temp.put('quiet') \g /dev/null
select pg_temp.pick(1) || pg_temp.commit('quiet', 'next', '{"step": "two"}') || pg_temp.pick(1)
    || pg_temp.commit('quiet', 'retry') || pg_temp.pick(1)
    || pg_temp.commit('quiet', 'await', '{"names": ["x"], "timeout_ms": 0}') || pg_temp.pick(1)
    || pg_temp.commit('quiet', 'schedule_children') || pg_temp.pick(1) || pg_temp.commit('quiet', 'done') \g /dev/null
select is(pg_temp.status('quiet') || coalesce(pg_temp.told('quiet'), '-'), 'done-', 'the happy path leaves no history');
select is_empty('select from gendurable.history', 'none at all');

-- Errors do.
select pg_temp.put('m', '{"correlation_key": "key"}') \g /dev/null
select pg_temp.pick(1) || pg_temp.commit('m', 'retry', '{"error": {"e": 1}}') || pg_temp.pick(1)
    || gd_reap(:me)::text \g /dev/null
select gd_register('second', '{q}') as me \gset
update claim set worker = :me;
select pg_temp.pick(1, worker => :me) || pg_temp.commit('m', 'stop', '{"error": {"e": 2}}') || gd_retry(pg_temp.id('m'))
    || gd_cancel(pg_temp.id('m'), 'enough') \g /dev/null
select is(pg_temp.told('m'), 'retry start 0, reaped start 1, stop start 2, revived start 0, cancelled start 0',
    'a retry with an error, a lost claim, a stop, a revival and a cancellation do; the oldest comes first');
select results_eq(format('select h.worker, h.detail ->> ''e'', h.detail ->> ''worker'', h.detail ->> ''reason'' from '
    'gd_history(%s) as h', pg_temp.id('m')),
    $$ values ('me', '1', null, null), ('me', null, 'me', 'the worker died'), ('second', '2', null, null),
        (null, null, null, null), (null, null, null, 'enough') $$, 'with the worker, the error, the reason');
select is((select count(*)::int from gd_history('key')), 5, 'by its correlation key, too');
select is((select count(*)::int from gd_history('no such key')) + (select count(*)::int
    from gd_history(0)) + (select count(*)::int from gd_history(null::bigint)) + (select count(*)::int
    from gd_history(null::text)), 0, 'what is not known has none');

-- The level steps.
select gd_set_history('s', 'steps') \g /dev/null
select pg_temp.put('s') \g /dev/null
select pg_temp.pick(1, worker => :me) || pg_temp.commit('s', 'next', '{"step": "two", "continue": true}')
    || pg_temp.commit('s', 'retry') || pg_temp.pick(1, worker => :me)
    || pg_temp.commit('s', 'await', '{"names": ["x"], "timeout_ms": 0, "step": "three"}') || pg_temp.pick(1,
        worker => :me) || pg_temp.commit('s', 'schedule_children',
        '{"children": [{"fsm": "k", "priority": -1}], "step": "four"}')
    || pg_temp.pick(1, worker => :me) || pg_temp.commit('k', 'done') || pg_temp.pick(1, worker => :me)
    || pg_temp.commit('s', 'done') \g /dev/null
select is(pg_temp.told('s'),
    'next start 0, retry two 0, await two 1, expired three 0, schedule_children three 0, done four 0',
    'every outcome, and the deadline of a park');
select is((select count(*)::int from gd_history(pg_temp.id('s')) as h where h.started_at > h.at), 0,
    'a step begins before it ends');
select is((select string_agg(h.event, ' ') from gd_history(pg_temp.id('s')) as h where h.started_at is null), 'expired',
    'each step has begun');
select is(pg_temp.told('k'), null, 'other machines have their own level');

-- What is not accepted is not noted.
select pg_temp.put('bad') \g /dev/null
select gd_set_history(null, 'steps') \g /dev/null
select pg_temp.pick(1, worker => :me) \g /dev/null
select matches(pg_temp.commit('bad', 'schedule_children', '{"children": [{"fsm": ""}]}'), '^invalid',
    'children that cannot be created');
select matches(pg_temp.commit('bad', 'next'), '^invalid', 'an outcome that cannot be applied');
select is((select a.result
    from gd_commit(:me, jsonb_build_array(jsonb_build_object('id', pg_temp.id('bad'), 'fence', 0, 'kind', 'stop')))
    as a), 'stale', 'one that is stale');
select is(pg_temp.told('bad'), null, 'are not noted');
select is(pg_temp.commit('bad', 'done') || ' ' || pg_temp.commit('bad', 'done') || ' ' || pg_temp.told('bad'),
    'committed stale done start 0', 'one that is sent twice is noted once');
select gd_release(:me, '{}') \g /dev/null
select pg_temp.put('back'), pg_temp.pick(1, worker => :me) \g /dev/null
select gd_release(:me, array[pg_temp.id('back')]), gd_unregister(:me) \g /dev/null
select is(pg_temp.told('back'), null, 'nor is what was given back without having begun');

-- A heartbeat that does not know of a claim.
select gd_register('third', '{q}') as me \gset
select pg_temp.pick(1, worker => :me) \g /dev/null
update gendurable.leases set heartbeat_at = now() + interval '1 hour';
select gd_heartbeat(:me, '{}') \g /dev/null
select is(pg_temp.told('back') || ' ' || (select h.detail ->> 'reason' from gd_history(pg_temp.id('back')) as h),
    'reaped start 0 the worker does not know of this claim', 'a claim that a worker does not know of is lost, too');

-- Forgotten.
update gendurable.history set at = at - interval '1 minute';
update gendurable.finished set finished_at = now() - interval '1 day';
select gd_gc('1 hour') \g /dev/null
select is(coalesce(pg_temp.told('s'), '-') || coalesce(pg_temp.told('m'), '-'), '--',
    'an instance that is forgotten has no history');
select is(pg_temp.told('back'), 'reaped start 0', 'one that lives does');
select gendurable._collect_history('-infinity') \g /dev/null
select is(pg_temp.told('back') || ' ' || (select count(*) from gendurable.history), 'reaped start 0 0',
    'also when its history has moved');

select * from finish();
rollback;
