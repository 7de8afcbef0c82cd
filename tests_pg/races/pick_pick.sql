-- Two picks at once never share a row, never wait, and leave none behind.
\ir prelude.psql
select plan(16);
select test.open('a', 'b');
select gd_register('w') as w \gset
select gd_register('v') as v \gset
select gd_enqueue_many((select jsonb_agg(jsonb_build_object('fsm', format('M%s', n), 'priority', n)) from generate_series(1, 4) as n)) \g /dev/null

-- Two transactions at once.
select test.exec('a', 'begin');
select is(test.query('a', format($$ select fsm from gd_pick(%s, 'default', 2) $$, :w)), '[{"fsm": "M1"}, {"fsm": "M2"}]', 'a pick takes the most urgent');
select test.send('b', format($$ select fsm from gd_pick(%s, 'default', 4) $$, :v));
select ok(not test.is_blocked('b'), 'another pick does not wait for it');
select is(test.answer('b'), '[{"fsm": "M3"}, {"fsm": "M4"}]', 'and takes the next ones');
select test.exec('a', 'commit');
select is((select array_agg(i.worker_id order by i.id) from gendurable.instances as i), array[:w, :w, :v, :v]::bigint[], 'each row has one worker');
select is((select array_agg(i.fence) from gendurable.instances as i), '{1,1,1,1}', 'and was claimed once');

-- The first one is undone: what it held is there for the next pick, with its fence.
select gd_release(:w, array(select id from gendurable.instances)), gd_release(:v, array(select id from gendurable.instances)) \g /dev/null
select test.exec('a', 'begin');
select test.query('a', format($$ select fsm from gd_pick(%s, 'default', 4) $$, :w));
select is(test.query('b', format($$ select fsm from gd_pick(%s, 'default', 4) $$, :v)), '[]', 'nothing is left for another pick');
select test.exec('a', 'rollback');
select is(jsonb_array_length(test.query('b', format($$ select fsm from gd_pick(%s, 'default', 4) $$, :v))), 4, 'until the first one is undone');

-- One pick between two claims, its snapshot older than another one's: the gate holds it there.
select gd_release(:v, array(select id from gendurable.instances)) \g /dev/null
create trigger gate before update on gendurable.instances for each row when (new.fsm = 'M1' and new.phase = 'executing') execute function test.gate('a');
select pg_advisory_lock(1) \g /dev/null
select test.send('a', format($$ select fsm from gd_pick(%s, 'default', 3) $$, :w));
select ok(test.is_blocked('a'), 'a pick is between its first claim and its second');
select is(test.query('b', format($$ select fsm from gd_pick(%s, 'default', 2) $$, :v)), '[{"fsm": "M2"}, {"fsm": "M3"}]', 'another one takes the rows it was about to take');
select pg_advisory_unlock(1) \g /dev/null
select is(test.answer('a'), '[{"fsm": "M1"}, {"fsm": "M4"}]', 'it goes on with those that are left');
select is((select array_agg(i.worker_id order by i.id) from gendurable.instances as i), array[:w, :v, :v, :w]::bigint[], 'each row has one worker');

-- The same, where the row was picked and given back meanwhile: it is claimed as it is now.
select gd_release(:w, array(select id from gendurable.instances)), gd_release(:v, array(select id from gendurable.instances)) \g /dev/null
select fence as before from gendurable.instances where fsm = 'M2' \gset
select pg_advisory_lock(1) \g /dev/null
select test.send('a', format($$ select fsm, step, fence, attempt from gd_pick(%s, 'default', 2) where fsm = 'M2' $$, :w));
select ok(test.is_blocked('a'), 'a pick is between its first claim and its second');
select test.query('b', format($$ select id, fence from gd_pick(%s, 'default', 1) $$, :v)) -> 0 as p \gset
select is(test.results(test.query('b', test.commit(:v, :'p'::jsonb || '{"kind": "next", "step": "two"}'))), 'committed', 'its second row makes a step meanwhile');
select pg_advisory_unlock(1) \g /dev/null
select is(test.answer('a'), jsonb_build_array(jsonb_build_object('fsm', 'M2', 'step', 'two', 'attempt', 0, 'fence', :before + 3)), 'it is claimed where it stands now');

-- Two picks at once of what has just become due.
select gd_release(:w, array(select id from gendurable.instances)), gd_release(:v, array(select id from gendurable.instances)) \g /dev/null
update gendurable.instances set phase = 'scheduled', eligible_at = now();
select test.exec('a', 'begin');
select test.query('a', format($$ select fsm from gd_pick(%s, 'default', 1) $$, :w));
select test.send('b', format($$ select fsm from gd_pick(%s, 'default', 4) $$, :v));
select ok(not test.is_blocked('b'), 'a pick does not wait for one that makes what is due ready');
select test.answer('b');
select test.exec('a', 'commit');
select test.query('b', format($$ select fsm from gd_pick(%s, 'default', 4) $$, :v));
select is((select array_agg(i.phase) from gendurable.instances as i), '{executing,executing,executing,executing}', 'in the end every row is claimed');
select * from finish();
