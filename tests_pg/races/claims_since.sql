-- Pick × a heartbeat that raises the bound below which the worker holds no claim: no claim is ever
-- below it.
--
-- Race:      A heartbeat that raises the bound of the claims × pick
-- Sessions:  A: pick open, B: heartbeats. A: heartbeat, stopped after its look, B: pick. A:
--            REPEATABLE READ with a snapshot from before the end of the pick, heartbeat. The clock
--            is set back.
-- Guard:     The worker's row; the time of a claim.
-- Mutations: `_is_picking` sees no pick → 3, 4, 6; the bound is the heartbeat's own time → 3, 10; a
--            heartbeat in REPEATABLE READ raises it → 14, 15; a claim has the clock's time → 18,
--            19.
\ir prelude.psql
select plan(27);
select test.open('a', 'b');
create function test.since() returns timestamptz language sql as $$
    select l.claims_since from gendurable.workers as w cross join lateral gendurable._lease(w.id) as l $$;
create function test.is_kept() returns boolean language sql as $$
    select bool_and(i.claimed_at >= test.since()) from gendurable.instances as i where i.worker_id is not null $$;
select gd_register('w') as w \gset
select gd_enqueue('M') as m \gset

-- A pick in a transaction that stays open, beside heartbeats.
select is(test.since(), '-infinity', 'at first nothing is known');
select gd_heartbeat(:w) \g /dev/null
select test.exec('a', 'begin');
select is(jsonb_array_length(test.query('a', format($$ select id from gd_pick(%s, 'default', 1) $$, :w))), 1,
    'a pick is in flight');
select gd_heartbeat(:w) \g /dev/null
select gd_heartbeat(:w) \g /dev/null
select is(test.since(), '-infinity', 'heartbeats leave the bound where it is');
select test.exec('a', 'commit');
select gd_heartbeat(:w, array(select id from gendurable.instances)) \g /dev/null
select is(test.since(), (select i.claimed_at from gendurable.instances as i),
    'and raise it to the claim when the pick has ended');
select is(test.query('b', format($$ select * from gd_heartbeat(%s, array[(select id from gendurable.instances)]) $$,
    :w)), '[]', 'which is held');
select is((select w.executing from gd_workers as w), 1::bigint, 'and seen');

-- A pick while a heartbeat is in flight: it has looked for picks, and has not committed the bound yet.
select gd_release(:w, array(select id from gendurable.instances)) \g /dev/null
create trigger gate before insert on gendurable.leases for each row execute function test.gate('a');
select pg_advisory_lock(1) \g /dev/null
select test.send('a', format('select * from gd_heartbeat(%s)', :w));
select ok(test.is_blocked('a'), 'a heartbeat is about to raise the bound');
select is(jsonb_array_length(test.query('b', format($$ select id from gd_pick(%s, 'default', 1) $$, :w))), 1,
    'a pick comes and goes');
select pg_advisory_unlock(1) \g /dev/null
select test.answer('a');
select ok(test.is_kept(), 'its claim is not below the bound');
drop trigger gate on gendurable.leases;
select gd_heartbeat(:w) \g /dev/null
select is(gd_reap(:w), 1, 'a reaper finds it');

-- A heartbeat with a snapshot from before the pick has ended. The pick began before the previous heartbeat.
select gd_register('w') as w \gset
select gd_heartbeat(:w) \g /dev/null
select test.exec('b', 'begin');
select is(jsonb_array_length(test.query('b', format($$ select id from gd_pick(%s, 'default', 1) $$, :w))), 1,
    'a pick is in flight');
select gd_heartbeat(:w) \g /dev/null
select test.exec('a', 'begin isolation level repeatable read');
select is(test.query('a', 'select count(*) from gendurable.instances where worker_id is not null'), '[{"count": 0}]',
    'a snapshot without its claim');
select test.exec('b', 'commit');
select is(test.query('a', format('select * from gd_heartbeat(%s)', :w)), '[]', 'a heartbeat with that snapshot');
select test.exec('a', 'commit');
select ok(test.is_kept(), 'the claim is not below the bound');
select is(gd_unregister(:w), 1, 'a worker that leaves releases it');

-- The clock is set back behind the bound.
select gd_register('w') as w \gset
update gendurable.leases set heartbeat_at = now() + interval '1 hour';
select gd_heartbeat(:w) \g /dev/null
select ok((select test.since() > now() + interval '50 minutes' and l.heartbeat_at < test.since()
    from gendurable.leases as l), 'a bound that the clock has not reached');
select is(jsonb_array_length(test.query('b', format($$ select id from gd_pick(%s, 'default', 1) $$, :w))), 1,
    'a pick by that clock');
select ok(test.is_kept(), 'its claim is not below the bound');
select is((select w.executing from gd_workers as w), 1::bigint, 'and is seen');
select gd_heartbeat(:w) \g /dev/null
select gd_heartbeat(:w) \g /dev/null
select ok(test.is_kept() and test.since() < now() + interval '1 minute',
    'the bound follows the clock, and the claim is above it');
select is(gd_unregister(:w), 1, 'a worker that leaves releases it');

-- A claim that is run ahead keeps its time, and with it the bound. What comes after it is found.
select gd_register('w') as w \gset
select gd_enqueue('N') \g /dev/null
select id as i, fence as f from gd_pick(:w, 'default', 1) \gset
select test.results(test.query('b', test.commit(:w, test.outcome(:i, :f, 'next', '{"step": "two", "continue": true}'))))
    as r \gset
select gd_heartbeat(:w, array[:i]), gd_heartbeat(:w, array[:i]), gd_heartbeat(:w, array[:i]) \g /dev/null
select is(:'r'::text, 'continued', 'a chain of steps');
select is(test.since(), (select i.claimed_at from gendurable.instances as i where i.id = :i), 'holds the bound');
select is((select count(*)::int from gd_pick(:w, 'default', 1)), 1, 'another claim');
select is((select count(*)::int from gd_heartbeat(:w, '{}')), 0, 'a heartbeat that lists neither');
select is(gd_reap(:w), 1, 'takes the old one, and a reaper the other');
select is_empty('select from gendurable.instances where worker_id is not null', 'and nothing is stranded');
select * from finish();
