-- Pause × pick and × running ahead, change of a limit × pick, change of an instance's key × pick.
--
-- Race:      Pause × pick (1–10, 16–21)
-- Sessions:  A: pick open, B: pause waits, C: pick returns nothing. A: pause open, B: pick. A:
--            pick, stopped while it looks whether the queue is paused, B: pause waits.
-- Guard:     A shared and an exclusive lock on the queue, then a look in a statement of its own.
-- Mutations: Pause or pick takes no lock → 2, 9, 12, 19; the pick looks before the lock → 19; the
--            pick waits for the lock → 3.
--
-- Race:      Pause × running ahead (11–15)
-- Sessions:  A: continue open, B: pause waits. A: pause open, B: next.
-- Guard:     The same.
-- Mutations: Running ahead does not look → 6, 7, 12, 13, 15.
--
-- Race:      Change of a concurrency limit × pick (22–28, 35–39)
-- Sessions:  A: pick under the old limit open, B: raise. A: change open, B: pick. Lowered below
--            what executes. Dropped.
-- Guard:     Neither takes the other's lock; the doorbell of the name becomes visible with the new
--            limit.
-- Mutations: The setter does not ring → 28, 32; the call that drops does not → 34; the setter waits
--            for the name → 23.
--
-- Race:      Change of a concurrency limit × newcomer × pick (29–34)
-- Sessions:  A: raise, or drop, open; newcomer; B: pick uses up its doorbell; A commits.
-- Guard:     The pick that answers looks for what waits, once the change is committed.
-- Mutations: The setter looks instead → 32 (stranded).
--
-- Race:      Two picks × a change of a limit (30–32)
-- Sessions:  A: pick that answers the change open, B: pick; A undone.
-- Guard:     The doorbell of a name is answered under the name's lock.
-- Mutations: `_expand_name_doorbells` takes no lock → 30 waits.
--
-- Race:      A rate limit that is set × pick (40–44)
-- Sessions:  A: set open, B: pick. B: pick that draws open, A: set.
-- Guard:     The name lock.
-- Mutations: The setter takes no lock → 41, 42 waits.
--
-- Race:      Change of an instance's key × pick (45–55)
-- Sessions:  A: next with the new key open, B: picks. B: pick of the new key open, A: next.
-- Guard:     The instance goes through the ready set and is admitted like any other; both keys are
--            rung for.
-- Mutations: It runs ahead with the new key → 46, 48, 50; the old key is not rung for → 48; the new
--            key is not → slots.sql 81.
--
-- Race:      Names that are being set × work behind their instances (56–58)
-- Sessions:  A: set of six names open, thirty instances of each offered at the head; B: pick of
--            twenty slots.
-- Guard:     Names that could not be locked are left out of the next round, and such a round does
--            not count.
-- Mutations: It counts → 57; the names are not left out → 58 (the pick visits all of their rows).
\ir prelude.psql
select plan(58);
select test.open('a', 'b', 'c');
select gd_register('w', array['p', 'q']) as w, gd_register('v', array['p', 'q']) as v \gset

-- A pick is in flight: a pause waits for it, and nothing is handed out after it.
select gd_enqueue('M1', queue => 'p'), gd_enqueue('M2', queue => 'p', priority => 9) \g /dev/null
select test.exec('a', 'begin');
select is(test.names(test.query('a', test.pick(:w, 'p'))), 'M1', 'a pick is in flight');
select test.send('b', $$ select gd_pause('p') $$);
select ok(test.is_blocked('b'), 'a pause waits for it');
select test.send('c', test.pick(:v, 'p'));
select ok(not test.is_blocked('c'), 'another pick does not wait for the pause');
select is(test.names(test.answer('c')), 'nothing', 'and hands nothing out');
select test.exec('a', 'commit');
select test.answer('b');
select is(test.names(test.query('c', test.pick(:v, 'p'))), 'nothing', 'once it is paused, nothing is handed out');
select is(test.results(test.query('a', test.end(:w, 'M1', 'next', '{"step": "two", "continue": true}'))), 'committed',
    'and no instance runs ahead');
select is(test.phase(1), 'ready', 'it waits at the next step');
select gd_resume('p') \g /dev/null

