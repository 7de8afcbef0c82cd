-- gd_signal: one signal, by correlation key or by id.
begin;
select plan(60);

select gd_register('me') as me \gset

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
create function pg_temp.commit(p_worker bigint, p_id bigint, p_outcome jsonb) returns text language sql as $$
    select c.result
    from gd_commit(p_worker, jsonb_build_array(jsonb_build_object('id', p_id, 'fence',
        (select i.fence from gendurable.instances as i where i.id = p_id)) || p_outcome)) as c
$$;
create function pg_temp.inbox(p_id bigint) returns text language sql as $$
    select coalesce(string_agg(format('%s=%s', s.name, s.payload), ' ' order by s.id), '') from gendurable.signals as s
        where s.instance_id = p_id
$$;

-- Addresses.
select id as a from gd_enqueue('m', correlation_key => 'a') \gset
select id as b from gd_enqueue('m', delay => '1 hour') \gset
select is(gd_signal('a', 'paid', '{"n": 1}'), 'delivered', 'by correlation key');
select is(gd_signal(:a, 'paid', '{"n": 2}'), 'delivered', 'by id');
select is(pg_temp.inbox(:a), 'paid={"n": 1} paid={"n": 2}', 'signals are stored in the target''s inbox, by arrival');
select is(gd_signal(:b, 'x'), 'delivered', 'a scheduled instance takes signals');
select is(pg_temp.inbox(:b), 'x={}', 'the payload defaults to an empty object');
select is((select status from gd_status(:b)), 'runnable', 'a signal changes nothing of what is not parked');
select is((select phase::text from gendurable.instances where id = :b), 'scheduled',
    'a signal does not hasten what is scheduled');
select is(gd_signal(target => 'a', name => 'n', payload => null, dedup_key => null), 'delivered',
    'by named notation, explicit nulls');
select matches(pg_temp.inbox(:a), 'n=\{\}$', 'a null payload is an empty object');
select ok((select min(sent_at) > now() from gendurable.signals where instance_id = :a),
    'sent_at is the real time of sending');
select is(gd_signal('nobody', 'x'), 'no_target', 'an unknown key is no target');
select is(gd_signal(-5, 'x'), 'no_target', 'an unknown id is no target');
select is(gd_signal(:a::text, 'x'), 'no_target', 'an id as text is a correlation key');
select is((select count(*)::int from gendurable.signals where name = 'x'), 1, 'what has no target is not stored');
select is(gd_signal('nobody', 'x', dedup_key => 'd'), 'no_target', 'an unknown key is no target, with a dedup_key too');
select is((select count(*)::int from gendurable.dedup_keys), 0, 'what has no target is not remembered');

-- Waking.
create function pg_temp.parked(p_worker bigint, p_names text, p_timeout_ms int default null) returns bigint
    language plpgsql as $$
declare
    v_id bigint := (select e.id from gd_enqueue('m') as e);
begin
    update gendurable.instances set queue = 'q' || v_id where id = v_id;
    perform gd_pick(p_worker, 'q' || v_id, 1);
    perform pg_temp.commit(p_worker, v_id,
        jsonb_build_object('kind', 'await', 'names', p_names::text[], 'timeout_ms', p_timeout_ms));
    update gendurable.instances set updated_at = now() - interval '1 hour' where id = v_id;
    return v_id;
end
$$;
select pg_temp.parked(:me, '{paid,void}', 60000) as p \gset
select test.fence(:p) as fence \gset
select is(gd_signal(:p, 'other'), 'delivered', 'a signal of another name');
select is((select status from gd_status(:p)), 'awaiting_signal', 'a park is not woken by a name it does not await');
select is((select eligible_at from gendurable.instances where id = :p), now() + '1 minute',
    'a signal of another name leaves the deadline');
select is((select updated_at from gd_status(:p)), now() - interval '1 hour',
    'a signal of another name does not change the instance');
select is(gd_signal(:p, 'void'), 'delivered', 'a signal of an awaited name');
select results_eq(format(
    'select phase::text, eligible_at, updated_at > now(), fence, attempt, worker_id from gendurable.instances where id '
    '= %s', :p),
    format('values (%L, now(), true, %s::bigint, 0, null::bigint)', 'ready', :fence),
    'a park is woken by a name it awaits, runnable now');
select is((select jsonb_array_length(awaited) from gd_pick(:me, 'q' || :p, 1)), 1,
    'the woken step is handed the signal');
select is(gd_signal(:p, 'paid'), 'delivered', 'a signal to an executing instance');
select results_eq(format('select phase::text, worker_id from gendurable.instances where id = %s', :p),
    format('values (%L, %s::bigint)', 'executing', :me),
    'a signal does not touch a claim');
select is(pg_temp.commit(:me, :p, '{"kind": "await", "names": ["paid"]}'), 'committed', 'a park after the delivery');
select is((select status from gd_status(:p)), 'runnable', 'no wake-up is lost when the signal comes before the park');

