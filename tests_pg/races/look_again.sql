-- A pick that a lock turns away looks again: the transaction that has the lock does not know of it,
-- and may be undone, so nothing else would call the worker.
--
-- Race:      A lock in the way × sleep (1–18, 30–37)
-- Sessions:  A: open, with the places of a queue, the name of a key, a pause, the farewell of the
--            worker, its heartbeat, an instance that waits for tokens, a firing; B: pick and
--            `gd_next_due`, in one transaction; A ends.
-- Guard:     `_look_again`, which `gd_next_due` reads.
-- Mutations: `gd_next_due` does not read it → 2, 5, 8, 11, 14, 17, 30, 33, 36; not noted by
--            `_places_left` → 2; by `_lock_name` → 5, 14; by `_enter_queue` → 8; by `gd_pick` → 11;
--            by `_offer_slots` → 17; by `_mark_worker` → 30; by `_offer_tokens` → 33; by
--            `_fire_schedules` → 36.
--
-- Race:      What a client has in hand × pick × sleep (19–29)
-- Sessions:  A: watch, signal, signal that is a duplicate, signals in a batch, of an instance that
--            is ready, or whose moment has come, open; B: pick of a worker that sleeps; A commits.
-- Guard:     The call announces what a pick may want (`_is_wanted`).
-- Mutations: `gd_watch` does not → 19; `_deliver` does not → 21, 22, 26; `_deliver_many` does not →
--            24; only what is ready → 26; whatever there is → 28, 29.
\ir prelude.psql
select plan(37);
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
    v_due := (test.query(session,
        format('select gd_next_due(%L) - clock_timestamp() as due', queue)) #>> '{0,due}')::interval;
    perform test.exec(session, 'commit');
    return v_names || case when v_due between '0' and '50 ms' then ', again in a moment' when v_due is not null
        then ', later' else '' end;
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
select gd_enqueue('K1', queue => 'p', concurrency_key => 'k:1'),
    gd_enqueue('K2', queue => 'q', concurrency_key => 'k:2') \g /dev/null
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

-- What a client has in hand.
select test.open('l');
select test.exec('l', 'listen gendurable');
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
-- What a pick finds beside a call that is open, and who is notified when that commits.
create function test.beside(call text, worker bigint) returns text
language plpgsql as $$
declare
    v_found text;
begin
    perform test.exec('a', 'begin');
    perform test.query('a', call);
    v_found := test.names(test.query('b', test.pick(worker, 'q', 9)));
    perform test.heard();
    perform test.exec('a', 'commit');
    return v_found || ', ' || test.heard();
end
$$;
delete from gendurable.instances;
select test.query('b', test.pick(:v, 'q', 9));
select id as i from gd_enqueue('M', queue => 'q') \gset
select is(test.beside(format('select gd_watch(%s)', :i), :v), 'nothing, q',
    'a pick passes over what is being watched, and is called when it can be had');
select is(test.names(test.query('b', test.pick(:v, 'q', 9))), 'M', 'then it has it');
select id as i from gd_enqueue('M', queue => 'q') \gset
select is(test.beside(format($$ select gd_signal(%s, 'x', dedup_key => 'd') $$, :i), :v), 'nothing, q',
    'so it is with what is being signalled');
select is(test.beside(format($$ select gd_signal(%s, 'x', dedup_key => 'd') $$, :i), :v), 'nothing, q',
    'a second time');
select is(test.names(test.query('b', test.pick(:v, 'q', 9))), 'M', 'then it has it');
select id as i from gd_enqueue('M', queue => 'q') \gset
select is(test.beside(format($$ select result from gd_signal_many('[{"id": %s, "name": "x"}]') $$, :i), :v),
    'nothing, q', 'in a batch');
select is(test.names(test.query('b', test.pick(:v, 'q', 9))), 'M', 'then it has it');
-- A deadline.
select gd_enqueue('D', queue => 'q', delay => '1 hour') \g /dev/null
update gendurable.instances set eligible_at = now() where fsm = 'D';
select is(test.beside(format($$
    select gd_signal(%s, 'x') $$, (select i.id from gendurable.instances as i where i.fsm = 'D')), :v), 'nothing, q',
    'what has fallen due is wanted as well');
select is(test.names(test.query('b', test.pick(:v, 'q', 9))), 'D', 'then it has it');
-- Neither what executes nor what waits for long.
select is(test.beside(format($$
    select gd_signal(%s, 'x') $$, (select i.id from gendurable.instances as i where i.fsm = 'D')), :v),
    'nothing, nothing', 'what executes is not');
select gd_enqueue('E', queue => 'q', delay => '1 hour') \g /dev/null
select is(test.beside(format($$
    select gd_signal(%s, 'x') $$, (select i.id from gendurable.instances as i where i.fsm = 'E')), :v),
    'nothing, nothing', 'nor is what waits for long');

-- A worker whose heartbeat is under way cannot say that it falls asleep.
delete from gendurable.instances;
select gd_enqueue('F', queue => 'q') \g /dev/null
select test.query('b', test.pick(:v, 'q', 1));
select test.exec('a', 'begin');
select test.query('a', format('select * from gd_heartbeat(%s)', :v));
select is(test.turn('b', :v, 'q'), 'nothing, again in a moment',
    'a pick that cannot say that its worker falls asleep looks again');
select test.exec('a', 'commit');
select is(test.turn('b', :v, 'q'), 'nothing', 'to say it then');
select ok(exists (select from gendurable._sleeping() as s where s.worker_id = :v and 'q' = any (s.queues)),
    'and sleeps');

-- Tokens for an instance that a client has in hand.
delete from gendurable.instances;
select gd_set_rate_limit('t', 1000, '1 s'), gd_enqueue('T', queue => 'q', rate_limit => 't') \g /dev/null
select test.exec('a', 'begin');
select test.query('a', $$ select gd_signal(i.id, 'x') from gendurable.instances as i where i.fsm = 'T' $$);
select is(test.turn('b', :v, 'q'), 'nothing, again in a moment', 'a pick that cannot offer tokens looks again');
select test.exec('a', 'commit');
select is(test.turn('b', :v, 'q'), 'T', 'and then hands it out');

-- A schedule that another pick is firing, which is undone.
select gd_schedule('s', '@every 1 hour', 'S', queue => 'q') \g /dev/null
update gendurable.occurrences set next_at = now() - interval '1 ms', due_at = now() - interval '1 ms',
    none_before = '-infinity' where schedule = 's';
select test.exec('a', 'begin');
select is(test.names(test.query('a', test.pick(:w, 'q', 9))), 'S', 'a schedule is being fired');
select is(test.turn('b', :v, 'q'), 'nothing, again in a moment', 'another pick looks again, not at once');
select test.exec('a', 'rollback');
select is(test.turn('b', :v, 'q'), 'S, later', 'and fires it');
select * from finish();
