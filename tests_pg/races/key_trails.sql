-- Where the look at a line of a key begins × transactions that add to the line: nothing that waits
-- is passed over.
--
-- Race:      What joins a line × its trail
-- Sessions:  A: enqueue, an offer taken back, an id that has written nothing, REPEATABLE READ,
--            open; B: one move, several; A commits, or is undone. B undone, in a subtransaction. A
--            copy of a trail. No trail.
-- Guard:     The run of what comes; the mover asks for open transactions before it looks; pending
--            transactions.
-- Mutations: None is pending → 5, 7, 8, 10, 11; the bound passes open transactions → 3–11; late
--            runs are not looked at again → 4, 8, 11, 18; a writer has no run → 3–13; pending runs
--            are not read → 7, 8, 10, 11; the copy counts → 21; the id of the subtransaction is not
--            read → 19; what stands before the first floor is left out → 24.
\ir prelude.psql
select plan(24);
select test.open('a', 'b');
create function test.waits(key text default 'k') returns text language sql as $$
    select coalesce(string_agg(i.state ->> 'n', ' ' order by x.priority, x.eligible_at, x.id), 'none')
    from gendurable._of_keys('slot', array[key], 'held', 99) as x join gendurable.instances as i on i.id = x.id
$$;
create function test.add(n text, moment text, more text default '') returns text language sql as $$
    select format('select id from gd_enqueue(''m'', %L, eligible_at => %L, concurrency_key => ''k'' %s)',
        jsonb_build_object('n', n), moment, more)
$$;
create function test.moves(times int, session text default 'b') returns void language plpgsql as $$
begin
    for v_n in 1 .. times loop
        perform test.query(session,
            'select gendurable._move_key_trail(''slot'', ''k'', array(select i.id from gendurable.instances as i where '
            'i.concurrency_key = ''k''))');
    end loop;
end
$$;
create function test.floors() returns text language sql as $$
    select string_agg(f.phase || ' ' || case when isfinite(f.at) then to_char(f.at at time zone 'UTC', 'YYYY')
        else f.at::text end, ', ' order by f.phase) from gendurable._key_trail('slot', 'k') as t cross
        join unnest(t.floors) as f
$$;
create procedure test.pass_ids(n int) language plpgsql as $$ begin for v_n in 1 .. n loop perform pg_current_xact_id();
    commit; end loop; end $$;
create function test.is_pending(xid text) returns boolean language sql as $$
    select is_pending.xid::xid8 = any (t.pending) from gendurable._key_trail('slot', 'k') as t $$;
select gd_set_concurrency_limit('k', 0) \g /dev/null

-- The floor rises behind what has left.
select test.query('a', test.add('first', '2020-01-01')), test.query('a', test.add('second', '2021-01-01')),
    test.query('a', test.add('third', '2022-01-01')) \g /dev/null
select test.moves(3);
select is(test.floors(), 'ready infinity, held 2020', 'a floor stands at the first that waits');
delete from gendurable.instances where state ->> 'n' = 'first';
select test.moves(1);
select is(test.floors() || ': ' || test.waits(), 'ready infinity, held 2021: second third',
    'and rises when that is gone');

-- A newcomer that is open while the trail is moved once.
select test.exec('a', 'begin') \g /dev/null
select test.query('a', test.add('early', '2010-01-01')) \g /dev/null
select test.moves(1);
select test.exec('a', 'commit') \g /dev/null
select is(test.waits(), 'early second third', 'what came below the floor is found by its run');
call test.pass_ids(40);
select test.moves(3);
select is(test.floors() || ': ' || test.waits(), 'ready infinity, held 2010: early second third',
    'and the floor comes down to it');
delete from gendurable.instances where state ->> 'n' = 'early';
select test.moves(3);

-- One that is open for long.
select test.exec('a', 'begin') \g /dev/null
select test.query('a', test.add('early', '2010-01-01')) \g /dev/null
select test.result(test.query('a', 'select pg_current_xact_id()::text')) as xid \gset
call test.pass_ids(40);
select test.moves(1);
call test.pass_ids(40);
select test.moves(3);
select is(test.is_pending(:'xid'), true, 'the bound passes what is open for long, and notes it');
select is(test.waits(), 'second third', '(it is not visible yet)');
select test.exec('a', 'commit') \g /dev/null
select is(test.waits(), 'early second third', 'once it has ended it is found');
select test.moves(1);
select is(test.floors() || ': ' || test.waits(), 'ready infinity, held 2010: early second third',
    'also once the trail was moved');
select is(test.is_pending(:'xid'), false, 'and it is not pending any more');
delete from gendurable.instances where state ->> 'n' = 'early';
select test.moves(2);