-- The pause is in flight.
select test.exec('b', 'begin');
select test.query('b', $$ select gd_pause('p') $$);
select test.send('a', test.pick(:w, 'p'));
select ok(not test.is_blocked('a'), 'a pick does not wait for a pause in an open transaction');
select is(test.names(test.answer('a')), 'nothing', 'and hands nothing out');
select test.exec('b', 'rollback');
select is(test.names(test.query('a', test.pick(:w, 'p'))), 'M1', 'a pause that is undone was none');

-- Pause × running ahead: the step is in flight.
select test.exec('a', 'begin');
select is(test.results(test.query('a', test.end(:w, 'M1', 'next', '{"step": "three", "continue": true}'))), 'continued',
    'a step runs ahead');
select test.send('b', $$ select gd_pause('p') $$);
select ok(test.is_blocked('b'), 'a pause waits for it');
select test.exec('a', 'commit');
select test.answer('b');
select is(test.results(test.query('a', test.end(:w, 'M1', 'next', '{"step": "four", "continue": true}'))), 'committed',
    'the next step does not run ahead');
select gd_resume('p') \g /dev/null
select test.query('a', test.pick(:w, 'p'));
select test.exec('b', 'begin');
select test.query('b', $$ select gd_pause('p') $$);
select test.send('a', test.end(:w, 'M1', 'next', '{"step": "five", "continue": true}'));
select ok(not test.is_blocked('a'), 'a step does not wait for a pause in flight');
select is(test.results(test.answer('a')), 'committed', 'and does not run ahead');
select test.exec('b', 'commit');
select test.query('b', $$ select gd_resume('p') $$);

-- What says that a queue is not paused holds a pause up.
select test.exec('a', 'begin');
select test.query('a', $$ select (gendurable._enter_queue('p')).closed $$);
select test.send('b', $$ select gd_pause('p') $$);
select ok(test.is_blocked('b'), 'a pick that was told that a queue is not paused holds the pause up until it is done');
select test.exec('a', 'commit');
select test.answer('b');
select is(test.result(test.query('a', $$ select (gendurable._enter_queue('p')).closed $$)), 'true',
    'the next one is told');
select test.query('b', $$ select gd_resume('p') $$);
delete from gendurable.instances;

-- A pick is looking whether its queue is paused: it has the lock in hand, so that no pause comes between its look and
-- what it hands out.
create function test.stop() returns boolean
language plpgsql as $$
begin
    if current_setting('application_name') = 'a' then
        perform pg_advisory_lock_shared(1);
        perform pg_advisory_unlock_shared(1);
    end if;
    return true;
end
$$;
alter table gendurable.queues rename to known_queues;
-- once, before the first row
create view gendurable.queues as select q.* from gendurable.known_queues as q where (select test.stop());
select gd_enqueue('M1', queue => 'p'), gd_enqueue('M2', queue => 'p') \g /dev/null
select pg_advisory_lock(1) \g /dev/null
select test.send('a', test.pick(:w, 'p'));
select ok(test.is_blocked('a'), 'a pick is looking whether its queue is paused');
select test.send('b', $$ select gd_pause('p') $$);
select ok(test.is_blocked('b'), 'a pause waits for it');
select pg_advisory_unlock(1) \g /dev/null
select is(test.names(test.answer('a')), 'M1', 'what the pick has seen is still so when it hands out');
select test.answer('b');
select is(test.names(test.query('a', test.pick(:w, 'p'))), 'nothing', 'and nothing is handed out after the pause');
drop view gendurable.queues;
alter table gendurable.known_queues rename to queues;
select gd_resume('p') \g /dev/null
delete from gendurable.instances;

-- Change of a limit × pick: the pick is in flight under the old limit.
select gd_enqueue('M' || n, queue => 'p', concurrency_key => 'k') from generate_series(1, 3) as n \g /dev/null
select gd_pick(:w, 'r', 1) \g /dev/null
update gendurable.instances set phase = 'ready';
select test.exec('a', 'begin');
select is(test.names(test.query('a', test.pick(:w, 'p', 3))), 'M1', 'a pick admits one and holds two back');
select test.send('b', $$ select gd_set_concurrency_limit('k', 2) $$);
select ok(not test.is_blocked('b'), 'a change of the limit does not wait for a pick');
select test.exec('a', 'commit');
select test.answer('b');
select is(test.names(test.query('b', test.pick(:v, 'p', 3))), 'M2',
    'a limit that was raised meanwhile lets one more in');
