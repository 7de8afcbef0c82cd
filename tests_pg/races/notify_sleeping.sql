-- A worker that sleeps is notified of work, and no notification is sent while no worker sleeps.
--
-- Race:      Notification × falling asleep
-- Sessions:  Every source of work, heard by a third session; a pick that cannot offer what a client
--            holds.
-- Guard:     The pick that came back short marks its idle queues.
-- Mutations: No queue is ever marked → 6, 8, 9; all queues always are → 1, 2, 7, 8, 24; a full pick
--            does not notify → 22; a doorbell that stays notifies → 26 (a loop); a pick that gives up
--            does not notify → 30; one that leaves some of what is due does not → 32, 33; one that
--            leaves what was too much for it does not → 35.
\ir prelude.psql
select plan(35);
select test.open('a', 'l');
select test.exec('l', 'listen gendurable');
select gd_register('w', array['default', 'other']) as w \gset

-- Which queues were notified since the last call. The marker comes after everything that was sent before it, so nothing
-- has to be waited for.
create function test.heard() returns text
language plpgsql as $$
declare
    v_heard text[] := '{}';
    v_more  text[];
begin
    perform test.exec('l', 'notify gendurable, ''marker''');
    loop
        select array_agg(n.extra) into v_more from dblink_get_notify('l') as n;
        v_heard := v_heard || v_more;
        exit when 'marker' = any (v_heard);
        perform test.query('l', 'select 1');
    end loop;
    return coalesce((select string_agg(distinct h.queue, ',' order by h.queue)
        from unnest(array_remove(v_heard, 'marker')) as h (queue)), 'nothing');
end
$$;
create function test.sleep(worker bigint, queue text default 'default') returns void
language plpgsql as $$
begin
    while exists (select from gd_pick(worker, queue, 100)) loop end loop;
end
$$;

-- No worker sleeps.
select test.query('a', $$ select * from gd_enqueue('M') $$);
select is(test.heard(), 'nothing', 'while no worker sleeps, none is notified');
select id as i, fence as f from gd_pick(:w, 'default', 1) \gset
select test.query('a', $$ select * from gd_enqueue('M') $$);
select is(test.heard(), 'nothing', 'nor after a pick that got all it asked for');

-- A pick that comes back short falls asleep.
select test.sleep(:w);
select is((select l.idle_queues from gendurable.leases as l where l.worker_id = :w), '{default}',
    'a pick that comes back short is remembered');
select test.exec('a', 'begin');
select test.query('a', $$ select * from gd_enqueue('M') $$);
select is(test.heard(), 'nothing', 'an enqueue in flight is not yet told');
select test.exec('a', 'rollback');
select is(test.heard(), 'nothing', 'nor one that is undone');
select test.query('a', $$ select * from gd_enqueue('M') $$);
select is(test.heard(), 'default', 'one that commits is');
select test.query('a', $$ select * from gd_enqueue('M', queue => 'other') $$);
select is(test.heard(), 'nothing', 'work in another queue is not');
select test.sleep(:w);
select test.query('a', $$
    select * from gd_enqueue_many('[{"fsm": "M"}, {"fsm": "M", "queue": "other"}, {"fsm": "M"}]') $$);
select is(test.heard(), 'default', 'a batch tells each queue once');
select test.sleep(:w);
select test.query('a', $$ select * from gd_enqueue('M', delay => '1 hour') $$);
select is(test.heard(), 'default', 'scheduled work is told too: the worker may have to get up earlier than it planned');

