-- Heartbeat × reap: a worker is renewed or forgotten, never both.
--
-- Race:      Heartbeat × reap
-- Sessions:  A: heartbeat open, B: reap; and the reverse.
-- Guard:     The worker's row lock.
-- Mutations: No lock → 10; the reaper locks without SKIP LOCKED → 2 waits.
\ir prelude.psql
select plan(15);
select test.open('a', 'b');

-- The heartbeat first: the reaper passes by, and then finds a lease that runs.
select gd_register('w', lease => '1 s') as w \gset
select gd_enqueue('M') \g /dev/null
select id as i, fence as f from gd_pick(:w, 'default', 1) \gset
update gendurable.workers set lease = '0' where id = :w;
update gendurable.leases set lease_until = '-infinity' where worker_id = :w;
select test.exec('a', 'begin');
select is(test.query('a', format('select * from gd_heartbeat(%s, array[%s])', :w, :i)), '[]',
    'a heartbeat of an overdue worker is in flight, and nothing is lost');
select test.send('b', 'select gd_reap()');
select ok(not test.is_blocked('b'), 'a reaper does not wait for it');
select is(test.result(test.answer('b')), '0', 'and releases nothing');
select test.send('b', format('select gd_reap(%s)', :w));
select ok(not test.is_blocked('b'), 'nor does one that names the worker');
select is(test.result(test.answer('b')), '0', 'which releases nothing either');
select test.exec('a', 'commit');
select ok((select l.lease_until > now() - interval '1 minute' from gendurable.leases as l where l.worker_id = :w),
    'heartbeat first: the lease runs again');
select is(test.phase(:i), 'executing', 'and the claim is kept');

-- The reaper first: the heartbeat waits and is told to register anew.
update gendurable.workers set lease = '0' where id = :w;
update gendurable.leases set lease_until = '-infinity' where worker_id = :w;
select test.exec('a', 'begin');
select is(test.result(test.query('a', 'select gd_reap()')), '1', 'a reaper is at work');
select test.send('b', format('select * from gd_heartbeat(%s, array[%s])', :w, :i));
select ok(test.is_blocked('b'), 'a heartbeat waits for it');
select test.exec('a', 'commit');
select throws_ok($$ select test.answer('b') $$, 'GD010', null, 'reaper first: the worker is told to register anew');
select is(test.phase(:i), 'ready', 'and its claim was released');

-- The reaper first, and undone: the heartbeat renews as if nothing had been.
select gd_register('w') as w \gset
select gd_pick(:w, 'default', 1) \g /dev/null
update gendurable.workers set lease = '0' where id = :w;
update gendurable.leases set lease_until = '-infinity' where worker_id = :w;
select test.exec('a', 'begin');
select test.query('a', 'select gd_reap()');
select test.send('b', format('select * from gd_heartbeat(%s, array[%s])', :w, :i));
select ok(test.is_blocked('b'), 'a heartbeat waits for a reaper that will be undone');
select test.exec('a', 'rollback');
select is(test.answer('b'), '[]', 'and has lost nothing');
select ok((select l.lease_until > now() - interval '1 minute' from gendurable.leases as l where l.worker_id = :w),
    'the lease runs again');
select is(test.phase(:i), 'executing', 'and the claim is kept');
select * from finish();
