-- Two picks × one concurrency key: never more instances of a key execute than its limit, no pick
-- waits, and no slot is left unused.
--
-- Race:      Two picks × one key of K = 1 (1–14)
-- Sessions:  The slot is offered in two queues. A: pick open, between admission and claim, undone;
--            B: pick.
-- Guard:     A try-lock on the name; the count in a later statement.
-- Mutations: No name lock → 4, 6, 7, 8, 13 (two execute); a lock that waits → 3 waits.
--
-- Race:      Two picks × the last free slot of K = 3 (15–20)
-- Sessions:  Two execute, more offers than slots. A: pick open, B: pick.
-- Guard:     The same.
-- Mutations: No name lock → 17.
--
-- Race:      Two picks × crossing keys (21–31)
-- Sessions:  A: (a, b), stopped after admission; B: (b, a). Each holds one of the keys and asks for
--            the other.
-- Guard:     Try-locks never wait.
-- Mutations: No name lock → 23, 26, 28; a lock that waits → 3 waits.
\ir prelude.psql
select plan(31);
select test.open('a', 'b');
select gd_register('w', array['p', 'q']) as w, gd_register('v', array['p', 'q']) as v \gset

-- Two picks × one key of K = 1. One instance in each of two queues; the slot is offered in both.
select gd_enqueue('P', queue => 'p', concurrency_key => 'k'),
    gd_enqueue('Q', queue => 'q', concurrency_key => 'k') \g /dev/null
select gd_pick(:w, 'r', 1) \g /dev/null
select is(test.phases(), 'P ready, Q ready', 'the slot is offered in both queues');
select test.exec('a', 'begin');
select is(test.names(test.query('a', test.pick(:w, 'p'))), 'P', 'one pick takes the slot');
select test.send('b', test.pick(:v, 'q'));
select ok(not test.is_blocked('b'), 'another one does not wait for it');
select is(test.names(test.answer('b')), 'nothing', 'and does not take a second one');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:v, 'q'))), 'nothing', 'nor after the first one has committed');
select is(test.phases(), 'P executing, Q held', 'the other instance is held back');
select test.query('a', test.end(:w, 'P'));
select is(test.names(test.query('b', test.pick(:v, 'q'))), 'Q', 'until the slot is free');
select test.query('b', test.end(:v, 'Q'));

-- The first pick is undone: the slot is free again.
select gd_enqueue('P', queue => 'p', concurrency_key => 'k'),
    gd_enqueue('Q', queue => 'q', concurrency_key => 'k') \g /dev/null
select gd_pick(:w, 'r', 1) \g /dev/null
select test.exec('a', 'begin');
select test.query('a', test.pick(:w, 'p'));
select test.query('b', test.pick(:v, 'q'));
select test.exec('a', 'rollback');
select is(test.names(test.query('b', test.pick(:v, 'q'))), 'Q', 'a pick that was undone took no slot');
select is(test.names(test.query('a', test.pick(:w, 'p'))), 'nothing', 'the other one has it now');
select test.query('b', test.end(:v, 'Q'));
select is(test.names(test.query('a', test.pick(:w, 'p'))), 'P', 'and hands it on');
select test.query('a', test.end(:w, 'P'));

-- Both at the door at once: the gate holds the first one between its admission and its claim.
select gd_enqueue('P', queue => 'p', concurrency_key => 'k'),
    gd_enqueue('Q', queue => 'q', concurrency_key => 'k') \g /dev/null
select gd_pick(:w, 'r', 1) \g /dev/null
create trigger gate before update on gendurable.instances
    for each row when (new.phase = 'executing') execute function test.gate('a');
select pg_advisory_lock(1) \g /dev/null
select test.send('a', test.pick(:w, 'p'));
select ok(test.is_blocked('a'), 'a pick has admitted an instance and not claimed it yet');
select test.send('b', test.pick(:v, 'q'));
select ok(not test.is_blocked('b'), 'another one does not wait');
select is(test.names(test.answer('b')), 'nothing', 'and admits no instance');
select pg_advisory_unlock(1) \g /dev/null
select is(test.names(test.answer('a')), 'P', 'the first one claims');
drop trigger gate on gendurable.instances;
select test.query('a', test.end(:w, 'P'));
select test.query('b', test.pick(:v, 'q'));
select test.query('b', test.end(:v, 'Q'));

