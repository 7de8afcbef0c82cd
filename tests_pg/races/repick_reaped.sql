-- A worker that picks its own lost row again: the outcome of its older attempt is stale, that of
-- the newer one is not.
--
-- Race:      A worker picks again what it was reaped of
-- Sessions:  The same worker's old and new outcome, one after the other and in one batch.
-- Guard:     The fence.
-- Mutations: The fence is not checked → 5, 6, 7, 10; a pick does not raise it → 2, 5, 6.
\ir prelude.psql
select plan(12);
select test.open('a', 'b');
select gd_register('w') as w \gset

-- The worker loses the claim by its own list and picks it again; the older attempt's commit comes beside that pick, and
-- after it.
select id as i from gd_enqueue('M') \gset
select fence as f from gd_pick(:w, 'default', 1) \gset
select gd_heartbeat(:w) \g /dev/null
select gd_heartbeat(:w, '{}') \g /dev/null
select is(test.phase(:i), 'ready', 'a claim that its worker does not list is released');
select test.exec('a', 'begin');
select test.query('a', format($$ select fence from gd_pick(%s, 'default', 1) $$, :w)) -> 0 ->> 'fence' as g \gset
select cmp_ok(:g, '>', :f, 'the same worker picks it again');
select test.send('b', test.commit(:w, test.outcome(:i, :f, 'done')));
select ok(not test.is_blocked('b'), 'the older attempt''s commit does not wait for that pick');
select is(test.results(test.answer('b')), 'stale', 'and is stale');
select test.exec('a', 'commit');
select is(test.results(test.query('b', test.commit(:w, test.outcome(:i, :f, 'done')))), 'stale',
    'as it is after the pick');
select is(test.results(test.query('b', test.commit(:w, test.outcome(:i, :f, 'done'), test.outcome(:i, :g, 'retry')))),
    'stale committed',
    'in one batch the older attempt is stale and the newer one commits');
select fence as f from gd_pick(:w, 'default', 1) \gset
select gd_release(:w, array[:i]) \g /dev/null
select fence as g from gd_pick(:w, 'default', 1) \gset
select is(test.results(test.query('b', test.commit(:w, test.outcome(:i, :g, 'retry'), test.outcome(:i, :f, 'done')))),
    'committed stale',
    'in either order');
select is_empty('select from gendurable.finished', 'the older attempts have finished nothing');

-- A whole new registration under the same name is a new worker.
select fence as f from gd_pick(:w, 'default', 1) \gset
select gd_reap(:w) \g /dev/null
select gd_register('w') as v \gset
select fence as g from gd_pick(:v, 'default', 1) \gset
select is(test.results(test.query('b', test.commit(:w, test.outcome(:i, :f, 'done')))), 'stale',
    'after a restart the older attempt is stale');
select is(test.results(test.query('b', test.commit(:v, test.outcome(:i, :f, 'done')))), 'stale',
    'under the new registration as well');
select is(test.results(test.query('b', test.commit(:v, test.outcome(:i, :g, 'done')))), 'committed',
    'the newer one commits');
select is((select s.attempt from gd_status(:i) as s), 4,
    'and the attempts say what happened: two lost claims, two retries');
select * from finish();
