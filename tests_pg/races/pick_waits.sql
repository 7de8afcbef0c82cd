-- A pick waits for nothing: neither for rows that another transaction holds, nor for its own
-- worker's heartbeat or other picks.
--
-- Race:      A pick × everything
-- Sessions:  A: signal, heartbeat, another pick, enqueue, commit, reap, gc, maintenance open; B:
--            pick.
-- Guard:     SKIP LOCKED on instances and on the worker's row.
-- Mutations: The pick waits for the worker's row to mark its idle queues → 4, 6, 8; it waits for
--            instances → 1.
\ir prelude.psql
select plan(15);
select test.open('a', 'b');
select gd_register('w', array['default', 'other']) as w \gset
select gd_enqueue_many('[{"fsm": "A"}, {"fsm": "B"}]') \g /dev/null

-- Another session's transaction holds the most urgent row.
select test.exec('a', 'begin');
select test.query('a', format('select gd_signal(%s, %L)', (select min(id) from gendurable.instances), 'hello'));
select test.send('b', format($$ select fsm from gd_pick(%s, 'default', 2) $$, :w));
select ok(not test.is_blocked('b'), 'a pick does not wait for a row that another session holds');
select is(test.answer('b'), '[{"fsm": "B"}]', 'but takes the others');
select test.exec('a', 'commit');
select is(test.query('b', format($$ select fsm from gd_pick(%s, 'default', 1) $$, :w)), '[{"fsm": "A"}]',
    'and that one when it is free');
select gd_release(:w, array(select id from gendurable.instances)) \g /dev/null

-- The worker's heartbeat is in flight. The pick comes back short, so it has something to write about its worker.
update gendurable.leases set idle_queues = '{}', lease_until = now() + interval '60 s' where worker_id = :w;
select test.exec('a', 'begin');
select test.query('a', format('select * from gd_heartbeat(%s)', :w));
select test.send('b', format($$ select fsm from gd_pick(%s, 'default', 5) $$, :w));
select ok(not test.is_blocked('b'), 'a short pick does not wait for its worker''s heartbeat');
select test.exec('a', 'commit');
select is(test.answer('b'), '[{"fsm": "A"}, {"fsm": "B"}]', 'and takes what is there');
select gd_release(:w, array(select id from gendurable.instances)) \g /dev/null

-- The same where the lease is more than a third used.
update gendurable.leases set lease_until = now() + interval '30 s' where worker_id = :w;
select test.exec('a', 'begin');
select test.query('a', format('select * from gd_heartbeat(%s)', :w));
select test.send('b', format($$ select fsm from gd_pick(%s, 'default', 2) $$, :w));
select ok(not test.is_blocked('b'), 'nor does one that would renew the lease');
select test.exec('a', 'commit');
select is(test.answer('b'), '[{"fsm": "A"}, {"fsm": "B"}]', 'and takes what is there');
select gd_release(:w, array(select id from gendurable.instances)) \g /dev/null

-- The worker's pick of another queue is in flight, and came back short.
update gendurable.leases set idle_queues = '{}', lease_until = now() + interval '60 s' where worker_id = :w;
select test.exec('a', 'begin');
select test.query('a', format($$ select fsm from gd_pick(%s, 'other', 1) $$, :w));
select test.send('b', format($$ select fsm from gd_pick(%s, 'default', 5) $$, :w));
select ok(not test.is_blocked('b'), 'a pick does not wait for the same worker''s pick of another queue');
select test.exec('a', 'commit');
select is(test.answer('b'), '[{"fsm": "A"}, {"fsm": "B"}]', 'and takes what is there');
select gd_release(:w, array(select id from gendurable.instances)) \g /dev/null

-- Enqueue, commit, reaper, gc and maintenance in flight.
select gd_enqueue('M', queue => 'other') \g /dev/null
select id as i, fence as f from gd_pick(:w, 'other', 1) \gset
select gd_register('v') as v \gset
select test.exec('a', 'begin');
select test.query('a', $$ select * from gd_enqueue('C', correlation_key => 'k', priority => -1) $$);
select test.query('a', test.commit(:w, test.outcome(:i, :f, 'next', '{"step": "two"}')));
select test.query('a', 'select gd_reap()');
select test.query('a', $$ select * from gd_gc('0') $$);
select test.query('a', 'select * from gd_maintain()');
select test.send('b', format($$ select fsm from gd_pick(%s, 'default', 1) $$, :v));
select ok(not test.is_blocked('b'), 'a pick does not wait for an enqueue, a commit or maintenance');
select is(test.answer('b'), '[{"fsm": "A"}]', 'and takes what is there');
select test.send('b', format($$ select fsm from gd_pick(%s, 'other', 1) $$, :v));
select ok(not test.is_blocked('b'), 'nor in the queue of that commit');
select is(test.answer('b'), '[]', 'which has nothing yet');
select test.exec('a', 'commit');
select is(test.query('b', format($$ select fsm from gd_pick(%s, 'default', 1) $$, :v)), '[{"fsm": "C"}]',
    'until it is over');
select is(test.query('b', format($$ select fsm from gd_pick(%s, 'other', 1) $$, :v)), '[{"fsm": "M"}]',
    'in both queues');
select * from finish();
