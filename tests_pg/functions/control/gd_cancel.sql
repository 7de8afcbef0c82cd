-- gd_cancel: at once, in every phase, with the subtree if that is asked for.
begin;
set local client_min_messages = error;
\ir ../prelude.psql
select plan(50);

create function pg_temp.error(p_fsm text) returns jsonb language sql as $$
    select s.error from gd_status(pg_temp.id(p_fsm)) as s $$;

-- Every phase.
select pg_temp.put('executing', '{"correlation_key": "exe", "concurrency_key": "k", "state": {"n": 1}, "step": "s1"}'),
    pg_temp.put('parked', '{"correlation_key": "par"}'), pg_temp.put('parent') \g /dev/null
select pg_temp.pick(9) \g /dev/null
select pg_temp.commit('parked', 'await', '{"names": ["x"]}'),
    pg_temp.commit('parent', 'schedule_children', '{"children": [{"fsm": "child", "queue": "z"}]}') \g /dev/null
insert into made select 'child', id from gendurable.instances where fsm = 'child';
select pg_temp.put('ready'), pg_temp.put('scheduled', '{"delay": 3600}'),
    pg_temp.put('held', '{"concurrency_key": "k"}'), pg_temp.put('throttled', '{"rate_limit": "unknown"}') \g /dev/null
select pg_temp.pick(0) \g /dev/null
select is(p.fsm || ': ' || gd_cancel(pg_temp.id(p.fsm), 'why ' || p.fsm) || ' ' || pg_temp.status(p.fsm) || ' '
    || pg_temp.error(p.fsm),
          p.fsm || ': 1 failed {"kind": "cancelled", "reason": "why ' || p.fsm || '"}',
          p.fsm || ' is cancelled at once, with the reason')
from unnest('{ready,scheduled,held,throttled,parked,parent,executing}'::text[]) as p (fsm);
select is((select string_agg(fsm, ' ') from gendurable.instances), 'child', 'without cascade children live on');
select results_eq($$ select step, state, result from gd_status(pg_temp.id('executing')) $$, $$
    values ('s1', '{"n": 1}'::jsonb, null::jsonb) $$, 'step and state stay to be seen');
select is(pg_temp.commit('executing', 'done'), 'stale', 'what a running step commits is stale');
select is(pg_temp.status('executing'), 'failed', 'and changes nothing');
select is((select lost from gd_heartbeat(:me, array[pg_temp.id('executing')])), pg_temp.id('executing'),
    'its worker hears of it with the next heartbeat');
select is((select count(*)::int from gendurable.correlation_keys), 0, 'the keys are free');
select pg_temp.put('next of key', '{"concurrency_key": "k"}') \g /dev/null
select is(pg_temp.pick(9), 'next of key', 'the slot is free');
select is(gd_cancel(pg_temp.id('executing')), 0, 'one that has failed is not cancelled again');
select is(pg_temp.error('executing') ->> 'reason', 'why executing', 'nor its reason changed');
select is(pg_temp.commit('next of key', 'done', '{"result": 1}') || ' ' || gd_cancel(pg_temp.id('next of key')) || ' '
    || pg_temp.status('next of key'), 'committed 0 done', 'what is done stays done');
select is(gd_cancel(0), 0, 'an id that is not known is no error');
select pg_temp.put('no reason') \g /dev/null
select is(gd_cancel(pg_temp.id('no reason')) || ' ' || pg_temp.error('no reason'),
    '1 {"kind": "cancelled", "reason": null}', 'a reason is not required');
select pg_temp.put('inbox'), gd_signal(pg_temp.id('inbox'), 'x', dedup_key => 'd'),
    gd_cancel(pg_temp.id('inbox')) \g /dev/null
select is((select count(*)::int from gendurable.signals) + (select count(*)::int from gendurable.dedup_keys), 0,
    'the inbox goes');
select is(gd_signal(pg_temp.id('inbox'), 'x'), 'no_target', 'nothing is delivered any more');

-- By key.
select pg_temp.put('keyed', '{"correlation_key": "key"}') \g /dev/null
select is(gd_cancel('key', 'by key') || ' ' || (pg_temp.error('keyed') ->> 'reason'), '1 by key', 'by correlation key');
select is(gd_cancel('key'), 0, 'a key whose instance has ended');
select is(gd_cancel('nobody'), 0, 'a key that no instance carries');
select pg_temp.put('named', '{"correlation_key": "7"}') \g /dev/null
select is(gd_cancel(target => '7'::text, reason => 'named', cascade => true) || ' ' || pg_temp.status('named'),
    '1 failed', 'a key that looks like an id is a key');
select is(pg_temp.refusal('select gd_cancel(null::bigint)'), 'GD001 target is required', 'an id is required');
select is(pg_temp.refusal('select gd_cancel(null::text)'), 'GD001 target is required', 'a key is required');
select pg_temp.put('reserved', '{"correlation_key": "res", "correlation_scope": ["runnable", "failed"]}') \g /dev/null
select is(gd_cancel('res') || ' ' || (select count(*) from gendurable.correlation_keys where key = 'res'), '1 1',
    'a key that is reserved by the failed stays reserved');

