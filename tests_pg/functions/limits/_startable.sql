-- What cannot start delays no other instance: neither for a slot nor for tokens.
begin;
set local client_min_messages = error;
\ir ../prelude.psql
select plan(42);

create function pg_temp.worker(machine text, queues text[] default '{q}') returns bigint language sql as $$
    select gd_register('of ' || machine, queues, '1 day',
        jsonb_build_object('machines', jsonb_build_array(jsonb_build_object('fsm', machine, 'version', 1))))
$$;
create function pg_temp.startable() returns text language sql as $$
    select string_agg(k.queue || ':' || k.fsm, ' ' order by k.queue, k.fsm)
    from gendurable.kinds as k
    where k.id = any (gendurable._startable(array(select x.id from gendurable.kinds as x), clock_timestamp()))
$$;
-- As if so much time had gone by for all buckets.
create function pg_temp.later(by interval) returns void language sql as $$
    update gendurable.buckets set refilled_at = refilled_at - later.by, due_at = due_at - later.by
$$;
create function pg_temp.clear() returns void language plpgsql as $$
begin
    delete from gendurable.instances;
    delete from gendurable.buckets;
    delete from gendurable.doorbells;
end
$$;

-- Which kinds.
select gd_unregister(:me) \g /dev/null
select pg_temp.put('X'), pg_temp.put('Y'), pg_temp.put('Y', '{"queue": "a"}'), pg_temp.put('Z', '{"queue": "b"}'),
    pg_temp.put('Y', '{"queue": "b"}') \g /dev/null
select is(pg_temp.startable(), null, 'without a worker nothing can start');
select pg_temp.worker('Y', '{q,a}') as y \gset
select is(pg_temp.startable(), 'a:Y q:Y', 'a worker starts what it declares, in its queues');
select gd_register('all', '{b}', '1 day') as all \gset
select is(pg_temp.startable(), 'a:Y b:Y b:Z q:Y', 'one that declares nothing starts everything');
select gd_pause('b'), gd_set_queue_limit('a', 0) \g /dev/null
select is(pg_temp.startable(), 'q:Y', 'nothing of a paused queue, nor of one with a limit of 0');
select gd_resume('b'), gd_set_queue_limit('a', 1) \g /dev/null
select is(pg_temp.startable() || ' ' || pg_temp.pick(1, 'a', :y) || ' ' || pg_temp.startable(),
    'a:Y b:Y b:Z q:Y Y b:Y b:Z q:Y', 'nor of a full one');
select is(pg_temp.commit('Y', 'done') || ' ' || pg_temp.startable(), 'committed a:Y b:Y b:Z q:Y',
    'until a place is free');
update gendurable.leases set lease_until = now() - interval '1 s' where worker_id = :all;
select is(pg_temp.startable(), 'a:Y q:Y', 'a dead worker starts nothing');
select gd_unregister(:all) \g /dev/null
delete from gendurable.instances;

-- Slots.
select pg_temp.put('X', '{"concurrency_key": "k", "priority": -1}'),
    pg_temp.put('Y', '{"concurrency_key": "k"}') \g /dev/null
select is(pg_temp.pick(9, 'q', :y) || ' ' || pg_temp.phase('X'), 'Y ready',
    'a slot does not wait for a machine that no live worker declares');
select pg_temp.put('X', '{"concurrency_key": "k"}'), pg_temp.commit('Y', 'done') \g /dev/null
select pg_temp.worker('X') as x \gset
select is(pg_temp.pick(9, 'q', :x), 'X', 'when one comes it starts it');
select pg_temp.clear() \g /dev/null
select gd_set_concurrency_limit('k', 0), pg_temp.put('X', '{"concurrency_key": "k", "priority": -1}'),
    pg_temp.put('Y', '{"concurrency_key": "k"}'), gd_set_concurrency_limit('k', 1) \g /dev/null