select is(test.phases(), 'M1 executing, M2 executing, M3 held', 'and no more');
-- The change is in flight.
select test.exec('a', 'begin');
select test.query('a', $$ select gd_set_concurrency_limit('k', 3) $$);
select test.send('b', test.pick(:v, 'p', 3));
select ok(not test.is_blocked('b'), 'a pick does not wait for a change of the limit in an open transaction');
select is(test.names(test.answer('b')), 'nothing', 'and does not know of it');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:v, 'p', 3))), 'M3', 'the next pick does');
-- A newcomer comes while the change is in flight, and a pick that looks at its key under the old limit. No instance
-- holds a slot, so none could ring.
select gd_set_concurrency_limit('l', 0) \g /dev/null
select test.exec('a', 'begin');
select test.query('a', $$ select gd_set_concurrency_limit('l', 1) $$);
select gd_enqueue('L', queue => 'p', concurrency_key => 'l') \g /dev/null
select is(test.names(test.query('b', test.pick(:v, 'p', 3))), 'nothing',
    'a newcomer meets a limit that is being raised');
select test.exec('a', 'commit');
select test.exec('a', 'begin');
select test.query('a', test.pick(:w, 'r'));
select test.send('b', test.pick(:v, 'p', 3));
select ok(not test.is_blocked('b'), 'a pick does not wait for one that answers the change');
select is(test.names(test.answer('b')), 'nothing', 'nor answers it');
select test.exec('a', 'rollback');
select is(test.names(test.query('b', test.pick(:v, 'p', 3))), 'L', 'and is picked once it is');
select test.query('b', test.end(:v, 'L'));
select gd_set_concurrency_limit('l', 0) \g /dev/null
select test.exec('a', 'begin');
select test.query('a', $$ select gd_drop_concurrency_limit('l') $$);
select gd_enqueue('L', queue => 'p', concurrency_key => 'l') \g /dev/null
select is(test.names(test.query('b', test.pick(:v, 'p', 3))), 'nothing', 'or one that is being dropped');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:v, 'p', 3))), 'L', 'and is picked once it is');
select test.query('b', test.end(:v, 'L'));
-- Lowered: what executes is counted.
select test.exec('a', 'begin');
select test.query('a', $$ select gd_set_concurrency_limit('k', 1) $$);
select gd_enqueue('M4', queue => 'p', concurrency_key => 'k') \g /dev/null
select test.query('b', test.end(:w, 'M1'));
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:v, 'p', 3))), 'nothing',
    'a lowered limit counts what executes already');
select test.query('b', test.end(:v, 'M2'));
select is(test.names(test.query('b', test.pick(:v, 'p', 3))), 'nothing', 'all of it');
select test.query('b', test.end(:v, 'M3'));
select is(test.names(test.query('b', test.pick(:v, 'p', 3))), 'M4', 'until there is room');
-- Two changes; and one of each kind in an open transaction, beside the work of all others.
select test.exec('a', 'begin');
select test.query('a', $$ select gd_drop_concurrency_limit('k') $$);
select gd_enqueue('Plain', queue => 'p'), gd_enqueue('Other', queue => 'p', concurrency_key => 'other') \g /dev/null
select test.send('b', test.pick(:v, 'p', 3));
select ok(not test.is_blocked('b'), 'a pick does not wait for a limit that is being dropped');
select is(test.names(test.answer('b')), 'Plain Other', 'and others are not affected');
select test.exec('a', 'commit');
select gd_set_rate_limit('r', 1, '1 day') \g /dev/null
select gd_enqueue('Rated', queue => 'p', rate_limit => 'r'),
    gd_enqueue('Rated2', queue => 'p', rate_limit => 'r') \g /dev/null
select test.exec('a', 'begin');
select test.query('a', $$ select gd_set_rate_limit('r', 5, '1 day') $$);
select test.send('b', test.pick(:v, 'p', 3));
select ok(not test.is_blocked('b'), 'nor for a rate limit that is being set');
select test.answer('b');
select test.exec('a', 'commit');
select test.query('b', test.pick(:v, 'p', 3));
select is((select count(*) from gendurable.instances as i where i.rate_limit = 'r' and i.phase = 'executing'),
    2::bigint, 'the new one applies at once');
