-- What can start changes × picks: no instance is stranded, and none keeps tokens or a slot that it
-- cannot use.
--
-- Race:      What can start changes × pick
-- Sessions:  A: register, the last unregister of a machine, pause, resume, a limit raised, a place
--            freed or taken, open; B: pick; A commits, or is undone. A, C: the last two unregister.
-- Guard:     Such a change rings for every line. Offers to what cannot start do not count.
-- Mutations: `gd_register` does not ring → _startable.sql 31; `gd_pause` does not → 10,
--            _startable.sql 23; `gd_resume` does not → _startable.sql 33; unregister does not, for
--            slots → 7, _startable.sql 11; a draw in a queue with a limit does not → _startable.sql
--            38; one line for all kinds → _startable.sql 12–25; it rings only if it
--            sees no other worker → 29.
\ir prelude.psql
select plan(29);
select test.open('a', 'b', 'c');
create function test.of(machine text, variadic queues text[]) returns text language sql as $$
    select format('select gd_register(%L, %L, ''1 day'', %L) as id', 'of ' || machine, queues,
                  jsonb_build_object('machines', jsonb_build_array(jsonb_build_object('fsm', machine, 'version', 1))))
$$;
create function test.id(answer jsonb) returns bigint language sql as $$ select (answer #>> '{0,id}')::bigint $$;
create function test.tokens_come() returns void language sql as $$
    update gendurable.buckets set refilled_at = refilled_at - interval '61 minutes',
        due_at = due_at - interval '61 minutes'
$$;
create function test.fresh() returns void language plpgsql as $$
begin
    delete from gendurable.instances;
    delete from gendurable.buckets;
    delete from gendurable.doorbells;
end
$$;
select gd_set_rate_limit('r', 1, '1 hour', 1) \g /dev/null
select test.id(test.query('b', test.of('Y', 'q'))) as y, gd_register('b', '{b}', '1 day') as b \gset

-- A worker that registers × a pick that does not see it.
select gd_enqueue('X', queue => 'q', rate_limit => 'r', priority => -1),
    gd_enqueue('Y', queue => 'q', rate_limit => 'r') \g /dev/null
select test.exec('a', 'begin');
select test.id(test.query('a', test.of('X', 'q'))) as x \gset
select is(test.names(test.query('b', test.pick(:y, 'q', 9))), 'Y',
    'a worker that is being registered starts nothing yet, so its machine waits beside the line');
select test.exec('a', 'commit');
select gd_enqueue('Y', queue => 'q', rate_limit => 'r') \g /dev/null
select test.tokens_come();
select is(test.names(test.query('b', test.pick(:y, 'q', 9))), 'nothing', 'once it is, the order is strict');
select is(test.names(test.query('c', test.pick(:x, 'q', 9))), 'X', 'and the more urgent one starts');

-- The last worker of a machine that leaves × a pick that still sees it: tokens, and a slot.
select test.fresh();
select gd_enqueue('X', queue => 'q', rate_limit => 'r', priority => -1),
    gd_enqueue('Y', queue => 'q', rate_limit => 'r') \g /dev/null
select gd_set_concurrency_limit('k', 0), gd_enqueue('X', queue => 'q', concurrency_key => 'k', priority => -1),
    gd_enqueue('Y', queue => 'q', concurrency_key => 'k'), gd_drop_concurrency_limit('k') \g /dev/null
select test.exec('a', 'begin');
select test.query('a', format('select gd_unregister(%s)', :x));
select is(test.names(test.query('b', test.pick(:y, 'q', 9))), 'nothing',
    'a worker that is leaving can still start what was offered');
select test.exec('a', 'rollback');
select is(test.names(test.query('b', test.pick(:y, 'q', 9))), 'nothing', 'nor when it stays after all');
select test.exec('a', 'begin');
select test.query('a', format('select gd_unregister(%s)', :x));
select is(test.names(test.query('b', test.pick(:y, 'q', 9))), 'nothing', 'it leaves');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:y, 'q', 9))), 'Y Y',
    'what it was offered keeps from none a slot or tokens');

-- A queue that is paused × a pick that does not see it.
select test.fresh();
select gd_enqueue('P', queue => 'b', rate_limit => 'r', priority => -1),
    gd_enqueue('Y', queue => 'q', rate_limit => 'r') \g /dev/null
select test.exec('a', 'begin');
select test.query('a', $$ select gd_pause('b') $$);
select is(test.names(test.query('b', test.pick(:y, 'q', 9))), 'nothing',
    'a queue that is being paused has its offer first');
select is(test.names(test.query('c', test.pick(:b, 'b', 9))), 'nothing', '(it hands nothing out)');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:y, 'q', 9))), 'Y', 'until it is paused');

