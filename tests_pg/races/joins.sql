-- Joins of the first failure and of any: the round ends once, its parent wakes once, and nothing of
-- the rest lives on.
--
-- Race:      The child that ends a round × the others (1–16, 35–38)
-- Sessions:  A: the commit that ends the round open, B: another child's commit, which is busy and
--            then stale; A undone. The last child and the first failure in both orders. All in one
--            batch. A client's cancel of a child, and of the parent.
-- Guard:     The parent's row lock. The barrier's row goes with the round, so nothing is counted
--            after it.
-- Mutations: The rest is not cancelled → 4, 5, 10, 12.
--
-- Race:      End of a round × the rest of it held (17–34)
-- Sessions:  A: a step's commit, or a pick, of one of the rest open; B: the commit that ends the
--            round. Then maintenance; maintenance twice at once; one undone.
-- Guard:     SKIP LOCKED; the same transaction notes in `dismissals` what is left.
-- Mutations: No SKIP LOCKED → 18 waits; nothing is noted → 22–24, 30; maintenance locks without
--            SKIP LOCKED → 32 waits.
\ir prelude.psql
select plan(38);
select test.open('a', 'b', 'c');
select gd_register('w', array['p', 'q']) as w \gset
create procedure test.race(worker bigint, kind text, children int default 3)
language plpgsql as $$
begin
    delete from gendurable.instances;
    delete from gendurable.countdowns;
    delete from gendurable.dismissals;
    perform gd_enqueue('P', queue => 'p');
    perform gd_pick(worker, 'p', 1);
    commit;
    perform test.query('c', test.end(worker, 'P', 'schedule_children',
        jsonb_build_object('step', 'join', 'join', kind, 'children',
        (select jsonb_agg(jsonb_build_object('fsm', 'C' || n, 'queue', 'q')) from generate_series(1, children) as n))));
    perform gd_pick(worker, 'q', children);
    commit;
end
$$;
create function test.join(worker bigint) returns text
language sql as $$
    select coalesce(string_agg(format('%s %s', p.step,
        (select string_agg(format('%s %s', c ->> 'fsm', c ->> 'status'), ', ' order by c ->> 'fsm')
                                                        from jsonb_array_elements(p.children) as c)), '; '), 'nothing')
    from gd_pick(worker, 'p', 9) as p
$$;
create function test.left_over() returns int language sql as $$ select count(*)::int from gendurable.dismissals $$;

-- The first child's commit is in flight.
call test.race(:w, 'any');
select test.end(:w, 'C2') as late \gset
select test.exec('a', 'begin');
select is(test.results(test.query('a', test.end(:w, 'C1'))), 'committed', 'the first child of a race is finishing');
select test.send('b', :'late');
select ok(not test.is_blocked('b'), 'another one does not wait for it');
select is(test.results(test.answer('b')), 'busy', 'and is to be offered again');
select test.exec('a', 'commit');
select is(test.results(test.query('b', :'late')), 'stale', 'then it is stale: it was cancelled');
select is(test.join(:w), 'join C1 done, C2 failed, C3 failed', 'the parent runs with the one');
select is(test.join(:w) || ', ' || test.left_over(), 'nothing, 0', 'once, and nothing is left to do');

-- The same, undone.
call test.race(:w, 'any');
select test.exec('a', 'begin');
select test.query('a', test.end(:w, 'C1'));
select test.exec('a', 'rollback');
select is(test.phases(), 'P awaiting_children, C1 executing, C2 executing, C3 executing',
    'an end that is undone has cancelled none');
select is(test.results(test.query('b', test.end(:w, 'C2', 'stop'))), 'committed', 'one fails');
select is(test.results(test.query('b', test.end(:w, 'C3'))), 'committed', 'one is done');
select is(test.join(:w), 'join C1 failed, C2 failed, C3 done', 'the parent runs');

-- The last two, one of which ends the round early.
call test.race(:w, 'first_failure', 2);
select test.end(:w, 'C2') as late \gset
select test.exec('a', 'begin');
select test.query('a', test.end(:w, 'C1', 'stop'));
select is(test.results(test.query('b', :'late')), 'busy',
    'the last child beside the first failure is to be offered again');
select test.exec('a', 'commit');
select is(test.results(test.query('b', :'late')), 'stale', 'then it is stale');
select is(test.join(:w) || '; ' || test.join(:w), 'join C1 failed, C2 failed; nothing', 'the parent runs once');
call test.race(:w, 'first_failure', 2);
select test.exec('a', 'begin');
select test.query('a', test.end(:w, 'C1'));
select test.end(:w, 'C2', 'stop') as late \gset
select is(test.results(test.query('b', :'late')), 'busy', 'and the other way round');
select test.exec('a', 'commit');
select is(test.results(test.query('b', :'late')), 'committed', 'then it is counted');
select is(test.join(:w) || '; ' || test.join(:w), 'join C1 done, C2 failed; nothing', 'the parent runs once');

