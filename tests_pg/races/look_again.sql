-- A pick that a lock turns away looks again: the transaction that has the lock does not know of it,
-- and may be undone, so nothing else would call the worker.
--
-- Race:      A lock in the way × sleep (1–18)
-- Sessions:  A: open, with the places of a queue, the name of a key, a pause, the farewell of the
--            worker; B: pick and `gd_next_due`, in one transaction; A ends.
-- Guard:     `_look_again`, which `gd_next_due` reads.
-- Mutations: `gd_next_due` does not read it → 2, 5, 8, 11, 14, 17; not noted by `_places_left` →
--            2; by `_lock_name` → 5, 14; by `_enter_queue` → 8; by `gd_pick` → 11; by `_offer_slots`
--            → 17.
\ir prelude.psql
select plan(18);
select test.open('a', 'b', 'c');
select gd_register('w', '{p,q}') as w, gd_register('v', '{p,q}') as v \gset

-- What a driver does: a pick, and when to look again, in one transaction.
create function test.turn(session text, worker bigint, queue text, slots int default 9) returns text
language plpgsql as $$
declare
    v_names text;
    v_due   interval;
begin
    perform test.exec(session, 'begin');
    v_names := test.names(test.query(session, test.pick(worker, queue, slots)));
    v_due := (test.query(session, format('select gd_next_due(%L) - clock_timestamp() as due', queue)) #>> '{0,due}')::interval;
    perform test.exec(session, 'commit');
    return v_names || case when v_due between '0' and '50 ms' then ', again in a moment' when v_due is not null then ', later' else '' end;
end
$$;

-- The places of a queue.
select gd_set_queue_limit('q', 2), gd_enqueue('M1', queue => 'q'), gd_enqueue('M2', queue => 'q') \g /dev/null
select test.exec('a', 'begin');
select is(test.names(test.query('a', test.pick(:w, 'q'))), 'M1', 'a pick has the places of a queue');
select is(test.turn('b', :v, 'q'), 'nothing, again in a moment', 'one that they turn away looks again');
select test.exec('a', 'commit');
select is(test.turn('b', :v, 'q'), 'M2', 'and finds what is left');
select gd_set_queue_limit('q', null) \g /dev/null

-- The name of a key.
select gd_enqueue('K1', queue => 'p', concurrency_key => 'k:1'), gd_enqueue('K2', queue => 'q', concurrency_key => 'k:2') \g /dev/null
select test.exec('a', 'begin');
select is(test.names(test.query('a', test.pick(:w, 'p'))), 'K1', 'a pick has the name of a key');
select is(test.turn('b', :v, 'q'), 'nothing, again in a moment', 'one that wants it for another key looks again');
select test.exec('a', 'commit');
select is(test.turn('b', :v, 'q'), 'K2', 'and finds it free');

-- A pause that is undone.
select gd_enqueue('N', queue => 'q') \g /dev/null
select test.exec('a', 'begin');
select test.exec('a', $$ do 'begin perform gd_pause(''q''); end' $$);
select is(test.phase(i.id), 'ready', 'a queue is being paused') from gendurable.instances as i where i.fsm = 'N';
select is(test.turn('b', :v, 'q'), 'nothing, again in a moment', 'a pick looks again');
select test.exec('a', 'rollback');
select is(test.turn('b', :v, 'q'), 'N', 'and finds that it is not paused');

-- A farewell that is undone.
select gd_enqueue('O', queue => 'q') \g /dev/null
select test.exec('a', 'begin');
select is(test.result(test.query('a', format('select gd_unregister(%s)', :v))), '3', 'a worker is being forgotten');
select is(test.turn('b', :v, 'q'), 'nothing, again in a moment', 'a pick of it looks again');
select test.exec('a', 'rollback');
select is(test.turn('b', :v, 'q'), 'O', 'and finds that it is not');

-- A doorbell under a name that another pick has.
select gd_enqueue('K3', queue => 'q', concurrency_key => 'k:2') \g /dev/null
select test.query('c', test.end(:w, 'K1'));
select gd_enqueue('K4', queue => 'p', concurrency_key => 'k:1') \g /dev/null
select test.exec('a', 'begin');
select is(test.names(test.query('a', test.pick(:w, 'p'))), 'K4', 'a pick has a name again');
select test.query('c', test.end(:v, 'K2'));
select is(test.turn('b', :v, 'q'), 'nothing, again in a moment', 'one that cannot answer a doorbell looks again');
select test.exec('a', 'commit');
select is(test.turn('b', :v, 'q'), 'K3', 'and hands the slot over');

-- A doorbell that stays, because a holder that has not seen the newcomer is giving its slot up.
select test.exec('a', 'begin');
select is(test.results(test.query('a', test.end(:v, 'K3'))), 'committed', 'a slot is being given up');
select gd_enqueue('K5', queue => 'q', concurrency_key => 'k:2') \g /dev/null
select is(test.turn('b', :v, 'q'), 'nothing, again in a moment', 'a pick that came too early looks again');
select test.exec('a', 'commit');
select is(test.turn('b', :v, 'q'), 'K5', 'and hands the slot over');
select * from finish();
