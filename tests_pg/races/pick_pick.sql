-- Two picks at once never share a row, never wait, and leave none behind.
--
-- Race:      Two picks
-- Sessions:  A: pick open, or between locking and claiming; B: pick.
-- Guard:     SKIP LOCKED; claims are made in the statement after the locks.
-- Mutations: No SKIP LOCKED → 2 waits.
\ir prelude.psql
select plan(16);
select test.open('a', 'b');
select gd_register('w') as w \gset
select gd_register('v') as v \gset
select gd_enqueue_many((select jsonb_agg(jsonb_build_object('fsm', format('M%s', n), 'priority', n))
    from generate_series(1, 4) as n)) \g /dev/null

-- Two transactions at once.
select test.exec('a', 'begin');
select is(test.query('a', format($$ select fsm from gd_pick(%s, 'default', 2) $$, :w)),
    '[{"fsm": "M1"}, {"fsm": "M2"}]', 'a pick takes the most urgent');
select test.send('b', format($$ select fsm from gd_pick(%s, 'default', 4) $$, :v));
select ok(not test.is_blocked('b'), 'another pick does not wait for it');
select is(test.answer('b'), '[{"fsm": "M3"}, {"fsm": "M4"}]', 'and takes the next ones');
select test.exec('a', 'commit');
select is((select array_agg(i.worker_id order by i.id) from gendurable.instances as i), array[:w, :w, :v, :v]::bigint[],
    'each row has one worker');
select is((select count(distinct i.claimed_at)::int from gendurable.instances as i
    where i.fence = (extract(epoch from i.claimed_at) * 1000000)::bigint), 2, 'and was claimed once');

-- The first one is undone: what it held is there for the next pick, with its fence.
select gd_release(:w, array(select id from gendurable.instances)),
    gd_release(:v, array(select id from gendurable.instances)) \g /dev/null
select test.exec('a', 'begin');
select test.query('a', format($$ select fsm from gd_pick(%s, 'default', 4) $$, :w));
select is(test.query('b', format($$ select fsm from gd_pick(%s, 'default', 4) $$, :v)), '[]',
    'nothing is left for another pick');
select test.exec('a', 'rollback');
select is(jsonb_array_length(test.query('b', format($$ select fsm from gd_pick(%s, 'default', 4) $$, :v))), 4,
    'until the first one is undone');

-- One pick between locking its rows and claiming them: the gate holds it there.
select gd_release(:v, array(select id from gendurable.instances)) \g /dev/null
create trigger gate before update on gendurable.instances
    for each row when (new.fsm = 'M1' and new.phase = 'executing') execute function test.gate('a');
select id as m2 from gendurable.instances where fsm = 'M2' \gset
select pg_advisory_lock(1) \g /dev/null
select test.send('a', format($$ select fsm, signals from gd_pick(%s, 'default', 3) $$, :w));
select ok(test.is_blocked('a'), 'a pick is between locking three rows and claiming them');
select test.send('b', format($$ select fsm from gd_pick(%s, 'default', 3) $$, :v));
select ok(not test.is_blocked('b'), 'another one does not wait for it');
select is(test.answer('b'), '[{"fsm": "M4"}]', 'and takes what it did not lock');
select test.send('b', format($$ select gd_signal(%s, 'x') $$, :m2));
select ok(test.is_blocked('b'), 'a signal to one of the three waits for the claim');
select pg_advisory_unlock(1) \g /dev/null
select is(test.answer('a'),
    '[{"fsm": "M1", "signals": []}, {"fsm": "M2", "signals": []}, {"fsm": "M3", "signals": []}]',
    'the first one claims what it locked');
select is(test.result(test.answer('b')), 'delivered', 'the signal goes to the executing step');
select is((select array_agg(i.worker_id order by i.id) from gendurable.instances as i), array[:w, :w, :w, :v]::bigint[],
    'each row has one worker');
drop trigger gate on gendurable.instances;

-- Two picks at once of what has just become due.
select gd_release(:w, array(select id from gendurable.instances)),
    gd_release(:v, array(select id from gendurable.instances)) \g /dev/null
update gendurable.instances set phase = 'scheduled', eligible_at = now();
select test.exec('a', 'begin');
select test.query('a', format($$ select fsm from gd_pick(%s, 'default', 1) $$, :w));
select test.send('b', format($$ select fsm from gd_pick(%s, 'default', 4) $$, :v));
select ok(not test.is_blocked('b'), 'a pick does not wait for one that makes what is due ready');
select test.answer('b');
select test.exec('a', 'commit');
select test.query('b', format($$ select fsm from gd_pick(%s, 'default', 4) $$, :v));
select is((select array_agg(i.phase) from gendurable.instances as i), '{executing,executing,executing,executing}',
    'in the end every row is claimed');
select * from finish();