-- Two picks × the last free slot of K = 3, in one queue.
select gd_set_concurrency_limit('k', 3) \g /dev/null
select gd_enqueue('M' || n, queue => 'p', concurrency_key => 'k') from generate_series(1, 5) as n \g /dev/null
select is(test.names(test.query('a', test.pick(:w, 'p', 2))), 'M1 M2', 'two of three slots are taken');
update gendurable.instances set phase = 'ready' where phase = 'held';  -- more offers than slots
select test.exec('a', 'begin');
select is(test.names(test.query('a', test.pick(:w, 'p', 1))), 'M3', 'a pick takes the last one');
select is(test.names(test.query('b', test.pick(:v, 'p', 2))), 'nothing', 'another one finds none');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:v, 'p', 2))), 'nothing', 'nor later');
select is((select count(*) from gendurable.instances as i where i.phase = 'executing'), 3::bigint, 'three execute');
select test.query('a', test.end(:w, 'M1'));
select test.query('a', test.end(:w, 'M2'));
select is(test.names(test.query('b', test.pick(:v, 'p', 9))), 'M4 M5', 'and all free slots are used');
delete from gendurable.instances;

-- Crossing keys: one pick meets a then b, the other one b then a.
select gd_enqueue('A1', queue => 'p', concurrency_key => 'a', priority => 1),
    gd_enqueue('B1', queue => 'p', concurrency_key => 'b', priority => 2),
       gd_enqueue('B2', queue => 'q', concurrency_key => 'b', priority => 1),
       gd_enqueue('A2', queue => 'q', concurrency_key => 'a', priority => 2) \g /dev/null
select gd_pick(:w, 'r', 1) \g /dev/null
create trigger gate before update on gendurable.instances
    for each row when (new.phase = 'executing' and new.fsm = 'A1') execute function test.gate('a');
select pg_advisory_lock(1) \g /dev/null
select test.send('a', test.pick(:w, 'p', 2));
select ok(test.is_blocked('a'), 'a pick has admitted a and b');
select test.send('b', test.pick(:v, 'q', 2));
select ok(not test.is_blocked('b'), 'one that meets b and a does not wait');
select is(test.names(test.answer('b')), 'nothing', 'and takes neither');
select pg_advisory_unlock(1) \g /dev/null
select is(test.names(test.answer('a')), 'A1 B1', 'the first one takes both');
drop trigger gate on gendurable.instances;
select test.exec('a', 'begin');
select test.query('a', test.end(:w, 'A1'));
select is(test.names(test.query('b', test.pick(:v, 'q', 2))), 'nothing', 'while a slot is being freed it is not free');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:v, 'q', 2))), 'A2', 'then it is');
-- One holds the lock of a only, the other one that of b only.
select test.query('a', test.end(:w, 'B1'));
select test.query('b', test.end(:v, 'A2'));
select gd_enqueue('A3', queue => 'p', concurrency_key => 'a') \g /dev/null
select gd_pick(:w, 'r', 1) \g /dev/null
select test.exec('a', 'begin');
select test.exec('b', 'begin');
select is(test.names(test.query('a', test.pick(:w, 'p', 2))), 'A3', 'one pick holds a');
select is(test.names(test.query('b', test.pick(:v, 'q', 2))), 'B2', 'another one b, beside it');
select test.send('a', test.pick(:w, 'q', 2));
select ok(not test.is_blocked('a'), 'neither waits for what the other one holds');
select test.answer('a');
select test.send('b', test.pick(:v, 'p', 2));
select ok(not test.is_blocked('b'), 'in either direction');
select test.answer('b');
select test.exec('a', 'commit');
select test.exec('b', 'commit');
select is((select count(*) from gendurable.instances as i where i.phase = 'executing'), 2::bigint,
    'one of each executes');
select * from finish();