-- What else brings work.
select test.query('a', test.commit(:w, test.outcome(:i, :f, 'await', '{"names": ["paid"]}')));
select is(test.heard(), 'nothing', 'a park without a deadline brings none');
select test.sleep(:w);
select test.query('a', format($$ select gd_signal(%s, 'other') $$, :i));
select is(test.heard(), 'nothing', 'nor does a signal that wakes no instance');
select test.query('a', format($$ select gd_signal(%s, 'paid') $$, :i));
select is(test.heard(), 'default', 'a signal that wakes does');
select fence as f from gd_pick(:w, 'default', 1) \gset
select test.sleep(:w);
select test.query('a', test.commit(:w, test.outcome(:i, :f, 'next', '{"step": "two"}')));
select is(test.heard(), 'default', 'so does next');
select fence as f from gd_pick(:w, 'default', 1) \gset
select test.sleep(:w);
select test.query('a', test.commit(:w, test.outcome(:i, :f, 'next', '{"step": "two", "continue": true}')));
select is(test.heard(), 'nothing', 'but not a step that runs ahead');
select test.query('a', test.commit(:w, test.outcome(:i, :f + 1, 'retry')));
select is(test.heard(), 'default', 'so does retry');
select fence as f from gd_pick(:w, 'default', 1) \gset
select test.sleep(:w);
select test.query('a', test.commit(:w, test.outcome(:i, :f, 'await', '{"names": ["never"], "timeout_ms": 60000}')));
select is(test.heard(), 'default', 'so does a park with a deadline');
update gendurable.instances set eligible_at = now() where id = :i;
select test.query('a', 'select gd_expire_awaits()');
select is(test.heard(), 'default', 'so does a deadline');
select gd_pick(:w, 'default', 1) \g /dev/null
select test.sleep(:w);
select test.query('a', format('select gd_release(%s, array[%s])', :w, :i));
select is(test.heard(), 'default', 'so does a release');
select gd_register('v') as v \gset
select gd_pick(:v, 'default', 1) \g /dev/null
select test.sleep(:w);
select test.query('a', format('select gd_reap(%s)', :v));
select is(test.heard(), 'default', 'so does the reaper');

-- A pick that makes more ready than it takes tells those that sleep: their own look at the same moment found those rows
-- held by it.
select gd_reap() \g /dev/null
delete from gendurable.instances;
select gd_register('v') as v \gset
select gd_enqueue_many((select jsonb_agg('{"fsm": "M"}'::jsonb) from generate_series(1, 4))) \g /dev/null
update gendurable.instances set phase = 'scheduled', eligible_at = now();
select test.heard() \g /dev/null
select test.exec('a', 'begin');
select is(jsonb_array_length(test.query('a', format($$ select id from gd_pick(%s, 'default', 1) $$, :v))), 1,
    'a pick takes one of four that have become due');
select is((select count(*) from gd_pick(:w, 'default', 4)), 0::bigint,
    'a second worker finds none meanwhile and goes back to sleep');
select test.exec('a', 'commit');
select is(test.heard(), 'default', 'it is told of the others');

-- Awake again.
select test.sleep(:w);
select gd_enqueue('M') \g /dev/null
select gd_pick(:w, 'default', 1) \g /dev/null
select is((select l.idle_queues from gendurable.leases as l where l.worker_id = :w), '{}',
    'a pick that gets all it asked for is awake');
select test.heard() \g /dev/null
select test.query('a', $$ select * from gd_enqueue('M') $$);
select is(test.heard(), 'nothing', 'and no worker is notified');