update gendurable.doorbells set rung_by = '3';
select gendurable._answer_doorbells(false) \g /dev/null
select is(pg_temp.pick(9, 'q', :y), '-', 'among those that can start the order is strict');
select gd_unregister(:x) \g /dev/null
update gendurable.doorbells set rung_by = '3';
select is(pg_temp.pick(9, 'q', :y), 'Y', 'when the last worker of a machine goes, its offer keeps the slot from none');
-- The same of a worker that declares nothing, and of one whose machine another one has in another queue.
select pg_temp.clear(), gd_register('all', '{q}', '1 day') as all, pg_temp.worker('X', '{a}') as elsewhere \gset
select gd_set_concurrency_limit('k', 0), pg_temp.put('Z', '{"concurrency_key": "k", "priority": -1}'),
    pg_temp.put('Y', '{"concurrency_key": "k"}'), gd_set_concurrency_limit('k', 1) \g /dev/null
update gendurable.doorbells set rung_by = '3';
select gendurable._answer_doorbells(false), pg_temp.pick(9, 'q', :y), gd_unregister(:all) \g /dev/null
update gendurable.doorbells set rung_by = '3';
select is(pg_temp.pick(9, 'q', :y), 'Y', 'or the last that could start it without saying so');
select pg_temp.clear(), pg_temp.worker('X') as x \gset
select gd_set_concurrency_limit('k', 0), pg_temp.put('X', '{"concurrency_key": "k", "priority": -1}'),
    pg_temp.put('Y', '{"concurrency_key": "k"}'), gd_set_concurrency_limit('k', 1) \g /dev/null
update gendurable.doorbells set rung_by = '3';
select gendurable._answer_doorbells(false), pg_temp.pick(9, 'q', :y), gd_unregister(:x) \g /dev/null
update gendurable.doorbells set rung_by = '3';
select is(pg_temp.pick(9, 'q', :y), 'Y', 'or the last of its queue');
select gd_unregister(:elsewhere) \g /dev/null
select gd_drop_concurrency_limit('k'), pg_temp.clear() \g /dev/null

-- Tokens: three more urgent ones that cannot start, for one reason each, and one that can.
select gd_set_rate_limit('r', 1, '1 hour', 1), gd_pause('p'), gd_set_queue_limit('a', 1),
    gd_register('w', '{p}', '1 day') \g /dev/null
select pg_temp.put('Y', '{"queue": "a"}'), pg_temp.pick(1, 'a', :y) \g /dev/null
create function pg_temp.blocked() returns text language sql as $$
    select string_agg(i.fsm || ' ' || i.queue || ' ' || i.phase, ', ' order by i.id) from gendurable.instances as i
        where i.rate_limit is not null
$$;
select count(pg_temp.put('X', '{"rate_limit": "r", "priority": -1}')) from generate_series(1, 3) \g /dev/null
select pg_temp.put('Y', '{"rate_limit": "r"}') \g /dev/null
select is(pg_temp.pick(9, 'q', :y), 'Y', 'tokens do not wait for machines that no live worker declares');
select is(pg_temp.blocked(), 'X q ready, X q throttled, X q throttled, Y q executing',
    'what fits of those has an offer');
delete from gendurable.instances where rate_limit is not null; delete from gendurable.buckets;
select count(pg_temp.put('P', '{"rate_limit": "r", "priority": -1, "queue": "p"}'))
    from generate_series(1, 3) \g /dev/null
select pg_temp.put('Y', '{"rate_limit": "r"}') \g /dev/null
select is(pg_temp.pick(9, 'q', :y), 'Y', 'nor for a paused queue');
delete from gendurable.instances where rate_limit is not null; delete from gendurable.buckets;
select count(pg_temp.put('D', '{"rate_limit": "r", "priority": -1, "queue": "nobody"}'))
    from generate_series(1, 3) \g /dev/null
select pg_temp.put('Y', '{"rate_limit": "r"}') \g /dev/null
select is(pg_temp.pick(9, 'q', :y), 'Y', 'nor for one without workers');
delete from gendurable.instances where rate_limit is not null; delete from gendurable.buckets;
select count(pg_temp.put('Y', '{"rate_limit": "r", "priority": -1, "queue": "a"}'))
    from generate_series(1, 3) \g /dev/null