-- An id that has written nothing yet, and writes after the bound has passed it; a part of it is undone.
select test.exec('a', 'begin') \g /dev/null
select test.query('a', 'select pg_current_xact_id()') \g /dev/null
call test.pass_ids(40);
select test.moves(1);
call test.pass_ids(40);
select test.moves(2);
select test.exec('a', 'savepoint s') \g /dev/null
select test.query('a', test.add('undone', '2009-01-01')) \g /dev/null
select test.exec('a', 'rollback to s') \g /dev/null
select test.query('a', test.add('early', '2010-01-01')) \g /dev/null
select test.exec('a', 'commit') \g /dev/null
select is(test.waits(), 'early second third', 'what an old id writes late is found');
select test.moves(3);
select is(test.waits(), 'early second third', 'also once the trail was moved');
delete from gendurable.instances where state ->> 'n' = 'early';
select test.moves(2);

-- An old snapshot that does not show the trail.
select test.exec('a', 'begin isolation level repeatable read') \g /dev/null
select test.query('a', 'select 1 as one') \g /dev/null
call test.pass_ids(40);
select test.moves(3);
select test.query('a', test.add('early', '2010-01-01')) \g /dev/null
select is((test.query('a', 'select test.waits()')) #>> '{0,waits}', 'early second third',
    'an old snapshot sees what it has added itself');
select test.exec('a', 'commit') \g /dev/null
select is(test.waits(), 'early second third', 'and so do the others');
delete from gendurable.instances where state ->> 'n' = 'early';
select test.moves(2);

-- One that is undone, and a trail that is.
select test.exec('a', 'begin') \g /dev/null
select test.query('a', test.add('early', '2010-01-01')) \g /dev/null
select test.moves(2), test.exec('a', 'rollback'), test.moves(2) \g /dev/null
select is(test.floors() || ': ' || test.waits(), 'ready infinity, held 2021: second third',
    'what is undone leaves nothing behind');
select test.exec('b', 'begin') \g /dev/null
select test.query('b', $$
    update gendurable.instances set phase = 'ready', entered = gendurable._run(pg_current_xact_id())
        where state ->> 'n' = 'second' returning id $$) \g /dev/null
select test.moves(1);
select test.exec('b', 'rollback') \g /dev/null
select is(test.floors() || ': ' || test.waits(), 'ready infinity, held 2021: second third',
    'an offer that is undone has moved no floor');
select test.query('b', $$
    update gendurable.instances set phase = 'ready', entered = gendurable._run(pg_current_xact_id())
        where state ->> 'n' = 'second' returning id $$) \g /dev/null
call test.pass_ids(40);
select test.moves(2);
select is(test.floors() || ': ' || test.waits(), 'ready 2021, held 2022: third', 'one that is not has');

-- An offer that is taken back while another transaction has moved the trail: it is below the floor of those that wait.
select test.exec('a', 'begin') \g /dev/null
select test.query('a', $$
    update gendurable.instances set phase = 'held', entered = gendurable._run(pg_current_xact_id())
        where state ->> 'n' = 'second' returning id $$) \g /dev/null
select test.moves(3), test.exec('a', 'commit') \g /dev/null
select is(test.waits(), 'second third', 'what goes back to the line is found');
call test.pass_ids(40);
select test.moves(2);
select is(test.floors() || ': ' || test.waits(), 'ready infinity, held 2021: second third',
    'the floor comes down to it');

-- In a subtransaction; a copy from another database; a crash.
create procedure test.move_within() language plpgsql as $$
begin
    perform pg_current_xact_id();
    begin
        perform gendurable._move_key_trail('slot', 'k', '{}');
    exception when sqlstate 'XX999' then null;
    end;
end
$$;
call test.move_within();
select isnt(test.floors(), null, 'a trail that was moved in a subtransaction counts');
delete from gendurable.instances where state ->> 'n' = 'second';
select test.moves(2);
insert into gendurable.instances (enqueued_at, eligible_at, updated_at, phase, step, state, priority, fsm_version, fsm,
    queue, concurrency_key, entered)
values (now(), '2010-01-01', now(), 'held', 'start', '{"n": "copied"}', 0, 1, 'm', 'default', 'k', 1);
select is(test.waits(), 'third', '(what was written by hand, in a run that is long over, is not found)');
update gendurable.key_trails set xid = '5';
select is(test.waits(), 'copied third', 'a trail that came from another database is void');
select test.moves(1);
select is(test.floors() || ': ' || test.waits(), 'ready infinity, held 2010: copied third',
    'and followed by a new one');
delete from gendurable.key_trails;
select is(test.waits(), 'copied third', 'without a trail a look begins at the beginning');

-- Priorities and kinds that have no floor.
select test.moves(1);
select test.query('a', test.add('urgent', '2030-01-01', ', priority => -5')),
    test.query('a', test.add('late', '2000-01-01', ', priority => 5')),
    test.query('a', test.add('other', '2000-01-01', ', queue => ''other''')) \g /dev/null
update gendurable.instances set phase = 'held' where phase = 'scheduled';
select is(test.waits(), 'urgent other copied third late', 'other priorities and kinds are found beside the floors');
select * from finish();
