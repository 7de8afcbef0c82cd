-- Schedules: each occurrence is fired once, whatever happens beside its firing; no pick waits for
-- one or misses one.
--
-- Race:      Two picks; pick × maintenance (1–10)
-- Sessions:  A: pick that fires open, committed, undone; B: pick, maintenance.
-- Guard:     The row of `occurrences`, with SKIP LOCKED.
-- Mutations: No SKIP LOCKED, or no lock → 2 waits.
--
-- Race:      Pick × a schedule that is replaced, paused, dropped (11–23)
-- Sessions:  A: pick that fires open; B: each of the calls; and the reverse.
-- Guard:     The same row; the call looks again for its successor.
-- Mutations: `_lock_schedule` looks once → 19, 20.
--
-- Race:      A key that is being taken or freed × firing (24–33)
-- Sessions:  A: enqueue of the key, done of its occupant, open; B: pick.
-- Guard:     `_take_free_key`.
-- Mutations: It waits for a key that is being taken → 24 waits; it takes a busy key for an occupied
--            one → 24–26; it takes a key that is being freed for an occupied one → 29, 30; it keeps
--            the lock of its look → 32.
--
-- Race:      A late commit of a schedule × what is known to be due (34–38)
-- Sessions:  A: set open, due meanwhile; B: pick that finds nothing else due for long; A commits.
-- Guard:     `unseen_from`, `unseen`.
-- Mutations: What was written since the bound is not looked at → 36; what was open then is not
--            looked at → 38.
--
-- Race:      Two calls that set one schedule; set × drop (39–50)
-- Sessions:  A: set, or drop, open; B: set of the same name. A: resume open, B: set, A: drop; undone.
-- Guard:     The primary key of `schedules`; the call looks again where the schedule is gone.
-- Mutations: Look, then insert → 23505 after 39; no second look → 47.
--
-- Race:      A schedule that is set × a worker that sleeps (51–54)
-- Sessions:  C listens; a worker sleeps; a schedule is set, set again unchanged, paused, resumed.
-- Guard:     `_announce`.
-- Mutations: No announcement → 52.
\ir prelude.psql
select plan(55);
select test.open('a', 'b', 'c');
select gd_register('w', array['q', 'p']) as w \gset

-- As if the first undecided occurrence had been so much earlier; for any session, and its row says what it should.
create function test.age(name text, by interval default '1 hour') returns void language plpgsql as $$
declare
    v_row gendurable.occurrences := gendurable._lock_schedule(age.name);
begin
    v_row.next_at := v_row.next_at - age.by;
    v_row.due_at := v_row.next_at;
    perform gendurable._turn_over(v_row.queue, gendurable._due_bound(v_row.queue), array[v_row], array[v_row.id]);
end
$$;
create function test.counts(name text) returns text language sql as $$
    select format('%s fired, %s skipped', s.fired, s.skipped) from gd_schedules as s where s.name = counts.name
$$;
create procedure test.afresh() language sql as $$
    delete from gendurable.instances;
    delete from gendurable.correlation_keys;
    delete from gendurable.schedules;
    delete from gendurable.occurrences;
    select gd_schedule('s', '@every 59 minutes', 'S', queue => 'q', overlap => 'allow'), test.age('s');
$$;

-- Two picks.
call test.afresh();
select test.exec('a', 'begin');
select is(test.names(test.query('a', test.pick(:w, 'q', 5))), 'S', 'a pick fires what is due');
select is(test.names(test.query('b', test.pick(:w, 'q', 5))), 'nothing', 'another one beside it does not wait');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:w, 'q', 5))), 'nothing', 'and fires nothing afterwards');
select is(test.counts('s') || ', ' || (select count(*) from gendurable.instances), '1 fired, 0 skipped, 1', 'once');
select test.age('s');
select test.exec('a', 'begin');
select test.query('a', test.pick(:w, 'q', 5));
select test.exec('a', 'rollback');
select is(test.names(test.query('b', test.pick(:w, 'q', 5))), 'S', 'a pick that is undone leaves it to the next');
select is(test.counts('s'), '2 fired, 0 skipped', 'once');

-- Pick and maintenance.
select test.age('s');
select test.exec('a', 'begin');
select test.query('a', test.pick(:w, 'q', 5));
select is(test.query('b', 'select affected from gd_maintain() where task = ''fire_schedules''') #>> '{0,affected}', '0',
    'maintenance beside a pick does not wait');
select test.exec('a', 'rollback; begin');
select is(test.query('a', 'select affected from gd_maintain() where task = ''fire_schedules''') #>> '{0,affected}', '1',
    'maintenance fires');
select is(test.names(test.query('b', test.pick(:w, 'q', 5))), 'nothing', 'a pick beside it does not wait');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:w, 'q', 5))) || ', ' || test.counts('s'), 'S, 3 fired, 0 skipped',
    'it claims what was fired');

-- Pick open; replaced, paused, dropped.
call test.afresh();
select test.exec('a', 'begin');
select test.query('a', test.pick(:w, 'q', 5));
select test.send('b', $$ select gd_schedule('s', '@every 59 minutes', 'T', queue => 'q', overlap => 'allow') > now()
    as later $$);