select pg_temp.put('Y', '{"rate_limit": "r"}') \g /dev/null
select is(pg_temp.pick(9, 'q', :y), 'Y', 'nor for a full one');
delete from gendurable.instances where rate_limit is not null; delete from gendurable.buckets;

-- A worker is handed nothing else, also of what waits for tokens.
select pg_temp.put('X', '{"rate_limit": "r", "priority": -1}') \g /dev/null
select is(pg_temp.pick(9, 'q', :y), '-', 'a worker is not handed the tokens of another machine');
select pg_temp.clear() \g /dev/null

-- What becomes able to start has its turn.
select pg_temp.put('X', '{"rate_limit": "r", "priority": -1}'), pg_temp.put('X', '{"rate_limit": "r", "priority": -1}'),
    pg_temp.put('Y', '{"rate_limit": "r"}') \g /dev/null
select is(pg_temp.pick(9, 'q', :y), 'Y', '(the token is drawn)');
select pg_temp.put('Y', '{"rate_limit": "r"}') \g /dev/null
select pg_temp.worker('X') as x \gset
select pg_temp.pick(9, 'q', :y), pg_temp.later('61 minutes') \g /dev/null
select is(pg_temp.pick(9, 'q', :y) || ' ' || pg_temp.pick(9, 'q', :x), '- X',
    'a worker that registers is served before what is less urgent');
select pg_temp.later('61 minutes') \g /dev/null
select is(pg_temp.pick(9, 'q', :y) || ' ' || pg_temp.pick(9, 'q', :x), '- X', 'also with the next token');
select pg_temp.later('61 minutes') \g /dev/null
select is(pg_temp.pick(9, 'q', :x) || ' ' || pg_temp.pick(9, 'q', :y), '- Y', 'and then the other one');
select gd_unregister(:x), pg_temp.clear() \g /dev/null

-- What cannot start any more keeps from none what it was offered.
select pg_temp.put('P', '{"rate_limit": "r", "priority": -1, "queue": "b"}'),
    gd_register('w', '{b}', '1 day') as b \gset
select pg_temp.put('Y', '{"rate_limit": "r"}') \g /dev/null
select is(pg_temp.pick(9, 'q', :y), '-', 'what can start has its offer first');
select gd_pause('b') \g /dev/null
select is(pg_temp.pick(9, 'q', :y), 'Y', 'until its queue is paused');
select pg_temp.later('61 minutes'), gd_resume('b') \g /dev/null
select is(pg_temp.pick(9, 'b', :b), 'P', 'resumed, it goes on');
select pg_temp.clear() \g /dev/null

-- A full queue: its place is freed, and its line goes on.
select pg_temp.put('Y', '{"queue": "a"}'), pg_temp.pick(1, 'a', :y) \g /dev/null
select id as place, fence from gendurable.instances where queue = 'a' \gset
select count(pg_temp.put('Y', '{"rate_limit": "r", "queue": "a"}')) from generate_series(1, 3) \g /dev/null
select pg_temp.put('Y', '{"rate_limit": "r"}') \g /dev/null
select is(pg_temp.pick(9, 'q', :y), 'Y', '(the token is drawn)');
select count(*) from gd_commit(:y, jsonb_build_array(jsonb_build_object('id', :place, 'fence', :fence, 'kind', 'done')))
    \g /dev/null
select is(pg_temp.pick(9, 'a', :y), '-', 'a free place without tokens');
select pg_temp.later('61 minutes') \g /dev/null
select is(pg_temp.pick(9, 'a', :y) || ' ' || pg_temp.commit('Y', 'done'), 'Y committed', 'when they come it starts');
select pg_temp.later('61 minutes') \g /dev/null
select is(pg_temp.pick(9, 'a', :y) || ' ' || pg_temp.commit('Y', 'done'), 'Y committed', 'so does the next one');
delete from gendurable.instances where rate_limit is not null; delete from gendurable.doorbells;
delete from gendurable.buckets;

