-- gd_retry: a failed instance comes back.
begin;
set local client_min_messages = error;
\ir ../prelude.psql
select plan(57);

select pg_temp.put('m', '{"state": {"n": 1}, "step": "broken", "priority": 3, "fsm_version": 4, "correlation_key": '
    '"key", "delay": -1}') \g /dev/null
select pg_temp.pick(1) \g /dev/null
select is(gd_retry(pg_temp.id('m')), 'not_failed', 'what lives has not failed');
select is(pg_temp.commit('m', 'retry') || ' ' || pg_temp.pick(1) || ' ' || pg_temp.commit('m', 'stop',
    '{"error": {"why": 1}, "state": {"n": 2}}'), 'committed m committed', 'it fails');
select fence from gendurable.finished where id = pg_temp.id('m') \gset
select is(gd_retry(pg_temp.id('m')), 'retried', 'it is brought back');
select results_eq($$ select phase::text, step, state, attempt, fence, last_error, priority, fsm_version, queue,
    correlation_key, worker_id, eligible_at, joined, signalled, awaits from pg_temp.row('m') $$,
    format($$ values ('ready', 'broken', '{"n": 2}'::jsonb, 0, %s::bigint, '{"why": 1}'::jsonb, 3, 4, 'q', 'key',
        null::bigint, now(), false, false, null::text[]) $$, :fence),
    'runnable now, at the step that failed, with its state, all its attempts before it, and the error for it to see');
select is((select count(*)::int from gendurable.finished), 0, 'it is out of the archive');
select is((select enqueued_at from gd_status('key')), now(), 'its key stands for it again');
select is((select duplicate from gd_enqueue('twin', correlation_key => 'key')), true, 'which is occupied');
select is(gd_retry(pg_temp.id('m')), 'not_failed', 'once');
select is(pg_temp.commit('m', 'done'), 'stale', 'an outcome from its earlier life is stale');
select is(pg_temp.pick(1), 'm', 'it is handed out');
select results_eq($$ select fence > $$ || :fence || $$, last_error, attempt from claim where fsm = 'm' $$, $$
    values (true, '{"why": 1}'::jsonb, 0) $$, 'under a fence that has grown');
select is(pg_temp.commit('m', 'stop') || ' ' || gd_retry(id => pg_temp.id('m'), step => 'other', state => '{"n": 3}'),
    'committed retried', 'at another step, with another state');
select results_eq($$ select step, state from pg_temp.row('m') $$, $$
    values ('other', '{"n": 3}'::jsonb) $$, 'it goes on there');
select is(pg_temp.pick(1) || ' ' || pg_temp.commit('m', 'stop') || ' ' || gd_retry(pg_temp.id('m'),
    state => '{"n": 4}'), 'm committed retried', 'with another state alone');
select results_eq($$ select step, state from pg_temp.row('m') $$, $$
    values ('other', '{"n": 4}'::jsonb) $$, 'the step stays');
select is(gd_cancel(pg_temp.id('m')) || ' ' || gd_retry(pg_temp.id('m')), '1 retried',
    'what was cancelled can be brought back');
select is((select last_error ->> 'kind' from pg_temp.row('m')), 'cancelled', 'it sees that');
select is(pg_temp.pick(1) || ' ' || pg_temp.commit('m', 'done') || ' ' || gd_retry(pg_temp.id('m')),
    'm committed not_failed', 'what is done has not failed');
select is(gd_retry(0), 'no_target', 'an id that is not known is no target');
select is(pg_temp.refusal('select gd_retry(null)'), 'GD001 id is required', 'an id is required');
select is(pg_temp.refusal($$ select gd_retry(1, '') $$), 'GD001 step is required', 'an empty step is none');
select matches(pg_temp.refusal($$ select gd_retry(1, repeat('é', 501)) $$), '^GD002 step is longer than 1,000 bytes',
    'a step has at most 1,000 bytes');

-- Keys.
create function pg_temp.fail(p_fsm text, p_more jsonb) returns text language plpgsql as $$
begin
    perform pg_temp.put(p_fsm, p_more || '{"queue": "a"}');
    perform pg_temp.pick(99, 'a');
    return pg_temp.commit(p_fsm, 'stop');
end
$$;
create function pg_temp.holder(p_key text) returns bigint language sql as $$
    select k.instance_id from gendurable.correlation_keys as k where k.key = p_key $$;
select is(pg_temp.fail('k1', '{"correlation_key": "k"}'), 'committed', 'one fails');
select pg_temp.put('k2', '{"correlation_key": "k"}') \g /dev/null
select is(gd_retry(pg_temp.id('k1')), 'key_taken', 'another instance has its key now');
select is((select status from gd_status(pg_temp.id('k1'))), 'failed', 'it stays where it is');
select is(pg_temp.holder('k'), pg_temp.id('k2'), 'and so does the key');
select is(gd_cancel(pg_temp.id('k2')) || ' ' || gd_retry(pg_temp.id('k1')), '1 retried',
    'when it is free it comes back');
select is(pg_temp.fail('s1', '{"correlation_key": "s", "correlation_scope": ["runnable", "failed"]}') || ' '
    || gd_retry(pg_temp.id('s1')), 'committed retried', 'a key that it reserves itself is its own');
select is(pg_temp.holder('s'), pg_temp.id('s1'), 'and stays so');
select is(pg_temp.fail('f1', '{"correlation_key": "f", "correlation_scope": ["failed"]}') || ' '
    || gd_retry(pg_temp.id('f1')), 'committed retried', 'one that reserves its key as failed alone');