select test.exec('b', 'begin');
select gd_enqueue('Rated3', queue => 'p', rate_limit => 'r') \g /dev/null
select is(test.names(test.query('b', test.pick(:v, 'p', 3))), 'Rated3', 'a pick is drawing');
select test.send('a', $$ select gd_set_rate_limit('r', 1, '1 day', 1) $$);
select ok(test.is_blocked('a'), 'a rate limit is set after it');
select test.exec('b', 'commit');
select test.answer('a');
select cmp_ok((select b.tokens from gendurable.buckets as b where b.key = 'r'), '<=', 1.0::float8,
    'and no bucket holds more than the new burst');
delete from gendurable.instances;

-- Switch of key × pick: an instance leaves one key for another one while both are being decided.
select gd_enqueue('S', queue => 'p', concurrency_key => 'old'),
    gd_enqueue('O', queue => 'p', concurrency_key => 'old', priority => 1),
       gd_enqueue('N1', queue => 'p', concurrency_key => 'new'),
       gd_enqueue('N2', queue => 'q', concurrency_key => 'new', priority => -1) \g /dev/null
select is(test.names(test.query('a', test.pick(:w, 'p', 1))), 'S', 'an instance holds the old key');
select test.exec('a', 'begin');
select is(test.results(test.query('a',
    test.end(:w, 'S', 'next', '{"step": "two", "concurrency_key": "new", "priority": -5, "continue": true}'))),
    'committed', 'it is changing to the new one: it has to be admitted');
select is(test.names(test.query('b', test.pick(:v, 'p', 3))), 'N1',
    'until then it holds the old slot, and not the new one');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:v, 'p', 3))), 'O', 'then the old slot is free, the new one taken');
select is(test.names(test.query('b', test.pick(:v, 'q', 3))), 'nothing', 'in every queue');
select test.query('b', test.end(:v, 'N1'));
select is(test.names(test.query('b', test.pick(:v, 'p', 3))), 'S', 'in its turn it has the new one');
select is(test.names(test.query('b', test.pick(:v, 'q', 3))), 'nothing', 'alone');
-- A pick that has admitted to the new key while the switch is under way.
select test.query('b', test.end(:v, 'S'));
select test.query('b', test.end(:v, 'O'));
select gd_enqueue('S', queue => 'p', concurrency_key => 'old') \g /dev/null
select test.query('a', test.pick(:w, 'p', 1));
select test.exec('b', 'begin');
select is(test.names(test.query('b', test.pick(:v, 'q', 3))), 'N2', 'a pick is giving the new key away');
select test.query('a', test.end(:w, 'S', 'next', '{"step": "two", "concurrency_key": "new", "continue": true}'));
select test.send('a', test.pick(:w, 'p', 1));
select ok(not test.is_blocked('a'), 'an instance that changes to it meanwhile makes no session wait');
select is(test.names(test.answer('a')), 'nothing', 'and does not start');
select test.exec('b', 'commit');
select test.query('b', test.end(:v, 'N2'));
select is(test.names(test.query('a', test.pick(:w, 'p', 1))), 'S', 'until the key is free');
delete from gendurable.instances;

-- Names whose locks a client's open transaction holds do not stand in the way of others, however many they are and of
-- however many rows are offered.
select gd_set_rate_limit('u' || n, 10, '1 day', 30) from generate_series(1, 6) as n \g /dev/null
select gd_enqueue('U', queue => 'p', rate_limit => 'u' || n, priority => n) from generate_series(1, 6) as n,
    generate_series(1, 30) \g /dev/null
select gd_pick(:w, 'r', 1) \g /dev/null
select gd_enqueue('Plain', queue => 'p', priority => 9) \g /dev/null
select test.exec('a', 'begin');
select test.query('a', $$ select gd_set_rate_limit('u' || n, 10, '1 day', 40) from generate_series(1, 6) as n $$);
select test.exec('b', 'begin');
select test.send('b', test.pick(:v, 'p', 20));
select ok(not test.is_blocked('b'), 'a pick does not wait for rate limits that are being set');
select is(test.names(test.answer('b')), 'Plain', 'and takes what lies behind the rows that it cannot decide about');
select is(jsonb_array_length(test.query('c', $$
    select i.id from gendurable.instances as i where i.fsm = 'U' for update skip locked $$)), 60,
    'of each name it has looked at no more rows than it has slots');
select test.exec('b', 'commit');
select test.exec('a', 'commit');
delete from gendurable.instances;
select * from finish();