-- Deduplication.
select id as d from gd_enqueue('m', queue => 'dedup', correlation_key => 'dedup') \gset
select is(gd_signal('dedup', 'x', '1', 'key'), 'delivered', 'the first with a dedup_key is delivered');
select is(gd_signal('dedup', 'x', '2', 'key'), 'duplicate', 'the second with the same dedup_key is a duplicate');
select is(gd_signal(:d, 'y', '3', 'key'), 'duplicate',
    'the dedup_key counts for the target, whatever the name and the address');
select is(pg_temp.inbox(:d), 'x=1', 'a duplicate is not stored');
select is(gd_signal(:d, 'x', '4', 'key2'), 'delivered', 'another dedup_key is no duplicate');
select is(gd_signal(:a, 'x', '5', 'key'), 'delivered', 'the same dedup_key for another target is no duplicate');
select is(gd_signal(:d, 'x', '6') || gd_signal(:d, 'x', '6') || gd_signal(:d, 'x', '6', null),
    'delivereddelivereddelivered', 'a null dedup_key never deduplicates');
select id, fence, signals from gd_pick(:me, 'dedup', 1) \gset d_
select is(pg_temp.commit(:me, :d,
    jsonb_build_object('kind', 'next', 'step', 's', 'consumed',
        (select jsonb_agg(x -> 'id') from jsonb_array_elements(:'d_signals') as x))),
    'committed', 'the signals are consumed');
select is(pg_temp.inbox(:d), '', 'nothing is left of them');
select is(gd_signal(:d, 'x', '1', 'key'), 'duplicate', 'a redelivery is recognised after the signal was consumed');
select pg_temp.parked(:me, '{x}') as q \gset
select is(gd_signal(:q, 'y', dedup_key => 'once'), 'delivered', 'a first signal');
select is(gd_signal(:q, 'x', dedup_key => 'once'), 'duplicate', 'a duplicate of an awaited name');
select is((select status from gd_status(:q)), 'awaiting_signal', 'a duplicate wakes no instance');

-- Terminal targets.
select id from gd_pick(:me, 'dedup', 1) \gset d_
select is(pg_temp.commit(:me, :d, '{"kind": "done"}'), 'committed', 'the target finishes');
select is(gd_signal(:d, 'x'), 'no_target', 'a finished instance is no target, by id');
select is(gd_signal('dedup', 'x'), 'no_target', 'a finished instance is no target, by key');
select is(gd_signal(:d, 'x', '1', 'key'), 'no_target', 'a finished instance is no target, redelivery or not');
select is((select count(*)::int from gendurable.signals where instance_id = :d) + (select count(*)::int
    from gendurable.dedup_keys where instance_id = :d), 0,
    'for a finished instance nothing is stored');
select id as heir from gd_enqueue('m', correlation_key => 'dedup') \gset
select is(gd_signal('dedup', 'x', '1', 'key'), 'delivered',
    'the next occupant of the key is the target, with an inbox and dedup_keys of its own');
select is(pg_temp.inbox(:heir), 'x=1', 'the next occupant has the signal');
-- A key that is reserved by a finished instance.
insert into gendurable.correlation_keys (key, instance_id) values ('reserved', :d);
select is(gd_signal('reserved', 'x'), 'no_target', 'a finished instance that still occupies its key is no target');

-- Errors.
select is(pg_temp.refusal($$ select gd_signal(null::text, 'x') $$), 'GD001 target is required', 'no key is an error');
select is(pg_temp.refusal($$ select gd_signal(null::bigint, 'x') $$), 'GD001 target is required', 'no id is an error');
select is(pg_temp.refusal(format('select gd_signal(%s, null)', :a)), 'GD001 name is required', 'no name is an error');
select throws_ok(format('select gd_signal(%s, %L)', :a, ''), 'GD001', 'gendurable: a required argument is missing',
    'an empty name is no name');
select throws_ok(format('select gd_signal(%s, %L)', :a, repeat('é', 501)), 'GD002', 'gendurable: invalid argument',
    'a name of more than 1,000 bytes is refused');
select lives_ok(format('select gd_signal(%s, %L)', :a, repeat('é', 500)), 'a name of 1,000 bytes is accepted');
select throws_ok(format('select gd_signal(%L, %L)', repeat('é', 501), 'x'), 'GD002', null,
    'a key of more than 1,000 bytes is refused');
select throws_ok(format('select gd_signal(%s, %L, dedup_key => %L)', :a, 'x', repeat('é', 501)), 'GD002', null,
    'a dedup_key of more than 1,000 bytes is refused');
select lives_ok(format('select gd_signal(%s, %L, dedup_key => %L)', :a, 'x', repeat('é', 500)),
    'a dedup_key of 1,000 bytes is accepted');

-- Properties.
select pg_temp.inbox(:a) as before \gset
savepoint s;
select is(gd_signal(:a, 'undone', dedup_key => 'undone'), 'delivered', 'a signal');
rollback to s;
select is(pg_temp.inbox(:a), :'before'::text, 'signalling joins the caller''s transaction');
select is(gd_signal(:a, 'undone', dedup_key => 'undone'), 'delivered', 'a signal that was undone is no duplicate');

select * from finish();
rollback;