-- The same beside a heavy one for which the tokens come late: what was offered its own when it could not start is
-- followed by the next ones of its kind.
select gd_set_rate_limit('h', 1, '1 hour', 5) \g /dev/null
create function pg_temp.heavy(other jsonb) returns text language plpgsql as $$
begin
    perform pg_temp.put('Y', '{"rate_limit": "h", "weight": 5}'),
        pg_temp.pick(1, 'q', (select min(w.id) from gendurable.workers as w where w.name = 'of Y'));
    perform pg_temp.put('Y', '{"rate_limit": "h", "weight": 5}'),
        count(pg_temp.put(other ->> 'fsm', '{"rate_limit": "h", "priority": -1}' || other)) from generate_series(1, 3);
    perform gendurable._offer_tokens();
    perform pg_temp.later('61 minutes'), gendurable._offer_tokens();
    return (select string_agg(i.phase::text, ' ' order by i.id) from gendurable.instances as i
        where i.rate_limit = 'h');
end
$$;
create function pg_temp.due(p_key text) returns text language sql as $$
    select round((extract(epoch from b.due_at - clock_timestamp()) / 3600)::numeric, 1)::text
        from gendurable.buckets as b where b.key = p_key
$$;
select is(pg_temp.heavy('{"fsm": "X"}') || ' ' || pg_temp.due('h'), 'executing ready throttled throttled throttled 4.0',
    'an offer to what cannot start, and no look until the next one that can');
select pg_temp.worker('X') as x \gset
select is(pg_temp.pick(9, 'q', :x), 'X', 'a worker registers: its first one');
select pg_temp.later('61 minutes') \g /dev/null
select is(pg_temp.pick(9, 'q', :x), 'X', 'its second one is not behind the heavy one');
select gd_unregister(:x), pg_temp.clear() \g /dev/null
select gd_pause('b') \g /dev/null
select is(pg_temp.heavy('{"fsm": "P", "queue": "b"}') || ' ' || pg_temp.due('h'),
    'executing ready throttled throttled throttled 4.0', 'the same of a paused queue');
select gd_resume('b') \g /dev/null
select pg_temp.pick(9, 'b', :b), pg_temp.later('61 minutes') \g /dev/null
select is(pg_temp.pick(9, 'b', :b), 'P', 'resumed it goes on');
select gd_set_queue_limit('b', 0), pg_temp.clear() \g /dev/null
select is(pg_temp.heavy('{"fsm": "P", "queue": "b"}') || ' ' || pg_temp.due('h'),
    'executing ready throttled throttled throttled 4.0', 'of one that is stopped');
select gd_set_queue_limit('b', null) \g /dev/null
select is(pg_temp.pick(9, 'b', :b) || ' ' || pg_temp.commit('P', 'done'), 'P committed', 'no limit any more');
select pg_temp.later('61 minutes') \g /dev/null
select is(pg_temp.pick(9, 'b', :b), 'P', 'it goes on');
select gd_set_queue_limit('b', 1), pg_temp.clear() \g /dev/null
select pg_temp.put('P', '{"queue": "b"}'), pg_temp.pick(1, 'b', :b) \g /dev/null
select is(pg_temp.heavy('{"fsm": "Q", "queue": "b"}') || ' ' || pg_temp.due('h'),
    'executing ready throttled throttled throttled 4.0', 'of one that is full');
select pg_temp.commit('P', 'done'), pg_temp.pick(9, 'b', :b), pg_temp.commit('Q', 'done'),
    pg_temp.later('61 minutes') \g /dev/null
select is(pg_temp.pick(9, 'b', :b), 'Q', 'a place is free: it goes on');
select gd_set_queue_limit('b', null), pg_temp.clear() \g /dev/null
update gendurable.leases set lease_until = now() - interval '1 s' where worker_id = :b;
select count(pg_temp.put('P', '{"rate_limit": "h", "queue": "b"}')) from generate_series(1, 6) \g /dev/null
select gendurable._offer_tokens() \g /dev/null
select is((select count(*)::int from gendurable.buckets), 0, 'what only a late worker can run has its offers');
update gendurable.leases set lease_until = now() + interval '1 day' where worker_id = :b;
select pg_temp.pick(9, 'b', :b), pg_temp.later('61 minutes') \g /dev/null
select is(pg_temp.pick(9, 'b', :b), 'P', 'when it is back it goes on');

select * from finish();
rollback;