select ok(test.is_blocked('b'), 'a call that replaces it waits for the pick');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), 'true', 'and finds the next occurrence');
select is(test.names(test.query('b', test.pick(:w, 'q', 5))) || ', ' || test.counts('s'), 'nothing, 1 fired, 0 skipped',
    'none is fired a second time');
select test.age('s');
select test.exec('a', 'begin');
select test.query('a', test.pick(:w, 'q', 5));
select test.send('b', $$ select gd_pause_schedule('s') as r $$);
select ok(test.is_blocked('b'), 'so does one that pauses it');
select test.exec('a', 'rollback');
select is(test.result(test.answer('b')) || ' ' || test.names(test.query('b', test.pick(:w, 'q', 5))), 'true nothing',
    'what the pick has not fired is not fired any more');
select is(gd_resume_schedule('s'), true, 'until it goes on');
select test.exec('a', 'begin');
select is(test.names(test.query('a', test.pick(:w, 'q', 5))), 'T', 'then it is');
select test.send('b', $$ select gd_unschedule('s') as r $$);
select ok(test.is_blocked('b'), 'so does one that drops it');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), 'true', 'and drops it');
select is((select count(*) from gendurable.occurrences where schedule is not null), 0::bigint,
    '… whatever the pick has put in its place');

-- Replaced, open; a pick.
call test.afresh();
select gd_schedule('other', '@every 59 minutes', 'O', queue => 'q'), test.age('other') \g /dev/null
select test.exec('a', 'begin');
select test.query('a', $$ select gd_schedule('s', '@every 59 minutes', 'T', queue => 'q') $$);
select is(test.names(test.query('b', test.pick(:w, 'q', 5))), 'O',
    'a pick beside a call that replaces one fires the others');
select test.exec('a', 'rollback');
select is(test.names(test.query('b', test.pick(:w, 'q', 5))), 'S', 'and this one, as it was, if that is undone');
select test.age('s');
select test.exec('a', 'begin');
select test.query('a', $$ select gd_unschedule('s') $$);
select is(test.names(test.query('b', test.pick(:w, 'q', 5))), 'nothing', 'one that is being dropped is not fired');
select test.exec('a', 'commit');

-- Keys: one that is being taken, one that is being freed.
call test.afresh();
select gd_schedule('s', '@every 59 minutes', 'S', queue => 'q') \g /dev/null
select test.exec('a', 'begin');
select test.query('a', $$ select id from gd_enqueue('X', queue => 'elsewhere', correlation_key => 'schedule:s') $$);
select test.send('b', test.pick(:w, 'q', 5));
select test.is_blocked('b', '20 ms') \g /dev/null
select is(test.names(test.answer('b')), 'nothing', 'a key that a client is taking is not waited for');
select is(test.counts('s'), '0 fired, 0 skipped', '… nor is it taken for occupied');
select ok((select o.due_at > now() and o.next_at < now() from gendurable.occurrences as o where o.schedule = 's'),
    '… it is due again in a moment');
select test.exec('a', 'rollback');
update gendurable.occurrences set due_at = next_at;
select is(test.names(test.query('b', test.pick(:w, 'q', 5))) || ', ' || test.counts('s'), 'S, 1 fired, 0 skipped',
    '… and then fired');
select test.age('s');
select test.exec('a', 'begin');
select is(test.results(test.query('a', test.end(:w, 'S'))), 'committed', 'a predecessor that is finishing');
select is(test.names(test.query('b', test.pick(:w, 'q', 5))) || ', ' || test.counts('s'), 'nothing, 1 fired, 0 skipped',
    '… is not taken for one that lives');
select test.exec('a', 'commit');
update gendurable.occurrences set due_at = next_at;
select is(test.names(test.query('b', test.pick(:w, 'q', 5))) || ', ' || test.counts('s'), 'S, 2 fired, 0 skipped',
    '… the next pick fires');
select test.age('s');
select test.query('b', test.pick(:w, 'q', 5));
select is(test.counts('s'), '2 fired, 1 skipped', 'one that lives lets it be skipped');
-- The look at the occupant must not keep its commit waiting.
select test.age('s');
select test.exec('a', 'begin');
select test.query('a', 'select from gendurable.correlation_keys for key share');
select test.exec('a', 'rollback');
select test.exec('b', 'begin');
select test.query('b', test.pick(:w, 'q', 5));
select test.send('a', test.end(:w, 'S'));
select is(test.is_blocked('a', '200 ms'), false,
    'a commit that frees the key does not wait for a pick that has looked');
select is(test.results(test.answer('a')), 'committed', '… and commits');
select test.exec('b', 'commit');

