-- gd_pick: claims ready instances, the most urgent first.
select format('alter database %I set synchronous_commit = on', current_database()) \gexec
\c
begin;
select plan(94);

select gd_register('me', lease => '60 s') as me \gset
select gd_register('other') as other \gset

create function pg_temp.put(p_state text, p_queue text, p_priority int default 0, p_ago interval default '0')
    returns bigint language sql as $$
    select id from gd_enqueue('m', to_jsonb(p_state), queue => p_queue, priority => p_priority,
        eligible_at => now() - p_ago)
$$;
-- States in the order in which they are handed out.
create function pg_temp.picked(p_worker bigint, p_queue text, p_slots int) returns text language sql as $$
    select coalesce(string_agg(p.state #>> '{}', ' ' order by p.n), '')
    from (select j.*, row_number() over () as n from gd_pick(p_worker, p_queue, p_slots) as j) as p
$$;
create function pg_temp.commit(p_worker bigint, p_id bigint, p_fence bigint, p_outcome jsonb) returns text
    language sql as $$
    select result from gd_commit(p_worker,
        jsonb_build_array(jsonb_build_object('id', p_id, 'fence', p_fence) || p_outcome))
$$;

-- What a claim is.
select gd_enqueue('order', '{"n": 1}', 'go', 'shape', 3, correlation_key => 'order:1', fsm_version => 2) as e \gset
create temp table claim as select * from gd_pick(:me, 'shape', 5);
select results_eq(
    $$ select id, fsm, fsm_version, step, state, attempt, queue, priority, correlation_key, concurrency_key, parent_id,
        awaited, signals, children,
              last_error, enqueued_at from claim $$,
    $$ select s.id, 'order', 2, 'go', '{"n": 1}'::jsonb, 0, 'shape', 3, 'order:1', null::text, null::bigint,
        '[]'::jsonb, '[]'::jsonb, null::jsonb,
              null::jsonb, now() from gd_status('order:1') as s $$,
    'a claim carries every field of gendurable.job, beside its fence; arrays are empty rather than null, children '
    'null');
select is((select status from gd_status('order:1')), 'executing', 'what is picked executes');
select results_eq($$ select worker_id, claimed_at > now(), updated_at > now(), chain from gendurable.instances
    where correlation_key = 'order:1' $$,
    format('values (%s::bigint, true, true, 0)', :me), 'a claim notes its worker and its real time');
select is_empty(format('select gd_pick(%s, %L, 5)', :other, 'shape'), 'no other worker is handed a claim');
select is_empty(format('select gd_pick(%s, %L, 5)', :me, 'shape'), 'a worker is not handed its own claim again');
select gd_release(:me, array(select id from claim)) as r \gset

-- The fence.
select is((select c.fence from claim as c), (select test.fence(c.id) from claim as c),
    'a claim carries the fence that the instance has now');
select cmp_ok((select c.fence from claim as c), '>=', (extract(epoch from now()) * 1000000)::bigint,
    'which is the time, so that none is used again that a crash has forgotten');
select cmp_ok((select c.fence from claim as c), '<', (2 ^ 53)::bigint, 'and is exact as a number of JSON');
select cmp_ok((select p.fence from gd_pick(:other, 'shape', 1) as p), '>', (select c.fence from claim as c),
    'it grows at every claim');
select gd_release(:other, array(select id from claim)) as r \gset
update gendurable.instances set fence = (2 ^ 52)::bigint where correlation_key = 'order:1';
select is((select p.fence from gd_pick(:other, 'shape', 1) as p), (2 ^ 52)::bigint + 1,
    'also where the clock has stepped back, or two claims have the same time');

-- Order and number.
create temp table line as select pg_temp.put(v.s, 'order', v.p, v.ago::interval) as id from (values
    ('late', 0, '1 s'), ('urgent', -5, '0'), ('early', 0, '1 hour'), ('last', 9, '1 day'), ('tie1', 0, '1 minute'),
    ('tie2', 0, '1 minute'), ('tie3', 0, '1 minute')
) as v (s, p, ago);
select is(pg_temp.picked(:me, 'order', 0), '', 'no slots, no claims');
select is(pg_temp.picked(:me, 'order', 2), 'urgent early', 'as many as there are slots');
select is(pg_temp.picked(:me, 'order', 100), 'tie1 tie2 tie3 late last',
    'a lower priority number first, then the earlier one, then the lower id');
select is(pg_temp.picked(:me, 'order', 100), '', 'an empty queue hands out nothing');
select is((select pg_temp.put('elsewhere', 'order2') is not null), true, 'work in another queue');
select is(pg_temp.picked(:me, 'order', 100), '', 'a pick takes from its own queue alone');
select is(pg_temp.picked(:me, 'order2', 100), 'elsewhere', 'a worker may pick from any queue');

-- The future.
select id as future from gd_enqueue('m', '"future"', queue => 'future', priority => -100, delay => '1 hour') \gset
select pg_temp.put('present', 'future') as e \gset
select is(pg_temp.picked(:me, 'future', 10), 'present', 'nothing is handed out before its time, however urgent');
update gendurable.instances set eligible_at = now() - interval '2 s' where id = :future;
select pg_temp.put('waiting', 'future', -100, '1 s') as e \gset
select is(pg_temp.picked(:me, 'future', 10), 'future waiting',
    'what has become due is handed out, in the place of the time it was meant for');
select is((select eligible_at from gendurable.instances where id = :future), now() - interval '2 s',
    'becoming due does not change eligible_at');
select id as now_due from gd_enqueue('m', '"on the dot"', queue => 'future', delay => '1 hour') \gset
update gendurable.instances set eligible_at = now() where id = :now_due;
select is(pg_temp.picked(:me, 'future', 10), 'on the dot', 'due means at the moment, not after it');

-- A paused queue.
select pg_temp.put('frozen', 'paused') as e \gset
insert into gendurable.queues (name, paused) values ('paused', true);
select is(pg_temp.picked(:me, 'paused', 10), '', 'a paused queue hands out nothing');
select pg_temp.put('warm', 'not paused') as e \gset
select is(pg_temp.picked(:me, 'not paused', 10), 'warm', 'a pause holds for its own queue alone');
update gendurable.queues set paused = false where name = 'paused';
select is(pg_temp.picked(:me, 'paused', 10), 'frozen', 'a queue that is no longer paused hands out what waited');

-- Signals: the inbox, and the awaited part of it.
select id as s from gd_enqueue('m', queue => 'inbox') \gset
select gd_signal(:s, 'early', '{"n": 1}') as r \gset
select id, fence, awaited, signals from gd_pick(:me, 'inbox', 1) \gset s_
select is(:'s_awaited'::jsonb, '[]'::jsonb, 'nothing is awaited before the first await');
select is((select jsonb_agg(x - 'id' - 'sent_at') from jsonb_array_elements(:'s_signals') as x),
    '[{"name": "early", "payload": {"n": 1}}]'::jsonb,
    'signals are handed out before any await');
select is((select array_agg(k order by k)::text from jsonb_object_keys(:'s_signals'::jsonb -> 0) as k),
    '{id,name,payload,sent_at}',
    'a signal is {id, name, payload, sent_at}');
select is((select (x ->> 'id')::bigint from jsonb_array_elements(:'s_signals') as x),
    (select id from gendurable.signals where instance_id = :s), 'a signal carries its id');
select is((select (x ->> 'sent_at')::timestamptz from jsonb_array_elements(:'s_signals') as x),
    (select sent_at from gendurable.signals where instance_id = :s),
    'a signal carries the time it was sent, to the microsecond');
select is(pg_temp.commit(:me, :s_id, :s_fence, '{"kind": "await", "names": ["paid", "void"], "step": "paid?"}'),
    'committed', 'park') as r;
select gd_signal(:s, 'noise') as r \gset
select is(pg_temp.picked(:me, 'inbox', 1), '', 'a park is not handed out');
select gd_signal(:s, 'void', '"v"') as r \gset
select gd_signal(:s, 'noise') as r \gset
select gd_signal(:s, 'paid', '"p"') as r \gset
select id, fence, step, awaited, signals from gd_pick(:me, 'inbox', 1) \gset s_
select is((select array_agg(x ->> 'name' order by n)::text from jsonb_array_elements(:'s_awaited')
    with ordinality as x (x, n)), '{void,paid}',
    'awaited are the signals with awaited names, by arrival');
select is((select array_agg(x ->> 'name' order by n)::text from jsonb_array_elements(:'s_signals')
    with ordinality as x (x, n)), '{early,noise,void,noise,paid}',
    'signals are the whole inbox, by arrival');
select is(:'s_awaited'::jsonb -> 0, :'s_signals'::jsonb -> 2, 'an awaited signal is the same in both arrays');
select is(:'s_step'::text, 'paid?', 'the step that was named by the await runs');
select is((select array_agg(name order by id)::text from gendurable.signals
    where instance_id = :s and presented is not null), '{void,paid}',
    'exactly the awaited signals count as presented');
select is(gd_release(:me, array[:s]::bigint[]), 1, 'released');
select is((select awaited from gd_pick(:other, 'inbox', 1)), :'s_awaited'::jsonb,
    'another worker is handed the same awaited signals');

-- Parks past their deadline.
select id as p from gd_enqueue('m', '"timer"', queue => 'deadline') \gset
select id, fence from gd_pick(:me, 'deadline', 1) \gset p_
select is(pg_temp.commit(:me, :p_id, :p_fence, '{"kind": "await", "names": ["x"], "timeout_ms": 3600000}'), 'committed',
    'park with a deadline');
select is(pg_temp.picked(:me, 'deadline', 1), '', 'a park is not woken before its deadline');
select is((select status from gd_status(:p)), 'awaiting_signal', 'a park stays parked before its deadline');
update gendurable.instances set eligible_at = now() - interval '1 ms', attempt = 0 where id = :p;
select id, attempt, awaited, signals from gd_pick(:me, 'deadline', 1) \gset p_
select is(:p_id, :p, 'a pick wakes the parks of its queue that are past their deadline');
select is(:p_attempt, 0, 'a timeout is no failed attempt');
select is(:'p_awaited'::jsonb, '[]'::jsonb, 'a timeout may find nothing there');

-- Retries are handed out with what happened.
select id as f from gd_enqueue('m', queue => 'again') \gset
select id, fence from gd_pick(:me, 'again', 1) \gset f_
select is(pg_temp.commit(:me, :f_id, :f_fence, '{"kind": "retry", "error": {"why": "flaky"}}'), 'committed', 'retry');
select results_eq(format('select attempt, last_error, fence > %s + 1 from gd_pick(%s, %L, 1)', :f_fence, :me, 'again'),
    $$ values (1, '{"why": "flaky"}'::jsonb, true) $$,
    'a claim carries the attempt and the last error');

-- The lease.
create function pg_temp.left_after_pick(p_worker bigint, p_used numeric, p_slots int) returns numeric
    language plpgsql as $$
begin
    update gendurable.leases as l set lease_until = clock_timestamp() + w.lease * (1 - p_used)
        from gendurable.workers as w where w.id = l.worker_id and w.id = p_worker;
    perform gd_pick(p_worker, 'nothing', p_slots);
    return (select round(extract(epoch from lease_until - clock_timestamp()) / extract(epoch from lease), 1)
        from gendurable.workers join gendurable.leases on worker_id = id where id = p_worker);
end
$$;
select is(pg_temp.left_after_pick(:me, 0.3, 1), 0.7, 'a pick leaves a lease alone of which less than a third is used');
select is(pg_temp.left_after_pick(:me, 0.4, 1), 1.0, 'a pick renews a lease of which more than a third is used');
select is(pg_temp.left_after_pick(:me, 0.4, 0), 1.0, 'a pick of no slots renews the lease too');
select is(pg_temp.left_after_pick(:me, 1.5, 1), 1.0, 'a worker past its lease that was not reaped is still itself');
insert into gendurable.queues (name, paused) values ('nothing', true);
select is(pg_temp.left_after_pick(:me, 0.4, 1), 1.0, 'a pick of a paused queue renews the lease too');

-- Which queues are worth a notification.
create function pg_temp.idle(p_worker bigint) returns text language sql as $$
    select idle_queues::text from gendurable.leases where worker_id = p_worker
$$;
select gd_register('idler') as idler \gset
select is(pg_temp.idle(:idler), '{}', 'a new worker asks for no notification');
select is(pg_temp.picked(:idler, 'idle1', 1), '', 'an empty pick');
select is(pg_temp.idle(:idler), '{idle1}', 'a pick that comes back empty asks for notifications');
select is(pg_temp.picked(:idler, 'idle1', 1), '', 'an empty pick again');
select is(pg_temp.idle(:idler), '{idle1}', 'asking twice is asking once');
select is(pg_temp.picked(:idler, 'idle2', 1), '', 'an empty pick elsewhere');
select is(pg_temp.idle(:idler), '{idle1,idle2}', 'each queue is asked for by itself');
select pg_temp.put('x', 'idle1') as e \gset
select is(pg_temp.picked(:idler, 'idle1', 0), '', 'a pick of no slots');
select is(pg_temp.idle(:idler), '{idle1,idle2}', 'a pick of no slots changes nothing of it');
select is(pg_temp.picked(:idler, 'idle1', 1), 'x', 'a full pick');
select is(pg_temp.idle(:idler), '{idle2}', 'a pick that fills every slot asks for no more notifications');
select pg_temp.put('y', 'idle1') as e \gset
select is(pg_temp.picked(:idler, 'idle1', 2), 'y', 'a pick with a slot left');
select is(pg_temp.idle(:idler), '{idle2,idle1}', 'a pick with a slot left asks for notifications');

-- Errors.
select throws_ok($$ select gd_pick(0, 'default', 1) $$, 'GD010', 'gendurable: unknown worker',
    'a worker that is gone is told to register anew');
select throws_ok($$ select gd_pick(null, 'default', 1) $$, 'GD010', null, 'no worker is an unknown worker');
select gd_unregister(:idler) as r \gset
select throws_ok(format('select gd_pick(%s, %L, 1)', :idler, 'default'), 'GD010', null, 'a worker that left is gone');
select throws_ok(format('select gd_pick(%s, %L, 0)', :idler, 'default'), 'GD010', null,
    'a worker that left is gone, even when it asks for nothing');
select throws_ok(format('select gd_pick(%s, null, 1)', :me), 'GD002', 'gendurable: invalid argument',
    'a pick names its queue');
select throws_ok(format('select gd_pick(%s, %L, null)', :me, 'q'), 'GD002', null, 'a pick says how many');
select throws_ok(format('select gd_pick(%s, %L, -1)', :me, 'q'), 'GD002', null,
    'a negative number of slots is refused');

-- Properties.
create temp table many as select pg_temp.put('n' || n, 'many', n % 7, n % 11 * interval '1 s') as id
    from generate_series(1, 300) as n;
create temp table handed as
select p.n, p.id, p.priority from (select j.*, row_number() over () as n from gd_pick(:me, 'many', 250) as j) as p;
select is((select count(distinct id)::int from handed), 250, 'every slot is used, by distinct instances');
select is_empty($$ select h.n, o.n from handed as h
                   join (select i.id, row_number() over (order by i.priority, i.eligible_at, i.id) as n
                         from gendurable.instances as i where i.queue = 'many') as o on o.id = h.id
                   where h.n <> o.n $$, 'what is handed out is exactly the most urgent prefix, in order');

-- Bytes. No row makes a pick fail, and a pick hands out 64 MB, but always one instance.
create function pg_temp.names(p_worker bigint, p_queue text, p_slots int) returns text language sql as $$
    select coalesce(string_agg(p.fsm, ' ' order by p.n), '-')
        from (select j.*, row_number() over () as n from gd_pick(p_worker, p_queue, p_slots) as j) as p
$$;
select e.id from generate_series(1, 5) as n,
    lateral gd_enqueue('b' || n, to_jsonb(repeat('x', 25000000)), queue => 'bytes') as e \g /dev/null
select gd_enqueue('small', queue => 'bytes') \g /dev/null
select is(pg_temp.names(:me, 'bytes', 10), 'b1 b2', 'a pick hands out 64 MB, the most urgent first');
select is((select idle_queues @> '{bytes}' from gendurable.leases where worker_id = :me), true,
    'there are slots left, so it is told when');
select is(pg_temp.names(:me, 'bytes', 10), 'b3 b4', 'what did not fit is next, in its place');
select is(pg_temp.names(:me, 'bytes', 10), 'b5 small', 'nothing is lost, and nothing overtakes');
select gd_enqueue('whole', to_jsonb(repeat('x', 90000000)), queue => 'bytes', priority => -1) \g /dev/null
select gd_enqueue('small', queue => 'bytes') \g /dev/null
select is(pg_temp.names(:me, 'bytes', 10), 'whole', 'one instance is handed out however large it is');
select is(pg_temp.names(:me, 'bytes', 10), 'small', 'alone');

-- With keys and rates: what does not fit keeps its place, draws nothing and holds nothing.
select gd_set_rate_limit('bytes', 10, '1 hour') \g /dev/null
select e.id from generate_series(1, 4) as n,
    lateral gd_enqueue('r' || n, to_jsonb(repeat('x', 25000000)), queue => 'rated bytes', rate_limit => 'bytes',
        concurrency_key => 'bytes:' || n) as e \g /dev/null
select is(pg_temp.names(:me, 'rated bytes', 10), 'r1 r2', 'those with limits as well');
select is((select floor(tokens) from gendurable.buckets where key = 'bytes'), 8::float8,
    'tokens are drawn for what is handed out alone');
select is((select string_agg(fsm || ' ' || phase::text, ' ' order by id) from gendurable.instances
    where queue = 'rated bytes' and worker_id is null), 'r3 ready r4 ready', 'the others keep an offer');
select is(pg_temp.names(:me, 'rated bytes', 10), 'r3 r4', 'and are next');
select e.id from generate_series(1, 3) as n,
    lateral gd_enqueue('k' || n, to_jsonb(repeat('x', 70000000)), queue => 'keyed bytes', concurrency_key => 'one')
    as e \g /dev/null
select gd_enqueue('other', to_jsonb(repeat('x', 70000000)), queue => 'keyed bytes',
    concurrency_key => 'two') \g /dev/null
update gendurable.instances set phase = 'ready' where queue = 'keyed bytes';
select is(pg_temp.names(:me, 'keyed bytes', 10), 'k1', 'one that is refused its slot does not count');
select is(pg_temp.names(:me, 'keyed bytes', 10), 'other', 'for those behind it');

-- Lists.
select id as many from gd_enqueue('many', queue => 'lists') \gset
select gd_signal(:many, 'x') \g /dev/null
insert into gendurable.signals (inbox, instance_id, sent_at, name, payload) select gendurable._inbox_key(:many, 0),
    :many, now(), repeat('n', 1000), '1' from generate_series(1, 60000);
select id as inbox from gd_enqueue('inbox', queue => 'lists') \gset
select gd_signal(:inbox, 'x', to_jsonb(repeat('x', 28000000))) from generate_series(1, 10) \g /dev/null
set local synchronous_commit = off;
select id, fence, signals from gd_pick(:me, 'lists', 10) \gset l_
select is(current_setting('synchronous_commit'), 'on', 'a pick in which one fails is durable');
select is(:l_id::bigint, :inbox::bigint, 'an inbox of 280 MB is handed out, one whose list is too long is not');
select is((select count(*) from jsonb_array_elements(:'l_signals') as s where s @> '{"omitted": true}'), 8::bigint,
    'with what is too much left out');
select is((select error from gd_status(:many)), '{"kind": "too_large"}', 'the other one fails');

-- A driver may say that claims need not be durable; what else a pick decides is.
create function pg_temp.durability(p_worker bigint, p_queue text) returns text language plpgsql as $$
begin
    set local synchronous_commit = off;
    perform gd_pick(p_worker, p_queue, 10);
    return current_setting('synchronous_commit');
end
$$;
select gd_enqueue('m', queue => 'plain'), gd_enqueue('m', queue => 'counted'),
    gd_enqueue('m', queue => 'keyed', concurrency_key => 'durable'),
    gd_enqueue('m', queue => 'rated', rate_limit => 'bytes'),
    gd_set_queue_limit('counted', 5), gd_schedule('s', '@every 1 hour', 'm', queue => 'fired') \g /dev/null
update gendurable.occurrences set next_at = now(), due_at = now(), none_before = '-infinity' where queue = 'fired';
select is(pg_temp.durability(:me, 'plain'), 'off', 'a pick that claims alone is as durable as its driver says');
select is(pg_temp.durability(:me, 'counted'), 'on', 'one from a queue with a limit is durable');
select is(pg_temp.durability(:me, 'keyed'), 'on', 'one of a concurrency key');
select is(pg_temp.durability(:me, 'rated'), 'on', 'one of a rate limit');
select is(pg_temp.durability(:me, 'fired'), 'on', 'and one that fires a schedule');

select * from finish();
rollback;
