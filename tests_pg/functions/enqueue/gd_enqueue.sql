-- gd_enqueue: one instance, or the occupant of its correlation key.
begin;
select plan(64);

-- SQLSTATE and DETAIL of the error that a query raises.
create function pg_temp.refusal(p_query text) returns text language plpgsql as $$
declare
    v_code   text;
    v_detail text;
begin
    execute p_query;
    return 'no error';
exception when others then
    get stacked diagnostics v_code = returned_sqlstate, v_detail = pg_exception_detail;
    return v_code || ' ' || v_detail;
end
$$;

-- Defaults.
select id as a, duplicate as a_duplicate from gd_enqueue('order') \gset
select is(:'a_duplicate'::boolean, false, 'a new instance is no duplicate');
select results_eq(
    format($$ select fsm, fsm_version, state, step, queue, priority, eligible_at, correlation_key, concurrency_key,
        rate_limit, status, attempt
              from gd_instances where id = %s $$, :a),
    $$ values ('order', 1, '{}'::jsonb, 'start', 'default', 0, now(), null::text, null::text, null::text, 'runnable', 0)
    $$,
    'only fsm is needed: everything else has its documented default');
select results_eq(
    format($$ select phase::text, fence, chain, round, worker_id, parent_id, last_error, awaits, signalled
              from gendurable.instances where id = %s $$, :a),
    $$ values ('ready', 0::bigint, 0, 0, null::bigint, null::bigint, null::jsonb, null::text[], false) $$,
    'a new instance is ready, unclaimed, with nothing behind it');
select is((select enqueued_at from gd_status(:a)), now(), 'enqueued_at is the time of the transaction');

select id as b from gd_enqueue('order', state => null, step => null, queue => null, priority => null,
    eligible_at => null, delay => null,
    correlation_key => null, correlation_scope => null, concurrency_key => null, rate_limit => null, weight => null,
    fsm_version => null) \gset