-- The pause ends × a pick that does not see it.
select gd_enqueue('Y', queue => 'q', rate_limit => 'r') \g /dev/null
select test.exec('a', 'begin');
select test.query('a', $$ select gd_resume('b') $$);
select test.tokens_come();
select is(test.names(test.query('c', test.pick(:b, 'b', 9))), 'nothing', 'a pause that is being ended is one');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:y, 'q', 9))), 'nothing', 'once it is ended the order is strict');
select is(test.names(test.query('c', test.pick(:b, 'b', 9))), 'P', 'and what waited there starts');
select test.tokens_come();
select is(test.names(test.query('b', test.pick(:y, 'q', 9))), 'Y', 'then the other one');

-- A place that is being freed × a pick that counts it as taken.
select test.fresh();
select gd_set_queue_limit('b', 1), gd_enqueue('place', queue => 'b') \g /dev/null
select is(test.names(test.query('c', test.pick(:b, 'b', 9))), 'place', '(the queue is full)');
select gd_enqueue('P', queue => 'b', rate_limit => 'r', priority => -1),
    gd_enqueue('P', queue => 'b', rate_limit => 'r', priority => -1),
    gd_enqueue('Y', queue => 'q', rate_limit => 'r') \g /dev/null
select test.exec('a', 'begin');
select is(test.results(test.query('a', test.end(:b, 'place'))), 'committed', 'its place is being freed');
select is(test.names(test.query('b', test.pick(:y, 'q', 9))), 'Y', 'until then it stands in no other instance''s way');
select test.exec('a', 'commit');
select gd_enqueue('Y', queue => 'q', rate_limit => 'r') \g /dev/null
select is(test.names(test.query('c', test.pick(:b, 'b', 9))), 'nothing', 'there is a place, and no token');
select test.tokens_come();
select is(test.names(test.query('b', test.pick(:y, 'q', 9))), 'nothing', 'the order is strict');
select is(test.names(test.query('c', test.pick(:b, 'b', 9))), 'P', 'what waited there starts');

-- A pick that takes the last place × a pick that does not see it.
select test.results(test.query('c', test.end(:b, 'P')));
select gd_enqueue('place', queue => 'b', priority => -9) \g /dev/null
select test.exec('a', 'begin');
select test.tokens_come();
select is(test.names(test.query('a', test.pick(:b, 'b', 1))), 'place', '(a pick takes the last place, and is open)');
select is(test.names(test.query('b', test.pick(:y, 'q', 9))), 'nothing', 'a place that is being taken is free');
select test.exec('a', 'commit');
select gendurable._ring(null, '{r}') \g /dev/null
select is(test.names(test.query('b', test.pick(:y, 'q', 9))), 'Y', 'once it is taken, the next look counts it');

-- A limit that is raised × a pick that does not see it.
select test.fresh();
select gd_set_queue_limit('b', 0) \g /dev/null
select gd_enqueue('P', queue => 'b', rate_limit => 'r', priority => -1),
    gd_enqueue('Y', queue => 'q', rate_limit => 'r') \g /dev/null
select test.exec('a', 'begin');
select test.query('a', $$ select gd_set_queue_limit('b', 1) $$);
select is(test.names(test.query('b', test.pick(:y, 'q', 9))), 'Y', 'a limit that is being raised is the old one');
select test.exec('a', 'commit');
select gd_enqueue('Y', queue => 'q', rate_limit => 'r') \g /dev/null
select test.tokens_come();
select is(test.names(test.query('b', test.pick(:y, 'q', 9))), 'nothing', 'once it is raised the order is strict');
select is(test.names(test.query('c', test.pick(:b, 'b', 9))), 'P', 'and what waited there starts');
-- The last two workers of a machine leave at once: each still sees the other one.
select test.fresh();
select test.query('a', format('select gd_unregister(%s)', w.id)) from gendurable.workers as w
    where w.name = 'of X' \g /dev/null
select test.id(test.query('a', test.of('X', 'q'))) as x, test.id(test.query('c', test.of('X', 'q'))) as x2 \gset
select gd_set_concurrency_limit('k', 0) \g /dev/null
select gd_enqueue('X', queue => 'q', rate_limit => 'r', priority => -1),
    gd_enqueue('Y', queue => 'q', rate_limit => 'r'),
       gd_enqueue('X', queue => 'q', concurrency_key => 'k', priority => -1),
       gd_enqueue('Y', queue => 'q', concurrency_key => 'k') \g /dev/null
select gd_set_concurrency_limit('k', 1) \g /dev/null
select is(test.names(test.query('b', test.pick(:y, 'q', 9))), 'nothing', 'two workers can start what was offered');
select test.exec('a', 'begin');
select test.exec('c', 'begin');
select test.query('a', format('select gd_unregister(%s)', :x));
select test.query('c', format('select gd_unregister(%s)', :x2));
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:y, 'q', 9))), 'nothing', 'one has left, the other is leaving');
select test.exec('c', 'commit');
select is(test.names(test.query('b', test.pick(:y, 'q', 9))), 'Y Y',
    'when both have left, what they were offered keeps from none');
select * from finish();