-- A schedule whose transaction ends late, below what is known: it is the latest transaction that a pick beside it could
-- know of.
call test.afresh();
select test.exec('a', 'begin');
select test.query('a', $$ select gd_schedule('late', '@every 59 minutes', 'L', queue => 'q') $$);
select test.query('a', $$ select test.age('late') $$);
select is(test.names(test.query('b', test.pick(:w, 'q', 5))), 'S', 'a pick beside a call that is not committed yet');
select ok((gendurable._due_bound('q')).none_before > now(), '… has found that nothing is due for long');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:w, 'q', 5))), 'L', 'what that call made due in the meantime is found');
-- A later transaction has ended before the pick.
call test.afresh();
select test.exec('a', 'begin');
select test.query('a', $$ select gd_schedule('late', '@every 59 minutes', 'L', queue => 'q') $$);
select test.query('a', $$ select test.age('late') $$);
select pg_current_xact_id() \g /dev/null
select is(test.names(test.query('b', test.pick(:w, 'q', 5))), 'S', 'a pick beside one that is older than others');
select test.exec('a', 'commit');
select is(test.names(test.query('b', test.pick(:w, 'q', 5))), 'L', '… which is found as well');

-- Two calls that set one; one that sets and one that drops.
call test.afresh();
select test.exec('a', 'begin');
select test.query('a', $$ select gd_schedule('t', '@every 59 minutes', 'A', queue => 'q') $$);
select test.send('b', $$ select result
    from gd_declare_schedules('[{"name": "t", "cron": "@every 59 minutes", "fsm": "B", "queue": "p"}]') $$);
select ok(test.is_blocked('b'), 'of two that create one the second waits');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), 'changed', 'and replaces it');
select is((select fsm from gd_schedules where name = 't'), 'B', '… by what it says');
select is((select count(*) from gendurable.occurrences where schedule = 't'), 1::bigint, 'it has one row');
select test.exec('a', 'begin');
select test.query('a', $$ select gd_unschedule('t') $$);
select test.send('b', $$ select result
    from gd_declare_schedules('[{"name": "t", "cron": "@every 59 minutes", "fsm": "B", "queue": "p"}]') $$);
select ok(test.is_blocked('b'), 'one that sets waits for one that drops');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), 'created', 'and creates it anew');
select is((select count(*) from gendurable.occurrences where schedule = 't'), 1::bigint, 'it has one row');

-- It is dropped after the call has found it, and before it has it: the other one has only locked it until then.
select test.exec('a', 'begin');
select test.query('a', $$ select gd_resume_schedule('t') $$);
select test.send('b', $$ select result
    from gd_declare_schedules('[{"name": "t", "cron": "@every 59 minutes", "fsm": "C", "queue": "p"}]') $$);
select ok(test.is_blocked('b'), 'one that has found it waits for one that has it');
select test.query('a', $$ select gd_unschedule('t') $$);
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), 'created', 'and creates it anew where that has dropped it');
select is((select format('%s %s %s', s.fsm, s.paused,
    (select count(*) from gendurable.occurrences as o where o.schedule = 't')) from gd_schedules as s
    where s.name = 't'), 'C f 1', '… as if it had never been');
select test.exec('a', 'begin');
select test.query('a', $$ select gd_resume_schedule('t') $$);
select test.send('b', $$ select result
    from gd_declare_schedules('[{"name": "t", "cron": "@every 59 minutes", "fsm": "D", "queue": "p"}]') $$);
select test.is_blocked('b') \g /dev/null
select test.query('a', $$ select gd_unschedule('t') $$);
select test.exec('a', 'rollback');
select is(test.result(test.answer('b')), 'changed', 'and changes it where nothing has come of that');
select is((select format('%s %s %s', s.fsm, s.paused,
    (select count(*) from gendurable.occurrences as o where o.schedule = 't')) from gd_schedules as s
    where s.name = 't'), 'D f 1', '… and it has one row');

-- A worker that sleeps hears of a schedule.
select test.query('b', test.pick(:w, 'q', 5));
select test.query('b', test.pick(:w, 'q', 5));
select ok((select 'q' = any (s.queues) from gendurable._sleeping() as s where s.worker_id = :w), 'a worker sleeps');
select test.exec('c', 'listen gendurable');
create function test.heard() returns text language sql as $$
    select test.exec('c', 'notify gendurable, ''marker''');
    select coalesce(string_agg(distinct n.extra, ' '), 'nothing') from dblink_get_notify('c') as n
        where n.extra <> 'marker';
$$;
select gd_schedule('s', '@every 1 hour', 'S', queue => 'q') \g /dev/null
select is(test.heard(), 'q', 'it hears that one may be due earlier');
select gd_schedule('s', '@every 1 hour', 'S', queue => 'q') \g /dev/null
select is(test.heard(), 'nothing', 'not that nothing has changed');
select gd_pause_schedule('s') \g /dev/null
select test.heard() \g /dev/null
select gd_resume_schedule('s') \g /dev/null
select is(test.heard(), 'q', 'but that one goes on');

-- Maintenance that does not see what others have just committed leaves schedules alone.
call test.afresh();
select test.exec('a', 'begin isolation level repeatable read');
select is(test.query('a', 'select affected from gd_maintain() where task = ''fire_schedules''') #>> '{0,affected}', '0',
    'maintenance with an old snapshot fires nothing');
select test.exec('a', 'rollback');

select * from finish();
