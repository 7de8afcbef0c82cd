-- What waits for a moment × notes of where nothing waits: what is written meanwhile is found at
-- once.
--
-- Race:      Enqueue with a delay, park × note (1–8)
-- Sessions:  A: enqueue open, B: one note, two notes; A commits, also after the moment has come.
-- Guard:     The bound; pending transactions.
-- Mutations: The bound passes open transactions and none is pending → 3, 4; none is pending → 5, 8.
--
-- Race:      Runs that are closed × holes (4–9)
-- Sessions:  What was written is looked for again after later notes.
-- Guard:     `_filled`.
-- Mutations: Holes are not cut by what closed runs have brought → 9, 11, 12, 13.
--
-- Race:      A transaction × notes made meanwhile (9–11)
-- Sessions:  A: enqueue open, B: notes, A: `gd_next_due`; A undone.
-- Guard:     A reader that is the writer itself reads its own run.
-- Mutations: It does not → 10.
--
-- Race:      REPEATABLE READ × note (12–14)
-- Sessions:  A: snapshot; B: cancel, notes; A: enqueue, or `gd_next_due`.
-- Guard:     The run is that of the transaction, whatever its snapshot shows.
-- Mutations: No run where the moment is to come → 3.
--
-- Race:      A deadline that has come already (15–17)
-- Sessions:  A: park with a timeout of nothing, retry with next to none.
-- Guard:     A park always stands in its run; what is scheduled stands there by its moment.
-- Mutations: The deadline alone decides about the run → 16, 17.
--
-- Race:      Note × note (18–21)
-- Sessions:  A: note open, B: note; A undone.
-- Guard:     An advisory lock, by try.
-- Mutations: The second note waits for it → 18.
\ir prelude.psql
select plan(21);
select test.open('a', 'b', 'c');
select gd_register('w') as w \gset
-- Nothing waits anywhere: all is a hole.
create function test.note() returns void language sql as $$ select gendurable._move_waits('default') $$;
-- Sixteen transactions share a run.
create procedure test.later() language plpgsql as $$
begin
    for v_i in 1 .. 17 loop
        perform pg_current_xact_id();
        commit;
    end loop;
end
$$;
create function test.next(session text) returns text language sql as $$
    select coalesce(round(extract(epoch
        from (test.query(session, 'select gd_next_due(''default'') as at') -> 0 ->> 'at')::timestamptz - now())
        / 3600)::text, 'none')
$$;
create function test.put(session text, delay interval) returns jsonb language sql as $$
    select test.query(session, format('select count(*) from gd_enqueue(''M'', delay => %L)', delay)) $$;
select test.note() \g /dev/null
select is(test.next('b'), 'none', 'nothing waits');

-- An instance written by a transaction that is open while holes are noted.
select test.exec('a', 'begin');
select test.put('a', '3 hours') \g /dev/null
select test.note() \g /dev/null
select is(test.next('b'), 'none', 'what is not committed is not found');
select test.exec('a', 'commit');
select is(test.next('b'), '3', 'and is as soon as it is');
call test.later();
select test.note() \g /dev/null
select test.note() \g /dev/null
select is(test.next('b'), '3', 'also when its run is closed');

-- One that stays open for longer: it does not hold the bound, and is listed.
select test.exec('a', 'begin');
select test.put('a', '2 hours') \g /dev/null
call test.later();
select test.note() \g /dev/null
select test.note() \g /dev/null
select ok((select (test.query('a', 'select pg_current_xact_id() as x') -> 0 ->> 'x')::xid8 = any (w.pending)
    from gendurable.waits as w where w.queue = 'default'), 'a transaction is open for long');
select test.exec('a', 'commit');
select is(test.next('b'), '2', 'what it has written is found when it ends');
call test.later();
select test.note() \g /dev/null
select test.note() \g /dev/null
select is(test.next('b'), '2', 'and later');

-- One whose moment has come before its transaction ended.
select test.exec('a', 'begin');
select test.put('a', '1 ms') \g /dev/null
call test.later();
select test.note() \g /dev/null
select test.note() \g /dev/null
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:w))), 'M', 'what is overdue when it is committed is picked at once');

-- The transaction itself sees what it has written.
select test.exec('a', 'begin');
select test.put('a', '1 hour') \g /dev/null
call test.later();
select test.note() \g /dev/null
select test.note() \g /dev/null
select is(test.next('b'), '2', 'no other one sees it');
select is(test.next('a'), '1', 'it does');
select test.exec('a', 'rollback');
select is(test.next('b'), '2', 'and none when it is undone');

-- A writer with an old snapshot, and a reader.
select test.exec('a', 'begin isolation level repeatable read');
select test.query('a', 'select count(*) from gendurable.waits') \g /dev/null
select test.exec('c', 'begin isolation level repeatable read');
select is(test.next('c'), '2', 'a reader with a snapshot');
select gd_cancel((select i.id from gendurable.instances as i where i.phase = 'scheduled' order by i.eligible_at
    limit 1)) \g /dev/null
call test.later();
select test.note() \g /dev/null
select test.note() \g /dev/null
select is(test.next('c'), '2', 'sees what was there then');
select test.put('a', '1 hour') \g /dev/null
select test.exec('a', 'commit');
select is(test.next('b'), '1', 'what a writer with one has written is found');
select test.exec('c', 'commit');

-- A park whose deadline has come at once, and a delay that is shorter than a clock can say. Mutation: _apply_await
-- gives its deadline to _step_lane: 15.
select gd_enqueue('P', queue => 'p'), gd_enqueue('Q', queue => 'p') \g /dev/null
select gendurable._move_waits('p') \g /dev/null
create table picked as select * from gd_pick(:w, 'p', 2);
select is((select string_agg(c.result, ' ')
    from gd_commit(:w, (select jsonb_agg(jsonb_build_object('id', p.id, 'fence', p.fence)
        || case p.fsm when 'P' then '{"kind": "await", "names": ["go"], "timeout_ms": 0}'
        else '{"kind": "retry", "delay_ms": 0.0000001}' end::jsonb) from picked as p)) as c), 'committed committed',
        'a park and a retry');
select is(test.names(test.query('b', test.pick(:w, 'p', 2))), 'Q P', 'are over at once');
select is((select count(*)::int from gendurable.instances as i where i.queue = 'p' and i.phase = 'executing'), 2,
    'both');

-- Two that note, and one that is undone.
select test.exec('a', 'begin');
select test.query('a', 'select test.note()');
select test.put('a', '30 minutes') \g /dev/null
select test.send('b', 'select test.note()');
select ok(not test.is_blocked('b'), 'a second one does not wait');
select test.answer('b') \g /dev/null
select is(test.next('b'), '1', 'and what the first has noted holds for it alone');
select test.exec('a', 'rollback');
select is(test.next('b'), '1', 'nor later');
select is((select count(*)::int from gendurable.waits where queue = 'default'), 1, 'one note of the queue is there');
select * from finish();
