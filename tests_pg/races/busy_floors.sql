-- Where the count of what executes of a concurrency key begins: at a floor that only the holder of
-- the name's lock moves.
--
-- Race:      A pick × the floor of a key
-- Sessions:  A: pick has begun; B: pick, done, floor moved; A claims. A: done open, B: floor moved;
--            A undone.
-- Guard:     A claim takes its time after the lock; a floor is no later than what executes.
-- Mutations: A claim has the time at which its pick began → 3, 4 (two execute); the floor is the
--            present, whatever executes → 6, 7.
\ir prelude.psql
select plan(10);
select test.open('a', 'b');
select gd_register('w', '{p,q}', '1 hour') as w, gd_register('v', '{p,q}', '1 hour') as v \gset
create function test.free() returns bigint language sql as $$ select c.free from gendurable._capacity('k') as c $$;

-- A pick that has begun before the floor is moved, and claims afterwards.
create trigger gate before update on gendurable.instances
    for each row when (old.phase = 'scheduled') execute function test.gate('a');
select gd_enqueue('due', queue => 'p', delay => '1 hour'),
    gd_enqueue('X', queue => 'q', concurrency_key => 'k') \g /dev/null
update gendurable.instances set eligible_at = now() where fsm = 'due';
-- A pick knows the kinds that there were when it began.
select gendurable._kind('p', 'Y', 1, 'start') \g /dev/null
select pg_advisory_lock(1) \g /dev/null
select test.send('a', test.pick(:w, 'p', 9));
select ok(test.is_blocked('a'), 'a pick has begun');
select is(test.names(test.query('b', test.pick(:v, 'q'))), 'X', 'another one claims an instance of the key');
select test.query('b', test.end(:v, 'X')) \g /dev/null
select test.query('b', $$
    select gendurable._move_busy_floors('{k}') from gendurable._lock_name('slot', 'k') $$) \g /dev/null
select gd_enqueue('Y', queue => 'p', concurrency_key => 'k'),
    gd_enqueue('Z', queue => 'q', concurrency_key => 'k') \g /dev/null
select pg_advisory_unlock(1) \g /dev/null
select test.answer('a') \g /dev/null
drop trigger gate on gendurable.instances;
select is(test.free(), 0::bigint, 'what the first one claims then is counted');
select is(test.names(test.query('b', test.pick(:v, 'q'))), 'nothing', 'so no other one executes beside it');
select is(test.phases(), 'due executing, Y executing, Z held', 'and waits for it');

-- The floor is moved while the end of a claim is open, and undone.
select test.exec('a', 'begin'), test.query('a', test.end(:w, 'Y')) \g /dev/null
select test.query('b', $$ select gendurable._move_busy_floors('{k}') from gendurable._lock_name('slot', 'k') $$),
    test.exec('a', 'rollback') \g /dev/null
select is(test.free(), 0::bigint, 'a claim whose end is undone is counted');
select is(test.names(test.query('b', test.pick(:v, 'q'))), 'nothing', 'and keeps its slot');
select test.query('a', test.end(:w, 'Y')) \g /dev/null

-- A pick that moves the floor, and is undone.
select test.exec('a', 'begin') \g /dev/null
select is(test.names(test.query('a', test.pick(:v, 'q'))), 'Z', 'a claim is open');
select test.query('a', $$ select gendurable._move_busy_floors('{k}') $$), test.exec('a', 'rollback') \g /dev/null
select is(test.free(), 1::bigint, 'a claim that is undone is not counted');
select is(test.names(test.query('b', test.pick(:v, 'q'))) || ' ' || test.free(), 'Z 0', 'the next one is');
select * from finish();
