-- Pick × reap of the same worker: a worker that is being forgotten cannot claim, and one that
-- claims cannot be forgotten.
--
-- Race:      Pick × reap, pick × unregister
-- Sessions:  A: reap open, B: pick. A: pick open, B: reap, unregister.
-- Guard:     The worker's row FOR KEY SHARE SKIP LOCKED.
-- Mutations: No lock → 3, 4, 6 (a forgotten worker claims); no SKIP LOCKED → 2 waits; unregister
--            without FOR UPDATE → 15, 16, 20.
--
-- Race:      Reap × a pick that its snapshot does not show
-- Sessions:  A: REPEATABLE READ, B: pick, A: reap.
-- Guard:     A row of `departed`.
-- Mutations: No row of `departed` → 23, 24, commit_reap.sql 17, 18.
\ir prelude.psql
select plan(25);
select test.open('a', 'b');
select test.up_for_ever();
select gd_register('w') as w \gset
select gd_enqueue('M') as i \gset
update gendurable.leases set lease_until = '-infinity';

-- The reaper first.
select test.exec('a', 'begin');
select is(test.result(test.query('a', 'select gd_reap()')), '0', 'a reaper is forgetting a worker');
select test.send('b', format($$ select id from gd_pick(%s, 'default', 1) $$, :w));
select ok(not test.is_blocked('b'), 'a pick of that worker does not wait for it');
select is(test.answer('b'), '[]', 'and claims nothing');
select test.exec('a', 'commit');
select is_empty('select from gendurable.instances where worker_id is not null', 'reaper first: nothing is claimed');
select throws_ok(format($$ select * from gd_pick(%s, 'default', 1) $$, :w), 'GD010', null,
    'afterwards it is told to register anew');

-- The pick first, and it renews the lease that was over.
select gd_register('w') as w \gset
update gendurable.leases set lease_until = '-infinity';
select test.exec('a', 'begin');
select is(jsonb_array_length(test.query('a', format($$ select id from gd_pick(%s, 'default', 1) $$, :w))), 1,
    'a worker past its lease is picking');
select test.send('b', 'select gd_reap()');
select ok(not test.is_blocked('b'), 'a reaper does not wait for it');
select is(test.result(test.answer('b')), '0', 'and passes by');
select test.send('b', format('select gd_reap(%s)', :w));
select ok(not test.is_blocked('b'), 'nor does one that names the worker');
select is(test.result(test.answer('b')), '0', 'which passes by as well');
select test.exec('a', 'commit');
select is(gd_reap(), 0, 'pick first: it has renewed the lease');
select is((select i.worker_id from gendurable.instances as i), :w::bigint, 'and has its claim');

-- The pick first, while the lease runs: known to be dead, the worker is forgotten with the claim that it has just made.
select gd_release(:w, array(select id from gendurable.instances)) \g /dev/null
select test.exec('a', 'begin');
select test.query('a', format($$ select id from gd_pick(%s, 'default', 1) $$, :w));
select test.exec('a', 'commit');
select is(test.result(test.query('b', format('select gd_reap(%s)', :w))), '1',
    'a worker that died with its pick is reaped with it');
select is((select row(i.phase, i.worker_id, i.attempt)::text from gendurable.instances as i), '(ready,,1)',
    'and the claim is not stranded');

-- The worker leaves while its own pick is in flight: what that pick claims is released too.
select gd_register('w') as w \gset
select test.exec('a', 'begin');
select test.query('a', format($$ select id from gd_pick(%s, 'default', 1) $$, :w));
select test.send('b', format('select gd_unregister(%s)', :w));
select ok(test.is_blocked('b'), 'a worker that leaves waits for its own pick');
select test.exec('a', 'commit');
select is(test.result(test.answer('b')), '1', 'and releases what that has claimed');
select is((select row(i.phase, i.worker_id, i.attempt)::text from gendurable.instances as i), '(ready,,1)',
    'with its attempt untouched');
select gd_register('w') as w \gset
select test.exec('a', 'begin');
select test.query('a', format('select gd_unregister(%s)', :w));
select test.send('b', format($$ select id from gd_pick(%s, 'default', 1) $$, :w));
select ok(not test.is_blocked('b'), 'a pick does not wait for its worker''s farewell');
select is(test.answer('b'), '[]', 'and claims nothing');
select test.exec('a', 'commit');
select is_empty('select from gendurable.instances where worker_id is not null', 'nothing is claimed');

-- A reaper with a snapshot from before the pick does not see its claim, and the next reaper does. Mutation: a worker is
-- forgotten without a trace.
select gd_register('w') as w \gset
select test.exec('a', 'begin isolation level repeatable read');
select test.query('a', 'select count(*) from gendurable.instances') \g /dev/null
select is(jsonb_array_length(test.query('b', format($$ select id from gd_pick(%s, 'default', 1) $$, :w))), 1,
    'a worker has picked since');
select is(test.result(test.query('a', format('select gd_reap(%s)', :w))), '0', 'and is forgotten without its claim');
select test.exec('a', 'commit');
select is(gd_reap(), 1, 'which the next reaper releases');
select is((select row(i.phase, i.worker_id)::text from gendurable.instances as i), '(ready,)',
    'so that it is not stranded');
select is_empty('select from gendurable.departed', 'and is done with the worker');
select * from finish();