select results_eq(
    format('select fsm, fsm_version, state, step, queue, priority, eligible_at, correlation_key, weight
            from gendurable.instances where id = %s', :b),
    format('select fsm, fsm_version, state, step, queue, priority, eligible_at, correlation_key, weight
            from gendurable.instances where id = %s', :a),
    'an explicit null means the default, for every argument');

select id as c from gd_enqueue('refund', '{"order": 7}', 'check', 'slow', -3, now() + '1 hour', '5 minutes', 'refund:7',
    weight => 2.5,
                               fsm_version => 4) \gset
select results_eq(
    format($$ select fsm, state, step, queue, priority, eligible_at, correlation_key,
        fsm_version from gd_instances where id = %s $$, :c),
    $$ values ('refund', '{"order": 7}'::jsonb, 'check', 'slow', -3, now() + '65 minutes', 'refund:7', 4) $$,
    'every argument is stored, by position in the documented order and by name');
select is((select weight from gendurable.instances where id = :c), 2.5::float8, 'weight is stored');
select id as d from gd_enqueue('m', 'null') \gset
select is((select state from gd_status(:d)), 'null'::jsonb, 'a JSON null is a state, not the default');
select lives_ok($$ select gd_enqueue('m', priority => 2147483647), gd_enqueue('m', priority => -2147483648) $$,
    'priority is any int');
select isnt(:a, :b, 'each instance has an id of its own');
select ok(:a < :b and :b < :c, 'ids grow');

-- Which version.
create function pg_temp.version(p_fsm text, p_version int default null) returns int language plpgsql as $$
declare
    v_id bigint := (select e.id from gd_enqueue(p_fsm, fsm_version => p_version) as e);
begin
    return (select s.fsm_version from gd_status(v_id) as s);
end
$$;
select gd_register('old', info => '{"machines": [{"fsm": "order", "version": 2}]}') as old,
       gd_register('new', info => '{"machines": [{"fsm": "order", "version": 3}]}') as new \gset
select is(pg_temp.version('order'), 3, 'without a version it is the newest that a live worker declares');
select is(pg_temp.version('order', 2), 2, 'a version that is given is kept');
select is(pg_temp.version('refund'), 1, 'a machine that no worker declares has version 1');
select gd_unregister(:new) \g /dev/null
select is(pg_temp.version('order'), 2, 'the new one has left');
select gd_unregister(:old) \g /dev/null
select is(pg_temp.version('order'), 3, 'both have left: the newest that was declared');

-- When it may start.
create function pg_temp.start_at(p_eligible_at timestamptz, p_delay interval) returns text language plpgsql as $$
declare
    v_id bigint := (select e.id from gd_enqueue('m', eligible_at => p_eligible_at, delay => p_delay) as e);
begin
    return (select i.phase || ' ' || (i.eligible_at - now())::text from gendurable.instances as i where i.id = v_id);
end
$$;
select is(pg_temp.start_at(now() + '1 hour', null), 'scheduled 01:00:00', 'eligible_at in the future schedules');
select is(pg_temp.start_at(now() - interval '1 hour', null), 'ready -01:00:00',
    'eligible_at in the past is ready, and keeps its place in the order');
select is(pg_temp.start_at(now(), null), 'ready 00:00:00', 'eligible_at now is ready');
select is(pg_temp.start_at(null, '10 s'), 'scheduled 00:00:10', 'delay alone counts from now');
select is(pg_temp.start_at(now() + '1 hour', '10 s'), 'scheduled 01:00:10',
    'delay counts from eligible_at where it is given');
select is(pg_temp.start_at(now() - interval '1 hour', '2 hours'), 'scheduled 01:00:00',
    'delay counts from an eligible_at in the past too');
select is(pg_temp.start_at(null, '0'), 'ready 00:00:00', 'no delay is ready');
select is(pg_temp.start_at(now() + '1 hour', '0'), 'scheduled 01:00:00', 'no delay leaves eligible_at as it is');
select is(pg_temp.start_at(null, '-1 hour'), 'ready 00:00:00', 'a negative delay means at once');
select is(pg_temp.start_at(now() + '1 hour', '-1 minute'), 'ready 00:00:00',
    'a negative delay means at once, whatever eligible_at says');
select is(pg_temp.start_at(now() - interval '1 hour', '-1 minute'), 'ready -01:00:00',
    'a negative delay does not lose the place that eligible_at gives');

-- Duplicates.
select id as first from gd_enqueue('m', '{"n": 1}', correlation_key => 'k') \gset
select results_eq($$ select id, duplicate from gd_enqueue('other', '{"n": 2}', queue => 'q', correlation_key => 'k') $$,
    format('values (%s::bigint, true)', :first), 'a duplicate of an occupied key answers the occupant');
select is((select count(*)::int from gd_instances where correlation_key = 'k'), 1, 'a duplicate creates nothing');
select is((select state from gd_status('k')), '{"n": 1}'::jsonb, 'a duplicate changes nothing of the occupant');
select is((select duplicate from gd_enqueue('m', correlation_key => 'K')), false, 'keys are compared exactly');
select is((select bool_or(e.duplicate) from generate_series(1, 3) as n, lateral gd_enqueue('m', to_jsonb(n)) as e),
    false, 'without a key nothing is a duplicate');
select gd_register('w') as w \gset
select gd_enqueue('m', queue => 'dup', correlation_key => 'held') \gset e_
select id, fence from gd_pick(:w, 'dup', 1) \gset h_
select is((select duplicate from gd_enqueue('m', correlation_key => 'held')), true,
    'an executing instance occupies its key');
select result as r from gd_commit(:w,
    jsonb_build_array(jsonb_build_object('id', :h_id, 'fence', :h_fence, 'kind', 'await', 'names', '["x"]'::jsonb)))
    \gset
select is((select duplicate from gd_enqueue('m', correlation_key => 'held')), true,
    'a parked instance occupies its key');
select gd_signal('held', 'x') as r \gset
select id, fence from gd_pick(:w, 'dup', 1) \gset h_
select result as r from gd_commit(:w,
    jsonb_build_array(jsonb_build_object('id', :h_id, 'fence', :h_fence, 'kind', 'done'))) \gset
select is((select duplicate from gd_enqueue('m', correlation_key => 'held')), false,
    'by default a finished instance frees its key');
select is((select id from gd_status('held')), (select max(id) from gd_instances where correlation_key = 'held'),
    'the newcomer occupies a freed key');

-- Names are measured in bytes.
select lives_ok(format('select gd_enqueue(%1$L, step => %1$L, queue => %1$L, correlation_key => %1$L)',
    repeat('n', 1000)),
    'names and keys of 1,000 bytes are accepted');
select lives_ok(format('select gd_enqueue(%1$L)', repeat('é', 500)),
    'length is counted in bytes: 500 characters of two are accepted');
select throws_ok(format('select gd_enqueue(%1$L)', repeat('é', 501)), 'GD002', null,
    'length is counted in bytes: 501 characters of two are refused');
select matches(pg_temp.refusal(format('select gd_enqueue(%L, step => %L)', 'm', repeat('s', 1001))), 'GD002 .*step',
    'a name that is too long is named');
select is(pg_temp.refusal($$ select gd_enqueue('m', step => '') $$), 'GD002 step is empty', 'an empty name is named');
select throws_ok(format('select gd_enqueue(%L)', repeat('n', 1001)), 'GD002', null, 'fsm of 1,001 bytes is refused');
select throws_ok(format('select gd_enqueue(%L, step => %L)', 'm', repeat('n', 1001)), 'GD002', null,
    'step of 1,001 bytes is refused');
select throws_ok(format('select gd_enqueue(%L, queue => %L)', 'm', repeat('n', 1001)), 'GD002', null,
    'queue of 1,001 bytes is refused');
select throws_ok(format('select gd_enqueue(%L, correlation_key => %L)', 'm', repeat('n', 1001)), 'GD002', null,
    'correlation_key of 1,001 bytes is refused');

-- Errors.
select throws_ok($$ select gd_enqueue(null) $$, 'GD001', 'gendurable: a required argument is missing',
    'fsm null is an error');
select is(pg_temp.refusal($$ select gd_enqueue(null) $$), 'GD001 fsm is required',
    'the error names the missing argument');
select throws_ok($$ select gd_enqueue('') $$, 'GD002', 'gendurable: invalid argument', 'an empty fsm is refused');
select throws_ok($$ select gd_enqueue('m', step => '') $$, 'GD002', null, 'an empty step is refused');
select throws_ok($$ select gd_enqueue('m', queue => '') $$, 'GD002', null, 'an empty queue is refused');
select matches(pg_temp.refusal($$ select gd_enqueue('m', weight => -0.5) $$), 'GD002 .*-0.5',
    'a negative weight is refused, and named');
select matches(pg_temp.refusal($$ select gd_enqueue('m', weight => 'NaN') $$), 'GD002 .*NaN',
    'a weight that is no number is refused, and named');
select matches(pg_temp.refusal($$ select gd_enqueue('m', weight => 'Infinity') $$), 'GD002 .*Infinity',
    'an infinite weight is refused, and named');
select lives_ok($$ select gd_enqueue('m', weight => 0) $$, 'a weight of zero is accepted');
select matches(pg_temp.refusal($$ select gd_enqueue('m', delay => '1000000 years') $$), 'GD002 .*1000000 years',
    'a delay beyond the end of time is refused, and named');
select throws_ok($$ select gd_enqueue('m', correlation_key => 'k', weight => -1) $$, 'GD002', null,
    'a bad argument is refused for a duplicate too');

-- Keys, limits and scopes are stored as given.
select gd_set_rate_limit('r', 1, '1 s', 5) as r \gset
select id as limited from gd_enqueue('m', concurrency_key => 'c:1', rate_limit => 'r:1', weight => 2.5,
    correlation_key => 'scoped', correlation_scope => '{runnable,done}') \gset
select results_eq(format('select concurrency_key, rate_limit, weight, correlation_scope from gendurable.instances '
    'where id = %s', :limited),
    $$ values ('c:1', 'r:1', 2.5::float8, '{runnable,done}'::text[]) $$, 'keys, weight and scope are stored as given');
select results_eq(format('select status, correlation_key from gd_status(%s)', :limited), $$
    values ('runnable', 'scoped') $$, 'what waits for a limit is runnable');
select is(pg_temp.refusal($$
    select gd_enqueue('m', correlation_key => 'k', correlation_scope => '{runnable,asleep}') $$),
    'GD002 correlation_scope has what is no status: runnable, asleep', 'a scope of what is no status is refused');

-- Properties.
select count(*) as before from gd_instances \gset
select throws_ok($$ select gd_enqueue('m', correlation_key => 'refused', step => '') $$, 'GD002', null,
    'a refused call raises');
select is((select count(*) from gd_instances), :before::bigint, 'a refused call stores no instance');
select is((select count(*)::int from gendurable.correlation_keys where key = 'refused'), 0,
    'a refused call occupies no key');
savepoint s;
select id as undone from gd_enqueue('m', correlation_key => 'undone') \gset
rollback to s;
select is((select count(*)::int from gd_status('undone')), 0, 'enqueueing joins the caller''s transaction');
select is((select duplicate from gd_enqueue('m', correlation_key => 'undone')), false,
    'a key taken by a transaction that was undone is free');

select * from finish();
rollback;
