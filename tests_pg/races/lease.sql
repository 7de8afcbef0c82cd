-- A lease × the calls that renew it, judge it and end it: one version of it is current, and no call
-- judges by an older one.
--
-- Race:      Heartbeat × a reaper that has looked already (1–7)
-- Sessions:  B: reap, stopped between its look at the leases and its locks; A: heartbeat. A:
--            REPEATABLE READ with a snapshot from before the heartbeat, reap.
-- Guard:     The reaper looks again in a statement after the lock; the lease that an old snapshot
--            shows cannot be deleted (40001).
-- Mutations: The reaper does not look again → 2, 3; the lease is not deleted with its worker → 6,
--            16.
--
-- Race:      Heartbeat × heartbeat; a pick that marks or renews × heartbeat (8–15)
-- Sessions:  A: open, B; A undone.
-- Guard:     The worker's row FOR NO KEY UPDATE, locked in a statement before the one that reads
--            the lease.
-- Mutations: The lease is read in the statement that locks, or without the lock → 11, 13, 14; a
--            pick marks without the lock → 13, 14, 15.
\ir prelude.psql
select plan(16);
select test.open('a', 'b');
select test.up_for_ever();
select gd_register('w') as w \gset

-- The current lease, and how many rows of it can be seen.
create function test.lease(worker bigint) returns text
language sql as $$
    select concat_ws(' ', case when max(l.lease_until) > now() then 'runs' else 'over' end, count(*), max(l.seq))
        from gendurable.leases as l where l.worker_id = lease.worker
$$;

-- The reaper has seen that a lease is over; before it locks the worker, a heartbeat renews it and is committed. A gate
-- in the look at the lease holds the reaper there.
alter function gendurable._lease rename to _lease_before_gate;
create function gendurable._lease(p_worker bigint) returns setof gendurable.leases
language plpgsql stable as $$
begin
    return query select l.* from gendurable._lease_before_gate(p_worker) as l;
    if current_setting('application_name') = 'b' then
        perform pg_advisory_lock_shared(1), pg_advisory_unlock_shared(1);
    end if;
end
$$;
update gendurable.leases set lease_until = '-infinity';
select pg_advisory_lock(1) \g /dev/null
select test.send('b', 'select gd_reap()');
select ok(test.is_blocked('b'), 'a reaper has looked at a lease that is over');
select gd_heartbeat(:w) \g /dev/null
select pg_advisory_unlock(1) \g /dev/null
select test.answer('b');
select is(test.lease(:w), 'runs 1 2', 'a heartbeat that comes before its lock is a sign of life');
select lives_ok(format('select * from gd_heartbeat(%s)', :w), 'and the worker is known on');
drop function gendurable._lease;
alter function gendurable._lease_before_gate rename to _lease;

-- A snapshot from before the heartbeat.
update gendurable.leases set lease_until = '-infinity';
select test.exec('a', 'begin isolation level repeatable read');
select test.query('a', 'select count(*) from gendurable.leases');
select gd_heartbeat(:w) \g /dev/null
select is(test.lease(:w), 'runs 1 4', 'a heartbeat is committed beside a transaction with an older snapshot');
select test.send('a', 'select gd_reap()');
select ok(not test.is_blocked('a'), 'in which a reaper does not wait');
select throws_ok($$ select test.answer('a') $$, '40001', null, 'but learns that it looks at an old lease');
select test.exec('a', 'rollback');
select is(test.lease(:w), 'runs 1 4', 'the worker is known on');

-- Two heartbeats, and a pick that has something to write.
select test.exec('a', 'begin');
select test.query('a', format('select * from gd_heartbeat(%s)', :w));
select test.send('b', format('select * from gd_heartbeat(%s)', :w));
select ok(test.is_blocked('b'), 'a second heartbeat waits for the first');
select is(test.lease(:w), 'runs 1 4', 'which is not seen yet');
select test.exec('a', 'commit');
select is(test.answer('b'), '[]', 'and then renews what that has written');
select is(test.lease(:w), 'runs 1 6', 'one after the other');
select test.exec('a', 'begin');
select test.query('a', test.pick(:w));
select test.send('b', format('select * from gd_heartbeat(%s)', :w));
select ok(test.is_blocked('b'), 'a heartbeat waits for a pick that marks its worker');
select test.exec('a', 'commit');
select test.answer('b');
select is((select row(l.seq, l.idle_queues)::text from gendurable.leases as l where l.worker_id = :w), '(8,{default})',
    'and keeps the mark');

-- Undone.
select test.exec('a', 'begin');
select test.query('a', format('select * from gd_heartbeat(%s)', :w));
select test.exec('a', 'rollback');
select is(test.lease(:w), 'runs 1 8', 'a heartbeat that is undone leaves the lease as it was');
select test.query('b', format('select * from gd_heartbeat(%s)', :w));
select is(test.lease(:w), 'runs 1 9', 'and the next one renews it');
select gd_unregister(:w) \g /dev/null
select is((select count(*)::int from gendurable.leases), 0, 'a worker that leaves takes its lease with it');
select * from finish();