select is(pg_temp.holder('f'), null, 'leaves its scope');
select is(pg_temp.fail('e1', '{"correlation_key": "e", "correlation_scope": ["executing"]}'), 'committed',
    'one that occupies its key as executing alone');
select pg_temp.put('e2', '{"correlation_key": "e"}') \g /dev/null
select is(gd_retry(pg_temp.id('e1')), 'retried', 'does not collide');
select is(pg_temp.pick(9, 'a') || ' ' || pg_temp.holder('e'), 'e1 ' || pg_temp.id('e2'),
    'nor does it take what another instance has');

-- Limits.
select is(pg_temp.fail('c1', '{"concurrency_key": "c", "rate_limit": "r", "weight": 2}'),
    'invalid: id and fence are required', 'an unknown rate limit: it does not start');
select gd_set_rate_limit('r', 1, '1 hour', 4) \g /dev/null
select is(pg_temp.pick(1, 'a') || ' ' || pg_temp.commit('c1', 'stop') || ' ' || gd_retry(pg_temp.id('c1')),
    'c1 committed retried', 'it fails and comes back');
select results_eq($$ select phase::text, concurrency_key, rate_limit, weight from pg_temp.row('c1') $$, $$
    values ('held', 'c', 'r', 2::float8) $$, 'it waits for its key and its limit as before');
select is(pg_temp.pick(1, 'a') , 'c1', 'and is handed out');
select is((select round(tokens) from gendurable.buckets where key = 'r'), 0::float8, 'it draws again');
select is(pg_temp.commit('c1', 'stop') || ' ' || gd_retry(pg_temp.id('c1'), 'elsewhere'), 'committed retried',
    'at another step');
select results_eq($$ select concurrency_key, rate_limit, weight from pg_temp.row('c1') $$, $$
    values ('c', null::text, null::float8) $$, 'the limit was the failed step''s');
select is(pg_temp.pick(1, 'a') , 'c1', 'so it starts at once');
select is(pg_temp.commit('c1', 'stop'), 'committed', 'its end');
select is(pg_temp.fail('l1', '{"rate_limit": "r"}'), 'invalid: id and fence are required', 'without tokens');
update gendurable.instances set phase = 'ready', rate_limit = 'r', worker_id = null where fsm = 'l1';
update gendurable.buckets set tokens = 1;
select is(pg_temp.pick(1, 'a') || ' ' || pg_temp.commit('l1', 'stop') || ' ' || gd_retry(pg_temp.id('l1')) || ' '
    || pg_temp.phase('l1') || ' ' || pg_temp.pick(1, 'a'), 'l1 committed retried throttled -',
    'one with a limit alone waits for tokens');
update gendurable.buckets set refilled_at = refilled_at - interval '1 hour', due_at = due_at - interval '1 hour';
select is(pg_temp.pick(1, 'a'), 'l1', 'until there are some');

-- A parent that failed as it joined.
select gd_cancel(pg_temp.id('e2')), pg_temp.put('p'), pg_temp.pick(1) \g /dev/null
select is(pg_temp.commit('p', 'schedule_children', '{"step": "join", "children": [{"fsm": "child", "queue": "b"}]}')
    || ' ' || pg_temp.pick(1, 'b') || ' ' || pg_temp.commit('child', 'done', '{"result": 7}'),
    'committed child committed', 'a child ends');
select is(pg_temp.pick(1) || ' ' || pg_temp.commit('p', 'stop') || ' ' || gd_retry(pg_temp.id('p')) || ' '
    || pg_temp.pick(1), 'p committed retried p', 'its parent fails in the step of the join, and comes back');
select is(pg_temp.children('p') #>> '{0,result}', '7', 'it is handed its children again');
update gendurable.finished set finished_at = now() - interval '10 days' where fsm = 'child';
select is(pg_temp.commit('p', 'stop') || ' ' || (gd_gc() > 0) || ' ' || gd_retry(pg_temp.id('p')) || ' '
    || pg_temp.pick(1) || ' ' || (pg_temp.children('p') #>> '{0,result}'),
    'committed false retried p 7', 'and again, however long ago they ended: they are kept for that');
select is(pg_temp.commit('p', 'stop') || ' ' || gd_retry(pg_temp.id('p'), 'before') || ' ' || pg_temp.pick(1),
    'committed retried p', 'at another step');
select is(pg_temp.children('p'), null, 'it is not: no join woke that one');
select is(pg_temp.commit('p', 'schedule_children', '{"step": "join", "children": [{"fsm": "child", "queue": "b"}]}'),
    'committed', 'a new round');
select is((select round from pg_temp.row('p')), 2, 'is told from the old one');
select is(pg_temp.pick(1, 'b') || ' ' || pg_temp.commit('child', 'done') || ' ' || pg_temp.pick(1) || ' '
    || pg_temp.commit('p', 'schedule_children', '{"step": "join"}'), 'child committed p committed',
    'a round of none after it');
select is(pg_temp.pick(1) || ' ' || pg_temp.commit('p', 'stop') || ' ' || gd_retry(pg_temp.id('p')) || ' '
    || pg_temp.pick(1), 'p committed retried p', 'fails as it joins');
select is(pg_temp.children('p'), '[]', 'and is handed none again, not those of the round before');

select * from finish();
rollback;