-- A slot or tokens that cannot be offered, because a client's open transaction holds the row: no worker is told, least
-- of all the one that picks, or it would never sleep again while that transaction is open.
delete from gendurable.instances;
select test.open('b');
select gd_register('v', array['p', 'r']) as v \g /dev/null
select gd_enqueue('H', queue => 'p', concurrency_key => 'k') \g /dev/null
select id as h, fence as f from gd_pick(:w, 'p', 1) \gset
select id as n from gd_enqueue('N', queue => 'p', concurrency_key => 'k') \gset
select test.sleep(:w, 'p');
select test.exec('b', 'begin');
select test.query('b', format($$ select gd_signal(%s, 'x') $$, :n));
select test.query('a', test.commit(:w, test.outcome(:h, :f, 'done')));
select is(test.heard(), 'p', 'a slot that is given up tells the workers that sleep in the queue of those that wait');
select test.query('a', test.pick(:w, 'p'));
select test.heard() \g /dev/null
select test.query('a', test.pick(:w, 'p'));
select is(test.heard(), 'nothing', 'a pick that cannot hand it over wakes no worker');
select test.exec('b', 'commit');
select gd_set_rate_limit('t', 0, '1 day', 2) \g /dev/null
select gd_enqueue('H', queue => 'r', rate_limit => 't'), gd_enqueue('N', queue => 'r', rate_limit => 't') \g /dev/null
select test.exec('b', 'begin');
select test.query('b', $$ select gd_signal(i.id, 'x') from gendurable.instances as i where i.fsm = 'H' $$);
select test.query('a', test.pick(:w, 'r'));
select test.heard() \g /dev/null
select test.query('a', test.pick(:w, 'r'));
select is(test.heard(), 'nothing', 'nor does one that cannot offer tokens');
select test.exec('b', 'commit');
-- The head of a line is in a queue from which no worker picks, and a limit is set that covers those behind it.
delete from gendurable.instances;
select test.sleep(:w);
select gd_enqueue('head', queue => 'deserted', rate_limit => 'set'), gd_enqueue('behind', rate_limit => 'set');
select test.sleep(:w), test.heard();
select gd_set_rate_limit('set', 2, '1 day', 2);
select matches(test.heard(), '^default', 'a limit that is set wakes all that sleep, wherever the head of a line is');
-- A pick that has met more instances of saturated keys than it looks at calls its worker back, which has not slept
-- before.
delete from gendurable.instances;
delete from gendurable.correlation_keys;
select gd_register('v', array['y', 'z']) as v \gset
select gd_enqueue('K', queue => 'y', concurrency_key => 'k:' || n) from generate_series(1, 150) as n \g /dev/null
select gd_enqueue('K', queue => 'z', concurrency_key => 'k:' || n) from generate_series(1, 150) as n \g /dev/null
select gd_enqueue('behind', queue => 'z', priority => 9) \g /dev/null
select is((select count(*) from gd_pick(:w, 'y', 200)), 150::bigint,
    'slots that were offered in two queues are taken in one');
select test.heard() \g /dev/null
select test.query('a', test.pick(:v, 'z', 10));
select is(test.heard(), 'z', 'a pick that gives up is called again');
select test.query('a', test.pick(:v, 'z', 10));
select ok(exists (select from gendurable.instances as i where i.fsm = 'behind' and i.worker_id = :v),
    'and comes to what stands behind them');
-- A flood falls due beside one that another worker waits for, with the same moment.
select gd_register('x', '{f}', info => '{"machines": [{"fsm": "X", "version": 1}]}') as x,
    gd_register('y', '{f}', info => '{"machines": [{"fsm": "Y", "version": 1}]}') as y \gset
select gd_enqueue_many((select jsonb_agg(jsonb_build_object('fsm', case when n > 2500 then 'Y' else 'X' end, 'queue',
    'f')) from generate_series(1, 2501) as n)) \g /dev/null
update gendurable.instances set phase = 'scheduled',
    eligible_at = now() - interval '1 s' + case fsm when 'Y' then interval '1 ms' else '0' end where queue = 'f';
select test.heard() \g /dev/null
select is(test.names(test.query('a', test.pick(:y, 'f', 9))) || ' ' || test.heard(), 'nothing f',
    'a pick that has moved all that it may of what is due is called again');
select is(test.names(test.query('a', test.pick(:y, 'f', 9))) || ' ' || test.heard(), 'nothing f', 'and again');
select is(test.names(test.query('a', test.pick(:y, 'f', 9))), 'Y', 'until it has come to its own');
-- Three of 25 MB are more than a pick hands out. The worker has not slept before.
select gd_register('large', '{l}') as l \gset
select gd_enqueue('L', to_jsonb(repeat('x', 25000000)), queue => 'l') from generate_series(1, 3) \g /dev/null
select test.heard() \g /dev/null
select is(test.names(test.query('a', test.pick(:l, 'l', 9))) || ' ' || test.heard(), 'L L l',
    'a pick that leaves what was too much for it is called again');
select * from finish();