-- Cascade.
create function pg_temp.family(p_fsm text, p_children text[]) returns void language plpgsql as $$
begin
    if not exists (select from made as m where m.fsm = p_fsm) then
        perform pg_temp.put(p_fsm, '{"queue": "a"}');
    end if;
    perform pg_temp.pick(99, 'a');
    perform pg_temp.commit(p_fsm, 'schedule_children',
        jsonb_build_object('children', (select jsonb_agg(jsonb_build_object('fsm', c)) from unnest(p_children) as c)));
    insert into made select i.fsm, i.id from gendurable.instances as i where i.parent_id = pg_temp.id(p_fsm);
end
$$;
delete from gendurable.instances;
select pg_temp.family('root', '{a1,a2,a3}'), pg_temp.family('a1', '{b1,b2}'), pg_temp.family('a2', '{b3}'),
    pg_temp.family('b1', '{c1}'), pg_temp.put('stranger') \g /dev/null
select pg_temp.pick(99, 'a') \g /dev/null
select is(pg_temp.commit('b3', 'done') || ' ' || pg_temp.commit('b2', 'done'), 'committed committed',
    'some have ended');
select is(gd_cancel(pg_temp.id('root'), 'all', true), 6, 'the subtree, root included; what has ended is not counted');
select is((select string_agg(fsm, ' ') from gendurable.instances), 'stranger', 'no other one');
select is((select string_agg(fsm || ':' || status, ' ' order by fsm) from gd_instances where fsm ~ '^(root|[abc]\d)$'),
    'a1:failed a2:failed a3:failed b1:failed b2:done b3:done c1:failed root:failed', 'what was done stays done');
select is((select count(distinct error)::int from gd_instances where fsm in ('root', 'c1')), 1,
    'all for the same reason');
select is(gd_cancel(pg_temp.id('root'), 'again', true), 0, 'a second time there is nothing to cancel');
select pg_temp.family('root 2', '{d1,d2}'), pg_temp.family('d1', '{e1}') \g /dev/null
select is(gd_cancel(pg_temp.id('root 2')), 1, 'the root alone');
select is(gd_cancel(pg_temp.id('root 2'), null, true), 3, 'later its subtree, although the root has ended');
select pg_temp.family('root 3', '{f1}'), pg_temp.family('f1', '{g1}') \g /dev/null
select gd_cancel(pg_temp.id('f1')) \g /dev/null
select is(gd_cancel(pg_temp.id('root 3'), cascade => true), 2, 'a grandchild is found through a child that has ended');
select is((select count(*)::int from gendurable.instances where fsm in ('root 3', 'g1')), 0, 'nothing of it lives');

-- The parent of what is cancelled is counted down.
select pg_temp.family('p', '{h1,h2}') \g /dev/null
select is(gd_cancel(pg_temp.id('h1')), 1, 'a child is cancelled');
select is((select status || ' ' || children_pending from gd_instances where id = pg_temp.id('p')),
    'awaiting_children 1', 'its parent counts it');
select is(gd_cancel(pg_temp.id('h2'), 'late', true), 1, 'the last one');
select is(pg_temp.pick(99, 'a'), 'p', 'the parent runs');
select results_eq($$ select x ->> 'status', x #>> '{error,kind}' from jsonb_array_elements(pg_temp.children('p')) as x
    $$, $$ values ('failed', 'cancelled'), ('failed', 'cancelled') $$, 'and sees what has become of them');
select pg_temp.family('p 2', '{i1}'), pg_temp.family('i1', '{j1}') \g /dev/null
select is(gd_cancel(pg_temp.id('i1'), cascade => true), 2, 'a subtree in the middle');
select is(pg_temp.phase('p 2'), 'ready', 'wakes the parent above it');

-- What others waited for.
select gd_set_rate_limit('r', 0, '1 s', 1) \g /dev/null
select pg_temp.put('r1', '{"rate_limit": "r", "priority": 5}'), pg_temp.put('r2', '{"rate_limit": "r", "priority": 6}'),
    pg_temp.put('first') \g /dev/null
select is(pg_temp.pick(2), 'stranger first', 'r1 is offered the token');
select is(pg_temp.phase('r1'), 'ready', 'so it is ready');
select is(gd_cancel(pg_temp.id('r1')) || ' ' || pg_temp.pick(9), '1 r2',
    'cancelled it leaves the token to the next one');
select pg_temp.put('k1', '{"concurrency_key": "kk", "priority": 5}'),
    pg_temp.put('k2', '{"concurrency_key": "kk", "priority": 6}'), pg_temp.put('first') \g /dev/null
select is(pg_temp.pick(1) || ' ' || pg_temp.phase('k1'), 'first ready', 'k1 is offered the slot');
select is(gd_cancel(pg_temp.id('k1')) || ' ' || pg_temp.pick(9), '1 k2',
    'cancelled it leaves the slot to the next one');

select * from finish();
rollback;