-- One of the rest is held by its own commit, that goes on: it is cancelled behind it.
call test.race(:w, 'any');
select test.exec('a', 'begin');
select is(test.results(test.query('a', test.end(:w, 'C2', 'next', '{"step": "on", "continue": true}'))), 'continued',
    'a step of one of the rest is in flight');
select test.send('b', test.end(:w, 'C1'));
select ok(not test.is_blocked('b'), 'the first one that is done does not wait for it');
select is(test.results(test.answer('b')), 'committed', 'and ends the round');
select is(test.phases(), 'P ready, C2 executing', 'of the rest, what can be had is cancelled');
select is(test.join(:w), 'join C1 done, C2 executing, C3 failed', 'the parent runs meanwhile');
select is((select m.affected from gd_maintain() as m where m.task = 'dismiss') || ' ' || test.left_over(), '0 1',
    'maintenance does not wait for it either, and does not forget it');
select test.exec('a', 'commit');
select is((select m.affected from gd_maintain() as m where m.task = 'dismiss') || ' ' || test.left_over(), '1 0',
    'later it cancels it');
select is(test.phases(), 'P executing', 'nothing of the round lives');
-- That one ends by itself before.
call test.race(:w, 'any');
select test.exec('a', 'begin');
select test.query('a', test.end(:w, 'C2', 'next', '{"step": "on", "continue": true}'));
select test.query('b', test.end(:w, 'C1'));
select test.exec('a', 'commit');
select is(test.results(test.query('b', test.end(:w, 'C2'))), 'committed', 'one that was not cancelled in time may end');
select is(test.join(:w) || '; ' || test.join(:w), 'join C1 done, C2 done, C3 failed; nothing',
    'which counts for nothing');
select is((select m.affected from gd_maintain() as m where m.task = 'dismiss') || ' ' || test.left_over(), '0 0',
    'and leaves nothing to do');

-- The end of the round × a pick of one of the rest.
call test.race(:w, 'any', 2);
select gd_release(:w, array_agg(i.id)) from gendurable.instances as i where i.fsm = 'C2' \g /dev/null
select test.exec('a', 'begin');
select test.query('a', test.pick(:w, 'q'));
select is(test.results(test.query('b', test.end(:w, 'C1'))), 'committed', 'a round ends while one of it is picked');
select test.exec('a', 'commit');
select is(test.phases(), 'P ready, C2 executing', 'which starts');
select gd_maintain() \g /dev/null
select is(test.phases(), 'P ready', 'and is cancelled');

-- Two that clear up.
call test.race(:w, 'any');
select test.exec('c', 'begin');
select test.query('c', $$
    select i.id from gendurable.instances as i where i.fsm like 'C%' and i.fsm <> 'C1' for no key update $$);
select test.query('b', test.end(:w, 'C1'));
select test.exec('c', 'rollback');
select test.exec('a', 'begin');
select is((test.query('a', 'select gendurable._dismiss_rest() as n') #>> '{0,n}')::int, 2, 'one clears up');
select test.send('b', 'select gendurable._dismiss_rest() as n');
select ok(not test.is_blocked('b'), 'another one does not wait for it');
select is((test.answer('b') #>> '{0,n}')::int, 0, 'and finds nothing');
select test.exec('a', 'rollback');
select is(gendurable._dismiss_rest(), 2, 'what is undone is done again');

-- A client's cancel that ends the round.
call test.race(:w, 'first_failure');
select test.end(:w, 'C2', 'next', '{"step": "on"}') as late \gset
select test.exec('a', 'begin');
select test.query('a', format('select gd_cancel(%s)', i.id)) from gendurable.instances as i
    where i.fsm = 'C1' \g /dev/null
select is(test.results(test.query('b', :'late')), 'busy', 'a client cancels a child: the rest is in its hands');
select test.exec('a', 'commit');
select is(test.results(test.query('b', :'late')), 'stale', 'then it is cancelled');

-- The parent is cancelled while the round ends.
call test.race(:w, 'any');
select i.id as p from gendurable.instances as i where i.fsm = 'P' \gset
select test.exec('a', 'begin');
select test.query('a', test.end(:w, 'C1'));
select test.send('b', format('select gd_cancel(%s, cascade => true)', :p));
select ok(test.is_blocked('b'), 'a cancel of the parent waits for the end of the round');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')) || ' ' || coalesce(test.phases(), 'none'), '1 none',
    'and cancels what is left: the parent');
select * from finish();
